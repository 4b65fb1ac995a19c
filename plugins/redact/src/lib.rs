//! Drops the patient's address before a message leaves the hospital.

use transfuse_plugin::prelude::*;

/// Drops the patient's address before the message leaves the hospital.
#[transform]
fn redact(exchange: &Exchange) -> Outcome {
    let mut message = exchange.message()?;
    message.clear("PID-11")?;
    exchange.forward(message)
}

#[cfg(test)]
mod tests;
