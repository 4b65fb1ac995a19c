use transfuse_plugin::prelude::*;

#[transform]
fn plugin(exchange: &Exchange) {
    let _ = exchange.id();
}

fn main() {}
