//! What the journal records.

use std::sync::Arc;

use crate::lanes::Holding;
use crate::operation::Operation;
use crate::{Arrival, Decision, DeliveryId, Lanes, MessageId, NewOutput, Sealed, Settlement, Stage, StateChange};

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// When it was queued for the journal, in milliseconds since 1970 UTC.
    pub(crate) at_ms: i64,
    pub(crate) event: Event,
}

#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event is a message: a box would cost each of them an allocation and save no memory"
)]
pub(crate) enum Event {
    /// A message arrived, or was decided, or both.
    Message(MessageEvent),
    /// A run of a message's chain was announced.
    ChainAttempted { message: MessageId, attempt: u32 },
    /// An attempt to deliver failed.
    DeliveryAttempted { delivery: Address, fault: String },
    /// A delivery ended.
    DeliverySettled {
        delivery: Address,
        settlement: Settlement,
        /// What waits behind it from now on.
        holds: Option<Holding>,
    },
    /// Somebody did something to deliveries or to a decided message.
    Operated(Box<Operation>),
    /// An engine took the folder.
    EngineStarted { process: u32 },
    /// An engine ended with nothing left to write.
    EngineStopped,
}

/// At least one of the two is present; both when the decision met the arrival on its way to the disk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MessageEvent {
    pub(crate) id: MessageId,
    pub(crate) arrival: Option<Arrival>,
    pub(crate) ruling: Option<Ruling>,
}

/// A decision with what it needs to stand alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ruling {
    pub(crate) interface: Arc<str>,
    pub(crate) revision: u32,
    /// Id of the first delivery; the others follow without a gap, output by output, destination by destination.
    pub(crate) first_delivery: DeliveryId,
    pub(crate) decision: Decision,
    /// The lanes of its deliveries. What is decided again belongs to none: it is behind all others, and out of order.
    pub(crate) lanes: Lanes,
    /// What waits behind the message from now on; of one that was processed, behind each delivery of it that was stopped.
    pub(crate) holds: Option<Holding>,
    /// Who sent it, where that is told no, or was told no about the same message before.
    pub(crate) sender: Option<Arc<str>>,
    /// The message that this one is once more.
    pub(crate) repeats: Option<MessageId>,
}

/// A delivery and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(crate) delivery: DeliveryId,
    pub(crate) message: MessageId,
    pub(crate) interface: Arc<str>,
    pub(crate) destination: Arc<str>,
}

/// What an entry costs in the file beside its payloads, roughly: names, numbers, the row's own header.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 200;

impl Ruling {
    /// The delivery from which on what it holds waits: none of its own does.
    pub(crate) fn holds_from(&self) -> DeliveryId {
        DeliveryId::from_i64(self.first_delivery.as_i64() + i64::from(self.decision.deliveries()))
    }
}

impl Entry {
    /// Adds the decision to the arrival of its message.
    pub(crate) fn decide(&mut self, at_ms: i64, ruling: Ruling) {
        if let Event::Message(event) = &mut self.event {
            event.ruling = Some(ruling);
            self.at_ms = at_ms;
        }
    }

    /// About how many bytes the entry takes, in memory and in the file.
    pub(crate) fn bytes(&self) -> usize {
        ENTRY_OVERHEAD_BYTES
            + match &self.event {
                Event::Message(event) => event.bytes(),
                Event::DeliveryAttempted { fault, .. } => fault.len(),
                Event::DeliverySettled { settlement, .. } => match settlement {
                    Settlement::Delivered { answer } => answer.len(),
                    Settlement::Quarantined { fault } => fault.text.len() + fault.summary.len(),
                },
                Event::Operated(operation) => operation.bytes(),
                Event::ChainAttempted { .. } | Event::EngineStarted { .. } | Event::EngineStopped => 0,
            }
    }
}

impl Event {
    /// The arrival, if this is one.
    pub(crate) fn into_arrival(self) -> Option<Arrival> {
        match self {
            Self::Message(event) => event.arrival,
            _ => None,
        }
    }
}

impl MessageEvent {
    fn bytes(&self) -> usize {
        self.arrival.as_ref().map_or(0, |arrival| arrival.raw.len())
            + self.ruling.as_ref().map_or(0, |ruling| ruling.decision.bytes())
    }
}

impl Decision {
    /// The stage that a message is in once this is decided.
    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Processed { .. } => Stage::Processed,
            Self::Filtered { .. } => Stage::Filtered,
            Self::Refused { .. } => Stage::Refused,
            Self::Quarantined { .. } => Stage::Quarantined,
        }
    }

    /// What leaves the engine because of it.
    pub(crate) fn outputs(&self) -> &[NewOutput] {
        match self {
            Self::Processed { outputs, .. }
            | Self::Filtered { outputs, .. }
            | Self::Refused { outputs, .. }
            | Self::Quarantined { outputs, .. } => outputs,
        }
    }

    /// The engine's notes about the run, for whoever has sealed them: nobody who is handed an entry wants them.
    pub(crate) fn detail_mut(&mut self) -> &mut Sealed {
        match self {
            Self::Processed { detail, .. }
            | Self::Filtered { detail, .. }
            | Self::Refused { detail, .. }
            | Self::Quarantined { detail, .. } => detail,
        }
    }

    /// What plugins keep because of it.
    pub(crate) fn state(&self) -> &[StateChange] {
        match self {
            Self::Processed { state, .. } | Self::Filtered { state, .. } => state,
            Self::Refused { .. } | Self::Quarantined { .. } => &[],
        }
    }

    /// Whether something of it was stopped on its way to a destination.
    pub(crate) fn is_stopped(&self) -> bool {
        let is_processed = matches!(self, Self::Processed { .. });
        is_processed && self.outputs().iter().any(|output| output.stopped.is_some())
    }

    /// How many deliveries it makes.
    pub(crate) fn deliveries(&self) -> u32 {
        self.outputs()
            .iter()
            .map(|output| u32::try_from(output.destinations.len()).unwrap_or(u32::MAX))
            .sum()
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let outputs = self.outputs().iter().map(NewOutput::bytes).sum::<usize>();
        let state = self.state().iter().map(StateChange::bytes).sum::<usize>();
        outputs
            + state
            + match self {
                Self::Processed { detail, .. } => detail.len(),
                Self::Filtered { reason, detail, .. } => reason.len() + detail.len(),
                Self::Refused { fault, detail, .. } | Self::Quarantined { fault, detail, .. } => {
                    fault.text.len() + fault.summary.len() + detail.len()
                }
            }
    }
}

impl NewOutput {
    fn bytes(&self) -> usize {
        let stopped = self.stopped.as_ref();
        self.content.len() + stopped.map_or(0, |fault| fault.text.len() + fault.summary.len())
    }
}

impl StateChange {
    fn bytes(&self) -> usize {
        let size = |(key, value): &(String, Option<Sealed>)| key.len() + value.as_ref().map_or(0, Sealed::len);
        self.values.iter().map(size).sum()
    }
}
