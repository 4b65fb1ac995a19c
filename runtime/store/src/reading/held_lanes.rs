//! What holds lanes, and how much waits because of it.

use rusqlite::Connection;

use super::{HeldLane, HeldLaneList};
use crate::lanes::HeldLanes;
use crate::{DeliveryId, Lanes, MessageId};

const SELECT_HOLDS: &str = "SELECT name, lane_holds.interface, queue, destination, message, from_delivery, lanes, at_ms, why \
    FROM lane_holds JOIN interfaces ON interfaces.id = lane_holds.interface LEFT JOIN queues ON queues.id = queue \
    WHERE ?1 IS NULL OR name = ?1 ORDER BY position LIMIT ?2";

const COUNT_HOLDS: &str = "SELECT count(*) FROM lane_holds JOIN interfaces ON interfaces.id = lane_holds.interface \
    WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR message = ?2)";

/// A delivery that stands in a lane is queued; one of a revision that is held waits for another word.
const SELECT_WAITING: &str = "SELECT deliveries.id, lanes FROM queues JOIN deliveries ON queue = queues.id \
    WHERE stage = 0 AND queues.interface = ?1 AND queues.id = ?2 AND deliveries.id >= ?3 ORDER BY deliveries.id";

const SELECT_QUEUES: &str = "SELECT id FROM queues WHERE interface = ?1 AND (?2 IS NULL OR id = ?2)";

pub(super) fn list(connection: &Connection, interface: Option<&str>, limit: usize) -> rusqlite::Result<HeldLaneList> {
    let mut statement = connection.prepare_cached(SELECT_HOLDS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((interface, limit))?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        let (message, from) = (MessageId::from_i64(row.get(4)?), DeliveryId::from_i64(row.get(5)?));
        let lanes = Lanes::of_column(row.get(6)?);
        held.push(HeldLane {
            interface: row.get(0)?,
            destination: row.get(3)?,
            message,
            since_ms: row.get(7)?,
            why: row.get(8)?,
            waiting: waiting(connection, (row.get(1)?, row.get(2)?), (from, message), &lanes)?,
            lanes,
        });
    }
    Ok(HeldLaneList {
        held,
        total: count(connection, interface, None)?,
    })
}

pub(super) fn count(
    connection: &Connection,
    interface: Option<&str>,
    message: Option<MessageId>,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(COUNT_HOLDS)?;
    let message = message.map(MessageId::as_i64);
    let count: i64 = statement.query_one((interface, message), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Deliveries of an interface, or of one of its queues, that wait behind one hold.
fn waiting(
    connection: &Connection,
    (interface, queue): (i64, Option<i64>),
    (from, message): (DeliveryId, MessageId),
    lanes: &Lanes,
) -> rusqlite::Result<u64> {
    let mut queues = connection.prepare_cached(SELECT_QUEUES)?;
    let mut select = connection.prepare_cached(SELECT_WAITING)?;
    let mut waiting = 0;
    for queue in queues.query_map((interface, queue), |row| row.get::<_, i64>(0))? {
        let mut held = HeldLanes::default();
        held.add(from, message, lanes);
        let mut rows = select.query((interface, queue?, from.as_i64()))?;
        while let Some(row) = rows.next()? {
            held.takes(DeliveryId::from_i64(row.get(0)?), &Lanes::of_column(row.get(1)?));
        }
        waiting += held.waiting();
    }
    Ok(waiting)
}
