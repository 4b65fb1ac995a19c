//! Stored messages that were run again, for the wire.

use transfuse_engine::Change;
use transfuse_message::Payload;
use transfuse_store::MessageId;

use super::super::wire::past as wire;
use super::super::wire::{Difference, Reason, Words};
use crate::past::{Explanation, Found, MadeBy, Maker, Standing, Verified};
use crate::selection::Reasons;

pub(crate) fn verified(verified: Verified) -> wire::Verified {
    wire::Verified {
        identical: verified.identical,
        other_fuel: verified.other_fuel,
        different: verified.different,
        listed: verified.listed.into_iter().map(found).collect(),
        not_verifiable: reasons(verified.not_verifiable),
        last: verified.last.map(|id| id.to_string()),
    }
}

/// Why something was not done with messages.
pub(crate) fn reasons(reasons: Reasons) -> Vec<Reason> {
    let reasons = reasons.0.into_iter();
    let reason = |(why, (messages, examples)): (String, (u64, Vec<MessageId>))| Reason {
        why,
        messages,
        examples: examples.iter().map(ToString::to_string).collect(),
    };
    reasons.map(reason).collect()
}

fn found(found: Found) -> wire::VerifiedMessage {
    wire::VerifiedMessage {
        id: found.id.to_string(),
        interface: found.interface,
        revision: found.revision,
        differences: found.changes.into_iter().map(change).collect(),
    }
}

/// One place in which two runs differ.
fn change(change: Change) -> Difference {
    let path = match &change.place {
        transfuse_engine::Place::Field(path) => path.clone(),
        other => other.group(),
    };
    Difference {
        path,
        before: change.before.map(|value| words(&value)),
        after: change.after.map(|value| words(&value)),
    }
}

pub(crate) fn explanation(told: Explanation) -> wire::Explanation {
    wire::Explanation {
        id: told.id.to_string(),
        interface: told.interface,
        revision: told.revision,
        path: told.path.to_string(),
        output: told.output + 1,
        input: told.input.as_ref().map(standing),
        steps: told
            .seen
            .into_iter()
            .map(|seen| wire::ExplainedStep {
                plugin: seen.plugin,
                version: seen.version,
                value: seen.value.as_ref().map(standing),
                changed: seen.is_changed,
                fuel: seen.fuel,
            })
            .collect(),
        made_by: told.maker.map(made_by),
        ended: told.ended,
        stored: told.stored.as_ref().map(standing),
        doubts: told.doubts,
    }
}

fn made_by(maker: Maker) -> wire::MadeBy {
    wire::MadeBy {
        step: maker.step + 1,
        plugin: maker.plugin,
        version: maker.version,
        digest: maker.digest,
        edit: maker.made.map(edit),
        rows: maker
            .rows
            .into_iter()
            .map(|row| wire::TableRow {
                table: row.table,
                column: row.column,
                value: words(&row.value),
                digest: row.digest,
                row: row.row,
                cells: row.cells.into_iter().map(Words::from).collect(),
            })
            .collect(),
    }
}

fn edit(made: MadeBy) -> wire::MadeByEdit {
    let context = made.raised.as_ref().map(|raised| &raised.context);
    wire::MadeByEdit {
        deed: made.deed.as_str().to_owned(),
        context: context.filter(|context| !context.is_empty()).map(words),
        function: made.function().map(str::to_owned),
        line: made.line().map(str::to_owned),
        quote: made.quote.map(Words::from),
        path: made.path,
    }
}

fn standing(value: &Standing) -> Words {
    words(&value.text)
}

fn words(value: &Payload) -> Words {
    Words::from(value.lossy_text().into_owned())
}
