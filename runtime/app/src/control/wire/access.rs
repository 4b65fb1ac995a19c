//! What the control socket says of what plugins touched.

use serde::{Deserialize, Serialize};

/// The query of `GET /v1/plugins/access`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessQuery {
    /// Only this plugin, `vendor/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<String>,
    /// Only this version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// `GET /v1/plugins/access`: what versions of plugins touched in messages, by name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PluginAccess {
    pub(crate) versions: Vec<VersionAccess>,
    /// Journal entries that are not counted yet.
    pub(crate) behind: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionAccess {
    pub(crate) plugin: String,
    pub(crate) version: String,
    /// Of the package.
    pub(crate) digest: String,
    pub(crate) interfaces: Vec<InterfaceAccess>,
}

/// What one version touched in one interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterfaceAccess {
    pub(crate) interface: String,
    pub(crate) messages: u64,
    pub(crate) first_at: Option<String>,
    pub(crate) last_at: Option<String>,
    /// Fields as grants are written, such as `PID-5` and `OBX-*`.
    pub(crate) read: Vec<Touched>,
    pub(crate) written: Vec<Touched>,
    pub(crate) tables: Vec<Touched>,
    /// Destinations that it named, and that something went to.
    pub(crate) to: Vec<Touched>,
    /// Messages of which it forwarded what it made itself.
    pub(crate) create: u64,
    pub(crate) state: u64,
    /// Messages that it read whole.
    pub(crate) everything: u64,
    /// How often it touched what has no place in these lists any more.
    pub(crate) unlisted: u64,
    /// The smallest grants under which it could have done the same.
    pub(crate) needed: GrantList,
    /// What it is granted there now and has never used; none where this version does not run there.
    pub(crate) never_used: Option<GrantList>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Touched {
    pub(crate) name: String,
    pub(crate) messages: u64,
    pub(crate) first_at: String,
    pub(crate) last_at: String,
}

/// Grants as an interface's file has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantList {
    pub(crate) read: Vec<String>,
    pub(crate) write: Vec<String>,
    pub(crate) tables: Vec<String>,
    pub(crate) to: Vec<String>,
    pub(crate) create: bool,
    pub(crate) state: bool,
}
