//! `[duplicates]`: messages that come again after they were accepted.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::quantity::milliseconds;
use super::resolved::Duplicates;
use super::section::Section;

/// How long accepted messages are remembered: from what a test wants to a week, after which control ids begin again.
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 7);

pub(super) fn read(mut section: Section<'_>) -> Option<Duplicates> {
    section.require("window");
    let window = section.duration("window", &WINDOWS);
    section.finish();
    Some(Duplicates {
        window_ms: milliseconds(window?),
    })
}
