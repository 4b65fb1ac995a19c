//! Changes of what is live, and their history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MessagesQuery;
use super::evidence::Gate;

/// The body of every request that changes what is live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own on the wire")]
pub(crate) struct ChangeWanted {
    pub(crate) reason: String,
    /// The release note.
    #[serde(default)]
    pub(crate) note: String,
    /// Only tells what would be done.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// The revisions that the asker has seen live, by interface; null where there was none. Another one is a conflict.
    #[serde(default)]
    pub(crate) expected: BTreeMap<String, Option<u32>>,
    /// Of `apply` and `deploy`: the new revision is tried first. None where it goes live at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trial: Option<super::trials::TrialWanted>,
    /// What goes live at once is not held against what was live before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unwatched: bool,
    /// Paths of fields that may differ, beside those of the site, when messages are replayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expect: Vec<String>,
    /// Gates that may fail: `vectors`, `replay`, `envelope`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) waive: Vec<String>,
    /// The stored messages that the gate `replay` runs of each interface that changes, instead of the last of them. `limit` is 10,000 at
    /// most; what the site says where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<MessagesQuery>,
    /// Of a dry run: only the plan, without what its gates find.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ungated: bool,
    /// `POST /v1/interfaces/NAME/deploy`: `vendor/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// And its version: a whole one, or a requirement such as `^1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// `POST /v1/interfaces/NAME/rollback`: a revision; none for the one that was live before. And of `approve`: the one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<u32>,
    /// What the revision that is left has made and not delivered yet is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hold: bool,
    /// The versions of code tables that the revision was made with become live again, for every interface that uses them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) with_tables: bool,
}

/// What would be done, or has been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub(crate) dry_run: bool,
    /// Empty where everything is as it was wanted.
    pub(crate) interfaces: Vec<InterfaceChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterfaceChange {
    pub(crate) interface: String,
    /// `new`, `changed`, `retired`, `rolled-back`, `on-trial`, `waiting`, `other-tables`.
    pub(crate) kind: String,
    /// The live revision before; none of a new interface.
    pub(crate) before: Option<u32>,
    /// The live revision afterwards; none where it is not made yet, or nothing is live.
    pub(crate) after: Option<u32>,
    pub(crate) differences: Vec<PlaceDifference>,
    /// What somebody should know about its plugins.
    pub(crate) alerts: Vec<String>,
    /// What its gates have found, in the order in which they ran.
    #[serde(default)]
    pub(crate) gates: Vec<Gate>,
    /// Of a rollback with `hold`: how many deliveries of the revision that was left are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<u64>,
}

/// One place of an interface's settings that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaceDifference {
    /// `steps[transfuse/redact].version`.
    pub(crate) place: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// The query of `GET /v1/interfaces/NAME/difference`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DifferenceQuery {
    /// A revision; none for the one before `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u32>,
    /// A revision; none for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<u32>,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RevisionDifference {
    pub(crate) interface: String,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) differences: Vec<PlaceDifference>,
}

/// `GET /v1/interfaces/NAME/history`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) interface: String,
    /// None where nothing is live.
    pub(crate) live: Option<u32>,
    pub(crate) revisions: Vec<RevisionListed>,
    pub(crate) changes: Vec<LiveChanged>,
    /// Whether there are older ones.
    #[serde(default)]
    pub(crate) cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RevisionListed {
    pub(crate) number: u32,
    /// `sha256:` of its content.
    pub(crate) digest: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) note: String,
    pub(crate) made_at: String,
    /// Whether it waits for a second person.
    #[serde(default)]
    pub(crate) waiting: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveChanged {
    pub(crate) number: u32,
    /// Whether it was taken out of use then, and not made live.
    pub(crate) retired: bool,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) at: String,
}

/// The answer to `POST /v1/interfaces/NAME/pause` and `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PauseChanged {
    pub(crate) interface: String,
    pub(crate) is_paused: bool,
    /// Whether it was so before.
    pub(crate) was_paused: bool,
}
