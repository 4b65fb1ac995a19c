//! Changes into tables.

use rusqlite::{CachedStatement, Connection, params};

use super::changes::{Changes, DeliveryChange, MessageChange, NewDelivery, NewRuling, QueueChange};
use super::names::Names;
use super::operate::operate;
use super::refusals;
use crate::faults::{Failure, FaultPoint, Faults};
use crate::keys::Keys;
use crate::{DeliveryStage, Digest, Stage};

/// Applies everything up to a journal position in one transaction. After an error nothing of it is there.
pub(super) fn apply(
    connection: &mut Connection,
    names: &mut Names,
    changes: &Changes,
    position: i64,
    keys: &Keys,
    faults: &Faults,
) -> Result<(), Failure> {
    let transaction = connection.transaction()?;
    apply_names(&transaction, names)?;
    apply_messages(&transaction, changes)?;
    apply_deliveries(&transaction, changes)?;
    apply_counts(&transaction, changes)?;
    apply_state(&transaction, changes, keys)?;
    apply_lane_holds(&transaction, changes)?;
    refusals::apply(&transaction, changes)?;
    if let Some(operation) = &changes.operation {
        operate(&transaction, operation)?;
    }
    let sql = "UPDATE progress SET position = ?1, last_message = max(last_message, ?2), \
               last_delivery = max(last_delivery, ?3)";
    transaction
        .prepare_cached(sql)?
        .execute((position, changes.last_message, changes.last_delivery))?;
    faults.at(FaultPoint::Projection)?;
    transaction.commit()?;
    names.new_interfaces.clear();
    names.new_queues.clear();
    Ok(())
}

fn apply_names(connection: &Connection, names: &Names) -> rusqlite::Result<()> {
    let mut interfaces = connection.prepare_cached("INSERT INTO interfaces(id, name) VALUES (?1, ?2)")?;
    for new in &names.new_interfaces {
        interfaces.execute(params![new.0, new.1])?;
    }
    let sql = "INSERT INTO queues(id, interface, destination) VALUES (?1, ?2, ?3)";
    let mut queues = connection.prepare_cached(sql)?;
    for new in &names.new_queues {
        queues.execute(params![new.0, new.1, new.2])?;
    }
    Ok(())
}

fn apply_messages(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages(id, interface, stage, revision, received_at_ms, decided_at_ms, received_position, \
         decided_position, attempts, first_delivery, deliveries, source, control_id, message_type, fault_kind, \
         fault_summary, repeats, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?;
    let mut decide = connection.prepare_cached(
        "UPDATE messages SET stage = ?2, revision = ?3, decided_at_ms = ?4, decided_position = ?5, \
         first_delivery = ?6, deliveries = ?7, fault_kind = ?8, fault_summary = ?9, repeats = ?10 WHERE id = ?1",
    )?;
    let mut attempt = connection.prepare_cached("UPDATE messages SET attempts = max(attempts, ?2) WHERE id = ?1")?;
    for (&id, change) in &changes.messages {
        if change.arrival.is_some() {
            insert_message(&mut insert, id, change)?;
            continue;
        }
        if let Some(ruling) = &change.ruling {
            decide_message(&mut decide, id, ruling)?;
        }
        if let Some(attempts) = change.attempts {
            attempt.execute((id, attempts))?;
        }
    }
    Ok(())
}

fn insert_message(statement: &mut CachedStatement<'_>, id: i64, change: &MessageChange) -> rusqlite::Result<()> {
    let Some(arrival) = &change.arrival else { return Ok(()) };
    let ruling = change.ruling.as_ref();
    statement.execute(params![
        id,
        arrival.interface,
        ruling.map_or(Stage::Received, |ruling| ruling.stage).code(),
        ruling.map_or(arrival.revision, |ruling| ruling.revision),
        arrival.received_at_ms,
        ruling.map(|ruling| ruling.at_ms),
        arrival.position,
        ruling.map(|ruling| ruling.position),
        change.attempts.unwrap_or_default(),
        ruling.and_then(|ruling| ruling.first_delivery),
        ruling.map_or(0, |ruling| ruling.deliveries),
        arrival.source,
        arrival.control_id,
        arrival.message_type,
        ruling.and_then(|ruling| ruling.fault_kind.as_deref()),
        ruling.and_then(|ruling| ruling.fault_summary.as_deref()),
        ruling.and_then(|ruling| ruling.repeats),
        arrival.digest.as_ref().map(Digest::as_slice),
    ])?;
    Ok(())
}

fn decide_message(statement: &mut CachedStatement<'_>, id: i64, ruling: &NewRuling) -> rusqlite::Result<()> {
    statement.execute(params![
        id,
        ruling.stage.code(),
        ruling.revision,
        ruling.at_ms,
        ruling.position,
        ruling.first_delivery,
        ruling.deliveries,
        ruling.fault_kind,
        ruling.fault_summary,
        ruling.repeats,
    ])?;
    Ok(())
}

fn apply_deliveries(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO deliveries(id, message, queue, output, stage, attempts, last_fault, queued_at_ms, \
         queued_position, settled_at_ms, settled_position, revision, lanes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let mut update = connection.prepare_cached(
        "UPDATE deliveries SET stage = coalesce(?2, stage), attempts = attempts + ?3, \
         last_fault = coalesce(?4, last_fault), settled_at_ms = coalesce(?5, settled_at_ms), \
         settled_position = coalesce(?6, settled_position) WHERE id = ?1",
    )?;
    for (&id, change) in &changes.deliveries {
        let DeliveryChange {
            queued,
            attempts,
            last_fault,
            settled,
        } = change;
        let settled_at_ms = settled.as_ref().map(|settled| settled.at_ms);
        let settled_position = settled.as_ref().map(|settled| settled.position);
        let stage = settled.as_ref().map(|settled| settled.stage.code());
        if let Some(queued) = queued {
            insert.execute(params![
                id,
                queued.message,
                queued.queue,
                queued.output,
                stage.unwrap_or(first_stage(queued).code()),
                attempts,
                last_fault,
                queued.at_ms,
                queued.position,
                settled_at_ms,
                settled_position,
                queued.revision,
                queued.lanes.column(),
            ])?;
        } else {
            update.execute(params![
                id,
                stage,
                attempts,
                last_fault,
                settled_at_ms,
                settled_position
            ])?;
        }
    }
    Ok(())
}

fn first_stage(queued: &NewDelivery) -> DeliveryStage {
    if queued.is_held {
        DeliveryStage::Held
    } else {
        DeliveryStage::Queued
    }
}

fn apply_counts(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    let mut interfaces = connection.prepare_cached(
        "UPDATE interfaces SET received = received + ?2, processed = processed + ?3, filtered = filtered + ?4, \
         refused = refused + ?5, quarantined = quarantined + ?6, discarded = discarded + ?7 WHERE id = ?1",
    )?;
    for (id, counts) in &changes.interfaces {
        let [received, processed, filtered, refused, quarantined, discarded] = counts;
        interfaces.execute((id, received, processed, filtered, refused, quarantined, discarded))?;
    }
    let mut repeats = connection.prepare_cached("UPDATE interfaces SET repeats = repeats + ?2 WHERE id = ?1")?;
    for (id, more) in &changes.repeats {
        repeats.execute((id, more))?;
    }
    let mut queues = connection.prepare_cached(
        "UPDATE queues SET pending = pending + ?2, delivered = delivered + ?3, quarantined = quarantined + ?4, \
         last_delivered = max(last_delivered, ?5) WHERE id = ?1",
    )?;
    let mut events = connection.prepare_cached(
        "UPDATE queues SET last_fault = ?2, last_fault_at_ms = ?3, last_event_position = ?4 WHERE id = ?1",
    )?;
    for (
        id,
        QueueChange {
            pending,
            delivered,
            quarantined,
            last_delivered,
            last_event,
        },
    ) in &changes.queues
    {
        queues.execute((id, pending, delivered, quarantined, last_delivered))?;
        if let Some(event) = last_event {
            let (fault, at_ms) = event.fault.as_ref().map(|(fault, at_ms)| (fault, at_ms)).unzip();
            events.execute((id, fault, at_ms, event.position))?;
        }
    }
    Ok(())
}

/// Keys and values of what plugins keep are sealed, each to the same bytes whenever they are the same.
fn apply_state(connection: &Connection, changes: &Changes, keys: &Keys) -> Result<(), Failure> {
    let mut schemas = connection.prepare_cached(
        "INSERT INTO state_schemas(interface, plugin, version) VALUES (?1, ?2, ?3) \
         ON CONFLICT (interface, plugin) DO UPDATE SET version = excluded.version",
    )?;
    let mut put = connection.prepare_cached(
        "INSERT INTO state_values(interface, plugin, key, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (interface, plugin, key) DO UPDATE SET value = excluded.value",
    )?;
    let mut take_out =
        connection.prepare_cached("DELETE FROM state_values WHERE interface = ?1 AND plugin = ?2 AND key = ?3")?;
    for ((interface, plugin), state) in &changes.states {
        schemas.execute(params![interface, plugin, state.schema_version])?;
        if state.values.is_empty() {
            continue;
        }
        let seal = keys.state(&state.interface)?;
        for (key, value) in &state.values {
            let sealed_key = seal.seal(key.as_bytes(), plugin.as_bytes())?;
            match value {
                Some(value) => {
                    let value = seal.seal(value.as_slice(), &value_place(plugin, key))?;
                    put.execute(params![interface, plugin, sealed_key, value])?
                }
                None => take_out.execute(params![interface, plugin, sealed_key])?,
            };
        }
    }
    Ok(())
}

/// What the value of a key is sealed for. No name of a plugin holds a zero.
pub(crate) fn value_place(plugin: &str, key: &str) -> Vec<u8> {
    [plugin.as_bytes(), &[0], key.as_bytes()].concat()
}

fn apply_lane_holds(connection: &Connection, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO lane_holds(position, interface, queue, message, from_delivery, lanes, at_ms, why) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for hold in &changes.lane_holds {
        insert.execute(params![
            hold.position,
            hold.interface,
            hold.queue,
            hold.message,
            hold.from_delivery,
            hold.lanes.column(),
            hold.at_ms,
            hold.why,
        ])?;
    }
    Ok(())
}
