//! Sources and destinations over TCP with frames of the site's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AnswerThen, ClientTls, ServerTls, SettledBy};

/// A TCP listener with frames of the site's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TcpSource {
    pub(crate) listen: std::net::SocketAddr,
    pub(crate) framing: Framing,
    pub(crate) acknowledgement: Acknowledgement,
    pub(crate) frame_bytes_max: u64,
    pub(crate) idle_timeout_ms: Option<u64>,
    pub(crate) connections_max: u64,
    pub(crate) frame_timeout_ms: u64,
    pub(crate) write_timeout_ms: u64,
    /// As of an MLLP listener.
    pub(crate) peers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ServerTls>,
}

/// How frames stand in a stream; the transport explains each. Bytes are hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Framing {
    Marked {
        /// Empty: behind the end of the frame before.
        start: String,
        end: String,
    },
    Length {
        bytes: u64,
        byte_order: ByteOrder,
        counts_itself: bool,
    },
    ToEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ByteOrder {
    Big,
    Little,
}

/// What one side of a connection tells the other of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Acknowledgement {
    Hl7,
    None,
    /// Hexadecimal digits.
    Words {
        accepted: String,
        refused: String,
    },
}

/// A receiver that takes frames of the site's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TcpDestination {
    pub(crate) address: String,
    pub(crate) framing: Framing,
    pub(crate) acknowledgement: Acknowledgement,
    /// Where the acknowledgement is of HL7.
    pub(crate) settled_by: SettledBy,
    pub(crate) answers: BTreeMap<String, AnswerThen>,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) reply_timeout_ms: u64,
    pub(crate) connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<ClientTls>,
}
