//! The crate from outside: real sockets, real folders.

mod destination;
mod listener;
mod sender;
mod source;
mod support;
