//! Differences of many messages, for the wire.

use transfuse_engine as engine;
use transfuse_message::Payload;

use super::super::wire::{Words, differences as wire};

pub(crate) fn of_many(found: &engine::Differences) -> wire::Differences {
    wire::Differences {
        compared: found.compared,
        differing: found.differing,
        as_expected: found.as_expected,
        places: found.groups().into_iter().map(place).collect(),
        unlisted: found.unlisted,
    }
}

fn place(group: engine::Group) -> wire::DifferingPlace {
    wire::DifferingPlace {
        place: group.place,
        messages: group.messages,
        pairs: group.pairs.into_iter().map(pair).collect(),
        unlisted: group.unlisted,
    }
}

fn pair(pair: engine::Pair) -> wire::Pair {
    let words = |value: Option<Payload>| value.map(|value| Words::from(value.lossy_text().into_owned()));
    wire::Pair {
        before: words(pair.before),
        after: words(pair.after),
        messages: pair.messages,
        examples: pair.examples.iter().map(ToString::to_string).collect(),
    }
}
