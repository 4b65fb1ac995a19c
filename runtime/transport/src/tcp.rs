//! Framings other than MLLP, for the listeners and senders of [`crate::mllp`]: what a connection, its limits, its answers and
//! TLS are is the same for all of them.

mod cutter;
mod decoder;
mod framing;

pub use framing::{Acknowledging, ByteOrder, Framing, Length, Marks};

pub(crate) use decoder::Decoder;
pub(crate) use framing::Unframeable;
