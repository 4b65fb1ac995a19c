//! Held deliveries, and messages that are replayed.

use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::{MessageSummary, MessagesQuery};

/// `GET /v1/deliveries/held`, of one interface with `?interface=NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldList {
    pub(crate) holds: Vec<Hold>,
}

/// The query of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
}

/// A revision whose deliveries are held, also those that it is still to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) interface: String,
    pub(crate) revision: u32,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) held_at: String,
    /// What is held now; empty where nothing is.
    pub(crate) destinations: Vec<HeldFor>,
}

/// What is held for one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldFor {
    pub(crate) destination: String,
    pub(crate) deliveries: u64,
    pub(crate) oldest_queued_at: String,
}

/// The body of `POST /v1/interfaces/NAME/deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldWanted {
    /// `hold`, `release`, `recompute` or `discard`.
    pub(crate) action: String,
    /// The revision that made the deliveries.
    pub(crate) revision: u32,
    pub(crate) reason: String,
    /// Of `recompute`: the revision that decides anew; none for the live one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<u32>,
    /// Of `recompute`: held messages at the front that are passed over, because earlier requests left them as they are.
    #[serde(default)]
    pub(crate) skip: usize,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldChanged {
    pub(crate) interface: String,
    pub(crate) revision: u32,
    /// Deliveries of the revision that are held now.
    pub(crate) held: u64,
    /// Of `hold`: deliveries that were still being sent when this was answered. Each ends as delivered, or is held.
    #[serde(default)]
    pub(crate) sending: usize,
    /// Of `recompute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recomputed: Option<Recomputed>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recomputed {
    /// The revision that decided anew.
    pub(crate) on: u32,
    /// Messages that go on.
    pub(crate) processed: u64,
    /// Messages that end here on purpose.
    pub(crate) filtered: u64,
    /// Messages whose deliveries stay held.
    pub(crate) left_count: usize,
    /// The first of them.
    pub(crate) left: Vec<Left>,
    /// Whether there are more that were not looked at.
    pub(crate) has_more: bool,
}

/// A message that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) message: String,
    /// Nothing of the message.
    pub(crate) reason: String,
}

/// The body of `POST /v1/replay`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command, each for itself")]
pub(crate) struct ReplayWanted {
    /// Named messages, or an interface and what to look for; the oldest of them.
    pub(crate) messages: MessagesQuery,
    /// The revision that decides anew; none for the live one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<u32>,
    /// Of a dry run: the live revision decides anew, with another version of this plugin, as `deploy` would make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// That version: a whole one, or a requirement such as `^1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// So many steps at the front are run as those of the revision that decided the message before, with its code tables of then; the
    /// rest of the chain is that of the revision that decides anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_step: Option<u32>,
    /// Only what goes to this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Only messages of which that revision makes something else.
    #[serde(default)]
    pub(crate) only_different: bool,
    /// Messages too that had been accepted before, byte for byte.
    #[serde(default)]
    pub(crate) anyway: bool,
    /// Paths of fields that are expected to differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expect: Vec<String>,
    /// Only tells what would be sent.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Sends although newer messages have been delivered to the same destinations.
    #[serde(default)]
    pub(crate) accept_disorder: bool,
    pub(crate) reason: String,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) interface: String,
    /// The revision that decides anew, or that the candidate was made of.
    pub(crate) on: u32,
    /// What is other than in that revision, where a candidate decides: `transfuse/lab-normalize 1.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) candidate: Option<String>,
    pub(crate) dry_run: bool,
    /// What is sent, the oldest message first.
    pub(crate) messages: Vec<Replay>,
    /// Messages of which it makes what there was: left out where only differences are wanted.
    pub(crate) same: u64,
    /// Messages that stay as they are.
    pub(crate) left_count: usize,
    /// The first of them.
    pub(crate) left: Vec<Left>,
    pub(crate) differences: Differences,
    /// Messages whose plugins use what they keep between messages, which is not what it was then.
    pub(crate) approximate: u64,
    /// Newer messages that were delivered to the same destinations, the oldest first.
    pub(crate) newer: Vec<MessageSummary>,
    /// Whether there are more of those.
    pub(crate) newer_has_more: bool,
    /// The last message that was looked at, where there are more.
    pub(crate) next: Option<String>,
}

/// One message that is delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// Where it stood before.
    pub(crate) message: MessageSummary,
    pub(crate) destinations: Vec<String>,
    pub(crate) deliveries: usize,
}
