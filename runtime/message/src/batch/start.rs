//! Which lines begin a part: the one rule that batches and messages share.

use super::PartKind;
use crate::Delimiters;

/// What a file of concatenated files, or of MLLP frames, may have before the name of a segment.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A byte-order mark and a few start bytes; more is no accident of concatenation.
const PREFIX_BYTES_MAX: usize = 8;

/// How much of a header is looked at: its name, the separator, and the five encoding characters with room to see that
/// there are no more.
const HEADER_LOOK_BYTES: usize = 16;

/// How many bytes from the beginning of a line on tell what it begins.
pub(crate) const LINE_LOOK_BYTES: usize = PREFIX_BYTES_MAX + HEADER_LOOK_BYTES;

/// Where a line stands, as far as it matters for what it may begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The field separator of the message that is open; none where none is.
    pub(crate) message: Option<u8>,
    /// The field separator of the last FHS or BHS; none where there was none.
    pub(crate) envelope: Option<u8>,
    /// Whether what ended the line before ends segments, and is not perhaps a line feed within a text.
    pub(crate) is_firm: bool,
}

/// What the line begins. Bytes beyond [`LINE_LOOK_BYTES`] do not matter.
///
/// A header begins a part where its delimiters can be read, whatever those of the open message are: the other choice
/// would make the next patient's segments a part of this patient's message. A header that continues with the separator
/// in use begins one too, so that a damaged one is refused instead of swallowed.
pub(crate) fn begins(line: &[u8], place: Place) -> Option<PartKind> {
    // Every line of every message comes by here, and nearly all of them leave here.
    if !matches!(line.first()?, b'M' | b'F' | b'B' | 0x0b | 0xef) {
        return None;
    }
    let line = line.get(prefix_bytes(line)..).unwrap_or_default();
    let kind = match line.get(..3)? {
        b"MSH" => PartKind::Message,
        b"FHS" => PartKind::FileHeader,
        b"BHS" => PartKind::BatchHeader,
        b"BTS" => PartKind::BatchTrailer,
        b"FTS" => PartKind::FileTrailer,
        _ => return None,
    };
    let is_header = !matches!(kind, PartKind::BatchTrailer | PartKind::FileTrailer);
    let begins = continues(line, kind, place) || (is_header && header_delimiters(line).is_some());
    begins.then_some(kind)
}

/// How many bytes before the name belong to no part.
pub(crate) fn prefix_bytes(line: &[u8]) -> usize {
    let mut rest = line;
    loop {
        let length = line.len() - rest.len();
        if let Some(after) = rest.strip_prefix(BYTE_ORDER_MARK) {
            rest = after;
        } else if let [0x0b, after @ ..] = rest {
            rest = after;
        } else {
            return length;
        }
        if line.len() - rest.len() > PREFIX_BYTES_MAX {
            return length;
        }
    }
}

/// The delimiters that a line beginning with FHS, BHS or MSH declares, where they can be read.
pub(super) fn header_delimiters(line: &[u8]) -> Option<Delimiters> {
    let line = line.get(..line.len().min(HEADER_LOOK_BYTES)).unwrap_or_default();
    let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
    Delimiters::of_header(line.get(..end)?).ok()
}

/// Whether the byte after the name is a separator in use, or ends the line.
fn continues(line: &[u8], kind: PartKind, place: Place) -> bool {
    match line.get(3) {
        None | Some(b'\r' | b'\n' | 0x1c) => place.is_firm,
        Some(byte) => match place.message {
            Some(separator) => separator == *byte || (kind != PartKind::Message && place.envelope == Some(*byte)),
            None => *byte == Delimiters::STANDARD.field || place.envelope == Some(*byte),
        },
    }
}
