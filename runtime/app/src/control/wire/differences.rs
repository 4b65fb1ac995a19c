//! What many messages differ in between two revisions.

use serde::{Deserialize, Serialize};

use super::Words;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Differences {
    /// Messages that were compared.
    pub(crate) compared: u64,
    /// Those that differ in something that was not expected.
    pub(crate) differing: u64,
    /// Those that differ only where that was expected.
    pub(crate) as_expected: u64,
    /// The places that differ, those of the most messages first.
    pub(crate) places: Vec<DifferingPlace>,
    /// Places beyond a limit, counted for each message.
    pub(crate) unlisted: u64,
}

/// One place of the outputs, with all its occurrences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DifferingPlace {
    /// `OBX-3.1`, `outcome`, `outputs`, `destinations`, `content type`, `document` or `spelling`.
    pub(crate) place: String,
    /// Messages that differ there.
    pub(crate) messages: u64,
    /// From what to what, the most frequent first.
    pub(crate) pairs: Vec<Pair>,
    /// Messages whose pair of values is beyond a limit.
    pub(crate) unlisted: u64,
}

/// A value and what became of it. Long values are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// None: there was nothing.
    pub(crate) before: Option<Words>,
    pub(crate) after: Option<Words>,
    pub(crate) messages: u64,
    /// Ids of some of them.
    pub(crate) examples: Vec<String>,
}
