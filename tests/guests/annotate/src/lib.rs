//! A plugin that asks the host for all it knows of a message, and writes the answers into it: groups, what HL7 calls and
//! types a field, and the moment of a time.

use transfuse_plugin::prelude::*;

/// Writes a note into the result status of each observation, and the moment of the order into its own field.
#[transform]
fn annotate(exchange: &Exchange) -> Outcome {
    let mut message = exchange.message()?;
    for order in message.groups("ORDER_OBSERVATION")? {
        for observation in message.groups(format!("{order}OBSERVATION"))? {
            let value = format!("{observation}OBX-5");
            let note = [
                message.name_of(&value)?,
                message.datatype_of(&value)?,
                message.table_of(format!("{observation}OBX-11"))?,
            ];
            message.set(
                format!("{observation}OBX-13"),
                note.map(Option::unwrap_or_default).join("/"),
            )?;
        }
        let observed = format!("{order}OBR-7");
        if let Some(moment) = message.get_time(&observed, "", AmbiguousTime::Later)? {
            let later = Moment {
                unix_ms: moment.unix_ms + 60_000,
                ..moment
            };
            message.set_time(format!("{order}OBR-8"), later, "UTC")?;
        }
    }
    exchange.forward(message)
}
