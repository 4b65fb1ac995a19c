//! Printing: the message as bytes again, and its segments one by one.

use std::fmt;

use bytes::Bytes;

use super::{Message, Origin, Segment, Terminator};

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

    /// The bytes without the terminator.
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
            out.extend_from_slice(self.content_of(segment));
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

    fn print_ending(&self, index: usize, segment: &Segment, out: &mut Vec<u8>) {
        let ending = self.ending_of(segment);
        if segment.origin == Origin::Inserted || (ending.is_empty() && self.is_terminated(index)) {
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
        !is_last || segment.origin == Origin::Inserted || !self.ending_of(segment).is_empty()
    }

    /// The terminator of a segment that was received, and the blank lines behind it.
    fn ending_of(&self, segment: &Segment) -> &[u8] {
        let ending = self.original.get(segment.end as usize..segment.next as usize);
        ending.unwrap_or_default()
    }
}
