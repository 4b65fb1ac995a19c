//! One vector: a message, what surrounds it, and what is to become of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use transfuse_message::Message;
use transfuse_sandbox::{Context, Table};

use super::{Expectation, Expected, WrittenGrants};

/// One vector.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    /// The name of its folder.
    pub(crate) name: String,
    /// What it shows, in one line.
    pub(crate) description: String,
    /// The step's configuration, as a site would write it.
    pub(crate) config: Map<String, Value>,
    /// What the plugin is told beside the message.
    pub(crate) context: Context,
    /// What the plugin has kept of earlier messages.
    pub(crate) state: BTreeMap<String, String>,
    /// The code tables that are there.
    pub(crate) tables: Vec<Arc<Table>>,
    /// What is granted where that is not what the manifest requests.
    pub(crate) grants: WrittenGrants,
    /// The message.
    pub(crate) input: Message,
    /// None while nobody has said: such a vector fails until it is blessed.
    pub(crate) expect: Option<Expectation>,
}

impl Vector {
    /// Whether it is about a fault.
    pub(super) fn expects_a_fault(&self) -> bool {
        let expected = self.expect.as_ref().map(|expect| &expect.expected);
        matches!(expected, Some(Expected::Faulted { .. }))
    }
}
