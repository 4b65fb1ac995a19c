//! Destinations over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AnswerThen, ClientTls, DestinationWire, HttpAuthentication};

/// A receiver that takes messages over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HttpDestination {
    pub(crate) url: String,
    pub(crate) content_type: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, HttpHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authentication: Option<HttpCredentials>,
    /// As of an MLLP destination, with statuses (`404`, `4xx`).
    pub(crate) answers: BTreeMap<String, AnswerThen>,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) reply_timeout_ms: u64,
    pub(crate) reply_bytes_max: u64,
    pub(crate) connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTls>,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpHeader {
    Text(String),
    /// The name of one.
    Secret(String),
}

/// How a client says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpCredentials {
    Fixed(HttpAuthentication),
    Client(ClientCredentials),
}

/// The client credentials of OAuth 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientCredentials {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    /// The name of one.
    pub(crate) secret: String,
    pub(crate) shown_in: ShownIn,
    pub(crate) scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
}

/// Where they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ShownIn {
    Header,
    Body,
}

impl DestinationWire {
    /// The names of the secrets that are shown to the receiver.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let Self::Http(http) = self else { return Vec::new() };
        let of_headers = http.headers.values().filter_map(|value| match value {
            HttpHeader::Secret(name) => Some(name.as_str()),
            HttpHeader::Text(_) => None,
        });
        let own = http.authentication.as_ref().map(|credentials| match credentials {
            HttpCredentials::Fixed(authentication) => authentication.secret(),
            HttpCredentials::Client(client) => &client.secret,
        });
        of_headers.chain(own).collect()
    }
}
