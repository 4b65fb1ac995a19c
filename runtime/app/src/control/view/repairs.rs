//! Held deliveries and replays, for the wire.

use super::super::wire::repairs as wire;
use super::{of_many, summary, time};
use crate::repairs::{HeldOf, Left, LeftOnes, Recomputed, Replay, Replayed};

pub(crate) fn held(found: Vec<HeldOf>) -> wire::HeldList {
    wire::HeldList {
        holds: found.into_iter().map(hold).collect(),
    }
}

fn hold(held: HeldOf) -> wire::Hold {
    let HeldOf { hold, deliveries } = held;
    wire::Hold {
        interface: hold.interface,
        revision: hold.revision,
        author: hold.operator.author,
        reason: hold.operator.reason,
        held_at: time(hold.at_ms),
        destinations: deliveries
            .into_iter()
            .map(|one| wire::HeldFor {
                destination: one.destination,
                deliveries: one.deliveries,
                oldest_queued_at: time(one.oldest_queued_at_ms),
            })
            .collect(),
    }
}

pub(crate) fn recomputed(done: Recomputed) -> wire::Recomputed {
    let (left_count, left) = left(done.left);
    wire::Recomputed {
        on: done.on,
        processed: done.processed,
        filtered: done.filtered,
        left_count,
        left,
        has_more: done.has_more,
    }
}

pub(crate) fn replayed(done: Replayed, dry_run: bool) -> wire::Replayed {
    let (left_count, left) = left(done.left);
    wire::Replayed {
        interface: done.interface,
        on: done.on,
        candidate: done.candidate,
        dry_run,
        messages: done.messages.iter().map(replay).collect(),
        same: done.same,
        left_count,
        left,
        differences: of_many(&done.differences),
        approximate: done.approximate,
        newer: done.newer.messages.iter().map(summary).collect(),
        newer_has_more: done.newer.has_more,
        next: done.next.map(|id| id.to_string()),
    }
}

fn replay(replay: &Replay) -> wire::Replay {
    wire::Replay {
        message: summary(&replay.message),
        destinations: replay.destinations.iter().map(ToString::to_string).collect(),
        deliveries: replay.deliveries,
    }
}

pub(super) fn left(left: LeftOnes) -> (usize, Vec<wire::Left>) {
    let told = left.told.into_iter().map(|Left { message, reason }| wire::Left {
        message: message.to_string(),
        reason,
    });
    (left.count, told.collect())
}
