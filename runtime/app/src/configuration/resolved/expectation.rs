//! Traffic that is expected of an interface.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

/// Traffic that is missed when it does not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expectation {
    pub(crate) name: String,
    /// Empty for all.
    pub(crate) types: Vec<String>,
    pub(crate) awaited: Awaited,
    /// Names of receivers: while one of them is down by plan, nothing is missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) muted_by: Vec<String>,
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Awaited {
    /// A message in each such time.
    Silence { every_ms: u64, hours: Hours },
    /// To each message another one.
    Answer {
        answered_by: Vec<String>,
        within_ms: u64,
        /// The path of what both have.
        key: String,
        answer_key: String,
        /// The interface where answers arrive; none where that is this one.
        answers_at: Option<String>,
    },
}

/// Hours of a week, by the interface's own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hours {
    pub(crate) days: Vec<Weekday>,
    pub(crate) from: Time,
    /// Midnight for the end of the day.
    pub(crate) to: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
