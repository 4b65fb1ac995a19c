use transfuse_plugin::prelude::*;

#[transform]
fn plugin(exchange: &Exchange) -> Result<(), String> {
    exchange.set_attribute("a", "b");
    Ok(())
}

fn main() {}
