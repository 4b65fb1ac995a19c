//! Lists of messages, and one message whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::decisions::decision_record;
use super::{
    DecisionRecord, DeliveryRecord, EditRecord, FaultSummary, MessageRecord, MessageSummary, NewerDelivered,
    OperationRecord, Query, Reading,
};
use super::{query, refusals};
use crate::journal::{Event, MessageEvent};
use crate::operation::{AfterStep, OperationKind, Operator};
use crate::{Decision, DeliveryId, DeliveryStage, MessageId, ReadError, Sealed, Settlement, Stage, StoredFault};

/// Names are looked up row by row: a join would let the planner begin at the other end.
pub(super) const COLUMNS: &str = "id, (SELECT name FROM interfaces WHERE interfaces.id = interface), stage, revision, \
    received_at_ms, decided_at_ms, control_id, message_type, source, attempts, fault_kind, fault_summary, deliveries, \
    received_position, decided_position, first_delivery, \
    (SELECT coalesce(sum(operations.deliveries), 0) FROM operations WHERE message = messages.id), sender IS NOT NULL, repeats";

/// A row of `messages`.
struct MessageRow {
    summary: MessageSummary,
    received_position: i64,
    decided_position: Option<i64>,
    first_delivery: Option<i64>,
    /// Deliveries of the first decision.
    deliveries: u32,
    /// Whether its sender is known, because it was told no.
    is_named: bool,
}

/// A row of `operations` about a message.
struct OperationRow {
    record: OperationRecord,
    position: i64,
    first_delivery: Option<i64>,
}

/// The rows about a message.
struct Found {
    message: MessageRow,
    operations: Vec<OperationRow>,
    deliveries: Vec<DeliveryRow>,
}

/// A row of `deliveries`.
struct DeliveryRow {
    record: DeliveryRecord,
    queued_position: i64,
    settled_position: Option<i64>,
}

/// The messages that a query asks for.
pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<MessageSummary>> {
    let (sql, values) = query::select(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), message_row)?;
    let mut found = Vec::new();
    for row in rows {
        let MessageRow {
            mut summary, is_named, ..
        } = row?;
        if is_named {
            refusals::add(connection, &mut summary)?;
        }
        found.push(summary);
    }
    Ok(found)
}

/// How many messages a query asks for, up to its limit.
pub(super) fn count(connection: &Connection, query: &Query) -> rusqlite::Result<u64> {
    let (sql, values) = query::count(query);
    let counted: i64 = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(u64::try_from(counted).unwrap_or_default())
}

/// The message of an interface with a source that is another interface's delivery; rather one that was not refused.
pub(super) fn handed_over(
    connection: &Connection,
    interface: &str,
    source: &str,
) -> rusqlite::Result<Option<(MessageId, Stage)>> {
    let refused = Stage::Refused.code();
    let sql = format!(
        "SELECT id, stage FROM messages INDEXED BY messages_handed_over \
         WHERE interface = (SELECT interfaces.id FROM interfaces WHERE name = ?1) AND source = ?2 \
         AND source GLOB 'interface:*' ORDER BY stage = {refused}, id DESC LIMIT 1"
    );
    connection
        .prepare_cached(&sql)?
        .query_row((interface, source), |row| {
            Ok((MessageId::from_i64(row.get(0)?), stage(row, 1, Stage::of_code)?))
        })
        .optional()
}

/// Everything about one message.
pub(super) fn record(reading: &mut Reading, id: MessageId) -> Result<Option<MessageRecord>, ReadError> {
    let found = find(&reading.live, id).map_err(|error| reading.live_error(&error))?;
    let Some(Found {
        message,
        operations,
        deliveries,
    }) = found
    else {
        return Ok(None);
    };
    let mut told = Told::default();
    for (position, decides) in entries_of(&message, &operations) {
        told.take(reading, position, decides)?;
    }
    let made_by: Vec<i64> = operations
        .iter()
        .filter(|row| row.record.kind.decides())
        .map(|row| row.position)
        .collect();
    let deliveries = deliveries
        .into_iter()
        .map(|row| delivery_record(reading, row, &made_by));
    let deliveries = deliveries.collect::<Result<_, _>>()?;
    let Told {
        raw,
        mut decisions,
        edits,
        mut after,
        damage,
    } = told;
    let operations = operations.into_iter().map(|row| OperationRecord {
        after: after.remove(&row.position),
        ..row.record
    });
    let decision = decisions.pop();
    Ok(Some(MessageRecord {
        summary: message.summary,
        raw,
        damage,
        decision,
        earlier: decisions,
        operations: operations.collect(),
        edits,
        deliveries,
    }))
}

/// The entries of the journal that are about a message, in order, and whether each is a decision.
fn entries_of(message: &MessageRow, operations: &[OperationRow]) -> Vec<(i64, bool)> {
    let (received, decided) = (message.received_position, message.decided_position);
    let mut entries = vec![(received, decided == Some(received))];
    let later = decided.filter(|position| *position != received);
    entries.extend(later.map(|position| (position, true)));
    let tells = |row: &&OperationRow| row.record.kind.decides() || row.record.kind == OperationKind::Edited;
    let operations = operations.iter().filter(tells);
    entries.extend(operations.map(|row| (row.position, row.record.kind.decides())));
    entries
}

/// What the journal tells of a message.
#[derive(Default)]
struct Told {
    raw: Sealed,
    decisions: Vec<DecisionRecord>,
    edits: Vec<EditRecord>,
    /// Where the chain of what was decided anew began, by the position of that.
    after: BTreeMap<i64, AfterStep>,
    damage: Option<String>,
}

impl Told {
    fn take(&mut self, reading: &mut Reading, position: i64, decides: bool) -> Result<(), ReadError> {
        let entry = match reading.entry(position) {
            Err(error @ ReadError::Damaged { .. }) => {
                self.damage = Some(error.to_string());
                None
            }
            read => read?,
        };
        match entry {
            Some((at_ms, Event::Message(event))) => {
                if let Some(arrival) = event.arrival {
                    self.raw = arrival.raw;
                }
                self.decisions
                    .extend(event.ruling.map(|ruling| decision_record(at_ms, 0, ruling)));
            }
            Some((at_ms, Event::Operated(operation))) => {
                if let Some(content) = operation.edited() {
                    self.edits.push(EditRecord {
                        at_ms,
                        operator: operation.operator.clone(),
                        content: content.clone(),
                    });
                }
                if let Some(made) = operation.into_redecision() {
                    self.after.extend(made.after.map(|after| (position, after)));
                    self.decisions
                        .push(decision_record(at_ms, self.edits.len(), made.ruling));
                }
            }
            _ => {
                self.damage
                    .get_or_insert_with(|| match reading.journal.damaged().first() {
                        Some(segment) => segment.to_string(),
                        None => format!("the journal has no entry at position {position}"),
                    });
                // Deliveries count the decisions before theirs.
                let edits = self.edits.len();
                self.decisions.extend(decides.then(|| DecisionRecord {
                    edits,
                    ..DecisionRecord::default()
                }));
            }
        }
        Ok(())
    }
}

/// Messages of the same interface that came after one and were delivered to one of these destinations.
pub(super) fn newer_delivered(
    connection: &Connection,
    message: MessageId,
    destinations: &[Arc<str>],
    limit: usize,
) -> rusqlite::Result<NewerDelivered> {
    let names = vec!["?"; destinations.len()].join(", ");
    let sql = format!(
        "SELECT {COLUMNS} FROM messages INDEXED BY messages_by_interface \
         WHERE interface = (SELECT interface FROM messages WHERE id = ?) AND id > ? AND EXISTS (SELECT 1 \
         FROM deliveries WHERE deliveries.id BETWEEN first_delivery AND first_delivery + messages.deliveries - 1 \
         AND deliveries.stage = 1 AND (SELECT destination FROM queues WHERE queues.id = queue) IN ({names})) \
         ORDER BY id LIMIT ?"
    );
    let mut values = vec![Value::from(message.as_i64()), Value::from(message.as_i64())];
    values.extend(destinations.iter().map(|name| Value::from(name.to_string())));
    values.push(Value::from(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)));
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| message_row(row).map(|row| row.summary))?;
    let mut messages = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = messages.len() > limit;
    messages.truncate(limit);
    Ok(NewerDelivered { messages, has_more })
}

fn find(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Found>> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE id = ?1");
    let row = connection
        .prepare_cached(&sql)?
        .query_row([id.as_i64()], message_row)
        .optional()?;
    let Some(mut message) = row else { return Ok(None) };
    if message.is_named {
        refusals::add(connection, &mut message.summary)?;
    }
    let operations = operations(connection, id)?;
    let first = message.first_delivery.map(|first| (first, message.deliveries));
    let again = operations
        .iter()
        .filter_map(|row| row.first_delivery.map(|first| (first, row.record.deliveries)));
    let mut deliveries = Vec::new();
    for (first, count) in first.into_iter().chain(again) {
        deliveries.extend(delivery_rows(connection, first, count)?);
    }
    Ok(Some(Found {
        message,
        operations,
        deliveries,
    }))
}

fn delivery_rows(connection: &Connection, first: i64, count: u32) -> rusqlite::Result<Vec<DeliveryRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, output, (SELECT destination FROM queues WHERE queues.id = queue), stage, attempts, last_fault, \
         queued_at_ms, settled_at_ms, settled_position, queued_position, revision, out_of_order \
         FROM deliveries WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    )?;
    let last = first + i64::from(count) - 1;
    statement.query_map((first, last), delivery_row)?.collect()
}

fn operations(connection: &Connection, id: MessageId) -> rusqlite::Result<Vec<OperationRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, at_ms, kind, revision, author, reason, first_delivery, deliveries FROM operations \
         WHERE message = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([id.as_i64()], |row| {
        Ok(OperationRow {
            record: OperationRecord {
                at_ms: row.get(1)?,
                kind: stage(row, 2, OperationKind::of_code)?,
                revision: row.get(3)?,
                after: None,
                operator: Operator {
                    author: row.get(4)?,
                    reason: row.get(5)?,
                },
                deliveries: row.get(7)?,
            },
            position: row.get(0)?,
            first_delivery: row.get(6)?,
        })
    })?;
    rows.collect()
}

fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let fault = match (row.get(10)?, row.get(11)?) {
        (Some(kind), Some(summary)) => Some(FaultSummary { kind, summary }),
        _ => None,
    };
    let summary = MessageSummary {
        id: MessageId::from_i64(row.get(0)?),
        interface: row.get(1)?,
        stage: stage(row, 2, Stage::of_code)?,
        revision: row.get(3)?,
        received_at_ms: row.get(4)?,
        decided_at_ms: row.get(5)?,
        control_id: row.get(6)?,
        message_type: row.get(7)?,
        source: row.get(8)?,
        attempts: row.get(9)?,
        fault,
        deliveries: row.get::<_, u32>(12)?.saturating_add(row.get(16)?),
        refusals: None,
        repeats: row.get::<_, Option<i64>>(18)?.map(MessageId::from_i64),
    };
    Ok(MessageRow {
        summary,
        received_position: row.get(13)?,
        decided_position: row.get(14)?,
        first_delivery: row.get(15)?,
        deliveries: row.get(12)?,
        is_named: row.get(17)?,
    })
}

fn delivery_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let record = DeliveryRecord {
        id: DeliveryId::from_i64(row.get(0)?),
        output: row.get(1)?,
        decision: 0,
        revision: row.get(10)?,
        is_out_of_order: row.get(11)?,
        destination: row.get(2)?,
        stage: stage(row, 3, DeliveryStage::of_code)?,
        attempts: row.get(4)?,
        last_fault: row.get(5)?,
        queued_at_ms: row.get(6)?,
        settled_at_ms: row.get(7)?,
        answer: None,
        fault: None,
    };
    Ok(DeliveryRow {
        record,
        queued_position: row.get(9)?,
        settled_position: row.get(8)?,
    })
}

fn stage<T>(row: &Row<'_>, column: usize, of_code: impl Fn(i64) -> Option<T>) -> rusqlite::Result<T> {
    let code = row.get(column)?;
    of_code(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

fn stopped(decision: &Decision, output: u32) -> Option<StoredFault> {
    let output = decision.outputs().get(usize::try_from(output).ok()?)?;
    output.stopped.clone()
}

fn delivery_record(reading: &mut Reading, row: DeliveryRow, made_by: &[i64]) -> Result<DeliveryRecord, ReadError> {
    let DeliveryRow {
        mut record,
        queued_position,
        settled_position,
    } = row;
    let made_by = made_by.iter().position(|position| *position == queued_position);
    record.decision = made_by.map_or(0, |operation| operation + 1);
    let Some(position) = settled_position else {
        return Ok(record);
    };
    let entry = match reading.entry(position) {
        Err(ReadError::Damaged { .. }) => None,
        read => read?,
    };
    match entry.map(|(_, event)| event) {
        Some(Event::DeliverySettled { settlement, .. }) => match settlement {
            Settlement::Delivered { answer } => record.answer = Some(answer),
            Settlement::Quarantined { fault } => record.fault = Some(fault),
        },
        // It was stopped when the message was decided.
        Some(Event::Message(MessageEvent {
            ruling: Some(ruling), ..
        })) => record.fault = stopped(&ruling.decision, record.output),
        Some(Event::Operated(operation)) => {
            record.fault = operation
                .redecision()
                .and_then(|made| stopped(&made.ruling.decision, record.output));
        }
        _ => {}
    }
    Ok(record)
}
