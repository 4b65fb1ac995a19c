//! Edited messages, and what is given up, for the wire.

use transfuse_message::Message;
use transfuse_store::{MessageRecord, Sealed};

use super::super::wire::{self, quarantine as told};
use super::repairs::left;
use super::{content, difference, summary, time};
use crate::repairs::{Discarded, EditedOne, EditedOnes};

/// What a message was given, each against what it was before.
pub(super) fn edits(record: &MessageRecord, read: &impl Fn(&Sealed) -> Option<Message>) -> Vec<wire::Edit> {
    let mut before = read(&record.raw);
    let mut edits = Vec::new();
    for edit in &record.edits {
        let after = read(&edit.content);
        let differences = before.as_ref().zip(after.as_ref());
        let differences = differences.map(|(before, after)| transfuse_message::differences(before, after));
        edits.push(wire::Edit {
            at: time(edit.at_ms),
            author: edit.operator.author.clone(),
            reason: edit.operator.reason.clone(),
            content: content(&edit.content),
            differences: differences.map(|found| found.into_iter().map(difference).collect()),
        });
        before = after;
    }
    edits
}

pub(crate) fn edited(done: EditedOnes, dry_run: bool) -> told::Edited {
    let (left_count, left) = left(done.left);
    told::Edited {
        interface: done.interface,
        dry_run,
        messages: done.messages.into_iter().map(edited_one).collect(),
        left_count,
        left,
        next: done.next.map(|id| id.to_string()),
    }
}

fn edited_one(one: EditedOne) -> told::EditedOne {
    told::EditedOne {
        message: summary(&one.message),
        differences: one.differences.map(|found| found.into_iter().map(difference).collect()),
        holds_lanes: one.holds_lanes,
    }
}

pub(crate) fn discarded(done: Discarded, dry_run: bool) -> told::Discarded {
    let (left_count, left) = left(done.left);
    let one = |(message, destinations): &(_, Vec<String>)| told::DiscardedOne {
        message: summary(message),
        destinations: destinations.clone(),
    };
    told::Discarded {
        interface: done.interface,
        dry_run,
        messages: done.messages.iter().map(one).collect(),
        left_count,
        left,
        holding_lanes: done.holding.iter().map(ToString::to_string).collect(),
        next: done.next.map(|id| id.to_string()),
    }
}
