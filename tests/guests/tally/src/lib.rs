//! A plugin that numbers messages, and counts before it does what MSH-8 asks of it: so that a fault and a rejection come
//! after a write, which must not be kept.

use transfuse_plugin::prelude::*;

/// Numbers the message in MSH-13, and sends a line about it to the destination `log`.
#[transform]
fn tally(exchange: &Exchange) -> Outcome {
    let mut message = exchange.message()?;
    let [asked, control_id] = message.get_many(["MSH-8", "MSH-10"])?;
    let count = State::get_json::<u64>("count")?.unwrap_or(0) + 1;
    State::set_json("count", &count)?;
    match asked.as_deref() {
        Some("FAULT") => return Err(Stop::fault("asked-for", "MSH-8 asked for a fault")),
        Some("REJECT") => reject!(Code::ApplicationInternalError, at "MSH-8", "it asked to be rejected"),
        Some("FILTER") => return exchange.filter("it asked to be filtered"),
        _ => {}
    }
    let line = format!("{count};{}\n", control_id.unwrap_or_default());
    exchange.forward_document("text/csv", line, &["log"])?;
    message.set("MSH-13", count.to_string())?;
    exchange.forward(message)
}
