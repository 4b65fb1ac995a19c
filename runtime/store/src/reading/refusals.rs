//! How often a sender was told no about one message.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::{MessageSummary, Refusals};
use crate::MessageId;

/// A refused message that came again: of those that are one and the same, only the last one is none of these.
pub(super) const IS_REPEATED: &str = "(stage = 3 AND messages.sender IS NOT NULL AND EXISTS (SELECT 1 FROM refusals \
    WHERE refusals.interface = messages.interface AND refusals.sender = messages.sender \
    AND refusals.control_id = messages.control_id AND messages.id >= first_message AND messages.id < last_message))";

const SELECT: &str = "SELECT refusals.messages, first_at_ms, last_at_ms, last_message, accepted FROM messages JOIN refusals \
    ON refusals.interface = messages.interface AND refusals.sender = messages.sender \
    AND refusals.control_id = messages.control_id WHERE messages.id = ?1 AND messages.id >= first_message \
    AND (messages.id <= last_message OR messages.id = accepted)";

const SELECT_OPEN: &str = "SELECT sender, control_id FROM refusals INDEXED BY refusals_open JOIN interfaces \
    ON interfaces.id = interface WHERE accepted IS NULL AND name = ?1 ORDER BY last_message DESC LIMIT ?2";

/// Adds to a message what is known of its refusals.
pub(super) fn add(connection: &Connection, message: &mut MessageSummary) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(SELECT)?;
    let found = statement.query_row([message.id.as_i64()], |row| {
        Ok(Refusals {
            messages: u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default(),
            first_at_ms: row.get(1)?,
            last_at_ms: row.get(2)?,
            last: MessageId::from_i64(row.get(3)?),
            accepted: row.get::<_, Option<i64>>(4)?.map(MessageId::from_i64),
        })
    });
    message.refusals = found.optional()?;
    Ok(())
}

pub(super) fn open(
    connection: &Connection,
    interface: &str,
    limit: usize,
) -> rusqlite::Result<Vec<(Arc<str>, String)>> {
    let mut statement = connection.prepare_cached(SELECT_OPEN)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((interface, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
