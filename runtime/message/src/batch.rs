//! Many messages in one piece: files and frames with FHS, BHS, messages, BTS and FTS, or with nothing but messages.
//!
//! [`parts`] reads bytes as a sequence of parts that share them; put one after the other again, the parts are the
//! bytes. [`Splitter`] does the same to bytes that arrive little by little. Neither fails, and neither judges:
//! [`Structure`] tells what is wrong with the sequence, such as a count that is not what is there.
//!
//! A message begins where a line begins with MSH, and ends where the next part begins; [`Message::parse`] finds a second
//! header by the same rule, so that a part never holds two messages. One message alone is the simplest batch.
//!
//! ```
//! use transfuse_message::batch::{PartKind, Structure, parts};
//!
//! let raw = "BHS|^~\\&|LAB\rMSH|^~\\&|LAB\rPID|1\rMSH|^~\\&|LAB\rBTS|3\r";
//! let (mut structure, mut messages) = (Structure::default(), Vec::new());
//! for part in parts(raw) {
//!     structure.take(&part);
//!     if part.kind == PartKind::Message {
//!         messages.push(part.bytes);
//!     }
//! }
//! assert_eq!(messages[0], "MSH|^~\\&|LAB\rPID|1\r");
//! assert_eq!(structure.finish()[0].to_string(), "BTS-1 says 3 messages, and there are 2");
//! ```
//!
//! [`Message::parse`]: crate::Message::parse

mod envelope;
mod reply;
mod split;
pub(crate) mod start;
mod structure;

use std::fmt;

use bytes::Bytes;

pub use envelope::{Header, Level, Trailer};
pub use reply::Reply;
pub use split::{LOOK_BYTES, Splitter};
pub use structure::{Flaw, Structure};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// FHS.
    FileHeader,
    /// BHS.
    BatchHeader,
    /// From MSH up to the next part.
    Message,
    /// BTS.
    BatchTrailer,
    /// FTS.
    FileTrailer,
    /// A line that belongs to nothing: neither a part of its own, nor inside of a message.
    Text,
    /// What means nothing between parts: blank lines, byte-order marks, and bytes of MLLP frames (0x0B, 0x1C).
    Filler,
}

/// One part of a batch. `Debug` prints its kind and place only.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Where it begins, in bytes from the beginning of all.
    pub start: u64,
    /// Its bytes, the end of its last line included.
    pub bytes: Bytes,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Part({:?} at byte {}, {} bytes)",
            self.kind,
            self.start,
            self.bytes.len()
        )
    }
}

/// The parts of bytes that are all there. Nothing is copied, and nothing is read ahead of what is asked for. `Debug`
/// prints sizes only.
pub struct Parts {
    rest: Bytes,
    start: u64,
    splitter: Splitter,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({} bytes from byte {} on)", self.rest.len(), self.start)
    }
}

/// Reads bytes as parts.
pub fn parts(raw: impl Into<Bytes>) -> Parts {
    Parts {
        rest: raw.into(),
        start: 0,
        splitter: Splitter::default(),
    }
}

impl Iterator for Parts {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let (kind, length) = self.splitter.next_part(&self.rest, true)?;
        let start = self.start;
        self.start += length as u64;
        Some(Part {
            kind,
            start,
            bytes: self.rest.split_to(length),
        })
    }
}

/// Whether the bytes are more than one message, or have a header or a trailer. Bytes that are one message, whatever blank
/// lines and text stand around it, are best read as they are.
#[must_use]
pub fn is_batch(raw: &Bytes) -> bool {
    let mut structure = Structure::default();
    parts(raw.clone()).any(|part| {
        structure.take(&part);
        structure.is_batch()
    })
}
