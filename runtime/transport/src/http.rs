//! HL7 v2 over HTTP/1.1: a message is the body of a POST, and its acknowledgement is the body of the response.
//!
//! Media types are those of the HL7 over HTTP specification (`application/hl7-v2`) and of what is in use beside it. The
//! status says the same as the acknowledgement, for clients that look no further: 2xx where it accepts, and nothing else.

mod authentication;
mod body;
mod exchange;
mod guarded;
mod listener;
mod refused;
mod repeats;

pub use authentication::Authentication;
pub use listener::{Listener, ListenerSettings};
pub use repeats::Repeats;
