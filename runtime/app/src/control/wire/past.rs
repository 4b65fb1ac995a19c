//! Stored messages run again.

use serde::{Deserialize, Serialize};

use super::{Difference, Reason, Words};

/// The answer to `GET /v1/messages/verification`, whose query is that of `GET /v1/messages`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verified {
    /// Byte for byte, and with the same fuel.
    pub(crate) identical: u64,
    /// The same results for other fuel.
    pub(crate) other_fuel: u64,
    pub(crate) different: u64,
    /// Some of those that come out differently.
    pub(crate) listed: Vec<VerifiedMessage>,
    /// The reasons, and how many messages each has.
    pub(crate) not_verifiable: Vec<Reason>,
    /// The last message that was looked at: `before` of the next question. None where there was no other.
    pub(crate) last: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VerifiedMessage {
    pub(crate) id: String,
    pub(crate) interface: String,
    pub(crate) revision: u32,
    /// Paths of outputs, or `outcome`, `outputs`, `destinations`, `content type`, `document`, `spelling`, `reason`.
    pub(crate) differences: Vec<Difference>,
}

/// The query of `GET /v1/messages/ID/explanation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplanationQuery {
    /// A path, such as `OBX[2]-3.1`.
    pub(crate) path: String,
    /// Which output, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<usize>,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) id: String,
    pub(crate) interface: String,
    pub(crate) revision: u32,
    pub(crate) path: String,
    /// From 1.
    pub(crate) output: usize,
    /// The value as it came in; none where there is nothing.
    pub(crate) input: Option<Words>,
    /// The value behind each step, as far as the chain got.
    pub(crate) steps: Vec<ExplainedStep>,
    /// The last step that changed it; none where it is as it came in.
    pub(crate) made_by: Option<MadeBy>,
    /// Why the chain did not get to its end.
    pub(crate) ended: Option<String>,
    /// The value in what is stored of then; none where there is nothing.
    pub(crate) stored: Option<Words>,
    /// Why what is told may not be what was.
    pub(crate) doubts: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExplainedStep {
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) value: Option<Words>,
    pub(crate) changed: bool,
    pub(crate) fuel: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeBy {
    /// From 1.
    pub(crate) step: usize,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    /// The last edit that changed it there, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edit: Option<MadeByEdit>,
    /// Rows that the step got from its code tables, and that hold the value.
    pub(crate) rows: Vec<TableRow>,
}

/// What a plugin did to make a value, and where in its source it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeByEdit {
    /// `set`, `copy`, `clear`, `insert`, `remove`, or `parse` for a message that the plugin made of bytes.
    pub(crate) deed: String,
    /// Where, as the plugin wrote it; empty for `parse`.
    pub(crate) path: String,
    /// What the plugin itself says of its place, such as `line 12 of the mapping`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Words>,
    /// The line of the step's configuration that it names with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quote: Option<Words>,
    /// The function in its source, where the component tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    /// File and line in its source, where the component or the plugin itself tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableRow {
    pub(crate) table: String,
    /// The column by which the step found it, and what it looked for.
    pub(crate) column: String,
    pub(crate) value: Words,
    pub(crate) digest: String,
    /// From 1, without the header.
    pub(crate) row: usize,
    pub(crate) cells: Vec<Words>,
}
