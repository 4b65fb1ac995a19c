//! Parsing: one pass over the bytes that finds where segments end, and the header's delimiters and character set.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::list::SegmentList;
use super::{Message, Segment, State, Terminator};
use crate::batch::PartKind;
use crate::batch::start::{self, Place};
use crate::path::segment_name;
use crate::{Charset, Delimiters};

/// The largest message, in bytes. Positions are kept in 32 bits; a quarter of that leaves no doubt in any sum, and is
/// far more than the largest scanned document that a sender puts into one OBX-5.
pub const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// The default of [`ParseOptions::segments_max`]. The largest results and master files that hospitals send have some
/// tens of thousands; a list of this length takes 2.4 MB, so a message of nothing but line ends stays harmless.
const SEGMENTS_MAX: usize = 100_000;

/// Room for a usual message, so that the list of segments is allocated once.
const SEGMENTS_EXPECTED_MAX: usize = 64;

/// How bytes are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseOptions {
    /// Wins over MSH-18, for senders that declare nothing or the wrong set.
    pub charset: Option<Charset>,
    /// The most segments that a message may have, inserted ones included.
    pub segments_max: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            charset: None,
            segments_max: SEGMENTS_MAX,
        }
    }
}

/// Why bytes are not an HL7 v2 message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The first segment is not MSH.
    #[error("no MSH segment at byte {offset}: a message begins with MSH")]
    NoHeader {
        /// Where MSH was expected.
        offset: u64,
    },
    /// The bytes are UTF-16 or UTF-32, in which HL7 v2 cannot travel.
    #[error(
        "the message is in UTF-16 or UTF-32, whose characters hold the bytes that end segments: have the sender use \
         UNICODE UTF-8"
    )]
    WideUnicode,
    /// MSH-1 or MSH-2 cannot be used.
    #[error("the delimiters at byte {offset} cannot be used: {reason}")]
    BadDelimiters {
        /// Where MSH-1 lies.
        offset: u64,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A second MSH: two messages in one frame would be acknowledged as one.
    #[error("a second MSH segment begins at byte {offset}: send one message at a time")]
    SecondHeader {
        /// Where it begins.
        offset: u64,
    },
    /// More segments than [`ParseOptions::segments_max`].
    #[error("more than {segments_max} segments: the limit is reached at byte {offset}")]
    TooManySegments {
        /// Where the first one too many begins.
        offset: u64,
        /// The limit.
        segments_max: usize,
    },
    /// More bytes than [`MESSAGE_BYTES_MAX`].
    #[error("the message has {bytes} bytes: at most {MESSAGE_BYTES_MAX} can be read")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
}

impl ParseError {
    /// The stable name of the error, as the plugin contract documents it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoHeader { .. } => "no-header",
            Self::WideUnicode => "utf-16",
            Self::BadDelimiters { .. } => "bad-delimiters",
            Self::SecondHeader { .. } => "second-header",
            Self::TooManySegments { .. } => "too-many-segments",
            Self::TooLarge { .. } => "too-large",
        }
    }

    /// Where the trouble starts, in bytes from the beginning.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::NoHeader { offset }
            | Self::BadDelimiters { offset, .. }
            | Self::SecondHeader { offset }
            | Self::TooManySegments { offset, .. } => *offset,
            Self::WideUnicode => 0,
            Self::TooLarge { .. } => MESSAGE_BYTES_MAX as u64,
        }
    }
}

impl Message {
    /// Reads a message. Blank lines and a byte-order mark before MSH are kept and skipped; lines that are no segments
    /// are kept, and no path leads to them. Nothing else is judged: segments, fields and values may be anything.
    pub fn parse(raw: impl Into<Bytes>, options: &ParseOptions) -> Result<Self, ParseError> {
        parse(raw.into(), options)
    }

    /// Whether these bytes would be read as one segment of the same name, or as a line that is none, in the place of a
    /// segment.
    pub(super) fn is_same_segment(&self, index: usize, content: &[u8]) -> bool {
        let name = self.segments.get(index).map(|segment| segment.name);
        let has_line_feed = memchr::memchr(b'\n', content).is_some();
        let is_one = !has_line_feed || self.is_one_segment(content, self.is_terminated(index));
        is_one && !content.is_empty() && name == Some(name_of(content, self.delimiters))
    }

    /// Whether these bytes, with a terminator behind them or at the end of the message, are read as one segment.
    pub(super) fn is_one_segment(&self, content: &[u8], is_terminated: bool) -> bool {
        let terminator: &[u8] = if is_terminated { b"\r" } else { b"" };
        let bytes = [content, terminator].concat();
        let lines = Lines {
            bytes: &bytes,
            delimiters: self.delimiters,
            terminator: self.terminator,
            segments_max: 1,
        };
        lines.line_from(0).0 == content.len()
    }
}

fn parse(original: Bytes, options: &ParseOptions) -> Result<Message, ParseError> {
    if original.len() > MESSAGE_BYTES_MAX {
        return Err(ParseError::TooLarge {
            bytes: original.len() as u64,
        });
    }
    let start = skip_prefix(&original);
    let (delimiters, terminator) = read_header(&original, start)?;
    let segments_max = options.segments_max.min(MESSAGE_BYTES_MAX);
    let segments = Lines {
        bytes: &original,
        delimiters,
        terminator,
        segments_max,
    }
    .read(start)?;
    let mut message = Message {
        original,
        segments: Arc::new(segments.into()),
        delimiters,
        charset: Charset::ASCII,
        terminator,
        segments_max: position(segments_max),
        insertions: 0,
        edited: false,
    };
    message.charset = options.charset.unwrap_or_else(|| message.charset_of_header());
    if message.charset.is_wide() {
        read_segments(&mut message);
    }
    Ok(message)
}

/// Makes the readings of a wide character set, for the segments whose bytes are not their own.
fn read_segments(message: &mut Message) {
    let charset = message.charset;
    for segment in SegmentList::edit(&mut message.segments) {
        let range = segment.start as usize..segment.end as usize;
        let bytes = message.original.get(range).unwrap_or_default();
        if let Cow::Owned(reading) = charset.reading(bytes) {
            segment.reading = Some(Arc::new(reading));
        }
    }
}

/// Positions fit in 32 bits because a message has at most [`MESSAGE_BYTES_MAX`] bytes.
pub(super) fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Where MSH should begin: after a byte-order mark, blank lines, and the start byte of a frame.
fn skip_prefix(bytes: &[u8]) -> usize {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut rest = bytes;
    loop {
        if let Some(after) = rest.strip_prefix(BYTE_ORDER_MARK) {
            rest = after;
        } else if let [b'\r' | b'\n' | b' ' | b'\t' | 0x0b, after @ ..] = rest {
            rest = after;
        } else {
            return bytes.len() - rest.len();
        }
    }
}

fn read_header(bytes: &[u8], start: usize) -> Result<(Delimiters, Terminator), ParseError> {
    let rest = bytes.get(start..).unwrap_or_default();
    if !rest.starts_with(b"MSH") {
        if is_wide_unicode(bytes) {
            return Err(ParseError::WideUnicode);
        }
        return Err(ParseError::NoHeader { offset: start as u64 });
    }
    let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
    let delimiters =
        Delimiters::of_header(rest.get(..end).unwrap_or_default()).map_err(|reason| ParseError::BadDelimiters {
            offset: start as u64 + 3,
            reason,
        })?;
    let terminator = match (rest.get(end), rest.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => Terminator::Both,
        (Some(b'\n'), _) => Terminator::LineFeed,
        _ => Terminator::CarriageReturn,
    };
    Ok((delimiters, terminator))
}

/// A byte-order mark of UTF-16 or UTF-32, or the M of MSH with the zeros that they put beside it.
fn is_wide_unicode(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..]
            | [0xfe, 0xff, ..]
            | [0, 0, 0xfe, 0xff, ..]
            | [b'M', 0, ..]
            | [0, b'M', ..]
            | [0, 0, 0, b'M', ..]
    )
}

struct Lines<'a> {
    bytes: &'a [u8],
    delimiters: Delimiters,
    terminator: Terminator,
    segments_max: usize,
}

impl Lines<'_> {
    fn read(&self, mut start: usize) -> Result<Vec<Segment>, ParseError> {
        let mut segments = Vec::with_capacity((self.bytes.len() / 48 + 2).min(SEGMENTS_EXPECTED_MAX));
        while start < self.bytes.len() {
            if segments.len() == self.segments_max {
                return Err(ParseError::TooManySegments {
                    offset: start as u64,
                    segments_max: self.segments_max,
                });
            }
            let (end, next) = self.line_from(start);
            let name = self.name(start, end);
            if !segments.is_empty() && self.is_header(start, true) {
                return Err(ParseError::SecondHeader { offset: start as u64 });
            }
            segments.push(Segment {
                name,
                state: State::Received,
                start: position(start),
                end: position(end),
                next: position(next),
                reading: None,
            });
            start = next;
        }
        Ok(segments)
    }

    /// Where the line that begins at `start` ends, and where the next one that is not blank begins.
    fn line_from(&self, start: usize) -> (usize, usize) {
        let mut search = start;
        loop {
            let rest = self.bytes.get(search..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
                return (self.bytes.len(), self.bytes.len());
            };
            let end = search + found;
            let tail = self.bytes.get(end..).unwrap_or_default();
            let next = end + tail.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if self.is_line_end(end, next) {
                return (end, next);
            }
            search = next;
        }
    }

    /// Where segments end in CR, a line feed alone is text that a sender put into a field, unless a segment follows.
    fn is_line_end(&self, end: usize, next: usize) -> bool {
        let ending = self.bytes.get(end..next).unwrap_or_default();
        self.terminator == Terminator::LineFeed
            || ending.contains(&b'\r')
            || next == self.bytes.len()
            || !matches!(&self.name(next, self.bytes.len()), [0, 0, 0] | b"MSH")
            || self.is_header(next, false)
    }

    /// Whether the next message begins here, by the rule that batches are split by.
    fn is_header(&self, start: usize, is_firm: bool) -> bool {
        let line = self.bytes.get(start..).unwrap_or_default();
        let place = Place {
            message: Some(self.delimiters.field),
            envelope: None,
            is_firm,
        };
        start::begins(line, place) == Some(PartKind::Message)
    }

    /// The name of the segment that begins at `start`, or zeros where none does.
    fn name(&self, start: usize, end: usize) -> [u8; 3] {
        name_of(self.bytes.get(start..end).unwrap_or_default(), self.delimiters)
    }
}

/// The name of a segment, or zeros for a line that is none.
fn name_of(line: &[u8], delimiters: Delimiters) -> [u8; 3] {
    let is_segment = line.get(3).is_none_or(|byte| *byte == delimiters.field);
    let name = line.get(..3).filter(|_| is_segment).and_then(segment_name);
    name.unwrap_or_default()
}
