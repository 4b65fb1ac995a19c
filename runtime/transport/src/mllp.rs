//! MLLP: each message stands between 0x0B and 0x1C 0x0D (HL7 Transport Specification: MLLP, releases 1 and 2).
//!
//! [`Decoder`] and [`encode`] are the framing as plain values, without I/O. [`Listener`] serves senders, [`Sender`]
//! sends to one receiver. Both keep a connection open between messages, as hospital systems expect.

mod connection;
mod decoder;
mod listener;
mod release;
mod sender;

pub use decoder::{Decoder, Event, Pending, encode};
pub(crate) use decoder::{END, GARBAGE_BYTES_MAX, KEPT_BYTES_MAX, RETURN, SKIP_FACTOR, START};
pub use listener::{Listener, ListenerSettings};
pub use release::Release;
pub use sender::{Exchange, Sender, SenderSettings};

pub use crate::send::{NotSent, SendError, Unknown};
