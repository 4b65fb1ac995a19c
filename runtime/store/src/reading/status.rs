//! Figures of interfaces and destinations.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{DestinationStatus, InterfaceStatus};

/// Counters are kept by the projection; looked up are the oldest waiting delivery of each queue, which is the first entry
/// of an index, and what is held, which is in an index of its own and rarely anything.
const SELECT_QUEUES: &str = "SELECT interface, destination, pending, delivered, quarantined, last_fault, \
    last_fault_at_ms, (SELECT queued_at_ms FROM deliveries WHERE stage = 0 AND queue = queues.id ORDER BY id LIMIT 1), \
    (SELECT count(*) FROM deliveries WHERE stage = 3 AND queue = queues.id) FROM queues ORDER BY destination";

const SELECT_INTERFACES: &str = "SELECT id, name, received, processed, filtered, refused, quarantined, \
    (SELECT count(*) FROM lane_holds WHERE interface = interfaces.id), discarded, repeats FROM interfaces ORDER BY name";

pub(super) fn interfaces(connection: &Connection) -> rusqlite::Result<Vec<InterfaceStatus>> {
    let mut by_interface = destinations(connection)?;
    let mut statement = connection.prepare_cached(SELECT_INTERFACES)?;
    let rows = statement.query_map([], |row| {
        Ok(InterfaceStatus {
            destinations: by_interface.remove(&row.get(0)?).unwrap_or_default(),
            interface: row.get(1)?,
            received: count(row, 2)?,
            processed: count(row, 3)?,
            filtered: count(row, 4)?,
            refused: count(row, 5)?,
            quarantined: count(row, 6)?,
            lane_holds: count(row, 7)?,
            discarded: count(row, 8)?,
            repeats: count(row, 9)?,
        })
    })?;
    rows.collect()
}

fn destinations(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, Vec<DestinationStatus>>> {
    let mut by_interface: BTreeMap<i64, Vec<DestinationStatus>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(SELECT_QUEUES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let held = count(row, 8)?;
        by_interface.entry(row.get(0)?).or_default().push(DestinationStatus {
            destination: row.get(1)?,
            pending: count(row, 2)?.saturating_sub(held),
            held,
            delivered: count(row, 3)?,
            quarantined: count(row, 4)?,
            last_fault: row.get(5)?,
            last_fault_at_ms: row.get(6)?,
            oldest_queued_at_ms: row.get(7)?,
        });
    }
    Ok(by_interface)
}

/// A count is never negative; should it be, a person sees 0 rather than an error.
fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|count| u64::try_from(count).unwrap_or_default())
}
