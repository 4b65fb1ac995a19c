//! Messages that their senders were told no about: how often, and whether one was accepted after all.

use rusqlite::Connection;

use super::changes::{Changes, Named};

/// What comes later than this after the last refusal is another message: counters of control ids begin again. Senders repeat
/// within minutes; one that repeats by hand does so within days.
pub(crate) const REPEATED_WITHIN_MS: i64 = 7 * 24 * 3_600_000;

const REFUSE: &str = "INSERT INTO refusals(interface, sender, control_id, first_message, last_message, first_at_ms, \
    last_at_ms, messages) \
    SELECT interface, ?2, control_id, id, id, received_at_ms, received_at_ms, 1 FROM messages WHERE id = ?1 \
    ON CONFLICT (interface, sender, control_id) DO UPDATE SET \
    first_message = iif(excluded.last_at_ms > last_at_ms + ?3, excluded.first_message, min(first_message, excluded.first_message)), \
    first_at_ms = iif(excluded.last_at_ms > last_at_ms + ?3, excluded.first_at_ms, min(first_at_ms, excluded.first_at_ms)), \
    messages = iif(excluded.last_at_ms > last_at_ms + ?3, 1, messages + 1), \
    accepted = iif(excluded.last_at_ms > last_at_ms + ?3, NULL, accepted), \
    last_message = max(last_message, excluded.last_message), last_at_ms = max(last_at_ms, excluded.last_at_ms)";

const ACCEPT: &str = "UPDATE refusals SET accepted = ?1 WHERE accepted IS NULL AND sender = ?2 \
    AND (interface, control_id) = (SELECT interface, control_id FROM messages WHERE id = ?1)";

/// Notes what was refused and what was accepted, in the order of the decisions, whichever of them come together.
pub(super) fn apply(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    if changes.named.is_empty() {
        return Ok(());
    }
    let mut name = connection.prepare_cached("UPDATE messages SET sender = ?2 WHERE id = ?1")?;
    let mut refuse = connection.prepare_cached(REFUSE)?;
    let mut accept = connection.prepare_cached(ACCEPT)?;
    for Named {
        message,
        sender,
        is_refused,
    } in &changes.named
    {
        name.execute((message, sender))?;
        if *is_refused {
            refuse.execute((message, sender, REPEATED_WITHIN_MS))?;
        } else {
            accept.execute((message, sender))?;
        }
    }
    Ok(())
}
