use transfuse_plugin::prelude::*;

pub struct Config {
    pub facility: String,
}

#[transform]
fn plugin(exchange: &Exchange, config: &Config) -> Outcome {
    exchange.filter(&config.facility)
}

fn main() {}
