//! Splitting: one pass over the bytes, which may arrive little by little.

use super::PartKind;
use super::start::{LINE_LOOK_BYTES, Place, begins, prefix_bytes};
use crate::Delimiters;

/// How many bytes behind the beginning of a line have to be there before it is known what it begins. Whoever buffers
/// what arrives needs room for them beyond the longest part.
pub const LOOK_BYTES: usize = LINE_LOOK_BYTES;

/// Finds where parts end, and remembers how far it has looked: looking again at a buffer that has grown costs what is
/// new in it.
#[derive(Debug, Default)]
pub struct Splitter {
    /// What the buffer begins with, once that is known.
    open: Option<Open>,
    /// The field separator of the last FHS or BHS.
    envelope: Option<u8>,
}

/// A part whose end is being looked for.
#[derive(Debug)]
enum Open {
    Message(OpenMessage),
    /// A header, a trailer or text: one line.
    Line {
        kind: PartKind,
        scanned: usize,
    },
}

#[derive(Debug)]
struct OpenMessage {
    separator: u8,
    /// Up to here there is no line end to look at.
    scanned: usize,
    /// The first line of a message says whether a line feed alone ends its segments.
    ends_in_line_feeds: Option<bool>,
    /// Whether line ends stand right before `scanned`, and a carriage return is among them.
    follows_return: bool,
}

impl Splitter {
    /// The first part of `buffer`, which begins where the part before it ended: its kind and length. Nothing where the
    /// buffer is empty, or where more bytes are needed to tell; once `is_end` says that there are no more, every byte
    /// becomes part of something.
    pub fn next_part(&mut self, buffer: &[u8], is_end: bool) -> Option<(PartKind, usize)> {
        if self.open.is_none() {
            let filler = filler_bytes(buffer);
            if filler > 0 {
                return Some((PartKind::Filler, filler));
            }
            if buffer.is_empty() || (buffer.len() < LOOK_BYTES && !is_end) {
                return None;
            }
            self.begin(buffer);
        }
        let part = match self.open.as_mut()? {
            Open::Message(message) => (PartKind::Message, message.find_end(buffer, is_end, self.envelope)?),
            Open::Line { kind, scanned } => (*kind, find_line_end(buffer, scanned, is_end)?),
        };
        self.open = None;
        Some(part)
    }

    /// Says that the first `bytes` of the part that the buffer begins with are gone from it: of a message that is too
    /// long to be kept, only the end is looked for. A call of [`next_part`](Self::next_part) must have looked at them
    /// and asked for more; the last [`LOOK_BYTES`] of what it saw must stay.
    pub fn forget(&mut self, bytes: usize) {
        match &mut self.open {
            None => {}
            Some(Open::Line { scanned, .. } | Open::Message(OpenMessage { scanned, .. })) => {
                *scanned = scanned.saturating_sub(bytes);
            }
        }
    }

    fn begin(&mut self, buffer: &[u8]) {
        let place = Place {
            message: None,
            envelope: self.envelope,
            is_firm: true,
        };
        let kind = begins(buffer, place).unwrap_or(PartKind::Text);
        let separator = buffer.get(3).copied().filter(u8::is_ascii_punctuation);
        if matches!(kind, PartKind::FileHeader | PartKind::BatchHeader) {
            self.envelope = separator;
        }
        self.open = Some(match kind {
            PartKind::Message => Open::Message(OpenMessage::new(separator.unwrap_or(Delimiters::STANDARD.field))),
            kind => Open::Line { kind, scanned: 0 },
        });
    }
}

impl OpenMessage {
    fn new(separator: u8) -> Self {
        Self {
            separator,
            scanned: 0,
            ends_in_line_feeds: None,
            follows_return: false,
        }
    }

    /// Looks at each line end, and at each byte that ends an MLLP frame.
    fn find_end(&mut self, buffer: &[u8], is_end: bool, envelope: Option<u8>) -> Option<usize> {
        loop {
            let rest = buffer.get(self.scanned..).unwrap_or_default();
            let found = memchr::memchr3(b'\r', b'\n', 0x1c, rest);
            let at = self.scanned + found.unwrap_or(rest.len());
            self.follows_return &= at == self.scanned;
            self.scanned = at;
            let Some(byte) = buffer.get(at).copied() else {
                return is_end.then_some(at);
            };
            let after = buffer.get(at + 1..).unwrap_or_default();
            if after.len() < LOOK_BYTES && !is_end {
                return None;
            }
            if byte == 0x1c {
                self.follows_return = false;
                if matches!(after.first(), None | Some(b'\r' | b'\n' | 0x0b)) {
                    return Some(at);
                }
            } else {
                let place = Place {
                    message: Some(self.separator),
                    envelope,
                    is_firm: self.take_break(byte),
                };
                if begins(after, place).is_some() {
                    return Some(at + 1);
                }
            }
            self.scanned = at + 1;
        }
    }

    /// Takes note of a line end, and tells whether it surely ends a segment: where segments end in CR, a line feed alone
    /// may be text.
    fn take_break(&mut self, byte: u8) -> bool {
        let ends_in_line_feeds = *self.ends_in_line_feeds.get_or_insert(byte == b'\n');
        self.follows_return |= byte == b'\r';
        self.follows_return || ends_in_line_feeds
    }
}

/// How many bytes at the beginning mean nothing. Blanks are among them, as before the header of a message.
fn filler_bytes(buffer: &[u8]) -> usize {
    let is_filler = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0b | 0x1c);
    let mut filler = 0;
    loop {
        let rest = buffer.get(filler..).unwrap_or_default();
        let blanks = rest.iter().take_while(is_filler).count();
        let marks = prefix_bytes(rest.get(blanks..).unwrap_or_default());
        if blanks + marks == 0 {
            return filler;
        }
        filler += blanks + marks;
    }
}

/// The length of the first line with its end. A byte that ends an MLLP frame ends a line, too, and is none of it.
fn find_line_end(buffer: &[u8], scanned: &mut usize, is_end: bool) -> Option<usize> {
    let rest = buffer.get(*scanned..).unwrap_or_default();
    let Some(found) = memchr::memchr3(b'\r', b'\n', 0x1c, rest) else {
        *scanned = buffer.len();
        return is_end.then_some(buffer.len());
    };
    let end = *scanned + found;
    *scanned = end;
    match (buffer.get(end), buffer.get(end + 1)) {
        (Some(b'\r'), None) if !is_end => None,
        (Some(b'\r'), Some(b'\n')) => Some(end + 2),
        (Some(0x1c), _) => Some(end),
        _ => Some(end + 1),
    }
}
