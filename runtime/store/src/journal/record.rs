//! The file format of an entry: one row of `entries`.
//!
//! `position, format, kind, at_ms, message` are plain columns, so that the `sqlite3` shell can read and count them.
//! `head` holds the rest of what is no payload, in postcard (a compact, self-consistent binary encoding). Whatever may
//! hold patient data has a column of its own: `raw` (as it came in), `outputs` (contents one after the other, their
//! lengths in the head), `detail` (the engine's notes about the run), `note` (words of a plugin or a destination) and
//! `state` (what plugins keep for later messages). Erasing a patient overwrites those five and nothing else. Each of them is
//! sealed by the key whose number is in `key`; where there is none, an earlier program wrote them as they are.

pub(super) mod decode;
mod head;
mod operation;
mod payloads;
#[cfg(test)]
mod tests;

use rusqlite::Statement;
use serde::Serialize;

use self::head::{LanesTail, MarksTail, delivery_head, fault_head, message_head};
use super::entry::{Entry, Event, MessageEvent};
use crate::keys::KeyError;
use crate::operation::OperationKind;
use crate::{Decision, Digest, Lanes, MessageId, NewOutput, Settlement};

pub(crate) use payloads::{SealedColumns, SealingKeys};

/// Formats of the entries that this program writes: plain payloads, heads as below. An entry has the oldest format that
/// can hold it, so that an older program reads whatever it can understand.
mod format {
    pub(super) const FIRST: i64 = 1;
    /// A message that was not processed may have outputs.
    pub(super) const TELLING: i64 = 2;
    /// Outputs may be documents, and plugins may keep state.
    pub(super) const KEEPING: i64 = 3;
    /// What people do to deliveries and decided messages.
    pub(super) const OPERATING: i64 = 4;
    /// Messages have lanes, and what is in quarantine may hold them: [`LanesTail`] stands behind the head of a message or of
    /// a delivery that has ended.
    pub(super) const LANES: i64 = 5;
    /// Outputs may have been stopped on their way to their destinations.
    pub(super) const STOPPING: i64 = 6;
    /// Messages are edited and given up, and what is delivered again takes the place of what is in quarantine:
    /// `operation::Tail` stands behind the head of such an operation.
    pub(super) const QUARANTINE: i64 = 7;
    /// Refused messages and what was accepted after them name their sender, and messages are recognised when they come again:
    /// [`MarksTail`] stands behind [`LanesTail`].
    pub(super) const MARKS: i64 = 8;
    pub(super) const NEWEST: i64 = MARKS;
}

/// Parameters in the order of the columns.
pub(super) const INSERT: &str = "INSERT INTO entries(position, format, kind, at_ms, message, head, raw, outputs, \
                                 detail, note, state, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// The numbers of the `kind` column; the view `readable` names them. A message that was decided before its arrival was
/// written is one row, whose kind is `MERGED` plus that of the decision.
mod kind {
    pub(super) const RECEIVED: i64 = 1;
    pub(super) const PROCESSED: i64 = 2;
    pub(super) const FILTERED: i64 = 3;
    pub(super) const REFUSED: i64 = 4;
    pub(super) const QUARANTINED: i64 = 5;
    pub(super) const MERGED: i64 = 10;
    pub(super) const CHAIN_ATTEMPTED: i64 = 20;
    pub(super) const DELIVERY_ATTEMPTED: i64 = 30;
    pub(super) const DELIVERED: i64 = 31;
    pub(super) const DELIVERY_QUARANTINED: i64 = 32;
    pub(super) const ENGINE_STARTED: i64 = 40;
    pub(super) const ENGINE_STOPPED: i64 = 41;
    pub(super) const HELD: i64 = 50;
    pub(super) const RELEASED: i64 = 51;
    pub(super) const DISCARDED: i64 = 52;
    pub(super) const RECOMPUTED: i64 = 53;
    pub(super) const REPLAYED: i64 = 54;
    pub(super) const LANES_RELEASED: i64 = 55;
    pub(super) const EDITED: i64 = 56;
    pub(super) const GIVEN_UP: i64 = 57;

    /// The number of a decision.
    pub(super) fn of_stage(stage: crate::Stage) -> i64 {
        match stage {
            // Nothing that is decided is given up: that is an operation.
            crate::Stage::Received | crate::Stage::Discarded => RECEIVED,
            crate::Stage::Processed => PROCESSED,
            crate::Stage::Filtered => FILTERED,
            crate::Stage::Refused => REFUSED,
            crate::Stage::Quarantined => QUARANTINED,
        }
    }
}

/// Whether a row says that an engine ended in good order.
pub(super) fn is_clean_end(kind: i64) -> bool {
    kind == kind::ENGINE_STOPPED
}

/// Why a row cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("an entry has format {0}, this program reads up to {newest}", newest = format::NEWEST)]
    NewerFormat(i64),
    #[error("an entry has the unknown kind {0}")]
    UnknownKind(i64),
    #[error("the head of an entry cannot be decoded")]
    Head(#[from] postcard::Error),
    #[error("an entry lacks its {0}")]
    Lacks(&'static str),
    #[error("a payload does not open: it was changed, or belongs to another entry")]
    Changed,
    #[error("a payload is not sealed, and was to be")]
    NotSealed,
    #[error("a payload is sealed with key {0}, which `keys.sqlite` does not have")]
    NoKey(i64),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// What goes into the plain columns after `position`.
struct Columns {
    format: i64,
    kind: i64,
    message: Option<i64>,
}

/// Inserts one entry with the prepared [`INSERT`]. Payloads are borrowed: SQLite's copy is the only one. `head` is a buffer that
/// one writer uses again for each row.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    position: i64,
    entry: &Entry,
    sealed: &SealedColumns,
    head: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    encode_head(entry, head);
    let Columns { format, kind, message } = columns(entry);
    statement.raw_bind_parameter(1, position)?;
    statement.raw_bind_parameter(2, format.max(tail_format(&entry.event)))?;
    statement.raw_bind_parameter(3, kind)?;
    statement.raw_bind_parameter(4, entry.at_ms)?;
    statement.raw_bind_parameter(5, message)?;
    statement.raw_bind_parameter(6, head.as_slice())?;
    for (parameter, payload) in (7..).zip(sealed.values()) {
        statement.raw_bind_parameter(parameter, payload)?;
    }
    statement.raw_bind_parameter(12, sealed.key())?;
    statement.raw_execute()?;
    Ok(())
}

fn columns(entry: &Entry) -> Columns {
    let plain = |kind, message: Option<MessageId>| Columns {
        format: format::FIRST,
        kind,
        message: message.map(MessageId::as_i64),
    };
    match &entry.event {
        Event::Message(event) => Columns {
            format: event
                .ruling
                .as_ref()
                .map_or(format::FIRST, |ruling| oldest_format(&ruling.decision)),
            kind: message_kind(event),
            message: Some(event.id.as_i64()),
        },
        Event::ChainAttempted { message, .. } => plain(kind::CHAIN_ATTEMPTED, Some(*message)),
        Event::DeliveryAttempted { delivery, .. } => plain(kind::DELIVERY_ATTEMPTED, Some(delivery.message)),
        Event::DeliverySettled {
            delivery, settlement, ..
        } => match settlement {
            Settlement::Delivered { .. } => plain(kind::DELIVERED, Some(delivery.message)),
            Settlement::Quarantined { .. } => plain(kind::DELIVERY_QUARANTINED, Some(delivery.message)),
        },
        Event::Operated(operation) => Columns {
            format: match operation.action.kind() {
                OperationKind::LanesReleased => format::LANES,
                _ if operation::tail(operation).is_some() => format::QUARANTINE,
                _ if operation
                    .redecision()
                    .is_some_and(|made| made.ruling.decision.is_stopped()) =>
                {
                    format::STOPPING
                }
                _ => format::OPERATING,
            },
            ..plain(operation::kind_of(operation), operation.message())
        },
        Event::EngineStarted { .. } => plain(kind::ENGINE_STARTED, None),
        Event::EngineStopped => plain(kind::ENGINE_STOPPED, None),
    }
}

fn oldest_format(decision: &Decision) -> i64 {
    if decision.is_stopped() {
        format::STOPPING
    } else if has_documents(decision) || !decision.state().is_empty() {
        format::KEEPING
    } else if tells(decision) {
        format::TELLING
    } else {
        format::FIRST
    }
}

fn has_documents(decision: &Decision) -> bool {
    let is_processed = matches!(decision, Decision::Processed { .. });
    is_processed && decision.outputs().iter().any(|output| output.content_type.is_some())
}

/// Whether outputs come of a message that was not processed.
fn tells(decision: &Decision) -> bool {
    !matches!(decision, Decision::Processed { .. }) && !decision.outputs().is_empty()
}

fn message_kind(event: &MessageEvent) -> i64 {
    let Some(ruling) = &event.ruling else {
        return kind::RECEIVED;
    };
    let decided = kind::of_stage(ruling.decision.stage());
    if event.arrival.is_some() {
        kind::MERGED + decided
    } else {
        decided
    }
}

/// One output is borrowed as it is; several are laid one after the other.
fn joined<'a>(outputs: &'a [NewOutput], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if let [output] = outputs {
        return output.content.as_slice();
    }
    buffer.clear();
    for output in outputs {
        buffer.extend_from_slice(output.content.as_slice());
    }
    buffer
}

/// What was said about each output that was stopped, one after the other.
fn words_of_stops<'a>(outputs: &[NewOutput], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    buffer.clear();
    for fault in outputs.iter().filter_map(|output| output.stopped.as_ref()) {
        buffer.extend_from_slice(fault.text.as_slice());
    }
    buffer
}

fn encode_head(entry: &Entry, head: &mut Vec<u8>) {
    head.clear();
    match &entry.event {
        Event::Message(event) => encode(head, &message_head(event)),
        Event::ChainAttempted { attempt, .. } => encode(head, attempt),
        Event::DeliveryAttempted { delivery, fault } => encode(head, &delivery_head(delivery, Some(fault), None)),
        Event::DeliverySettled {
            delivery, settlement, ..
        } => {
            let fault = match settlement {
                Settlement::Delivered { .. } => None,
                Settlement::Quarantined { fault } => Some(fault_head(fault)),
            };
            encode(head, &delivery_head(delivery, None, fault));
        }
        Event::Operated(operation) => {
            encode(head, &operation::head(operation));
            if let Some(tail) = operation::tail(operation) {
                encode(head, &tail);
            }
        }
        Event::EngineStarted { process } => encode(head, process),
        Event::EngineStopped => {}
    }
    let format = tail_format(&entry.event);
    if format >= format::LANES {
        encode(head, &lanes_tail(&entry.event));
    }
    if format >= format::MARKS {
        encode(head, &marks_tail(&entry.event));
    }
}

/// The format of what stands behind the head of a message or of a delivery that has ended; the first one where nothing does.
fn tail_format(event: &Event) -> i64 {
    if marks_tail(event) != MarksTail::default() {
        format::MARKS
    } else if lanes_tail(event) != LanesTail::default() || is_stopped(event) {
        // Every message of the formats behind that of the lanes has them.
        format::LANES
    } else {
        format::FIRST
    }
}

fn is_stopped(event: &Event) -> bool {
    matches!(event, Event::Message(MessageEvent { ruling: Some(ruling), .. }) if ruling.decision.is_stopped())
}

fn marks_tail(event: &Event) -> MarksTail<'_> {
    match event {
        Event::Message(MessageEvent { arrival, ruling, .. }) => MarksTail {
            sender: ruling.as_ref().and_then(|ruling| ruling.sender.as_deref()),
            repeats: ruling.as_ref().and_then(|ruling| ruling.repeats).map(MessageId::as_i64),
            digest: arrival
                .as_ref()
                .and_then(|arrival| arrival.digest.as_ref())
                .map(Digest::as_slice),
        },
        _ => MarksTail::default(),
    }
}

/// Lanes and what is held; the default of an entry about everything that is as it is without lanes.
fn lanes_tail(event: &Event) -> LanesTail {
    let (lanes, holds) = match event {
        Event::Message(MessageEvent {
            ruling: Some(ruling), ..
        }) => (&ruling.lanes, &ruling.holds),
        Event::DeliverySettled { holds, .. } => (&Lanes::All, holds),
        _ => return LanesTail::default(),
    };
    LanesTail {
        lanes: lanes.stored(),
        holds: holds
            .as_ref()
            .map(|holding| (holding.lanes.stored(), holding.is_everywhere)),
    }
}

/// Writing to memory cannot fail, and the heads hold nothing that postcard cannot express; should it fail all the
/// same, the head stays empty and the entry reads as damaged rather than as something else.
fn encode<T: Serialize>(head: &mut Vec<u8>, value: &T) {
    *head = postcard::to_extend(value, std::mem::take(head)).unwrap_or_default();
}
