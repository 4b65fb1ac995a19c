use transfuse_plugin::prelude::*;

#[transform]
fn plugin(exchange: &Exchange) -> Outcome {
    let mut message = exchange.message()?;
    message.clear("PID-11")?;
    Ok(())
}

fn main() {}
