//! How destinations stand with their receivers, and what people say about what waits for a word.

use serde::{Deserialize, Serialize};

/// Part of a destination's status: what is known of its receiver since the engine started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// While the receiver takes nothing: one attempt at intervals.
    pub(crate) circuit: Option<Circuit>,
    /// Deliveries that are not tried again, and what is behind them waits, until somebody says a word.
    pub(crate) waiting_for_a_word: Vec<Waiting>,
    /// `AA`, `AE 207`, `handed over`, `nothing`: what came of the last attempt.
    pub(crate) last_answer: Option<String>,
    pub(crate) last_answer_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Circuit {
    pub(crate) open_since: String,
    pub(crate) next_attempt_at: String,
    /// Attempts in a row that failed.
    pub(crate) failures: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) message: String,
    pub(crate) since: String,
    /// Nothing of the message.
    pub(crate) why: String,
}

/// The body of `POST /v1/interfaces/NAME/destinations/DESTINATION`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Word {
    /// `retry` or `skip`.
    pub(crate) action: String,
    pub(crate) reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WordSaid {
    pub(crate) interface: String,
    pub(crate) destination: String,
    pub(crate) action: String,
    /// How many deliveries had waited for it.
    pub(crate) deliveries: usize,
}
