//! Why there is no reply, and whether the receiver may have the message all the same: over whatever it was sent.

use std::io;
use std::time::Duration;

use crate::frame::Defect;
use crate::net::ConnectFailed;
use crate::tls::{HandshakeError, TlsError};

/// Why there is no reply. Neither case carries anything of the message.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The receiver cannot have the message; sending it again is safe.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The receiver may have the message; sending it again may double it.
    #[error(transparent)]
    Unknown(#[from] Unknown),
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// The framing cannot carry this content, now or later.
    #[error("the message holds the framing byte {byte:#04x} at offset {offset}, which no frame can carry")]
    Unframeable {
        /// In MLLP 0x0B or 0x1C; of a mark of several bytes, the first one.
        byte: u8,
        /// Where it stands first.
        offset: usize,
    },
    /// The length in front of a frame cannot tell that of this content, now or later.
    #[error("the message has {bytes} bytes; the length in front of a frame tells at most {bytes_max}")]
    TooLong {
        /// How many it has.
        bytes: usize,
        /// How many could be told.
        bytes_max: usize,
    },
    /// The host name is unknown.
    #[error("cannot resolve `{address}`")]
    Resolve {
        /// As it was given.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The receiver cannot be reached or refuses.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// As it was given.
        address: String,
        /// What the kernel said of the last address that was tried.
        source: io::Error,
    },
    /// The receiver does not even refuse.
    #[error("no connection to `{address}` within {timeout:?}")]
    ConnectTimeout {
        /// As it was given.
        address: String,
        /// The setting.
        timeout: Duration,
    },
    /// The files that TLS needs cannot be used.
    #[error("cannot speak TLS with `{address}`")]
    TlsFiles {
        /// As it was given.
        address: String,
        /// What is wrong with them.
        source: TlsError,
    },
    /// The receiver is not who it should be, or does not accept this side.
    #[error("no TLS with `{address}`")]
    Tls {
        /// As it was given.
        address: String,
        /// What did not fit.
        source: HandshakeError,
    },
    /// The connection broke before its first byte left.
    #[error("the connection to `{address}` broke before the message was sent")]
    Write {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// `OAuth2`: the one who gives tokens out gave none.
    #[error("no token from `{address}`: {reason}")]
    NoToken {
        /// Host and port of the token endpoint.
        address: String,
        /// What it said, without a word of the credentials.
        reason: String,
    },
    /// MLLP release 2: the receiver could not store it (0x15).
    #[error("`{address}` says that it could not store the message")]
    NotStored {
        /// As it was given.
        address: String,
    },
}

/// Why it is unknown what became of a message. The connection is closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// The connection broke while the message was sent.
    #[error("the connection to `{address}` broke in the middle of the message")]
    Write {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The receiver stopped reading.
    #[error("`{address}` took no byte of the message for {timeout:?}")]
    WriteTimeout {
        /// As it was given.
        address: String,
        /// The setting.
        timeout: Duration,
    },
    /// The connection broke while the reply was awaited.
    #[error("the connection to `{address}` broke before the reply")]
    Read {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The receiver closed without a reply.
    #[error("`{address}` closed the connection without a reply")]
    Closed {
        /// As it was given.
        address: String,
    },
    /// No whole reply came in time.
    #[error("no reply from `{address}` within {timeout:?}")]
    ReplyTimeout {
        /// As it was given.
        address: String,
        /// The setting.
        timeout: Duration,
    },
    /// MLLP release 2: replies came, and no commit block.
    #[error("`{address}` answers without the commit block of MLLP release 2")]
    NoCommit {
        /// As it was given.
        address: String,
    },
    /// What came over HTTP is no response.
    #[error("the response of `{address}` cannot be read: {reason}")]
    BadResponse {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What came is no reply: other bytes, half a frame, or a frame above the limit.
    #[error("the reply of `{address}` cannot be read: {defect}")]
    BadReply {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        defect: Defect,
    },
}

impl NotSent {
    pub(crate) fn of(failed: ConnectFailed, address: &str, timeout: Duration) -> NotSent {
        let address = address.to_owned();
        match failed {
            ConnectFailed::Resolve(source) => NotSent::Resolve { address, source },
            ConnectFailed::Refused(source) => NotSent::Connect { address, source },
            ConnectFailed::Timeout => NotSent::ConnectTimeout { address, timeout },
            ConnectFailed::TlsFiles(source) => NotSent::TlsFiles { address, source },
            ConnectFailed::Tls(source) => NotSent::Tls { address, source },
        }
    }
}

impl SendError {
    /// Whether the message itself is the reason, so that sending it again fails again.
    #[must_use]
    pub fn is_messages_fault(&self) -> bool {
        matches!(
            self,
            SendError::NotSent(NotSent::Unframeable { .. } | NotSent::TooLong { .. })
        )
    }

    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SendError::NotSent(NotSent::Unframeable { .. }) => {
                Some("let a step remove the byte or write it as an escape sequence (\\X0B\\, \\X1C\\)")
            }
            SendError::NotSent(NotSent::TooLong { .. }) => Some("agree on a longer length with the receiver"),
            SendError::NotSent(NotSent::Resolve { .. }) => Some("check the host name and the port"),
            SendError::NotSent(NotSent::Connect { .. } | NotSent::ConnectTimeout { .. }) => {
                Some("check that the receiver runs and that no firewall stands between")
            }
            SendError::NotSent(NotSent::TlsFiles { source, .. }) => source.hint(),
            SendError::NotSent(NotSent::Tls { source, .. }) => source.hint(),
            SendError::NotSent(NotSent::NoToken { .. }) => {
                Some("check `token_url`, `client_id` and the secret; the receiver's owner gives them out")
            }
            SendError::Unknown(Unknown::BadResponse { .. }) => {
                Some("check that the port speaks HTTP/1.1; TLS without `https` and MLLP answer like this")
            }
            SendError::Unknown(Unknown::ReplyTimeout { .. }) => {
                Some("the receiver may be slow: `reply_timeout` sets how long it is given")
            }
            SendError::Unknown(Unknown::NoCommit { .. }) => {
                Some("the receiver speaks release 1: leave `mllp_release` out")
            }
            SendError::Unknown(Unknown::BadReply { .. }) => {
                Some("check that the port speaks MLLP; TLS, HTTP and bare HL7 answer like this")
            }
            _ => None,
        }
    }
}
