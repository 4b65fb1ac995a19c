use transfuse_plugin::prelude::*;

#[transform]
async fn plugin(exchange: &Exchange) -> Outcome {
    exchange.filter("nothing")
}

fn main() {}
