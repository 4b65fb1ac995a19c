//! Rows back into entries.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Row;

use super::super::entry::{Address, Entry, Event, MessageEvent, Ruling};
use super::{
    ArrivalHead, DeliveryHead, FORMAT, FaultHead, MessageHead, OutcomeHead, OutputHeads, RecordError, RulingHead, kind,
};
use crate::{Arrival, Decision, DeliveryId, MessageId, NewOutput, Sealed, Settlement, StoredFault};

/// Rows for [`entry`] with and without payloads: positions from ?1 to ?2, at most ?3 of them.
pub(in crate::journal) const SELECT_ALL: &str = "SELECT position, format, kind, at_ms, message, head, raw, outputs, \
    detail, note FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3";
pub(in crate::journal) const SELECT_HEADS: &str = "SELECT position, format, kind, at_ms, message, head FROM entries \
    WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3";

/// The payload columns of one row. Where they were not selected they are empty.
#[derive(Default)]
struct Payloads {
    raw: Sealed,
    outputs: Bytes,
    detail: Sealed,
    note: Sealed,
}

/// Position and entry of a row of [`SELECT_ALL`] or [`SELECT_HEADS`]. Without payloads every payload is empty, and
/// the rest is complete.
pub(in crate::journal) fn entry(row: &Row<'_>, with_payloads: bool) -> Result<(i64, Entry), RecordError> {
    let format: i64 = row.get(1)?;
    if format != FORMAT {
        return Err(RecordError::NewerFormat(format));
    }
    let kind: i64 = row.get(2)?;
    let message: Option<i64> = row.get(4)?;
    let head = row
        .get_ref(5)?
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)?
        .unwrap_or_default();
    let payloads = if with_payloads {
        read_payloads(row)?
    } else {
        Payloads::default()
    };
    let event = event(kind, message.map(MessageId::from_i64), head, payloads, with_payloads)?;
    Ok((
        row.get(0)?,
        Entry {
            at_ms: row.get(3)?,
            event,
        },
    ))
}

fn read_payloads(row: &Row<'_>) -> rusqlite::Result<Payloads> {
    let blob = |column| row.get::<_, Option<Vec<u8>>>(column).map(Option::unwrap_or_default);
    Ok(Payloads {
        raw: blob(6)?.into(),
        outputs: blob(7)?.into(),
        detail: blob(8)?.into(),
        note: blob(9)?.into(),
    })
}

fn event(
    kind: i64,
    message: Option<MessageId>,
    head: &[u8],
    payloads: Payloads,
    with_payloads: bool,
) -> Result<Event, RecordError> {
    let message = || message.ok_or(RecordError::Lacks("message"));
    Ok(match kind {
        kind::RECEIVED..=kind::QUARANTINED | kind::MERGED..kind::CHAIN_ATTEMPTED => Event::Message(message_event(
            message()?,
            postcard::from_bytes(head)?,
            payloads,
            with_payloads,
        )?),
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
            let settlement = Settlement::Delivered { answer: payloads.note };
            Event::DeliverySettled {
                delivery: address(&head, message()?),
                settlement,
            }
        }
        kind::DELIVERY_QUARANTINED => {
            let head: DeliveryHead<'_> = postcard::from_bytes(head)?;
            let delivery = address(&head, message()?);
            let fault = stored_fault(head.fault.as_ref().ok_or(RecordError::Lacks("fault"))?, payloads.note);
            Event::DeliverySettled {
                delivery,
                settlement: Settlement::Quarantined { fault },
            }
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
    payloads: Payloads,
    with_payloads: bool,
) -> Result<MessageEvent, RecordError> {
    let Payloads {
        raw,
        outputs,
        detail,
        note,
    } = payloads;
    let arrival = head.arrival.map(|arrival| stored_arrival(&arrival, raw));
    let ruling = match head.ruling {
        Some(ruling) => Some(stored_ruling(ruling, outputs, detail, note, with_payloads)?),
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
    }
}

fn stored_ruling(
    head: RulingHead<'_, OutputHeads>,
    outputs: Bytes,
    detail: Sealed,
    note: Sealed,
    with_payloads: bool,
) -> Result<Ruling, RecordError> {
    let decision = match head.outcome {
        OutcomeHead::Processed(heads) => Decision::Processed {
            outputs: stored_outputs(heads, outputs, with_payloads)?,
            detail,
        },
        OutcomeHead::Filtered => Decision::Filtered { reason: note, detail },
        OutcomeHead::Refused { code, fault } => Decision::Refused {
            code: code.to_owned(),
            fault: stored_fault(&fault, note),
            detail,
        },
        OutcomeHead::Quarantined(fault) => Decision::Quarantined {
            fault: stored_fault(&fault, note),
            detail,
        },
    };
    Ok(Ruling {
        interface: Arc::from(head.interface),
        revision: head.revision,
        first_delivery: DeliveryId::from_i64(head.first_delivery),
        decision,
    })
}

/// Cuts the joined contents apart; they share one allocation.
fn stored_outputs(heads: OutputHeads, mut contents: Bytes, with_payloads: bool) -> Result<Vec<NewOutput>, RecordError> {
    let cut = |(content_bytes, destinations)| {
        let size = if with_payloads {
            usize::try_from(content_bytes).unwrap_or(usize::MAX)
        } else {
            0
        };
        if size > contents.len() {
            return Err(RecordError::Lacks("outputs"));
        }
        Ok(NewOutput {
            content: contents.split_to(size).into(),
            destinations,
        })
    };
    heads.into_iter().map(cut).collect()
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
