//! Held lanes, for the wire.

use transfuse_store::{HeldLane, HeldLaneList, Lanes};

use super::super::wire::lanes as wire;
use super::time;

pub(crate) fn held(found: HeldLaneList) -> wire::HeldLanes {
    wire::HeldLanes {
        held: found.held.into_iter().map(lane).collect(),
        total: found.total,
    }
}

fn lane(held: HeldLane) -> wire::HeldLane {
    let lanes = match &held.lanes {
        Lanes::Of { numbers, .. } => Some(numbers.iter().map(|number| format!("{number:08x}")).collect()),
        Lanes::All | Lanes::None => None,
    };
    wire::HeldLane {
        interface: held.interface,
        destination: held.destination,
        message: held.message.to_string(),
        lanes,
        held_since: time(held.since_ms),
        why: held.why,
        waiting: held.waiting,
    }
}
