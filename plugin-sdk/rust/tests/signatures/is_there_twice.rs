use transfuse_plugin::prelude::*;

#[transform]
fn first(exchange: &Exchange) -> Outcome {
    exchange.filter("nothing")
}

#[transform]
fn second(exchange: &Exchange) -> Outcome {
    exchange.filter("nothing")
}

fn main() {}
