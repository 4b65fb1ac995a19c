//! Lanes that are held because something of theirs is in quarantine.

use serde::{Deserialize, Serialize};

/// `GET /v1/lanes/held`, of one interface with `?interface=NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldLanes {
    /// The oldest first; the first hundred.
    pub(crate) held: Vec<HeldLane>,
    /// How many there are.
    pub(crate) total: u64,
}

/// Something in quarantine, and what waits behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldLane {
    pub(crate) interface: String,
    /// The destination at which it is so; none where it is so at every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
    /// The message that is in quarantine, or whose delivery is.
    pub(crate) message: String,
    /// The numbers of the lanes; none for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lanes: Option<Vec<String>>,
    pub(crate) held_since: String,
    /// Nothing of the message.
    pub(crate) why: String,
    /// Deliveries that wait because of it.
    pub(crate) waiting: u64,
}

/// The body of `POST /v1/interfaces/NAME/lanes/release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseWanted {
    /// The message whose lanes go on; none for all that are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    pub(crate) reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LanesReleased {
    pub(crate) interface: String,
    /// Messages and deliveries that held their lanes until now.
    pub(crate) released: u64,
}
