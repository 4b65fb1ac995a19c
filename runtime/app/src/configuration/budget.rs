//! `[budget]` in `transfuse.toml`: how much worse than the one before a revision may be, before it is taken out of use.

use std::ops::RangeInclusive;
use std::time::Duration;

use transfuse_engine::Budget;
use transfuse_message::Path;

use super::section::Section;

/// How changes are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetSettings {
    pub(crate) budget: Budget,
    /// Fields that are expected to differ, with what lies in them.
    pub(crate) expected: Vec<Path>,
    /// How long a revision is watched once it is live; none where it is not.
    pub(crate) watch: Option<Bounds>,
}

/// Where something ends: after so many messages, and after so much time at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) messages: u64,
    pub(crate) time: Duration,
}

/// A thousand messages tell two faults in a hundred from none; a slow feed has as many in half a day.
const MESSAGES: u64 = 1_000;

/// Over this, somebody has gone home and come back.
const TIME: Duration = Duration::from_hours(12);

pub(super) const MESSAGES_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// Longer than a month nobody remembers what was changed.
pub(super) const TIME_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(31 * 24);

impl Default for Bounds {
    fn default() -> Self {
        Self {
            messages: MESSAGES,
            time: TIME,
        }
    }
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            expected: Vec::new(),
            watch: Some(Bounds::default()),
        }
    }
}

pub(super) fn read(mut section: Section<'_>) -> BudgetSettings {
    let defaults = Budget::default();
    let (some, all) = (0..=1_000, 100..=100_000);
    let budget = Budget {
        faults_per_mille: section.per_mille("faults", &some).unwrap_or(defaults.faults_per_mille),
        rejections_per_mille: section
            .per_mille("rejections", &some)
            .unwrap_or(defaults.rejections_per_mille),
        differing_per_mille: section.per_mille("differences", &some),
        slower_percent: section
            .per_mille("slower", &(all.start() * 10..=all.end() * 10))
            .map_or(defaults.slower_percent, |per_mille| per_mille / 10),
        messages_min: section
            .count("messages_min", &MESSAGES_RANGE)
            .unwrap_or(defaults.messages_min),
        events_min: section
            .count("events_min", &MESSAGES_RANGE)
            .unwrap_or(defaults.events_min),
    };
    let expected = paths(&mut section);
    let is_watched = section.flag("watch").unwrap_or(true);
    let bounds = Bounds {
        messages: section.count("watch_messages", &MESSAGES_RANGE).unwrap_or(MESSAGES),
        time: section.duration("watch_for", &TIME_RANGE).unwrap_or(TIME),
    };
    section.finish();
    BudgetSettings {
        budget,
        expected,
        watch: is_watched.then_some(bounds),
    }
}

fn paths(section: &mut Section<'_>) -> Vec<Path> {
    let texts = section.texts("expect").unwrap_or_default();
    let read = texts.into_iter().filter_map(|text| match text.value.parse::<Path>() {
        Ok(path) => Some(path),
        Err(error) => {
            section.faults().at(&text.place, format!("`expect`: {error}"));
            None
        }
    });
    read.collect()
}
