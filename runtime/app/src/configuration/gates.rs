//! `[gates]` in `transfuse.toml`: what a change has to pass before it goes live.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::section::Section;
use crate::identity::SecondPerson;

/// What is looked at. How much worse a revision may be says `[budget]`, and what may differ its `expect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GateSettings {
    /// Whether the packages' own vectors are run here.
    pub(crate) vectors: bool,
    /// How many of the last messages are run by the live and by the new revision, where nobody has chosen others; 0 for none.
    pub(crate) replay_messages: usize,
    /// How long that may take for one interface. What was run by then is what is judged.
    pub(crate) replay_time: Duration,
    /// What becomes of a change whose messages come out differently.
    pub(crate) differences: OnDifference,
    /// How the second person is known who has to approve what goes live; none where nobody has to.
    pub(crate) approval: Option<SecondPerson>,
    /// Whether a gate that fails may be waived.
    pub(crate) waive: bool,
}

/// What messages that come out differently mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDifference {
    /// They are shown.
    Report,
    /// The change is refused, where more of them do than `[budget]` allows.
    Refuse,
}

/// A thousand messages tell two faults in a hundred from none, and take some seconds.
const REPLAY_MESSAGES: u64 = 1_000;

/// More is an hour's work, and the last ten thousand say no more of a mapping than the last thousand.
const REPLAY_MESSAGES_RANGE: RangeInclusive<u64> = 0..=REPLAY_MESSAGES_MAX;

/// The same where somebody chooses them.
pub(crate) const REPLAY_MESSAGES_MAX: u64 = 10_000;

/// Whoever has made a change waits for it.
const REPLAY_TIME: Duration = Duration::from_mins(2);

/// Longer than this the command that asks for the change does not wait, where several interfaces change.
const REPLAY_TIME_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            vectors: true,
            replay_messages: count(REPLAY_MESSAGES),
            replay_time: REPLAY_TIME,
            differences: OnDifference::Report,
            approval: None,
            waive: true,
        }
    }
}

pub(super) fn read(mut section: Section<'_>) -> GateSettings {
    let defaults = GateSettings::default();
    let choices = [("report", OnDifference::Report), ("refuse", OnDifference::Refuse)];
    let settings = GateSettings {
        vectors: section.flag("vectors").unwrap_or(defaults.vectors),
        replay_messages: section
            .count("replay", &REPLAY_MESSAGES_RANGE)
            .map_or(defaults.replay_messages, count),
        replay_time: section
            .duration("replay_for", &REPLAY_TIME_RANGE)
            .unwrap_or(defaults.replay_time),
        differences: section
            .choice("differences", &choices)
            .map_or(defaults.differences, |choice| choice.value),
        approval: approval(&mut section),
        waive: section.flag("waive").unwrap_or(defaults.waive),
    };
    section.finish();
    settings
}

/// `true` is the safe one of the two ways.
fn approval(section: &mut Section<'_>) -> Option<SecondPerson> {
    if section.peek("approval").is_some() {
        let choices = [("accounts", SecondPerson::Account), ("sudo", SecondPerson::Sudo)];
        return section.choice("approval", &choices).map(|choice| choice.value);
    }
    let is_wanted = section.flag("approval").unwrap_or_default();
    is_wanted.then_some(SecondPerson::Account)
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
