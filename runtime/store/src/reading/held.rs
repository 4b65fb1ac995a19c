//! What is held, and why.

use rusqlite::Connection;

use super::{HeldDeliveries, Hold};
use crate::MessageId;
use crate::operation::Operator;

const SELECT_HOLDS: &str = "SELECT name, revision, at_ms, author, reason FROM holds \
    JOIN interfaces ON interfaces.id = interface ORDER BY name, revision";

const SELECT_DELIVERIES: &str = "SELECT name, destination, revision, count(*), min(queued_at_ms) FROM deliveries \
    INDEXED BY deliveries_held JOIN queues ON queues.id = queue JOIN interfaces ON interfaces.id = interface \
    WHERE stage = 3 GROUP BY name, destination, revision ORDER BY name, revision, destination";

/// Messages by their first held delivery: that is the order in which they are to go on.
const SELECT_MESSAGES: &str = "SELECT message FROM deliveries INDEXED BY deliveries_held \
    WHERE stage = 3 AND revision = ?2 AND queue IN (SELECT queues.id FROM queues \
    JOIN interfaces ON interfaces.id = interface WHERE name = ?1) \
    GROUP BY message ORDER BY min(deliveries.id) LIMIT ?3";

pub(super) fn holds(connection: &Connection) -> rusqlite::Result<Vec<Hold>> {
    let mut statement = connection.prepare_cached(SELECT_HOLDS)?;
    let rows = statement.query_map([], |row| {
        Ok(Hold {
            interface: row.get(0)?,
            revision: row.get(1)?,
            at_ms: row.get(2)?,
            operator: Operator {
                author: row.get(3)?,
                reason: row.get(4)?,
            },
        })
    })?;
    rows.collect()
}

pub(super) fn deliveries(connection: &Connection) -> rusqlite::Result<Vec<HeldDeliveries>> {
    let mut statement = connection.prepare_cached(SELECT_DELIVERIES)?;
    let rows = statement.query_map([], |row| {
        Ok(HeldDeliveries {
            interface: row.get(0)?,
            destination: row.get(1)?,
            revision: row.get(2)?,
            deliveries: u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
            oldest_queued_at_ms: row.get(4)?,
        })
    })?;
    rows.collect()
}

pub(super) fn messages(
    connection: &Connection,
    interface: &str,
    revision: u32,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let mut statement = connection.prepare_cached(SELECT_MESSAGES)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((interface, revision, limit), |row| row.get(0).map(MessageId::from_i64))?;
    rows.collect()
}
