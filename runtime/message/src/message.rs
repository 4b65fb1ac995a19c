//! The message: the received bytes, and where its segments lie in them.

mod copy;
mod declare;
mod edit;
mod header;
mod parse;
mod place;
mod print;
mod read;
mod recode;
mod time;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use header::Header;
pub use parse::{MESSAGE_BYTES_MAX, ParseError, ParseOptions};
pub use print::SegmentView;
pub use read::Value;
pub use recode::{RecodeError, Unmappable};

use crate::{Charset, Delimiters, Path, PathError};

/// An HL7 v2 message.
///
/// What nobody changed is printed as it was received. A clone costs two reference counts; the first edit of a clone
/// copies the list of segments, and each edited segment is kept apart from the received bytes.
///
/// The character set and the delimiters are those at the time of parsing: setting MSH-18 changes what the message
/// declares, not how its bytes are read.
#[derive(Clone)]
pub struct Message {
    original: Bytes,
    segments: Arc<Vec<Segment>>,
    delimiters: Delimiters,
    charset: Charset,
    terminator: Terminator,
    segments_max: u32,
    edited: bool,
}

/// One segment, or a line that is none. Positions are of the original bytes; a message is smaller than 4 GB.
#[derive(Clone)]
pub(crate) struct Segment {
    /// The name, or zeros for a line that is not a segment: kept and printed, but no path leads to it.
    name: [u8; 3],
    state: State,
    start: u32,
    end: u32,
    /// Where the next one starts: from `end` to here lie the terminator and blank lines.
    next: u32,
    /// What paths work on, where that is not the original bytes: an edited segment, or in a wide character set the
    /// reading of one (see [`Charset`]).
    reading: Option<Arc<Vec<u8>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Printed as it came.
    Received,
    /// Printed from its reading.
    Edited,
    /// Made by `insert`: printed from its reading, and its terminator is not in the original bytes.
    Inserted,
}

/// What looking at a segment's name counts for, in bytes.
const LOOK_BYTES: usize = 8;

/// What ends a segment that has no ending of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminator {
    CarriageReturn,
    LineFeed,
    Both,
}

impl Terminator {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::CarriageReturn => b"\r",
            Self::LineFeed => b"\n",
            Self::Both => b"\r\n",
        }
    }
}

impl Message {
    /// The delimiters that MSH-1 and MSH-2 declare.
    #[must_use]
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters
    }

    /// The character set that the message is read and written in.
    #[must_use]
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// How many segments there are, lines that are none among them.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// What one operation on `path` has to look at, in bytes: eight for each segment on the way to the one it names,
    /// and that segment's length. Finding it out costs as much as finding the segment; a host charges fuel by it.
    #[must_use]
    pub fn touched_bytes(&self, path: &Path) -> u64 {
        let touched = match self.find(path.name(), path.occurrence()) {
            Some(index) => (index + 1) * LOOK_BYTES + self.content(index).len(),
            None => self.segments.len() * LOOK_BYTES,
        };
        touched as u64
    }

    /// The same for [`rows`](Self::rows): eight bytes for each segment, and the length of those of this name once for
    /// each field.
    #[must_use]
    pub fn touched_bytes_of_rows(&self, segment: &str, fields: usize) -> u64 {
        let named = self
            .segments
            .iter()
            .filter(|candidate| candidate.name == segment.as_bytes());
        let lengths: usize = named.map(|segment| self.content_of(segment).len()).sum();
        (self.segments.len() * LOOK_BYTES + lengths * fields) as u64
    }

    /// The index of a segment by name and occurrence.
    fn find(&self, name: [u8; 3], occurrence: u32) -> Option<usize> {
        let wanted = usize::try_from(occurrence).unwrap_or(usize::MAX).saturating_sub(1);
        let mut named = self
            .segments
            .iter()
            .enumerate()
            .filter(|(_, segment)| segment.name == name);
        named.nth(wanted).map(|(index, _)| index)
    }

    /// The reading of a segment without its terminator: its bytes, but in a wide character set.
    fn content(&self, index: usize) -> &[u8] {
        self.segments
            .get(index)
            .map(|segment| self.content_of(segment))
            .unwrap_or_default()
    }

    fn content_of<'a>(&'a self, segment: &'a Segment) -> &'a [u8] {
        match &segment.reading {
            Some(reading) => reading,
            None => self.received(segment),
        }
    }

    /// The bytes of a segment as they came.
    fn received(&self, segment: &Segment) -> &[u8] {
        self.original
            .get(segment.start as usize..segment.end as usize)
            .unwrap_or_default()
    }

    fn unencodable(&self, path: &Path, reason: &'static str) -> PathError {
        PathError::Unencodable {
            path: path.clone(),
            charset: self.charset,
            reason,
        }
    }

    fn undecodable(&self, path: &Path) -> PathError {
        PathError::Undecodable {
            path: path.clone(),
            charset: self.charset,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Message({} bytes received, {} segments)",
            self.original.len(),
            self.segments.len()
        )
    }
}
