//! Character sets: the names that HL7 and senders give them, decoding and encoding without loss.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::Encoding;

/// The character set of a message: UTF-8, or a set of one byte a character whose lower half is ASCII.
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
    Table(&'static Encoding),
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

/// Names of HL7 table 0211 and their sets; `label` gives the first name of a set.
const NAMES: &[(&str, Kind)] = &[
    ("ASCII", Kind::Ascii),
    ("UNICODE UTF-8", Kind::Utf8),
    ("8859/1", Kind::Latin(&[])),
    ("8859/2", Kind::Table(encoding_rs::ISO_8859_2)),
    ("8859/3", Kind::Table(encoding_rs::ISO_8859_3)),
    ("8859/4", Kind::Table(encoding_rs::ISO_8859_4)),
    ("8859/5", Kind::Table(encoding_rs::ISO_8859_5)),
    ("8859/6", Kind::Table(encoding_rs::ISO_8859_6)),
    ("8859/7", Kind::Table(encoding_rs::ISO_8859_7)),
    ("8859/8", Kind::Table(encoding_rs::ISO_8859_8)),
    ("8859/9", Kind::Latin(TURKISH)),
    ("8859/15", Kind::Table(encoding_rs::ISO_8859_15)),
    ("windows-1250", Kind::Table(encoding_rs::WINDOWS_1250)),
    ("windows-1251", Kind::Table(encoding_rs::WINDOWS_1251)),
    ("windows-1252", Kind::Table(encoding_rs::WINDOWS_1252)),
    ("windows-1253", Kind::Table(encoding_rs::WINDOWS_1253)),
    ("windows-1254", Kind::Table(encoding_rs::WINDOWS_1254)),
    ("windows-1257", Kind::Table(encoding_rs::WINDOWS_1257)),
];

impl Charset {
    /// UTF-8: also what a message without MSH-18 is read as, because it holds ASCII, the standard's default.
    pub const UTF_8: Self = Self(Kind::Utf8);
    /// Seven bits. Also what a message is read as whose declared set is not supported: its ASCII text can be read, and
    /// the rest is undecodable instead of wrong.
    pub const ASCII: Self = Self(Kind::Ascii);

    /// The set of that name, without regard to case, spaces, dashes and slashes: a name of HL7 table 0211 (`8859/2`,
    /// `UNICODE UTF-8`), of IANA (`ISO-8859-2`, `windows-1250`), or a short one (`cp1250`). `None` where the set is
    /// not supported.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        if let Some((_, kind)) = NAMES.iter().find(|(name, _)| *name == label) {
            return Some(Self(*kind));
        }
        let wanted = squeeze(label);
        let wanted = match wanted.as_str() {
            "utf8" | "unicode" => "unicodeutf8",
            "usascii" | "iso646" => "ascii",
            "latin1" => "88591",
            "latin2" => "88592",
            other => other.strip_prefix("iso").unwrap_or(other),
        };
        let wanted = match wanted.strip_prefix("cp") {
            Some(page) => format!("windows{page}"),
            None => wanted.to_owned(),
        };
        NAMES
            .iter()
            .find(|(name, _)| squeeze(name) == wanted)
            .map(|(_, kind)| Self(*kind))
    }

    /// The name in HL7 table 0211, or IANA's where HL7 has none.
    #[must_use]
    pub fn label(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, kind)| *kind == self.0)
            .map_or("", |(name, _)| name)
    }

    /// The text of `bytes`, or `None` where they are not text in this set.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self.0 {
            Kind::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            _ if bytes.is_ascii() => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Kind::Ascii => None,
            Kind::Latin(changes) => Some(Cow::Owned(bytes.iter().map(|byte| latin(*byte, changes)).collect())),
            Kind::Table(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// The bytes of `text`, or `None` where the set lacks one of its characters.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        match self.0 {
            Kind::Utf8 => Some(Cow::Borrowed(text.as_bytes())),
            _ if text.is_ascii() => Some(Cow::Borrowed(text.as_bytes())),
            Kind::Ascii => None,
            Kind::Latin(changes) => text
                .chars()
                .map(|character| latin_byte(character, changes))
                .collect::<Option<Vec<u8>>>()
                .map(Cow::Owned),
            Kind::Table(encoding) => {
                let (bytes, _, replaced) = encoding.encode(text);
                (!replaced).then_some(bytes)
            }
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

fn squeeze(label: &str) -> String {
    label
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
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
