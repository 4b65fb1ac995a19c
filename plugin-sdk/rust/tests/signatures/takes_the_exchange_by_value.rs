use transfuse_plugin::prelude::*;

#[transform]
fn plugin(exchange: Exchange) -> Outcome {
    exchange.filter("nothing")
}

fn main() {}
