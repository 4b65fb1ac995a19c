//! What the control socket says of code tables.

use serde::{Deserialize, Serialize};

use super::Words;

/// `GET /v1/tables`: by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tables {
    pub(crate) tables: Vec<TableListed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableListed {
    pub(crate) name: String,
    /// The live version; none where no interface has used it.
    pub(crate) digest: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
    /// The interfaces whose steps or profile use it.
    pub(crate) interfaces: Vec<String>,
    /// How the site's file differs from what is live; none where it agrees.
    pub(crate) drift: Option<String>,
}

/// The query of `GET /v1/tables/misses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MissesQuery {
    /// Only of this interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
    /// Only of this table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<String>,
    /// Only from this moment on, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
}

/// `GET /v1/tables/misses`: what tables were asked for and do not hold, the most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissList {
    pub(crate) misses: Vec<MissListed>,
    /// Values that were asked for and that the live tables have by now.
    pub(crate) added_since: u64,
    /// Misses that are listed nowhere, because one message or the list had too many.
    pub(crate) unlisted: u64,
    /// The messages with misses that were looked at, the newest ones.
    pub(crate) messages: u64,
    /// Whether there are older ones that were not.
    pub(crate) has_older: bool,
    /// Journal entries that were not looked through yet.
    pub(crate) behind: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissListed {
    pub(crate) table: String,
    pub(crate) column: String,
    /// What it was searched for; it may hold patient data.
    pub(crate) value: Words,
    /// How many messages asked for it.
    pub(crate) messages: u64,
    pub(crate) first_at: String,
    pub(crate) last_at: String,
    pub(crate) interfaces: Vec<String>,
}

/// The body of `POST /v1/tables/NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableChange {
    /// Rows to add to the table's file, a cell for each of its columns; none makes the file live as it is.
    #[serde(default)]
    pub(crate) rows: Vec<Vec<Words>>,
    /// The column by which rows are found; none for the first one. No two rows may have the same cell in it.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// Changes nothing, and only tells what would come of it.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Why. A change needs a reason.
    #[serde(default)]
    pub(crate) reason: String,
}

/// The answer to `POST /v1/tables/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableChanged {
    pub(crate) table: String,
    pub(crate) dry_run: bool,
    /// The version that was live; none of a table that nothing had used.
    pub(crate) before: Option<String>,
    /// The version that is live now, or would be.
    pub(crate) after: String,
    pub(crate) rows: u64,
    /// For each interface that uses the table.
    pub(crate) rehearsed: Vec<Rehearsed>,
}

/// What would become of messages that rest, if their chains were run with the changed table. They were run; nothing was
/// decided or delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rehearsed {
    pub(crate) interface: String,
    pub(crate) quarantined: Tried,
    /// The sender has been told no, and may send them again.
    pub(crate) refused: Tried,
    /// Why the figures are not whole.
    pub(crate) trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) run: u64,
    pub(crate) pass: u64,
    /// At least so many more were not run.
    pub(crate) not_run: u64,
}

/// `GET /v1/tables/NAME/history`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableHistory {
    pub(crate) table: String,
    pub(crate) changes: Vec<TableVersionLive>,
}

/// A version of a table that went live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableVersionLive {
    pub(crate) digest: String,
    pub(crate) rows: u64,
    /// Empty where an engine made it live that kept no names.
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) at: String,
}
