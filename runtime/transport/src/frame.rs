//! What a source hands over.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use transfuse_message::Payload;

/// One unit that a source received: a message, or what is left of one.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The bytes without their framing. Of a defective frame, the part that was kept.
    pub content: Payload,
    /// Why this is not a whole frame; `None` for a whole one.
    pub defect: Option<Defect>,
    /// Where it came from: `127.0.0.1:51234`, `file:result-17.hl7`.
    pub source: String,
    /// Which connection (or folder source) of this process brought it. Frames of one connection are handed over in
    /// the order in which they arrived; numbers are never used twice while the process lives.
    pub connection: u64,
}

/// What keeps a frame from being a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// Bytes that stood between frames. Only their beginning is kept.
    Garbage {
        /// How many bytes there were; where it exceeds the limit, the limit and one.
        bytes: usize,
    },
    /// A frame that began and did not end. All of it that arrived is kept.
    Truncated(Truncation),
    /// A frame, or a file, above the size limit. Only its beginning is kept.
    TooLong {
        /// How many bytes there were; where reading was given up, how many were seen.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// A whole frame, of more messages, headers and trailers than are taken at once. Whoever splits frames finds it.
    TooManyParts {
        /// The limit.
        parts_max: usize,
    },
}

/// What cut a frame short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Truncation {
    /// The next frame began.
    NewStart,
    /// The sender closed the connection.
    StreamEnd,
    /// The connection broke, where its end would have been the frame's.
    Broken,
    /// The sender kept the connection open and sent nothing more, or next to nothing, for too long.
    Stalled,
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::Garbage { bytes } => write!(formatter, "{bytes} bytes stand outside of any frame"),
            Defect::Truncated(truncation) => write!(formatter, "the frame has no end: {truncation}"),
            Defect::TooLong { bytes, bytes_max } => write!(formatter, "{bytes} bytes; the limit is {bytes_max}"),
            Defect::TooManyParts { parts_max } => write!(
                formatter,
                "more than {parts_max} messages, headers and trailers in one frame; send them in several frames, or as a file"
            ),
        }
    }
}

impl fmt::Display for Truncation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Truncation::NewStart => "the next one began",
            Truncation::StreamEnd => "the connection was closed",
            Truncation::Broken => "the connection broke",
            Truncation::Stalled => "the sender stopped sending",
        })
    }
}

/// A number for a new connection that no other connection of this process has.
pub fn next_connection() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
