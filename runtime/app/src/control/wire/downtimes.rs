//! Planned downtime of receivers.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/downtimes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DowntimeWanted {
    /// `start` or `end`.
    pub(crate) action: String,
    /// The name of the destinations.
    pub(crate) receiver: String,
    /// Why; a start needs it.
    #[serde(default)]
    pub(crate) reason: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Afterwards, so much at most until everything that waited is delivered: `20/s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate_max: Option<String>,
}

/// The answer to `GET /v1/downtimes`: the last ones, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Downtimes {
    pub(crate) downtimes: Vec<Downtime>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Downtime {
    pub(crate) receiver: String,
    /// `down`, `catching-up` or `over`.
    pub(crate) stage: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) started_at: String,
    pub(crate) until: Option<String>,
    pub(crate) rate_max: Option<String>,
    pub(crate) ended_at: Option<String>,
    pub(crate) ended_by: Option<String>,
    /// How many deliveries waited when it ended.
    pub(crate) waited: Option<u64>,
    pub(crate) caught_up_at: Option<String>,
    /// How many wait now; none once it is over.
    pub(crate) waiting: Option<u64>,
    /// How long those will take.
    pub(crate) estimate_s: Option<u64>,
}
