//! `instances = ..`: how many messages an instance of a plugin sees.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use super::resolved::Instances;
use super::section::Section;

/// Messages for one instance. One would be a fresh instance in other words; beyond the upper bound nothing is saved any
/// more, while what an instance has kept of a patient stays for longer.
const REUSE: RangeInclusive<u64> = 2..=10_000;

/// `instances = "fresh"`, the default, or `instances = { reuse = 100 }`.
pub(super) fn read(step: &mut Section<'_>) -> Instances {
    if !step.holds_table("instances") {
        refuse_unless_fresh(step);
        return Instances::Fresh;
    }
    let Some(mut section) = step.section("instances", "`instances`") else {
        return Instances::default();
    };
    section.require("reuse");
    let messages = section.count("reuse", &REUSE);
    section.finish();
    let messages = messages.and_then(|messages| u32::try_from(messages).ok());
    messages
        .and_then(NonZeroU32::new)
        .map_or_else(Instances::default, Instances::Reuse)
}

fn refuse_unless_fresh(step: &mut Section<'_>) {
    let Some(text) = step.text("instances").filter(|text| text.value != "fresh") else {
        return;
    };
    let message = format!("`instances` cannot be `{}`", text.value);
    let hint = "write `instances = \"fresh\"`, which is the default, or `instances = { reuse = 100 }`";
    step.faults().at_with_hint(&text.place, message, hint);
}

impl From<Instances> for transfuse_sandbox::Instances {
    fn from(instances: Instances) -> Self {
        match instances {
            Instances::Fresh => Self::Fresh,
            Instances::Reuse(messages) => Self::Reuse(messages),
        }
    }
}
