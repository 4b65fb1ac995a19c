//! The names that HL7 and senders give to character sets, and what MSH-18 and MSH-20 mean by them.

use super::{Charset, Kind, TURKISH};

/// Each set's own name: that of HL7 table 0211, or IANA's where HL7 has none.
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
    ("ISO IR14", Kind::Katakana),
    ("ISO-2022-JP", Kind::Wide(encoding_rs::ISO_2022_JP)),
    ("GB 18030-2000", Kind::Wide(encoding_rs::GB18030)),
    ("KS X 1001", Kind::Table(encoding_rs::EUC_KR)),
    ("BIG-5", Kind::Wide(encoding_rs::BIG5)),
    ("GBK", Kind::Wide(encoding_rs::GBK)),
    ("Shift_JIS", Kind::Wide(encoding_rs::SHIFT_JIS)),
    ("EUC-JP", Kind::Table(encoding_rs::EUC_JP)),
    ("windows-874", Kind::Table(encoding_rs::WINDOWS_874)),
    ("windows-1250", Kind::Table(encoding_rs::WINDOWS_1250)),
    ("windows-1251", Kind::Table(encoding_rs::WINDOWS_1251)),
    ("windows-1252", Kind::Table(encoding_rs::WINDOWS_1252)),
    ("windows-1253", Kind::Table(encoding_rs::WINDOWS_1253)),
    ("windows-1254", Kind::Table(encoding_rs::WINDOWS_1254)),
    ("windows-1255", Kind::Table(encoding_rs::WINDOWS_1255)),
    ("windows-1256", Kind::Table(encoding_rs::WINDOWS_1256)),
    ("windows-1257", Kind::Table(encoding_rs::WINDOWS_1257)),
    ("windows-1258", Kind::Table(encoding_rs::WINDOWS_1258)),
];

/// Other names, squeezed, and the set's own. Numbers of the ISO register are what DICOM writes, and senders with it.
const ALIASES: &[(&str, &str)] = &[
    ("usascii", "ASCII"),
    ("iso646", "ASCII"),
    ("isoir6", "ASCII"),
    ("utf8", "UNICODE UTF-8"),
    ("unicode", "UNICODE UTF-8"),
    ("isoir192", "UNICODE UTF-8"),
    ("latin1", "8859/1"),
    ("isoir100", "8859/1"),
    ("latin2", "8859/2"),
    ("isoir101", "8859/2"),
    ("isoir109", "8859/3"),
    ("isoir110", "8859/4"),
    ("isoir144", "8859/5"),
    ("isoir127", "8859/6"),
    ("isoir126", "8859/7"),
    ("isoir138", "8859/8"),
    ("isoir148", "8859/9"),
    ("isoir13", "ISO IR14"),
    ("jisx0201", "ISO IR14"),
    ("isoir87", "ISO-2022-JP"),
    ("jisx0202", "ISO-2022-JP"),
    ("jas2020", "ISO-2022-JP"),
    ("gb18030", "GB 18030-2000"),
    ("gb2312", "GBK"),
    ("windows936", "GBK"),
    ("euckr", "KS X 1001"),
    ("isoir149", "KS X 1001"),
    ("windows949", "KS X 1001"),
    ("windows950", "BIG-5"),
    ("sjis", "Shift_JIS"),
    ("windows31j", "Shift_JIS"),
    ("windows932", "Shift_JIS"),
    ("isoir166", "windows-874"),
    ("tis620", "windows-874"),
];

/// Sets that cannot be supported, squeezed, and why.
const REFUSED: &[(&str, &str)] = &[
    ("unicodeutf16", FRAMING),
    ("unicodeutf32", FRAMING),
    ("utf16", FRAMING),
    ("utf16le", FRAMING),
    ("utf16be", FRAMING),
    ("utf32", FRAMING),
    ("ucs2", FRAMING),
    ("ucs4", FRAMING),
    (
        "cns116431992",
        "CNS 11643 has no decoder that is kept in repair: use BIG-5 or UNICODE UTF-8",
    ),
    (
        "cns11643",
        "CNS 11643 has no decoder that is kept in repair: use BIG-5 or UNICODE UTF-8",
    ),
    (
        "isoir159",
        "ISO IR159 only adds to ISO IR87: name that, and the characters of ISO IR159 are read too",
    ),
];

const FRAMING: &str = "its characters hold the bytes that end segments and frame messages, so it cannot travel in HL7 v2: \
                       use UNICODE UTF-8";

/// MSH-20 where it says that alternate sets are shifted to by the escapes `\C..\` and `\M..\`, in ASCII.
pub(crate) const ESCAPES_OF_2_3: &str = "2.3";

impl Charset {
    /// The set of that name, without regard to case, spaces, dashes and slashes: a name of HL7 table 0211 (`8859/2`,
    /// `UNICODE UTF-8`), of IANA (`ISO-8859-2`, `windows-1250`), or a short one (`cp1250`). `None` where the set is
    /// not supported; [`refusal`](Self::refusal) may say why.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        if let Some(known) = own_name(|name| name == label) {
            return Some(known);
        }
        let squeezed = squeeze(label);
        let squeezed = match squeezed.strip_prefix("cp") {
            Some(page) => format!("windows{page}"),
            None => squeezed,
        };
        if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == squeezed) {
            return own_name(|known| known == *name);
        }
        let without_prefix = squeezed.strip_prefix("iso8859").map(|part| format!("8859{part}"));
        let wanted = without_prefix.unwrap_or(squeezed);
        own_name(|name| squeeze(name) == wanted)
    }

    /// Why a set that HL7 or IANA names is not supported; `None` where the name is not known at all.
    #[must_use]
    pub fn refusal(label: &str) -> Option<&'static str> {
        let squeezed = squeeze(label);
        let refused = REFUSED.iter().find(|(name, _)| *name == squeezed);
        refused.map(|(_, reason)| *reason)
    }

    /// The names of all sets, each set's own.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The name in HL7 table 0211, or IANA's where HL7 has none.
    #[must_use]
    pub fn label(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, kind)| *kind == self.0)
            .map_or("", |(name, _)| name)
    }

    /// The set that the repetitions of MSH-18 and MSH-20 declare: UTF-8 where MSH-18 is empty, and ASCII where its set
    /// is not supported. Text that shifts to a Japanese set (`ASCII~ISO IR87`) is ISO-2022-JP; any other alternate
    /// stays in the escapes that shift to it.
    pub(crate) fn declared<'a>(mut repetitions: impl Iterator<Item = &'a str>, handling: &str) -> Self {
        let first = repetitions.next().unwrap_or_default();
        let default = match first {
            "" => Self::UTF_8,
            label => Self::from_label(label).unwrap_or(Self::ASCII),
        };
        let is_shifted_from = matches!(default.0, Kind::Ascii | Kind::Katakana) || first.is_empty();
        let is_japanese =
            |label: &str| Self::from_label(label) == Some(Self::ISO_2022_JP) || squeeze(label) == "isoir159";
        if is_shifted_from && handling != ESCAPES_OF_2_3 && repetitions.any(is_japanese) {
            return Self::ISO_2022_JP;
        }
        default
    }

    /// What MSH-18 says of the set, first repetition first, and MSH-20.
    pub(crate) fn declaration(self) -> (&'static [&'static str], &'static str) {
        if self == Self::ISO_2022_JP {
            return (&["ASCII", "ISO IR87"], "ISO 2022-1994");
        }
        let names = NAMES.iter().find(|(_, kind)| *kind == self.0);
        (names.map_or(&[], |(name, _)| std::slice::from_ref(name)), "")
    }
}

fn own_name(is_wanted: impl Fn(&str) -> bool) -> Option<Charset> {
    let found = NAMES.iter().find(|(name, _)| is_wanted(name));
    found.map(|(_, kind)| Charset(*kind))
}

fn squeeze(label: &str) -> String {
    label
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
}
