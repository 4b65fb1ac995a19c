use transfuse_plugin::prelude::*;

#[transform(name = "plugin")]
fn plugin(exchange: &Exchange) -> Outcome {
    exchange.filter("nothing")
}

fn main() {}
