//! Which stored messages: the one form in which that is asked, as a query of an address and within a body.

use serde::{Deserialize, Serialize};

/// Which messages. Everything that is said has to hold. The query of `GET /v1/messages` and `GET /v1/messages/verification`, and a part
/// of what is asked where messages are replayed and where something goes live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MessagesQuery {
    /// Only of this interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
    /// Only these, with commas between them, 500 at most. Nothing but the interface is asked beside them.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "listed")]
    pub(crate) ids: Vec<String>,
    /// Only received at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Only received before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Only in this stage: `received`, `processed`, `filtered`, `refused`, `quarantined`, `discarded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<String>,
    /// Only of this type: `ORU^R01`, or `ORU` for all of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_type: Option<String>,
    /// Only with this control id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control_id: Option<String>,
    /// Only what this revision has decided, the last time that it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_by: Option<u32>,
    /// Only what this revision has processed, the last time that it was decided, and a destination has got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delivered_by: Option<u32>,
    /// Only with a delivery to this destination that is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quarantined_at: Option<String>,
    /// Only older than this message: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<String>,
    /// Only newer than this message. Of a replay: `next` of the answer before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// At most so many. A page has 50 where nothing is said, and 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u32>,
}

/// Messages that something was not done with, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// Nothing of the messages.
    pub(crate) why: String,
    pub(crate) messages: u64,
    /// Ids of some of them.
    pub(crate) examples: Vec<String>,
}

/// A list as one text: a query of an address has no other form.
mod listed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(items: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&items.join(","))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(str::to_owned).collect())
    }
}
