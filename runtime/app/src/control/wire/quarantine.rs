//! Messages that are given other bytes, and what is in quarantine and given up.

use serde::{Deserialize, Serialize};

use super::repairs::Left;
use super::{Content, Difference, MessageSummary, MessagesQuery, Words};

/// The body of `POST /v1/messages/edit`: either `content` or `set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditWanted {
    /// Named messages, or an interface and what to look for; the oldest of them.
    pub(crate) messages: MessagesQuery,
    /// The bytes that one message is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Content>,
    /// Values that are put into the messages, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<Assignment>,
    /// Only tells what would be changed.
    #[serde(default)]
    pub(crate) dry_run: bool,
    pub(crate) reason: String,
}

/// A value at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    pub(crate) path: String,
    pub(crate) value: Words,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edited {
    pub(crate) interface: String,
    pub(crate) dry_run: bool,
    /// The oldest first.
    pub(crate) messages: Vec<EditedOne>,
    /// Messages that stay as they are.
    pub(crate) left_count: usize,
    /// The first of them.
    pub(crate) left: Vec<Left>,
    /// The last message that was looked at, where there are more.
    pub(crate) next: Option<String>,
}

/// A message that is given other bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditedOne {
    pub(crate) message: MessageSummary,
    /// Where it differs from what it was before; none where that was no message.
    pub(crate) differences: Option<Vec<Difference>>,
    /// Whether it holds lanes.
    pub(crate) holds_lanes: bool,
}

/// The body of `POST /v1/messages/discard`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardWanted {
    /// Named messages, or an interface and what to look for; the oldest of them.
    pub(crate) messages: MessagesQuery,
    /// Only deliveries to this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Only tells what would be given up.
    #[serde(default)]
    pub(crate) dry_run: bool,
    pub(crate) reason: String,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Discarded {
    pub(crate) interface: String,
    pub(crate) dry_run: bool,
    /// The oldest first.
    pub(crate) messages: Vec<DiscardedOne>,
    /// Messages of which nothing is in quarantine.
    pub(crate) left_count: usize,
    /// The first of them.
    pub(crate) left: Vec<Left>,
    /// Those that hold lanes, which stay held.
    pub(crate) holding_lanes: Vec<String>,
    /// The last message that was looked at, where there are more.
    pub(crate) next: Option<String>,
}

/// A message of which something is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiscardedOne {
    /// Where it stood before.
    pub(crate) message: MessageSummary,
    /// Destinations that do not get it; none where it never came so far.
    pub(crate) destinations: Vec<String>,
}
