//! The reading of text in a wide set, where a byte that looks like a delimiter may be a part of a character.
//!
//! A reading is UTF-8, so that delimiters are delimiters in it. What would not come back as the same bytes stands in it
//! as those bytes, each *marked* by two that UTF-8 never has: bytes that are no text, characters with more than one
//! form, and shifts that an encoder would not write. So a reading gives back the very bytes that it was made of,
//! whatever is changed beside them, and still all of it that is text can be read.

use std::borrow::Cow;

use encoding_rs::{EUC_JP, Encoding, GB18030, GBK, ISO_2022_JP, SHIFT_JIS};

use super::{exactly, katakana};

/// The lead bytes of marks: they begin no character of UTF-8. Their lowest bits are the highest of the marked byte.
const MARK: u8 = 0xf8;

const SHIFT: u8 = 0x1b;

const BACK_TO_ASCII: &[u8] = b"\x1b(B";

/// The shift into JIS X 0212 (ISO IR159), which `encoding_rs` reads as a part of EUC-JP only.
const INTO_SUPPLEMENT: &[u8] = b"\x1b$(D";

pub(super) fn reading<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    if is_plain(encoding, bytes) {
        return Cow::Borrowed(bytes);
    }
    if encoding != ISO_2022_JP
        && let Some(text) = decode(encoding, bytes)
        && encode(encoding, &text).as_deref() == Some(bytes)
    {
        return Cow::Owned(text.into_owned().into_bytes());
    }
    let mut reading = Vec::with_capacity(bytes.len() * 2);
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let (unit, after) = rest.split_at(unit_length(encoding, *first, rest));
        push_unit(encoding, unit, &mut reading);
        rest = after;
    }
    Cow::Owned(reading)
}

pub(super) fn printed<'a>(encoding: &'static Encoding, reading: &'a [u8]) -> Cow<'a, [u8]> {
    if reading.is_ascii() {
        return Cow::Borrowed(reading);
    }
    let mut out = Vec::with_capacity(reading.len());
    let mut is_shifted = false;
    for piece in Pieces(reading) {
        let ends_line = matches!(piece, Piece::Text([b'\n', ..]));
        if std::mem::take(&mut is_shifted) && !ends_line {
            out.extend_from_slice(BACK_TO_ASCII);
        }
        match piece {
            // What stands in a reading was encoded before, so this encodes; if not, the text is still the text.
            Piece::Text(text) => match std::str::from_utf8(text).ok().and_then(|text| encode(encoding, text)) {
                Some(bytes) => out.extend_from_slice(&bytes),
                None => out.extend_from_slice(text),
            },
            Piece::Marked(marked) => {
                let start = out.len();
                out.extend(unmarked(marked));
                is_shifted = encoding == ISO_2022_JP && stays_shifted(out.get(start..).unwrap_or_default());
            }
        }
    }
    Cow::Owned(out)
}

/// Whether double bytes go on behind these. Received so, they went on to the end of the line or segment; what an edit has
/// put behind them would be a part of them.
fn stays_shifted(bytes: &[u8]) -> bool {
    let last = memchr::memrchr(SHIFT, bytes).and_then(|shift| bytes.get(shift..));
    last.is_some_and(is_into_double_bytes)
}

pub(super) fn text<'a>(encoding: &'static Encoding, reading: &'a [u8]) -> Option<Cow<'a, str>> {
    if let Ok(text) = std::str::from_utf8(reading) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(reading.len());
    for piece in Pieces(reading) {
        match piece {
            Piece::Text(text) => out.push_str(std::str::from_utf8(text).ok()?),
            Piece::Marked(marked) => {
                let bytes: Vec<u8> = unmarked(marked).collect();
                out.push_str(&decode(encoding, &bytes)?);
            }
        }
    }
    Some(Cow::Owned(out))
}

pub(super) fn push_marked(byte: u8, reading: &mut Vec<u8>) {
    reading.extend_from_slice(&[MARK | byte >> 6, 0x80 | byte & 0x3f]);
}

pub(super) fn decode<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    if encoding == ISO_2022_JP {
        return decode_shifted(bytes);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

pub(super) fn encode<'a>(encoding: &'static Encoding, text: &'a str) -> Option<Cow<'a, [u8]>> {
    if encoding == ISO_2022_JP {
        return encode_shifted(text);
    }
    exactly(encoding, text)
}

fn is_plain(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    bytes.is_ascii() && (encoding != ISO_2022_JP || memchr::memchr(SHIFT, bytes).is_none())
}

/// How many bytes belong together: those that are decoded as one, at least one of them.
fn unit_length(encoding: &'static Encoding, first: u8, rest: &[u8]) -> usize {
    if encoding == ISO_2022_JP {
        return shifted_length(first, rest);
    }
    let is_lead = match first {
        0..=0x80 | 0xff => false,
        0xa0..=0xdf => encoding != SHIFT_JIS,
        _ => true,
    };
    let second = rest.get(1).copied();
    let is_four = (encoding == GB18030 || encoding == GBK) && second.is_some_and(|byte| byte.is_ascii_digit());
    match (is_lead, second) {
        (true, Some(_)) if is_four => rest.len().min(4),
        (true, Some(_)) => 2,
        _ => 1,
    }
}

/// What belongs together, as text where it would be written as the same bytes again.
fn push_unit(encoding: &'static Encoding, unit: &[u8], reading: &mut Vec<u8>) {
    let text = decode(encoding, unit);
    // Two runs side by side would be written as one, with the shifts between them left out.
    let is_after_text = reading.last().is_some_and(|byte| !byte.is_ascii());
    let is_run_on = encoding == ISO_2022_JP && is_after_text && !is_plain(encoding, unit);
    let is_same = |text: &str| !is_run_on && encode(encoding, text).as_deref() == Some(unit);
    if let Some(text) = text.as_deref().filter(|text| is_same(text)) {
        return reading.extend_from_slice(text.as_bytes());
    }
    // Half a character before ASCII is no text, and the ASCII is: so a delimiter behind it is still found.
    let is_broken = text.is_none() && encoding != ISO_2022_JP;
    for byte in unit {
        if is_broken && byte.is_ascii() {
            reading.push(*byte);
        } else {
            push_marked(*byte, reading);
        }
    }
}

/// From a shift out of single bytes to the shift back, with both, or to the end of the line or segment where there is
/// none; one shift between sets of single bytes; or the bytes up to the next shift, ASCII and others apart. A line feed
/// is always one, since it may end a segment.
fn shifted_length(first: u8, rest: &[u8]) -> usize {
    if first == SHIFT {
        let mut at = 0;
        loop {
            let shift = rest.get(at..).unwrap_or_default();
            at += shift_length(shift);
            if !is_into_double_bytes(shift) {
                return at.min(rest.len());
            }
            let text = rest.get(at..).unwrap_or_default();
            match memchr::memchr2(SHIFT, b'\n', text) {
                Some(next) if text.get(next) == Some(&b'\n') => return at + next,
                Some(next) => at += next,
                None => return rest.len(),
            }
        }
    }
    if is_shift(first) {
        return 1;
    }
    let is_alike = |byte: &&u8| byte.is_ascii() == first.is_ascii() && !is_shift(**byte);
    rest.iter().take_while(is_alike).count()
}

/// Whether a byte shifts to another set, or would where a receiver knows more of ISO 2022.
fn is_shift(byte: u8) -> bool {
    matches!(byte, SHIFT | 0x0e | 0x0f)
}

fn shift_length(shift: &[u8]) -> usize {
    let line = shift.iter().take(4).take_while(|byte| **byte != b'\n').count();
    match shift.get(..line).unwrap_or_default() {
        [_, b'$', b'(', _, ..] => 4,
        [_, b'$' | b'(' | b')', _, ..] => 3,
        _ => 1,
    }
}

/// The shift into half-width katakana in seven bits counts too, because delimiters are katakana in it.
fn is_into_double_bytes(shift: &[u8]) -> bool {
    matches!(shift, [_, b'$', ..] | [_, b'(', b'I', ..])
}

/// ASCII, or text between shifts. A yen sign and an overline of JIS X 0201, which lie where HL7 has its delimiters, are
/// these delimiters.
fn decode_shifted(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if is_plain(ISO_2022_JP, bytes) {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = usize::from(rest.first() == Some(&SHIFT));
        let next = memchr::memchr(SHIFT, rest.get(start..).unwrap_or_default());
        let (piece, after) = rest.split_at(next.map_or(rest.len(), |next| next + start));
        text.push_str(&decode_piece(piece)?);
        rest = after;
    }
    Some(Cow::Owned(text))
}

/// A shift and the text behind it, or text before any shift.
fn decode_piece(piece: &[u8]) -> Option<Cow<'_, str>> {
    let single_bytes = match piece {
        [SHIFT, b'(', b'B' | b'J', text @ ..] => Some(text),
        [SHIFT, ..] => None,
        text => Some(text),
    };
    if let Some(text) = single_bytes {
        return text
            .iter()
            .map(|byte| katakana(*byte))
            .collect::<Option<_>>()
            .map(Cow::Owned);
    }
    if let Some(pairs) = piece.strip_prefix(INTO_SUPPLEMENT) {
        return supplement(pairs).map(Cow::Owned);
    }
    ISO_2022_JP.decode_without_bom_handling_and_without_replacement(piece)
}

/// JIS X 0212: in EUC-JP its characters stand behind 0x8F, with the highest bit of both bytes set.
fn supplement(pairs: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(pairs.len() * 2);
    for pair in pairs.chunks(2) {
        let [first @ 0x21..=0x7e, second @ 0x21..=0x7e] = pair else {
            return None;
        };
        bytes.extend_from_slice(&[0x8f, first | 0x80, second | 0x80]);
    }
    let text = EUC_JP.decode_without_bom_handling_and_without_replacement(&bytes);
    text.map(Cow::into_owned)
}

/// Runs of other text between shifts of their own, so that each stands for itself wherever it is put.
fn encode_shifted(text: &str) -> Option<Cow<'_, [u8]>> {
    if text.bytes().any(is_shift) {
        return None;
    }
    if text.is_ascii() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let mut out = Vec::with_capacity(text.len());
    for run in text
        .as_bytes()
        .chunk_by(|left, right| left.is_ascii() == right.is_ascii())
    {
        let run = std::str::from_utf8(run).ok()?;
        if run.is_ascii() {
            out.extend_from_slice(run.as_bytes());
        } else {
            let (bytes, _, replaced) = ISO_2022_JP.encode(run);
            let is_same = !replaced && decode_shifted(&bytes).as_deref() == Some(run);
            out.extend_from_slice(is_same.then_some(&bytes)?);
        }
    }
    Some(Cow::Owned(out))
}

enum Piece<'a> {
    Text(&'a [u8]),
    Marked(&'a [u8]),
}

/// A reading, cut where marks begin and end.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let is_marked = |at: usize| self.0.get(at).is_some_and(|byte| *byte >= MARK);
        if self.0.is_empty() {
            return None;
        }
        if is_marked(0) {
            let length = (0..self.0.len()).step_by(2).find(|at| !is_marked(*at));
            let (marked, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
            self.0 = rest;
            return Some(Piece::Marked(marked));
        }
        let length = (0..self.0.len()).find(|at| is_marked(*at));
        let (text, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
        self.0 = rest;
        Some(Piece::Text(text))
    }
}

fn unmarked(marked: &[u8]) -> impl Iterator<Item = u8> + '_ {
    marked.chunks_exact(2).map(|pair| {
        let [lead, low] = pair else { return 0 };
        lead << 6 | low & 0x3f
    })
}
