//! Bytes in, bytes out: MLLP, HTTP and other frames over TCP and TLS, files in folders, and the clock.
//!
//! A source turns what arrives into a [`Frame`], hands it to a [`Handler`] in the order of arrival, and does with the
//! [`Answer`] what its medium can: write a reply, close a connection, move a file. A destination writes bytes and says
//! how far it came. Nothing here knows what a message means, who stores it or what a plugin is.
//!
//! Payload bytes never reach a log line, an error text or a `Debug` output: sources and sizes do.

mod answer;
mod frame;
mod inflow;
mod secret;
mod send;

pub mod files;
pub mod http;
pub mod mllp;
pub mod net;
pub mod tcp;
pub mod timer;
pub mod tls;

pub use answer::{Answer, Handler, Later, Next, Reply};
pub use frame::{Defect, Frame, Truncation, next_connection};
pub use inflow::{Inflow, InflowSettings, Inflowing};
pub use secret::Secret;
pub use send::{NotSent, SendError, Unknown};
