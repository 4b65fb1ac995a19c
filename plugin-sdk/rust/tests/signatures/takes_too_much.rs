use transfuse_plugin::prelude::*;

#[transform]
fn plugin(exchange: &Exchange, _first: &String, _second: &String) -> Outcome {
    exchange.filter("nothing")
}

fn main() {}
