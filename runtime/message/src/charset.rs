//! Character sets: decoding and encoding without loss.
//!
//! | sets | how text lies in a message |
//! |---|---|
//! | ASCII, the parts of ISO 8859, the windows sets, ISO IR14 | one byte a character |
//! | UTF-8, KS X 1001, EUC-JP | several bytes, none of which can be taken for a delimiter |
//! | BIG-5, GB 18030, GBK, Shift JIS, ISO-2022-JP | several bytes, of which one may look like a delimiter: *wide* sets |
//!
//! In a wide set a byte such as `|` may be the second half of a character, so that delimiters cannot be found in the
//! bytes. A message in such a set is therefore worked on in another form, its *reading* (see [`wide`]), which is made
//! of its bytes and gives them back exactly. In every other set the reading is the bytes themselves, and costs nothing.

mod names;
mod wide;

use std::borrow::Cow;
use std::fmt;

pub(crate) use names::ESCAPES_OF_2_3;

use encoding_rs::{BIG5, Encoding, GB18030, GBK, ISO_2022_JP, SHIFT_JIS};

/// The character set of a message.
///
/// Decoding and encoding never replace: bytes that are not text in the set, and characters that the set lacks, are
/// told apart from text. The ISO 8859 sets are the standard's own, not their Windows relatives, so that a message
/// declared as `8859/1` never gets a byte that its receiver does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Charset(Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ascii,
    Utf8,
    /// Every byte is the code point of the same number, but for these.
    Latin(&'static [(u8, char)]),
    /// JIS X 0201 in eight bits: ASCII and half-width katakana. Its yen sign and overline lie where HL7 has the escape
    /// character and the repetition separator, and are read as these.
    Katakana,
    /// No byte below 0x80 is a part of a longer character.
    Table(&'static Encoding),
    /// Bytes below 0x80 may be parts of longer characters.
    Wide(&'static Encoding),
}

/// Where ISO 8859-9 (Turkish) differs from ISO 8859-1. `encoding_rs` knows only the Windows relatives of both.
const TURKISH: &[(u8, char)] = &[
    (0xd0, 'Ğ'),
    (0xdd, 'İ'),
    (0xde, 'Ş'),
    (0xf0, 'ğ'),
    (0xfd, 'ı'),
    (0xfe, 'ş'),
];

impl Charset {
    /// UTF-8: also what a message without MSH-18 is read as, because it holds ASCII, the standard's default.
    pub const UTF_8: Self = Self(Kind::Utf8);
    /// Seven bits. Also what a message is read as whose declared set is not supported: its ASCII text can be read, and
    /// the rest is undecodable instead of wrong.
    pub const ASCII: Self = Self(Kind::Ascii);
    /// Japanese text in seven bits, with shifts between sets: what `ASCII~ISO IR87` in MSH-18 means.
    pub const ISO_2022_JP: Self = Self(Kind::Wide(ISO_2022_JP));

    /// The text of `bytes`, or `None` where they are not text in this set.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self.0 {
            Kind::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Kind::Wide(encoding) => wide::decode(encoding, bytes),
            _ if bytes.is_ascii() => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Kind::Ascii => None,
            Kind::Latin(changes) => Some(Cow::Owned(bytes.iter().map(|byte| latin(*byte, changes)).collect())),
            Kind::Katakana => bytes
                .iter()
                .map(|byte| katakana(*byte))
                .collect::<Option<_>>()
                .map(Cow::Owned),
            Kind::Table(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// The bytes of `text`, or `None` where the set lacks one of its characters.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self.0 {
            Kind::Utf8 => Some(Cow::Borrowed(text.as_bytes())),
            Kind::Wide(encoding) => wide::encode(encoding, text),
            _ if text.is_ascii() => Some(Cow::Borrowed(text.as_bytes())),
            Kind::Ascii => None,
            Kind::Latin(changes) => each(text, |character| latin_byte(character, changes)),
            Kind::Katakana => each(text, katakana_byte),
            Kind::Table(encoding) if encoding.is_single_byte() => {
                let (bytes, _, replaced) = encoding.encode(text);
                (!replaced).then_some(bytes)
            }
            Kind::Table(encoding) => exactly(encoding, text),
        }
    }

    /// The wide sets, as far as a message can declare them.
    pub(crate) fn wide_sets() -> impl Iterator<Item = Self> {
        let encodings = [ISO_2022_JP, BIG5, GB18030, GBK, SHIFT_JIS];
        encodings.into_iter().map(|encoding| Self(Kind::Wide(encoding)))
    }

    /// Whether a character may take more than one byte.
    pub(crate) fn is_multi_byte(self) -> bool {
        match self.0 {
            Kind::Ascii | Kind::Latin(_) | Kind::Katakana => false,
            Kind::Utf8 | Kind::Wide(_) => true,
            Kind::Table(encoding) => !encoding.is_single_byte(),
        }
    }

    /// Whether every byte beyond ASCII is a character by itself.
    pub(crate) fn is_single_byte(self) -> bool {
        !self.is_multi_byte() && self != Self::ASCII
    }

    /// Whether the reading of a message is not its bytes.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self.0, Kind::Wide(_))
    }

    /// The reading of a message's bytes, in which delimiters and escapes can be found.
    pub(crate) fn reading(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self.0 {
            Kind::Wide(encoding) => wide::reading(encoding, bytes),
            _ => Cow::Borrowed(bytes),
        }
    }

    /// The bytes that a reading stands for: the very ones that it was made of, and text encoded.
    pub(crate) fn printed(self, reading: &[u8]) -> Cow<'_, [u8]> {
        match self.0 {
            Kind::Wide(encoding) => wide::printed(encoding, reading),
            _ => Cow::Borrowed(reading),
        }
    }

    /// Whether a reading that was put together from parts is read like that again once it is printed: half a character
    /// takes in what an edit has put behind it, a delimiter perhaps.
    pub(crate) fn keeps_apart(self, reading: &[u8]) -> bool {
        if reading.is_ascii() || !self.is_wide() {
            return true;
        }
        let printed = self.printed(reading);
        let again = self.reading(&printed);
        let runs = |reading| <[u8]>::chunk_by(reading, |left: &u8, right| left.is_ascii() == right.is_ascii());
        runs(&again)
            .map(|run| self.text(run))
            .eq(runs(reading).map(|run| self.text(run)))
    }

    /// The text of a part of a reading, or `None` where its bytes are not text in this set.
    pub(crate) fn text(self, reading: &[u8]) -> Option<Cow<'_, str>> {
        match self.0 {
            Kind::Wide(encoding) => wide::text(encoding, reading),
            _ => self.decode(reading),
        }
    }

    /// The reading that text has in a message, or `None` where the set lacks one of its characters.
    pub(crate) fn reading_of_text(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self.0 {
            Kind::Wide(encoding) => wide::encode(encoding, text).map(|_| Cow::Borrowed(text.as_bytes())),
            _ => self.encode(text),
        }
    }

    /// Adds one byte of the message to a reading, to be decoded with those beside it.
    pub(crate) fn push_byte(self, byte: u8, reading: &mut Vec<u8>) {
        if self.is_wide() {
            wide::push_marked(byte, reading);
        } else {
            reading.push(byte);
        }
    }
}

impl fmt::Debug for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charset({})", self.label())
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The bytes of a text in a set of several bytes a character, where they are read as that text again. Encoders of the
/// web write some characters as others that look alike (a yen sign as a backslash), which would change a value.
fn exactly<'a>(encoding: &'static Encoding, text: &'a str) -> Option<Cow<'a, [u8]>> {
    let (bytes, _, replaced) = encoding.encode(text);
    let is_standard = encoding != encoding_rs::EUC_KR || bytes.iter().copied().all(is_ks_x_1001);
    let is_same = || {
        encoding
            .decode_without_bom_handling_and_without_replacement(&bytes)
            .as_deref()
            == Some(text)
    };
    (!replaced && is_standard && is_same()).then_some(bytes)
}

/// Bytes of the Windows extension of KS X 1001 may lie elsewhere: they are read, and never written.
fn is_ks_x_1001(byte: u8) -> bool {
    byte.is_ascii() || byte >= 0xa1
}

fn each(text: &str, byte_of: impl Fn(char) -> Option<u8>) -> Option<Cow<'static, [u8]>> {
    text.chars().map(byte_of).collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

fn latin(byte: u8, changes: &[(u8, char)]) -> char {
    changes
        .iter()
        .find(|(changed, _)| *changed == byte)
        .map_or(char::from(byte), |(_, character)| *character)
}

fn latin_byte(character: char, changes: &[(u8, char)]) -> Option<u8> {
    if let Some((byte, _)) = changes.iter().find(|(_, changed)| *changed == character) {
        return Some(*byte);
    }
    let byte = u8::try_from(character).ok()?;
    changes.iter().all(|(changed, _)| *changed != byte).then_some(byte)
}

/// U+FF61 to U+FF9F stand in order from 0xA1 on.
fn katakana(byte: u8) -> Option<char> {
    match byte {
        0..=0x7f => Some(char::from(byte)),
        0xa1..=0xdf => char::from_u32(0xff61 + u32::from(byte - 0xa1)),
        _ => None,
    }
}

fn katakana_byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ 0..=0x7f => u8::try_from(code).ok(),
        code @ 0xff61..=0xff9f => u8::try_from(code - 0xff61 + 0xa1).ok(),
        _ => None,
    }
}
