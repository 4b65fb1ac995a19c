//! The heads. Their fields are the file format: the order is fixed, and a change makes a new format.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::super::entry::{Address, MessageEvent, Ruling};
use super::{has_documents, tells};
use crate::{Decision, NewOutput, Sealed, StateChange, StoredFault};

#[derive(Serialize, Deserialize)]
pub(super) struct MessageHead<'a, Outputs> {
    #[serde(borrow)]
    pub(super) arrival: Option<ArrivalHead<'a>>,
    #[serde(borrow)]
    pub(super) ruling: Option<RulingHead<'a, Outputs>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ArrivalHead<'a> {
    pub(super) interface: &'a str,
    pub(super) revision: u32,
    pub(super) received_at_ms: i64,
    pub(super) source: &'a str,
    pub(super) control_id: &'a str,
    pub(super) message_type: &'a str,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RulingHead<'a, Outputs> {
    pub(super) interface: &'a str,
    pub(super) revision: u32,
    pub(super) first_delivery: i64,
    #[serde(borrow)]
    pub(super) outcome: OutcomeHead<'a, Outputs>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum OutcomeHead<'a, Outputs> {
    Processed(Outputs),
    Filtered,
    Refused {
        code: &'a str,
        #[serde(borrow)]
        fault: FaultHead<'a>,
    },
    Quarantined(#[serde(borrow)] FaultHead<'a>),
    // From here on format 2: the last three, with outputs.
    FilteredTelling(Outputs),
    RefusedTelling {
        outputs: Outputs,
        code: &'a str,
        #[serde(borrow)]
        fault: FaultHead<'a>,
    },
    QuarantinedTelling(Outputs, #[serde(borrow)] FaultHead<'a>),
    // From here on format 3: the media type of each output that is a document.
    ProcessedDocuments(Outputs, Vec<Option<&'a str>>),
    // From here on format 6: also what stopped each output on its way, if anything did.
    ProcessedStopped {
        outputs: Outputs,
        #[serde(borrow)]
        content_types: Vec<Option<&'a str>>,
        #[serde(borrow)]
        stops: Vec<Option<StopHead<'a>>>,
    },
}

/// What stopped an output. Its words are a part of `note`, in the order of the outputs.
#[derive(Serialize, Deserialize)]
pub(super) struct StopHead<'a> {
    #[serde(borrow)]
    pub(super) fault: FaultHead<'a>,
    pub(super) text_bytes: u64,
}

/// Outputs as they are read: size of the content and names of the destinations.
pub(super) type OutputHeads = Vec<(u64, Vec<Arc<str>>)>;

/// Outputs as they are written: the same encoding, without an allocation.
pub(super) struct OutputsWritten<'a>(pub(super) &'a [NewOutput]);

/// State as it is read.
pub(super) type StateHeads = Vec<(Arc<str>, u32, Vec<(String, Option<Vec<u8>>)>)>;

/// State as it is written: the same encoding.
pub(super) struct StateWritten<'a>(pub(super) &'a [StateChange]);

#[derive(Serialize, Deserialize)]
pub(super) struct FaultHead<'a> {
    pub(super) kind: &'a str,
    pub(super) summary: &'a str,
    pub(super) hint: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DeliveryHead<'a> {
    pub(super) delivery: i64,
    pub(super) interface: &'a str,
    pub(super) destination: &'a str,
    /// Of a failed attempt.
    pub(super) attempt_fault: Option<&'a str>,
    /// Of a delivery in quarantine.
    #[serde(borrow)]
    pub(super) fault: Option<FaultHead<'a>>,
}

/// Lanes as `Lanes::stored` has them, and what is held: its lanes, and whether it is so at every destination.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LanesTail {
    pub(super) lanes: Option<Vec<u32>>,
    pub(super) holds: Option<(Option<Vec<u32>>, bool)>,
}

/// What is known of few messages.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MarksTail<'a> {
    pub(super) sender: Option<&'a str>,
    /// The message that this one is once more.
    pub(super) repeats: Option<i64>,
    #[serde(borrow)]
    pub(super) digest: Option<&'a [u8]>,
}

pub(super) fn message_head(event: &MessageEvent) -> MessageHead<'_, OutputsWritten<'_>> {
    MessageHead {
        arrival: event.arrival.as_ref().map(|arrival| ArrivalHead {
            interface: &arrival.interface,
            revision: arrival.revision,
            received_at_ms: arrival.received_at_ms,
            source: &arrival.source,
            control_id: &arrival.control_id,
            message_type: &arrival.message_type,
        }),
        ruling: event.ruling.as_ref().map(ruling_head),
    }
}

pub(super) fn ruling_head(ruling: &Ruling) -> RulingHead<'_, OutputsWritten<'_>> {
    RulingHead {
        interface: &ruling.interface,
        revision: ruling.revision,
        first_delivery: ruling.first_delivery.as_i64(),
        outcome: outcome_head(&ruling.decision),
    }
}

fn outcome_head(decision: &Decision) -> OutcomeHead<'_, OutputsWritten<'_>> {
    let outputs = OutputsWritten(decision.outputs());
    let outputs_of = decision.outputs().iter();
    let content_types = || {
        outputs_of
            .clone()
            .map(|output| output.content_type.as_deref())
            .collect()
    };
    if decision.is_stopped() {
        return OutcomeHead::ProcessedStopped {
            outputs,
            content_types: content_types(),
            stops: outputs_of
                .clone()
                .map(|output| output.stopped.as_ref().map(stop_head))
                .collect(),
        };
    }
    if has_documents(decision) {
        let content_types = content_types();
        return OutcomeHead::ProcessedDocuments(outputs, content_types);
    }
    match (decision, tells(decision)) {
        (Decision::Processed { .. }, _) => OutcomeHead::Processed(outputs),
        (Decision::Filtered { .. }, false) => OutcomeHead::Filtered,
        (Decision::Filtered { .. }, true) => OutcomeHead::FilteredTelling(outputs),
        (Decision::Refused { code, fault, .. }, false) => OutcomeHead::Refused {
            code,
            fault: fault_head(fault),
        },
        (Decision::Refused { code, fault, .. }, true) => OutcomeHead::RefusedTelling {
            outputs,
            code,
            fault: fault_head(fault),
        },
        (Decision::Quarantined { fault, .. }, false) => OutcomeHead::Quarantined(fault_head(fault)),
        (Decision::Quarantined { fault, .. }, true) => OutcomeHead::QuarantinedTelling(outputs, fault_head(fault)),
    }
}

pub(super) fn fault_head(fault: &StoredFault) -> FaultHead<'_> {
    FaultHead {
        kind: &fault.kind,
        summary: &fault.summary,
        hint: fault.hint.as_deref(),
    }
}

fn stop_head(fault: &StoredFault) -> StopHead<'_> {
    StopHead {
        fault: fault_head(fault),
        text_bytes: fault.text.len() as u64,
    }
}

pub(super) fn delivery_head<'a>(
    delivery: &'a Address,
    attempt_fault: Option<&'a str>,
    fault: Option<FaultHead<'a>>,
) -> DeliveryHead<'a> {
    DeliveryHead {
        delivery: delivery.delivery.as_i64(),
        interface: &delivery.interface,
        destination: &delivery.destination,
        attempt_fault,
        fault,
    }
}

impl Serialize for OutputsWritten<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .iter()
                .map(|output| (output.content.len() as u64, output.destinations.as_slice())),
        )
    }
}

impl Serialize for StateWritten<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|change| {
            let values: Vec<(&str, Option<&[u8]>)> = change
                .values
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_ref().map(Sealed::as_slice)))
                .collect();
            (&*change.plugin, change.schema_version, values)
        }))
    }
}
