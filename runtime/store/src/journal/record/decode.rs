//! Rows back into entries.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Row;

use super::super::Payloads;
use super::super::entry::{Address, Entry, Event, MessageEvent, Ruling};
use super::head::{
    ArrivalHead, DeliveryHead, FaultHead, LanesTail, MarksTail, MessageHead, OutcomeHead, OutputHeads, RulingHead,
    StateHeads, StopHead,
};
use super::payloads::{self, PAYLOADS};
use super::{RecordError, format, kind, operation};
use crate::keys::Keys;
use crate::lanes::Holding;
use crate::{
    Arrival, Decision, DeliveryId, Digest, Lanes, MessageId, NewOutput, Sealed, Settlement, StateChange, StoredFault,
};

/// Rows for [`entry`]: positions from ?1 to ?2, at most ?3 of them. A payload that is not selected reads as one that was
/// erased: it is empty, and the rest of the entry is complete.
pub(in crate::journal) fn select(payloads: Payloads) -> &'static str {
    match payloads {
        Payloads::All => {
            "SELECT position, format, kind, at_ms, message, head, raw, outputs, detail, note, state, key \
             FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
        }
        Payloads::Outputs => {
            "SELECT position, format, kind, at_ms, message, head, NULL, outputs, NULL, NULL, NULL, key \
             FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
        }
        Payloads::Detail => {
            "SELECT position, format, kind, at_ms, message, head, NULL, NULL, detail, NULL, NULL, key \
             FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
        }
        Payloads::State => {
            "SELECT position, format, kind, at_ms, message, head, NULL, NULL, NULL, NULL, state, key \
             FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
        }
    }
}

/// The payload columns of one row.
pub(super) struct Contents {
    pub(super) raw: Sealed,
    /// `None`: not selected, erased, or nothing.
    pub(super) outputs: Option<Bytes>,
    pub(super) detail: Sealed,
    pub(super) note: Sealed,
    pub(super) state: Vec<StateChange>,
}

/// Position and entry of a row that was selected with [`select`].
pub(in crate::journal) fn entry(row: &Row<'_>, keys: &Keys) -> Result<(i64, Entry), RecordError> {
    let position: i64 = row.get(0)?;
    let format: i64 = row.get(1)?;
    if !(format::FIRST..=format::NEWEST).contains(&format) {
        return Err(RecordError::NewerFormat(format));
    }
    let kind: i64 = row.get(2)?;
    let message: Option<i64> = row.get(4)?;
    let head = row
        .get_ref(5)?
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)?
        .unwrap_or_default();
    let payloads = payloads::open(row, (position, kind, message.unwrap_or_default()), head, keys)?;
    let mut event = event(kind, message.map(MessageId::from_i64), head, contents(payloads)?)?;
    if format >= format::LANES {
        add_tails(&mut event, head, format)?;
    }
    Ok((
        position,
        Entry {
            at_ms: row.get(3)?,
            event,
        },
    ))
}

/// What stands behind the head of a message or of a delivery that has ended.
fn add_tails(event: &mut Event, head: &[u8], format: i64) -> Result<(), RecordError> {
    match event {
        Event::Message(MessageEvent { arrival, ruling, .. }) => {
            let (_, tail) = postcard::take_from_bytes::<MessageHead<'_, OutputHeads>>(head)?;
            let (lanes, holds, marks) = lanes_of(tail)?;
            let MarksTail {
                sender,
                repeats,
                digest,
            } = if format >= format::MARKS {
                postcard::from_bytes(marks)?
            } else {
                MarksTail::default()
            };
            if let Some(arrival) = arrival {
                arrival.digest = digest.and_then(Digest::of_bytes);
            }
            if let Some(ruling) = ruling {
                (ruling.lanes, ruling.holds) = (lanes, holds);
                ruling.sender = sender.map(Arc::from);
                ruling.repeats = repeats.map(MessageId::from_i64);
            }
        }
        Event::DeliverySettled { holds, .. } => {
            let (_, tail) = postcard::take_from_bytes::<DeliveryHead<'_>>(head)?;
            (_, *holds, _) = lanes_of(tail)?;
        }
        _ => {}
    }
    Ok(())
}

/// Lanes, what is held, and what stands behind both.
fn lanes_of(tail: &[u8]) -> Result<(Lanes, Option<Holding>, &[u8]), RecordError> {
    let (LanesTail { lanes, holds }, behind) = postcard::take_from_bytes(tail)?;
    let holding = |(lanes, is_everywhere)| Holding {
        lanes: Lanes::of_stored(lanes),
        is_everywhere,
    };
    Ok((Lanes::of_stored(lanes), holds.map(holding), behind))
}

fn contents(payloads: [Option<Vec<u8>>; PAYLOADS]) -> Result<Contents, RecordError> {
    let [raw, outputs, detail, note, state] = payloads;
    let sealed = |payload: Option<Vec<u8>>| Sealed::from(payload.unwrap_or_default());
    Ok(Contents {
        raw: sealed(raw),
        outputs: outputs.map(Bytes::from),
        detail: sealed(detail),
        note: sealed(note),
        state: stored_state(&state.unwrap_or_default())?,
    })
}

fn event(kind: i64, message: Option<MessageId>, head: &[u8], contents: Contents) -> Result<Event, RecordError> {
    let message_of_operation = message;
    let message = || message.ok_or(RecordError::Lacks("message"));
    Ok(match kind {
        kind::RECEIVED..=kind::QUARANTINED | kind::MERGED..kind::CHAIN_ATTEMPTED => {
            Event::Message(message_event(message()?, postcard::from_bytes(head)?, contents)?)
        }
        kind::CHAIN_ATTEMPTED => Event::ChainAttempted {
            message: message()?,
            attempt: postcard::from_bytes(head)?,
        },
        kind::DELIVERY_ATTEMPTED => {
            let head: DeliveryHead<'_> = postcard::from_bytes(head)?;
            let fault = head.attempt_fault.unwrap_or_default().to_owned();
            Event::DeliveryAttempted {
                delivery: address(&head, message()?),
                fault,
            }
        }
        kind::DELIVERED => {
            let head: DeliveryHead<'_> = postcard::from_bytes(head)?;
            let settlement = Settlement::Delivered { answer: contents.note };
            Event::DeliverySettled {
                delivery: address(&head, message()?),
                settlement,
                holds: None,
            }
        }
        kind::DELIVERY_QUARANTINED => {
            let head: DeliveryHead<'_> = postcard::from_bytes(head)?;
            let delivery = address(&head, message()?);
            let fault = stored_fault(head.fault.as_ref().ok_or(RecordError::Lacks("fault"))?, contents.note);
            Event::DeliverySettled {
                delivery,
                settlement: Settlement::Quarantined { fault },
                holds: None,
            }
        }
        kind::HELD..=kind::GIVEN_UP => {
            Event::Operated(Box::new(operation::stored(kind, message_of_operation, head, contents)?))
        }
        kind::ENGINE_STARTED => Event::EngineStarted {
            process: postcard::from_bytes(head)?,
        },
        kind::ENGINE_STOPPED => Event::EngineStopped,
        unknown => return Err(RecordError::UnknownKind(unknown)),
    })
}

fn message_event(
    id: MessageId,
    head: MessageHead<'_, OutputHeads>,
    contents: Contents,
) -> Result<MessageEvent, RecordError> {
    let Contents {
        raw,
        outputs,
        detail,
        note,
        state,
    } = contents;
    let arrival = head.arrival.map(|arrival| stored_arrival(&arrival, raw));
    let ruling = match head.ruling {
        Some(ruling) => Some(stored_ruling(ruling, Lanes::All, outputs, state, detail, note)?),
        None => None,
    };
    Ok(MessageEvent { id, arrival, ruling })
}

fn stored_arrival(head: &ArrivalHead<'_>, raw: Sealed) -> Arrival {
    Arrival {
        interface: Arc::from(head.interface),
        revision: head.revision,
        received_at_ms: head.received_at_ms,
        source: head.source.to_owned(),
        control_id: head.control_id.to_owned(),
        message_type: head.message_type.to_owned(),
        raw,
        digest: None,
    }
}

pub(super) fn stored_ruling(
    head: RulingHead<'_, OutputHeads>,
    lanes: Lanes,
    outputs: Option<Bytes>,
    state: Vec<StateChange>,
    detail: Sealed,
    note: Sealed,
) -> Result<Ruling, RecordError> {
    Ok(Ruling {
        interface: Arc::from(head.interface),
        revision: head.revision,
        first_delivery: DeliveryId::from_i64(head.first_delivery),
        decision: stored_decision(head.outcome, outputs, state, detail, note)?,
        lanes,
        holds: None,
        sender: None,
        repeats: None,
    })
}

fn stored_decision(
    head: OutcomeHead<'_, OutputHeads>,
    outputs: Option<Bytes>,
    state: Vec<StateChange>,
    detail: Sealed,
    note: Sealed,
) -> Result<Decision, RecordError> {
    let refused = |code: &str, fault: &FaultHead<'_>, outputs, note, detail| Decision::Refused {
        code: code.to_owned(),
        fault: stored_fault(fault, note),
        outputs,
        detail,
    };
    let quarantined = |fault: &FaultHead<'_>, outputs, note, detail| Decision::Quarantined {
        fault: stored_fault(fault, note),
        outputs,
        detail,
    };
    let filtered = |outputs, state, reason, detail| Decision::Filtered {
        reason,
        outputs,
        state,
        detail,
    };
    Ok(match head {
        OutcomeHead::Processed(heads) => Decision::Processed {
            outputs: stored_outputs(heads, outputs)?,
            state,
            detail,
        },
        OutcomeHead::ProcessedDocuments(heads, content_types) => Decision::Processed {
            outputs: of_types(stored_outputs(heads, outputs)?, &content_types),
            state,
            detail,
        },
        OutcomeHead::ProcessedStopped {
            outputs: heads,
            content_types,
            stops,
        } => Decision::Processed {
            outputs: stopped(
                of_types(stored_outputs(heads, outputs)?, &content_types),
                &stops,
                note.into_bytes(),
            ),
            state,
            detail,
        },
        OutcomeHead::Filtered => filtered(Vec::new(), state, note, detail),
        OutcomeHead::FilteredTelling(heads) => filtered(stored_outputs(heads, outputs)?, state, note, detail),
        OutcomeHead::Refused { code, fault } => refused(code, &fault, Vec::new(), note, detail),
        OutcomeHead::RefusedTelling {
            outputs: heads,
            code,
            fault,
        } => refused(code, &fault, stored_outputs(heads, outputs)?, note, detail),
        OutcomeHead::Quarantined(fault) => quarantined(&fault, Vec::new(), note, detail),
        OutcomeHead::QuarantinedTelling(heads, fault) => {
            quarantined(&fault, stored_outputs(heads, outputs)?, note, detail)
        }
    })
}

/// Cuts the joined contents apart; they share one allocation.
fn stored_outputs(heads: OutputHeads, contents: Option<Bytes>) -> Result<Vec<NewOutput>, RecordError> {
    let mut left = contents;
    let cut = |(content_bytes, destinations)| {
        let content = match &mut left {
            None => Bytes::new(),
            Some(left) => {
                let size = usize::try_from(content_bytes).unwrap_or(usize::MAX);
                if size > left.len() {
                    return Err(RecordError::Lacks("outputs"));
                }
                left.split_to(size)
            }
        };
        Ok(NewOutput {
            content: content.into(),
            content_type: None,
            destinations,
            stopped: None,
        })
    };
    heads.into_iter().map(cut).collect()
}

fn of_types(mut outputs: Vec<NewOutput>, content_types: &[Option<&str>]) -> Vec<NewOutput> {
    for (output, content_type) in outputs.iter_mut().zip(content_types) {
        output.content_type = content_type.map(Arc::from);
    }
    outputs
}

/// Words that were erased, or not selected, are empty.
fn stopped(mut outputs: Vec<NewOutput>, stops: &[Option<StopHead<'_>>], mut words: Bytes) -> Vec<NewOutput> {
    for (output, stop) in outputs.iter_mut().zip(stops) {
        output.stopped = stop.as_ref().map(|stop| {
            let size = usize::try_from(stop.text_bytes).unwrap_or(usize::MAX);
            let text = words.split_to(size.min(words.len()));
            stored_fault(&stop.fault, text.into())
        });
    }
    outputs
}

fn stored_state(encoded: &[u8]) -> Result<Vec<StateChange>, RecordError> {
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    let heads: StateHeads = postcard::from_bytes(encoded)?;
    let change = |(plugin, schema_version, values): (_, _, Vec<(_, Option<Vec<u8>>)>)| StateChange {
        plugin,
        schema_version,
        values: values
            .into_iter()
            .map(|(key, value)| (key, value.map(Sealed::from)))
            .collect(),
    };
    Ok(heads.into_iter().map(change).collect())
}

fn stored_fault(head: &FaultHead<'_>, text: Sealed) -> StoredFault {
    StoredFault {
        kind: head.kind.to_owned(),
        summary: head.summary.to_owned(),
        hint: head.hint.map(str::to_owned),
        text,
    }
}

fn address(head: &DeliveryHead<'_>, message: MessageId) -> Address {
    Address {
        delivery: DeliveryId::from_i64(head.delivery),
        message,
        interface: Arc::from(head.interface),
        destination: Arc::from(head.destination),
    }
}
