//! The details of decisions, in the order of the journal.

use std::sync::Arc;

use super::Reading;
use crate::journal::{Entry, Event, Payloads};
use crate::usage::{DetailRecord, Details};
use crate::{Decision, ReadError, Sealed};

/// At most `limit` entries behind a position, up to `end`.
pub(super) fn behind(reading: &mut Reading, after: i64, end: i64, limit: usize) -> Result<Details, ReadError> {
    let mut records = Vec::new();
    let next = reading
        .journal
        .range(after + 1, end, limit, Payloads::Detail, |position, entry| {
            records.extend(record(position, entry));
        })?;
    let through = (next - 1).max(after);
    Ok(Details {
        records,
        through,
        left: u64::try_from(end - through).unwrap_or_default(),
    })
}

/// The decision at a position; none where the journal no longer has it.
pub(super) fn at(reading: &mut Reading, position: i64) -> Result<Option<DetailRecord>, ReadError> {
    let entry = reading.journal.entry(position, Payloads::Detail)?;
    Ok(entry.and_then(|entry| record(position, entry)))
}

fn record(position: i64, entry: Entry) -> Option<DetailRecord> {
    let Event::Message(event) = entry.event else {
        return None;
    };
    let ruling = event.ruling?;
    Some(DetailRecord {
        position,
        at_ms: entry.at_ms,
        message: event.id,
        interface: ruling.interface,
        revision: ruling.revision,
        destinations: destinations_of(&ruling.decision),
        detail: detail_of(ruling.decision),
    })
}

fn destinations_of(decision: &Decision) -> Vec<Arc<str>> {
    let outputs = decision.outputs().iter();
    outputs
        .flat_map(|output| output.destinations.iter().map(Arc::clone))
        .collect()
}

fn detail_of(decision: Decision) -> Sealed {
    match decision {
        Decision::Processed { detail, .. }
        | Decision::Filtered { detail, .. }
        | Decision::Refused { detail, .. }
        | Decision::Quarantined { detail, .. } => detail,
    }
}
