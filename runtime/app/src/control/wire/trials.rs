//! Revisions on trial.

use serde::{Deserialize, Serialize};

use super::differences::Differences;

/// How a new revision is to be tried: a part of `ChangeWanted`. What is missing is as the site's `[budget]` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialWanted {
    /// `shadow`: beside the live revision. `pilot`: for a part of the messages.
    pub(crate) kind: String,
    /// A pilot's messages: those whose field has one of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<FilterWanted>,
    /// Or growing shares of them, in thousandths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) shares: Vec<u32>,
    /// What shares do not divide: a path. The patient, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// Messages of the trial, or of each stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<u64>,
    /// And how long it lasts at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u64>,
    /// Paths of fields that may differ, beside those of the site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expect: Vec<String>,
    /// Messages that may differ elsewhere, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) differing_per_mille: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterWanted {
    pub(crate) path: String,
    pub(crate) values: Vec<String>,
}

/// The body of `POST /v1/interfaces/NAME/trial`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialAction {
    /// `pause`, `resume`, `stop` or `promote`.
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) reason: String,
}

/// `GET /v1/trials`, by interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trials {
    pub(crate) trials: Vec<Trial>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) interface: String,
    /// The revision on trial.
    pub(crate) revision: u32,
    /// The one that it is held against.
    pub(crate) against: u32,
    /// `shadow`, `pilot` or `watch`.
    pub(crate) kind: String,
    /// What it decides, in words: `nothing`, `5% of the messages, by PID-3.1`.
    pub(crate) decides: String,
    pub(crate) is_paused: bool,
    /// The stage, from 1.
    pub(crate) stage: usize,
    pub(crate) stages: usize,
    /// Messages of this stage, and how many it has at most.
    pub(crate) messages: u64,
    pub(crate) messages_max: u64,
    /// How long a stage lasts at most.
    pub(crate) seconds_max: u64,
    pub(crate) began_at: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    /// What the revision on trial made of its messages.
    pub(crate) candidate: Figures,
    /// What the other one made of its last ones.
    pub(crate) baseline: Figures,
    pub(crate) differences: Differences,
    /// Messages that were not compared, because the machine had better things to do.
    pub(crate) dropped: u64,
    /// Messages whose comparison is approximate: their plugins keep something between messages.
    pub(crate) approximate: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) messages: u64,
    pub(crate) processed: u64,
    pub(crate) filtered: u64,
    pub(crate) rejected: u64,
    pub(crate) faulted: u64,
    /// Of a message in the mean.
    pub(crate) fuel: u64,
    /// That half of the messages took at most, to about a tenth.
    pub(crate) elapsed_us_median: u64,
    /// That 99 of 100 took at most.
    pub(crate) elapsed_us_99: u64,
}
