//! The reply of an interface, as a revision keeps it.

use serde::{Deserialize, Serialize};

use super::Step;

/// Whose answer is the reply, and how it becomes one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The destination that is asked.
    pub(crate) destination: String,
    pub(crate) timeout_ms: u64,
    /// What the sender hears where no answer comes.
    pub(crate) code: NoReplyCode,
    pub(crate) text: String,
    /// The answer goes through these first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Step>,
}

/// That there was no answer: its sender keeps the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NoReplyCode {
    AE,
    AR,
}
