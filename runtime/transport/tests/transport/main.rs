//! The crate from outside: real sockets, real folders.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod destination;
mod listener;
mod privacy;
mod sender;
mod source;
mod support;
mod tls;
mod watched;
