//! What a stretch of the journal changes, gathered before it is written: each message and delivery once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::operation::{Closing, OperationKind, Operator};
use crate::{DeliveryStage, Digest, Lanes, Sealed, Stage};

/// Changes since the last transaction. Sorted, so that rows are appended in order.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) messages: BTreeMap<i64, MessageChange>,
    pub(super) deliveries: BTreeMap<i64, DeliveryChange>,
    pub(super) interfaces: BTreeMap<i64, StageCounts>,
    /// By interface: messages that came before.
    pub(super) repeats: BTreeMap<i64, i64>,
    pub(super) queues: BTreeMap<i64, QueueChange>,
    /// By interface and plugin.
    pub(super) states: BTreeMap<(i64, Arc<str>), StateChanges>,
    /// Messages whose sender is known, in the order of their decisions: what was refused, and what was accepted after that.
    pub(super) named: Vec<Named>,
    /// What holds lanes from now on.
    pub(super) lane_holds: Vec<NewLaneHold>,
    /// What somebody did after all of that: it changes rows, and nothing is gathered behind it.
    pub(super) operation: Option<NewOperation>,
    pub(super) last_message: i64,
    pub(super) last_delivery: i64,
    /// Entries in here.
    pub(super) entries: usize,
}

/// What a plugin of an interface keeps from now on.
#[derive(Debug)]
pub(super) struct StateChanges {
    /// The interface's name: what is kept is sealed with its key.
    pub(super) interface: Arc<str>,
    pub(super) schema_version: u32,
    /// By key; `None` where it was taken out.
    pub(super) values: BTreeMap<String, Option<Sealed>>,
}

/// By how much the number of messages in each stage changes, in the order of `Stage::ALL`.
pub(super) type StageCounts = [i64; Stage::ALL.len()];

#[derive(Debug, Default)]
pub(super) struct MessageChange {
    /// The message is new.
    pub(super) arrival: Option<NewMessage>,
    pub(super) ruling: Option<NewRuling>,
    /// The highest number of an announced run.
    pub(super) attempts: Option<u32>,
}

#[derive(Debug)]
pub(super) struct NewMessage {
    pub(super) interface: i64,
    pub(super) revision: u32,
    pub(super) received_at_ms: i64,
    pub(super) position: i64,
    pub(super) source: String,
    pub(super) control_id: String,
    pub(super) message_type: String,
    pub(super) digest: Option<Digest>,
}

#[derive(Debug)]
pub(super) struct NewRuling {
    pub(super) stage: Stage,
    pub(super) revision: u32,
    pub(super) at_ms: i64,
    pub(super) position: i64,
    pub(super) first_delivery: Option<i64>,
    pub(super) deliveries: u32,
    pub(super) fault_kind: Option<String>,
    pub(super) fault_summary: Option<String>,
    /// The message that this one is once more.
    pub(super) repeats: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct DeliveryChange {
    /// The delivery is new.
    pub(super) queued: Option<NewDelivery>,
    /// Failed attempts.
    pub(super) attempts: u32,
    pub(super) last_fault: Option<String>,
    pub(super) settled: Option<Settled>,
}

#[derive(Debug)]
pub(super) struct NewDelivery {
    pub(super) message: i64,
    pub(super) queue: i64,
    pub(super) output: u32,
    pub(super) at_ms: i64,
    pub(super) position: i64,
    /// The revision that made it.
    pub(super) revision: u32,
    pub(super) is_held: bool,
    pub(super) lanes: Lanes,
}

/// A message whose sender is known.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) message: i64,
    pub(super) sender: Arc<str>,
    pub(super) is_refused: bool,
}

/// Something in quarantine, and what waits behind it.
#[derive(Debug)]
pub(super) struct NewLaneHold {
    pub(super) position: i64,
    pub(super) interface: i64,
    /// None where it is so at every destination.
    pub(super) queue: Option<i64>,
    pub(super) message: i64,
    pub(super) from_delivery: i64,
    pub(super) lanes: Lanes,
    pub(super) at_ms: i64,
    pub(super) why: String,
}

/// Something that somebody did.
#[derive(Debug)]
pub(super) struct NewOperation {
    pub(super) position: i64,
    pub(super) at_ms: i64,
    pub(super) interface: i64,
    pub(super) kind: OperationKind,
    pub(super) revision: u32,
    pub(super) operator: Operator,
    /// The message that it is about; none where it is about many.
    pub(super) message: Option<i64>,
    /// What leaves quarantine without going anywhere.
    pub(super) closing: Option<Closing>,
    /// Of a message that was decided anew.
    pub(super) decided: Option<DecidedAnew>,
}

#[derive(Debug)]
pub(super) struct DecidedAnew {
    pub(super) message: i64,
    pub(super) stage: Stage,
    pub(super) first_new: Option<i64>,
    pub(super) new_deliveries: u32,
    /// Held deliveries that go on with another content.
    pub(super) replaced: Vec<Replaced>,
    /// Held deliveries that are never made.
    pub(super) dropped: Vec<i64>,
    /// Deliveries that leave quarantine, because something is delivered in their place.
    pub(super) taken_up: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) delivery: i64,
    pub(super) output: u32,
}

#[derive(Debug)]
pub(super) struct Settled {
    pub(super) stage: DeliveryStage,
    pub(super) at_ms: i64,
    pub(super) position: i64,
}

#[derive(Debug, Default)]
pub(super) struct QueueChange {
    pub(super) pending: i64,
    pub(super) delivered: i64,
    pub(super) quarantined: i64,
    /// The highest delivery that was made.
    pub(super) last_delivered: i64,
    /// The last thing that happened to one of its deliveries.
    pub(super) last_event: Option<QueueEvent>,
}

#[derive(Debug)]
pub(super) struct QueueEvent {
    pub(super) position: i64,
    /// The fault and its time, or nothing after a success.
    pub(super) fault: Option<(String, i64)>,
}
