//! Printing: the message as bytes again, and its segments one by one.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::{Message, Segment, State, Terminator};

/// One segment of a message, for printing. `Debug` prints the size only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SegmentView<'a> {
    name: &'a str,
    raw: &'a [u8],
}

impl<'a> SegmentView<'a> {
    /// The name, such as `PID`; empty for a line that is not a segment.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The bytes without the terminator. In a wide character set (BIG-5, GB 18030, GBK, Shift JIS, ISO-2022-JP) these
    /// are not the bytes on the wire, but their reading in UTF-8, in which delimiters can be found.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

impl fmt::Debug for SegmentView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentView({} bytes)", self.raw.len())
    }
}

impl Message {
    /// The whole message. Without an edit these are the very bytes that were parsed; with one, only the edited
    /// segments differ from them.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        if self.edited {
            self.assemble().into()
        } else {
            self.original.clone()
        }
    }

    /// The message with every segment ended like this, and no blank lines. A line feed within a value, which senders
    /// write that end their segments with a carriage return, becomes its escape sequence where `ending` holds a line
    /// feed, because it would end the segment now; `None` where MSH-2 names no character to escape it with.
    #[must_use]
    pub fn encode_with_ending(&self, ending: &[u8]) -> Option<Bytes> {
        let escapes = ending.contains(&b'\n');
        let mut out = Vec::with_capacity(self.original.len() + self.segments.len());
        for segment in self.segments.iter() {
            let mut rest = &*self.printed(segment);
            while let Some(at) = memchr::memchr(b'\n', rest).filter(|_| escapes) {
                let escape = self.delimiters.escape?;
                out.extend_from_slice(rest.get(..at).unwrap_or_default());
                out.extend_from_slice(&[escape, b'X', b'0', b'A', escape]);
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            out.extend_from_slice(rest);
            out.extend_from_slice(ending);
        }
        Some(out.into())
    }

    /// The segments in order, lines that are none among them.
    pub fn segments(&self) -> impl Iterator<Item = SegmentView<'_>> {
        self.segments.iter().map(|segment| {
            let name = if segment.name == [0; 3] {
                ""
            } else {
                std::str::from_utf8(&segment.name).unwrap_or_default()
            };
            SegmentView {
                name,
                raw: self.content_of(segment),
            }
        })
    }

    fn assemble(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.assembled_bytes());
        let first = self.segments.first().map_or(0, |segment| segment.start as usize);
        out.extend_from_slice(self.original.get(..first).unwrap_or_default());
        for (index, segment) in self.segments.iter().enumerate() {
            out.extend_from_slice(&self.printed(segment));
            self.print_ending(index, segment, &mut out);
        }
        out
    }

    /// What an edited message comes to, so that a document of ten megabytes is not given room for twenty.
    fn assembled_bytes(&self) -> usize {
        let first = self.segments.first().map_or(0, |segment| segment.start as usize);
        let each = self.segments.iter().map(|segment| {
            let ending = self.ending_of(segment).len() + self.terminator.bytes().len();
            self.content_of(segment).len() + ending
        });
        first + each.sum::<usize>()
    }

    /// The bytes of a segment on the wire.
    fn printed<'a>(&'a self, segment: &'a Segment) -> Cow<'a, [u8]> {
        match segment.state {
            State::Received => Cow::Borrowed(self.received(segment)),
            State::Edited | State::Inserted => self.charset.printed(self.content_of(segment)),
        }
    }

    pub(super) fn print_ending(&self, index: usize, segment: &Segment, out: &mut Vec<u8>) {
        let ending = self.ending_of(segment);
        if segment.state == State::Inserted || (ending.is_empty() && self.is_terminated(index)) {
            out.extend_from_slice(self.terminator.bytes());
            out.extend_from_slice(ending);
        } else if self.would_swallow(index, ending) {
            out.extend_from_slice(self.terminator.bytes());
            out.extend_from_slice(ending.get(1..).unwrap_or_default());
        } else {
            out.extend_from_slice(ending);
        }
    }

    /// Whether the next segment would be read as the rest of this one's text: where segments end in CR, a line feed
    /// alone ends one only if the name and a separator follow, and an edit may have left the name alone.
    fn would_swallow(&self, index: usize, ending: &[u8]) -> bool {
        let Some(next) = self.segments.get(index + 1) else {
            return false;
        };
        let is_text = self.terminator != Terminator::LineFeed && !ending.contains(&b'\r');
        let has_separator = self.content_of(next).get(3) == Some(&self.delimiters.field);
        is_text && !has_separator && self.is_terminated(index + 1)
    }

    /// Whether anything is printed behind a segment.
    pub(super) fn is_terminated(&self, index: usize) -> bool {
        let Some(segment) = self.segments.get(index) else {
            return false;
        };
        let is_last = index + 1 == self.segments.len();
        !is_last || segment.state == State::Inserted || !self.ending_of(segment).is_empty()
    }

    /// The terminator of a segment that was received, and the blank lines behind it.
    fn ending_of(&self, segment: &Segment) -> &[u8] {
        let ending = self.original.get(segment.end as usize..segment.next as usize);
        ending.unwrap_or_default()
    }
}
