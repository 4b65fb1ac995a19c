//! Validation: what is wrong with a message, at the level that its receiver asks for.
//!
//! Parsing accepts whatever can be kept without loss. Whether a message is good enough is a question of its own, and
//! it has three answers that build on one another:
//!
//! | level | asks |
//! |---|---|
//! | readable | can others read it: is its text text, are its lines segments, does MSH say what it is |
//! | structure | is it what HL7 defines for its version: segments, groups, cardinality, formats, HL7's own tables |
//! | profile | is it what was agreed with this sender: the rules of a [`Profile`] |
//!
//! A message is never changed by it, and no value of a message stands in a finding. The time that validation takes
//! grows with the message's size alone, for as many rules as a profile may have.

mod contradictions;
mod format;
mod nodes;
mod profile;
mod readable;
mod report;
mod rules;
mod structure;

use std::sync::Arc;

pub use profile::{Check, Condition, Profile, ProfileFault, RULES_MAX, Rule, Test, Tolerance, ValuePattern};
pub use report::{FINDINGS_MAX, Findings};

use crate::Message;
use report::Report;

/// How much is asked of a message. Each level asks what those before it ask as well.
#[derive(Debug, Clone, Default)]
pub enum Level {
    /// What keeps others from reading it.
    #[default]
    Readable,
    /// What HL7 defines for its version.
    Structure,
    /// What was agreed with its sender.
    Profile(Arc<Profile>),
}

/// Looks for everything that is wrong with a message.
#[must_use]
pub fn validate(message: &Message, level: &Level) -> Findings {
    let tolerances = match level {
        Level::Profile(profile) => profile.tolerances(),
        Level::Readable | Level::Structure => &[],
    };
    let mut report = Report::new(tolerances);
    readable::validate(message, &mut report);
    if !matches!(level, Level::Readable) {
        structure::validate(message, &mut report);
    }
    if let Level::Profile(profile) = level {
        rules::validate(message, profile, &mut report);
    }
    report.finish()
}
