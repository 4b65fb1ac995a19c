//! Differences of many messages, told together by place and by value.

use std::cmp::Reverse;
use std::collections::HashMap;

use transfuse_message::{Path, Payload};
use transfuse_store::MessageId;

use super::{Change, kept};

/// Places that are told apart. A mapping changes some dozens; beyond this something is wrong everywhere.
const GROUPS_MAX: usize = 1_000;

/// Pairs of values that are told apart at one place: enough for a code table, and not for names of patients without end.
const PAIRS_MAX: usize = 100;

/// Messages that are named for a pair of values: somebody opens two or three.
const EXAMPLES_MAX: usize = 5;

/// What messages differ in between two revisions.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    /// Messages that were compared.
    pub compared: u64,
    /// Those of them that differ in something that was not expected.
    pub differing: u64,
    /// Those that differ only where it was expected.
    pub as_expected: u64,
    /// Places beyond the limit, counted for each message.
    pub unlisted: u64,
    expected: Vec<Path>,
    groups: HashMap<String, Group>,
}

/// One place, with all its occurrences.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The place, such as `OBX-3.1`, `outcome` or `destinations`.
    pub place: String,
    /// Messages that differ there.
    pub messages: u64,
    /// From what to what, the most frequent first.
    pub pairs: Vec<Pair>,
    /// Messages whose pair of values is beyond the limit.
    pub unlisted: u64,
}

/// A value and what became of it.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Before; none where there was nothing.
    pub before: Option<Payload>,
    /// After.
    pub after: Option<Payload>,
    /// Messages in which it did.
    pub messages: u64,
    /// Some of them.
    pub examples: Vec<MessageId>,
}

impl Differences {
    /// None so far; what lies at or below one of these paths is expected to differ.
    #[must_use]
    pub fn expecting(expected: Vec<Path>) -> Self {
        Self {
            expected,
            ..Self::default()
        }
    }

    /// Adds what one message differs in. Says whether it differs in something that was not expected.
    pub fn add(&mut self, message: MessageId, changes: &[Change]) -> bool {
        self.compared += 1;
        let mut places: Vec<(String, Vec<&Change>)> = Vec::new();
        for change in changes.iter().filter(|change| !change.place.is_below(&self.expected)) {
            let place = change.place.group();
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, found)) => found.push(change),
                None => places.push((place, vec![change])),
            }
        }
        let differs = !places.is_empty();
        self.differing += u64::from(differs);
        self.as_expected += u64::from(!differs && !changes.is_empty());
        for (place, changes) in places {
            let has_room = self.groups.len() < GROUPS_MAX;
            match self.groups.get_mut(&place) {
                Some(group) => group.add(message, &changes),
                None if has_room => {
                    let mut group = Group::of(place.clone());
                    group.add(message, &changes);
                    self.groups.insert(place, group);
                }
                None => self.unlisted += 1,
            }
        }
        differs
    }

    /// The places, those of the most messages first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.groups.values().cloned().collect();
        groups.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.place.cmp(&b.place)));
        for group in &mut groups {
            group.pairs.sort_by_key(|pair| Reverse(pair.messages));
        }
        groups
    }
}

impl Group {
    fn of(place: String) -> Self {
        Self {
            place,
            ..Self::default()
        }
    }

    /// A message counts once, however often it differs here.
    fn add(&mut self, message: MessageId, changes: &[&Change]) {
        self.messages += 1;
        let mut counted = Vec::new();
        for change in changes {
            let (before, after) = (change.before.as_ref().map(kept), change.after.as_ref().map(kept));
            let is_it = |pair: &Pair| pair.before == before && pair.after == after;
            match self.pairs.iter().position(is_it) {
                Some(place) if counted.contains(&place) => {}
                Some(place) => {
                    counted.push(place);
                    self.pairs.get_mut(place).into_iter().for_each(|pair| pair.add(message));
                }
                None if self.pairs.len() < PAIRS_MAX => {
                    counted.push(self.pairs.len());
                    self.pairs.push(Pair {
                        before,
                        after,
                        messages: 1,
                        examples: vec![message],
                    });
                }
                None => self.unlisted += 1,
            }
        }
    }
}

impl Pair {
    fn add(&mut self, message: MessageId) {
        self.messages += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(message);
        }
    }
}
