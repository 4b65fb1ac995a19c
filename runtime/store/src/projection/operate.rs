//! What people did to deliveries, into rows that there are.
//!
//! `pending` of a queue counts what is not done yet, held or not: a delivery that was being sent when its revision was held may
//! still be settled.

use rusqlite::{Connection, params};

use super::changes::{DecidedAnew, NewOperation};
use crate::operation::{Closing, OperationKind};
use crate::{DeliveryStage, Stage};

/// The rows of what a revision has made and holds, of an interface ?1 and a revision ?2.
const HELD: &str = "stage = 3 AND revision = ?2 AND queue IN (SELECT id FROM queues WHERE interface = ?1)";

/// Does to the rows what an operation says, after everything that the journal has before it.
pub(super) fn operate(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    match operation.kind {
        OperationKind::Held => hold(connection, operation)?,
        OperationKind::Released => release(connection, operation)?,
        OperationKind::Discarded => discard(connection, operation)?,
        OperationKind::LanesReleased => release_lanes(connection, operation)?,
        OperationKind::Recomputed | OperationKind::Replayed | OperationKind::Edited | OperationKind::GivenUp => {}
    }
    if let Some(closing) = &operation.closing {
        close(connection, operation, closing)?;
    }
    if let Some(decided) = &operation.decided {
        decide_anew(connection, operation, decided)?;
    }
    record(connection, operation)
}

fn hold(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    let NewOperation {
        interface, revision, ..
    } = operation;
    connection
        .prepare_cached(
            "INSERT INTO holds(interface, revision, at_ms, author, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            interface,
            revision,
            operation.at_ms,
            operation.operator.author,
            operation.operator.reason
        ])?;
    let sql = "UPDATE deliveries SET stage = 3 WHERE stage = 0 AND revision = ?2 \
               AND queue IN (SELECT id FROM queues WHERE interface = ?1)";
    connection.prepare_cached(sql)?.execute((interface, revision))?;
    Ok(())
}

fn release(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    let of = (operation.interface, operation.revision);
    let sql = "DELETE FROM holds WHERE interface = ?1 AND revision = ?2";
    connection.prepare_cached(sql)?.execute(of)?;
    let sql = format!(
        "UPDATE deliveries SET stage = 0, \
         out_of_order = id < (SELECT last_delivered FROM queues WHERE queues.id = queue) WHERE {HELD}"
    );
    connection.prepare_cached(&sql)?.execute(of)?;
    Ok(())
}

fn release_lanes(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    let sql = "DELETE FROM lane_holds WHERE interface = ?1 AND (?2 IS NULL OR message = ?2)";
    connection
        .prepare_cached(sql)?
        .execute((operation.interface, operation.message))?;
    Ok(())
}

fn discard(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    let of = (operation.interface, operation.revision);
    let sql = "UPDATE queues SET pending = pending - (SELECT count(*) FROM deliveries WHERE stage = 3 AND revision = ?2 \
               AND queue = queues.id) WHERE interface = ?1";
    connection.prepare_cached(sql)?.execute(of)?;
    let sql = format!("UPDATE deliveries SET stage = 4, settled_at_ms = ?3, settled_position = ?4 WHERE {HELD}");
    let values = params![of.0, of.1, operation.at_ms, operation.position];
    connection.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}

fn decide_anew(connection: &Connection, operation: &NewOperation, decided: &DecidedAnew) -> rusqlite::Result<()> {
    restage(
        connection,
        operation,
        decided.message,
        decided.stage,
        Some(operation.revision),
    )?;
    for delivery in &decided.taken_up {
        leave_quarantine(connection, operation, *delivery, DeliveryStage::Replaced)?;
    }
    let position = operation.position;
    let mut replace = connection.prepare_cached(
        "UPDATE deliveries SET stage = 0, revision = ?2, output = ?3, queued_position = ?4, \
         out_of_order = id < (SELECT last_delivered FROM queues WHERE queues.id = queue) WHERE id = ?1 AND stage = 3",
    )?;
    for replaced in &decided.replaced {
        replace.execute((replaced.delivery, operation.revision, replaced.output, position))?;
    }
    let mut count = connection.prepare_cached(
        "UPDATE queues SET pending = pending - 1 WHERE id = (SELECT queue FROM deliveries WHERE id = ?1 AND stage = 3)",
    )?;
    let mut drop = connection.prepare_cached(
        "UPDATE deliveries SET stage = 4, settled_at_ms = ?2, settled_position = ?3 WHERE id = ?1 AND stage = 3",
    )?;
    for delivery in &decided.dropped {
        count.execute([delivery])?;
        drop.execute((delivery, operation.at_ms, position))?;
    }
    let mut mark = connection.prepare_cached("UPDATE deliveries SET out_of_order = 1 WHERE id BETWEEN ?1 AND ?2")?;
    if let Some(first) = decided.first_new {
        mark.execute((first, first + i64::from(decided.new_deliveries) - 1))?;
    }
    Ok(())
}

/// Nothing of it goes anywhere. What stopped the message is still told.
fn close(connection: &Connection, operation: &NewOperation, closing: &Closing) -> rusqlite::Result<()> {
    if closing.is_message {
        restage(connection, operation, closing.message.as_i64(), Stage::Discarded, None)?;
    }
    for delivery in &closing.deliveries {
        leave_quarantine(connection, operation, delivery.as_i64(), DeliveryStage::Discarded)?;
    }
    Ok(())
}

/// A delivery is not in quarantine any more. What put it there is still found where it was settled.
fn leave_quarantine(
    connection: &Connection,
    operation: &NewOperation,
    delivery: i64,
    stage: DeliveryStage,
) -> rusqlite::Result<()> {
    let sql = "UPDATE queues SET quarantined = quarantined - 1 \
               WHERE id = (SELECT queue FROM deliveries WHERE id = ?1 AND stage = 2)";
    connection.prepare_cached(sql)?.execute([delivery])?;
    let sql = "UPDATE deliveries SET stage = ?2 WHERE id = ?1 AND stage = 2 \
               AND queue IN (SELECT id FROM queues WHERE interface = ?3)";
    let values = (delivery, stage.code(), operation.interface);
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The message is what it was decided to be the last time, by a revision; or what a person has made of it, and its fault stays.
fn restage(
    connection: &Connection,
    operation: &NewOperation,
    message: i64,
    stage: Stage,
    revision: Option<u32>,
) -> rusqlite::Result<()> {
    let columns = Stage::ALL.map(|stage| {
        let (name, code) = (stage.as_str(), stage.code());
        format!("{name} = {name} + ({code} = ?2) - ({code} = (SELECT stage FROM messages WHERE id = ?3))")
    });
    let sql = format!("UPDATE interfaces SET {} WHERE id = ?1", columns.join(", "));
    let values = (operation.interface, stage.code(), message);
    connection.prepare_cached(&sql)?.execute(values)?;
    let sql = "UPDATE messages SET stage = ?2, revision = coalesce(?3, revision), \
               fault_kind = iif(?3 IS NULL, fault_kind, NULL), fault_summary = iif(?3 IS NULL, fault_summary, NULL) \
               WHERE id = ?1";
    connection
        .prepare_cached(sql)?
        .execute((message, stage.code(), revision))?;
    Ok(())
}

fn record(connection: &Connection, operation: &NewOperation) -> rusqlite::Result<()> {
    let decided = operation.decided.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO operations(position, at_ms, interface, kind, revision, author, reason, message, \
             first_delivery, deliveries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            operation.position,
            operation.at_ms,
            operation.interface,
            operation.kind.code(),
            operation.revision,
            operation.operator.author,
            operation.operator.reason,
            operation.message,
            decided.and_then(|decided| decided.first_new),
            decided.map_or(0, |decided| decided.new_deliveries),
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::DeliveryStage;

    #[test]
    fn the_stages_named_in_statements_are_those_of_the_code() {
        assert_eq!(DeliveryStage::Queued.code(), 0);
        assert_eq!(DeliveryStage::Quarantined.code(), 2);
        assert_eq!(DeliveryStage::Held.code(), 3);
        assert_eq!(DeliveryStage::Discarded.code(), 4);
    }
}
