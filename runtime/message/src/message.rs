//! The message: the received bytes, and where its segments lie in them.

mod changes;
mod copy;
mod declare;
mod definition;
mod edit;
mod groups;
mod header;
mod list;
mod names;
mod parse;
mod place;
mod print;
mod read;
mod recode;
mod time;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub use changes::Change;
pub(crate) use groups::Plan;
pub use groups::{Group, Groups, StructureFault, StructureFinding};
pub use header::{Header, is_of_type};
pub use parse::{MESSAGE_BYTES_MAX, ParseError, ParseOptions};
pub use print::SegmentView;
pub use read::Value;
pub use recode::{RecodeError, Unmappable};

use crate::escape::Unwritable;
use crate::{Charset, Delimiters, Path, PathError};
use list::SegmentList;

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
    segments: Arc<SegmentList>,
    delimiters: Delimiters,
    charset: Charset,
    terminator: Terminator,
    segments_max: u32,
    /// How many segments have been inserted since it was parsed: the next one's number.
    insertions: u32,
    edited: bool,
}

/// One segment, or a line that is none. Positions are of the original bytes; a message is smaller than 4 GB.
#[derive(Clone)]
pub(crate) struct Segment {
    /// The name, or zeros for a line that is not a segment: kept and printed, but no path leads to it.
    name: [u8; 3],
    state: State,
    /// Where it begins. An inserted one has no bytes there: this is its number among the insertions, by which copies of the
    /// message know it again after edits.
    start: u32,
    /// Where it ends, before its terminator; of an inserted one, where the bytes before it end.
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

/// What finding a segment counts for in a long message, of which the places of names are kept: hashing a name and two
/// searches by halves take about 60 ns.
const FIND_BYTES: usize = 128;

/// What finding the place of a segment in the message's structure counts for, in bytes: it takes about as long as
/// reading so many.
const GROUPING_BYTES: usize = 256;

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

    /// What one operation on `path` has to look at, in bytes: that segment's length, and eight for each segment on the
    /// way to the one it names, or a fixed number where the message is long enough for the places of names to be kept;
    /// where a path through groups is the first to ask for them, what finding them takes. Finding it out costs as much
    /// as finding the segment; a host charges fuel by it.
    #[must_use]
    pub fn touched_bytes(&self, path: &Path) -> u64 {
        let grouping = self.grouping_bytes(path);
        let scope = self.scope(path).ok().flatten().unwrap_or(0..0);
        let found = self.nth_named(scope.clone(), path.name(), path.occurrence());
        let found = found.filter(|_| !path.is_group());
        let looked_at = match found {
            _ if self.segments.is_indexed() => FIND_BYTES,
            Some(index) => (index + 1 - scope.start) * LOOK_BYTES,
            None => scope.len() * LOOK_BYTES,
        };
        let content = found.map_or(0, |index| self.content(index).len());
        (grouping + looked_at + content) as u64
    }

    /// The same for [`rows`](Self::rows): eight bytes for each segment, and the length of those of this name once for
    /// each field.
    #[must_use]
    pub fn touched_bytes_of_rows(&self, segment: &str, fields: usize) -> u64 {
        let Ok(path) = segment.parse::<Path>() else {
            return (self.segments.len() * LOOK_BYTES) as u64;
        };
        let grouping = self.grouping_bytes(&path);
        let scope = self.scope(&path).ok().flatten().unwrap_or(0..0);
        let looks = scope.len() * LOOK_BYTES;
        let named = self.segments.named(scope, path.name());
        let lengths: usize = named.map(|(_, segment)| self.content_of(segment).len()).sum();
        (grouping + looks + lengths * fields) as u64
    }

    fn grouping_bytes(&self, path: &Path) -> usize {
        let is_first = !path.groups().is_empty() && !self.is_grouped();
        if is_first {
            self.segments.len() * GROUPING_BYTES
        } else {
            0
        }
    }

    /// The index of the segment that a path leads to.
    #[inline]
    fn find(&self, path: &Path) -> Result<Option<usize>, PathError> {
        if path.groups().is_empty() {
            return Ok(self.nth_named(0..self.segments.len(), path.name(), path.occurrence()));
        }
        self.find_in_group(path)
    }

    fn find_in_group(&self, path: &Path) -> Result<Option<usize>, PathError> {
        if path.is_group() {
            return Err(PathError::Unsupported {
                reason: "this on a whole group; name a segment in it, as in ORDER_OBSERVATION[2]/OBX",
            });
        }
        let scope = self.groups().range(path.groups())?;
        Ok(scope.and_then(|scope| self.nth_named(scope, path.name(), path.occurrence())))
    }

    /// The segments that a path counts in: all of them, or those of its group; none where there is no such group.
    fn scope(&self, path: &Path) -> Result<Option<Range<usize>>, PathError> {
        match path.groups() {
            [] => Ok(Some(0..self.segments.len())),
            steps => self.groups().range(steps),
        }
    }

    fn nth_named(&self, scope: Range<usize>, name: [u8; 3], occurrence: u32) -> Option<usize> {
        let wanted = usize::try_from(occurrence).unwrap_or(usize::MAX).saturating_sub(1);
        self.segments.nth_named(scope, name, wanted)
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

    fn unwritable(&self, path: &Path, why: Unwritable) -> PathError {
        match why {
            Unwritable::Text(reason) => self.unencodable(path, reason),
            Unwritable::NoEscape => PathError::NoEscape { path: path.clone() },
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
