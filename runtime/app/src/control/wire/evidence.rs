//! What was found out about revisions: by gates, by trials and by people.

use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::{Reason, Words};

/// What one gate found about a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    /// `trust`, `vectors`, `replay`, `envelope` or `approval`.
    pub(crate) name: String,
    /// `passed`, `failed`, `waived`, `skipped` or `waiting`.
    pub(crate) verdict: String,
    /// One line, without a value of any message.
    pub(crate) summary: String,
    pub(crate) detail: Detail,
}

/// Everything that was found. May hold values of messages. The catalog keeps it in these words too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Detail {
    /// What messages differ in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) differences: Option<Differences>,
    /// Of a replay: which messages it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chosen: Option<Chosen>,
    /// What else there is to say, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<Words>,
    /// Why somebody decided as they did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// Of an approval that is waited for: the revision that was live when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<u32>,
    /// And who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked_by: Option<Asker>,
}

/// An account of the engine's machine, as the kernel said of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asker {
    pub(crate) uid: u32,
    /// None where the machine knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Of an account that several people share: who it was, as sudo said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claimed: Option<String>,
}

/// Which stored messages a replay has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// What was looked for, in words: `the last 500 of type ORU^R01`.
    pub(crate) search: Words,
    /// Messages that match; where `is_more`, at least so many.
    pub(crate) matched: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_more: bool,
    /// Those of them that were run by both revisions.
    pub(crate) ran: u64,
    /// And those that were not, and why.
    pub(crate) not_run: Vec<Reason>,
}

/// The query of `GET /v1/interfaces/NAME/evidence`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvidenceQuery {
    /// Only of this revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<u32>,
}

/// Its answer: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EvidenceList {
    pub(crate) interface: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) id: i64,
    /// A gate, or `shadow`, `pilot`, `watch` or `rollback`.
    pub(crate) kind: String,
    /// As of a gate, or of a trial `begun` and `stopped`.
    pub(crate) verdict: String,
    /// None where what was looked at did not become a revision.
    pub(crate) revision: Option<u32>,
    /// `sha256:` of the settings that were looked at.
    pub(crate) digest: String,
    pub(crate) summary: String,
    pub(crate) author: String,
    pub(crate) at: String,
    pub(crate) detail: Detail,
}
