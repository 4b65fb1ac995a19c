//! HL7 v2 over HTTP/1.1: a message is the body of a POST, and its acknowledgement is the body of the response.
//!
//! Media types are those of the HL7 over HTTP specification (`application/hl7-v2`) and of what is in use beside it. The
//! status says the same as the acknowledgement, for clients that look no further: 2xx where it accepts, and nothing else.

/// What a message is said to be where nothing else is asked for (HL7 over HTTP).
pub const MEDIA_TYPE: &str = "application/hl7-v2";

mod authentication;
mod body;
mod exchange;
mod guarded;
mod listener;
mod refused;
mod repeats;
mod sender;
mod url;

pub use authentication::Authentication;
pub use listener::{Listener, ListenerSettings};
pub use repeats::Repeats;
pub use sender::{ClientCredentials, Credentials, Limits, Request, Response, Sender, SenderSettings, ShownIn};
pub use url::{Url, UrlError};
