//! Which character set a sender writes: what it declares, and what its bytes say.

use std::collections::BTreeMap;

use bytes::Bytes;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use serde::Serialize;
use transfuse_message::{Charset, Message, ParseOptions};

use crate::layout::counted;

/// What the bytes of all samples say.
pub(crate) struct Evidence {
    /// MSH-18 as declared, and how many messages declare it; empty where they declare nothing.
    pub(crate) declared: BTreeMap<String, u64>,
    /// Messages of ASCII alone, which tell nothing.
    pub(crate) ascii: u64,
    /// Messages with more than ASCII that are valid UTF-8, which other sets hardly ever are by accident.
    pub(crate) utf8: u64,
    /// Messages that are not UTF-8.
    pub(crate) other: u64,
    /// Messages whose bytes are not text in the set that they declare, UTF-8 where they declare none; and those that
    /// declare another set although their bytes are UTF-8.
    pub(crate) contradicted: u64,
    /// Bytes from 0x80 on of the messages that are not UTF-8, by value.
    high: [u64; 128],
    /// What the messages declare that are not UTF-8 and that their declaration can read.
    plausible: Vec<Charset>,
    /// Letters beyond ASCII, as the messages' own declarations read them.
    letters: BTreeMap<char, u64>,
    detector: EncodingDetector,
    /// How many bytes the detector has seen.
    fed: usize,
    language: Option<&'static [u8]>,
}

/// The set that the samples are read in, and why.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    /// The set; none where what the messages declare is right.
    #[serde(skip)]
    pub(crate) charset: Option<Charset>,
    /// Its name, where `charset` has to say it.
    #[serde(rename = "override")]
    pub(crate) name: Option<&'static str>,
    /// What was found, in sentences.
    pub(crate) reasons: Vec<String>,
    /// The letters beyond ASCII, the most frequent first, read like this.
    pub(crate) letters: String,
}

/// Text that the detector gets to see. It is made for web pages, whose first kilobytes decide.
const FED_BYTES_MAX: usize = 1 << 20;

/// How many letters are shown: enough for a person who knows the language to see whether they are right.
const LETTERS_SHOWN: usize = 12;

/// How many different declarations are kept.
const DECLARED_MAX: usize = 50;

/// What Windows programs of Central Europe write; its Hungarian letters have the same bytes in 8859/2.
const CENTRAL_EUROPE: &str = "windows-1250";

/// From here on the sets of Latin letters hold letters, and below it signs.
const FIRST_LETTER: u8 = 0xc0;

/// The bytes of á é í ó ö ú ü, small and large, in the sets of Central and of Western Europe alike.
const HUNGARIAN: &[u8] = &[
    0xc1, 0xc9, 0xcd, 0xd3, 0xd6, 0xda, 0xdc, 0xe1, 0xe9, 0xed, 0xf3, 0xf6, 0xfa, 0xfc,
];

/// The bytes of ő and ű.
const HUNGARIAN_ONLY: &[u8] = &[0xd5, 0xdb, 0xf5, 0xfb];

/// Country codes of MSH-17 and languages of MSH-19, and the domain that the detector knows them by.
const LANGUAGES: [(&str, &[u8]); 22] = [
    ("HUN", b"hu"),
    ("HU", b"hu"),
    ("CZE", b"cz"),
    ("CS", b"cz"),
    ("SVK", b"sk"),
    ("SK", b"sk"),
    ("POL", b"pl"),
    ("PL", b"pl"),
    ("SVN", b"si"),
    ("SL", b"si"),
    ("HRV", b"hr"),
    ("HR", b"hr"),
    ("ROU", b"ro"),
    ("RO", b"ro"),
    ("DEU", b"de"),
    ("DE", b"de"),
    ("AUT", b"at"),
    ("FRA", b"fr"),
    ("FR", b"fr"),
    ("ESP", b"es"),
    ("ES", b"es"),
    ("ITA", b"it"),
];

impl Default for Evidence {
    fn default() -> Self {
        Self {
            declared: BTreeMap::new(),
            ascii: 0,
            utf8: 0,
            other: 0,
            contradicted: 0,
            high: [0; 128],
            plausible: Vec::new(),
            letters: BTreeMap::new(),
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            fed: 0,
            language: None,
        }
    }
}

impl Evidence {
    /// Looks at one message.
    pub(crate) fn take(&mut self, bytes: &Bytes) {
        let declared = Message::parse(bytes.clone(), &ParseOptions::default())
            .ok()
            .map(|message| {
                self.declare(&message);
                message.charset()
            });
        if bytes.is_ascii() {
            self.ascii += 1;
            return;
        }
        let is_utf8 = std::str::from_utf8(bytes).is_ok();
        if is_utf8 {
            self.utf8 += 1;
        } else {
            self.other += 1;
            self.take_other(bytes);
        }
        if let Some(declared) = declared {
            self.compare(declared, is_utf8, bytes);
        }
    }

    /// Holds what a message declares against its bytes.
    fn compare(&mut self, declared: Charset, is_utf8: bool, bytes: &[u8]) {
        let text = declared.decode(bytes);
        if text.is_none() || (is_utf8 && declared != Charset::UTF_8) {
            self.contradicted += 1;
        } else if !is_utf8 && !self.plausible.contains(&declared) {
            self.plausible.push(declared);
        }
        let as_utf8 = if is_utf8 { std::str::from_utf8(bytes).ok() } else { None };
        let read = as_utf8.or(text.as_deref()).unwrap_or_default();
        for letter in read.chars().filter(|letter| !letter.is_ascii()) {
            *self.letters.entry(letter).or_default() += 1;
        }
    }

    fn declare(&mut self, message: &Message) {
        let declared = message.header().charset().to_owned();
        if self.declared.len() < DECLARED_MAX || self.declared.contains_key(&declared) {
            *self.declared.entry(declared).or_default() += 1;
        }
        for path in ["MSH-19.1", "MSH-17.1"] {
            let value = path
                .parse()
                .ok()
                .and_then(|path| message.get(&path).ok()?.into_option().map(String::from));
            let named = value.map(|value| value.to_ascii_uppercase());
            let known = LANGUAGES.iter().find(|(name, _)| Some(*name) == named.as_deref());
            self.language = self.language.or(known.map(|(_, domain)| *domain));
        }
    }

    fn take_other(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().filter(|byte| !byte.is_ascii()) {
            if let Some(count) = self.high.get_mut(usize::from(*byte & 0x7f)) {
                *count += 1;
            }
        }
        // Only lines with letters beyond ASCII say anything.
        for line in bytes
            .split(|byte| matches!(byte, b'\r' | b'\n'))
            .filter(|line| !line.is_ascii())
        {
            if self.fed < FED_BYTES_MAX {
                self.fed += line.len();
                self.detector.feed(line, false);
                self.detector.feed(b"\n", false);
            }
        }
    }

    /// What set the samples are to be read in.
    pub(crate) fn verdict(&self) -> Verdict {
        let messages = self.ascii + self.utf8 + self.other;
        let mut reasons = vec![format!("MSH-18 declares {}", self.told_declared())];
        if self.utf8 + self.other == 0 {
            reasons.push("no message holds anything beyond ASCII, so the bytes say nothing".to_owned());
            return Verdict::declared(reasons, String::new());
        }
        reasons.push(format!(
            "{}: {} of ASCII alone, {} with more in UTF-8, {} with more in another set",
            told(messages),
            self.ascii,
            self.utf8,
            self.other
        ));
        let chosen = if self.other > 0 {
            self.guess(&mut reasons)
        } else {
            Charset::UTF_8
        };
        if self.contradicted > 0 {
            return self.overruled(chosen, reasons);
        }
        let differing = self
            .plausible
            .iter()
            .find(|declared| self.reads_differently(**declared, chosen));
        if let Some(differing) = differing {
            reasons.push(format!(
                "as {} the letters read {}, and as {} they read {}: ask somebody who knows the language",
                differing.label(),
                self.high_letters(*differing),
                chosen.label(),
                self.high_letters(chosen)
            ));
        }
        Verdict::declared(reasons, most_frequent(self.letters.clone()))
    }

    /// Some bytes are not what their message declares, so one set has to win: unless no one set reads them all.
    fn overruled(&self, chosen: Charset, mut reasons: Vec<String>) -> Verdict {
        reasons.push(format!(
            "the bytes of {} are not what is declared (nothing declared is UTF-8)",
            told(self.contradicted)
        ));
        if self.utf8 > 0 && self.other > 0 {
            reasons.push(
                "no one set reads them all: two programs write here, and each needs an interface of its own".to_owned(),
            );
            return Verdict::declared(reasons, most_frequent(self.letters.clone()));
        }
        let letters = if self.other > 0 {
            self.high_letters(chosen)
        } else {
            most_frequent(self.letters.clone())
        };
        Verdict {
            charset: Some(chosen),
            name: Some(chosen.label()),
            reasons,
            letters,
        }
    }

    /// The set of bytes that are not UTF-8.
    fn guess(&self, reasons: &mut Vec<String>) -> Charset {
        let guessed = self.detector.guess(self.language, Utf8Detection::Deny).name();
        let windows: u64 = self.high.iter().take(0x20).sum();
        let label = if self.is_hungarian() {
            reasons.push("the letters are those of Hungarian, ő and ű among them".to_owned());
            CENTRAL_EUROPE
        } else {
            // Of the two sets of Central Europe, only the Windows one has text in 0x80 to 0x9F.
            let label = Charset::from_label(guessed).map_or(guessed, Charset::label);
            let label = if label == "8859/2" && windows > 0 {
                CENTRAL_EUROPE
            } else {
                label
            };
            reasons.push(format!("letter frequencies say {label}"));
            label
        };
        if windows > 0 {
            reasons.push(format!(
                "{windows} bytes are in 0x80 to 0x9F, which are text in Windows sets and never in ISO 8859"
            ));
        } else if matches!(label, "8859/2" | "windows-1250") {
            reasons.push(
                "no byte is in 0x80 to 0x9F: what is there reads the same in 8859/2 and windows-1250, or nearly"
                    .to_owned(),
            );
        }
        Charset::from_label(label).unwrap_or(Charset::ASCII)
    }

    /// Frequencies need more text than names and short notes have. Hungarian shows by its letters alone: where ő and ű
    /// would be, Western sets have õ and û, and no language has those beside á, é and ö without others of its own.
    fn is_hungarian(&self) -> bool {
        let of_hungary = |byte: &u8| HUNGARIAN.contains(byte) || HUNGARIAN_ONLY.contains(byte);
        let is_hinted = self.language.is_none_or(|language| language == b"hu");
        let letters: Vec<u8> = self
            .high_bytes()
            .map(|(byte, _)| byte)
            .filter(|byte| *byte >= FIRST_LETTER)
            .collect();
        let holds = |wanted: &[u8]| letters.iter().any(|byte| wanted.contains(byte));
        is_hinted && letters.iter().all(of_hungary) && holds(HUNGARIAN) && holds(HUNGARIAN_ONLY)
    }

    fn reads_differently(&self, one: Charset, other: Charset) -> bool {
        self.high_bytes()
            .any(|(byte, _)| one.decode(&[byte]) != other.decode(&[byte]))
    }

    fn high_bytes(&self) -> impl Iterator<Item = (u8, u64)> {
        let counted = (0x80_u8..=0xff).zip(self.high.iter().copied());
        counted.filter(|(_, count)| *count > 0)
    }

    /// The letters beyond ASCII of the messages that are not UTF-8, as a set of one byte a character reads them.
    fn high_letters(&self, charset: Charset) -> String {
        let mut letters = BTreeMap::new();
        for (byte, count) in self.high_bytes() {
            let bytes = [byte];
            let text = charset.decode(&bytes);
            for letter in text.as_deref().unwrap_or("\u{fffd}").chars() {
                *letters.entry(letter).or_default() += count;
            }
        }
        most_frequent(letters)
    }

    fn told_declared(&self) -> String {
        let told = self.declared.iter().map(|(label, count)| match label.as_str() {
            "" => format!("nothing ({count})"),
            label if Charset::from_label(label).is_some() => format!("{label} ({count})"),
            label => format!("{label} ({count}, not supported)"),
        });
        crate::visible::one_line(&told.collect::<Vec<_>>().join(", "))
    }
}

fn told(messages: u64) -> String {
    counted(usize::try_from(messages).unwrap_or(usize::MAX), "message")
}

fn most_frequent(letters: BTreeMap<char, u64>) -> String {
    let mut letters: Vec<_> = letters.into_iter().filter(|(letter, _)| !letter.is_control()).collect();
    letters.sort_by_key(|(letter, count)| (std::cmp::Reverse(*count), *letter));
    let letters: String = letters.iter().take(LETTERS_SHOWN).map(|(letter, _)| *letter).collect();
    crate::visible::one_line(&letters)
}

impl Verdict {
    /// What the messages declare is right, or cannot be shown to be wrong.
    fn declared(reasons: Vec<String>, letters: String) -> Self {
        Self {
            charset: None,
            name: None,
            reasons,
            letters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(declared: &str, text: &[u8]) -> Verdict {
        let mut evidence = Evidence::default();
        let header = format!("MSH|^~\\&|LAB|||||||1|P|2.5||||||{declared}\rNTE|1||");
        evidence.take(&[header.as_bytes(), text].concat().into());
        evidence.verdict()
    }

    const TEXT: &str =
        "árvíztűrő tükörfúrógép, a beteg jól érzi magát, különösebb fájdalmat nem említ, nővér értesítve";

    fn bytes(label: &str) -> Vec<u8> {
        let charset = Charset::from_label(label).unwrap_or(Charset::ASCII);
        charset
            .encode(TEXT)
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default()
    }

    #[test]
    fn bytes_that_contradict_what_is_declared_win() {
        assert_eq!(verdict("", &bytes("windows-1250")).name, Some("windows-1250"));
        assert_eq!(
            verdict("UNICODE UTF-8", &bytes("windows-1250")).name,
            Some("windows-1250")
        );
        assert_eq!(verdict("ASCII", TEXT.as_bytes()).name, Some("UNICODE UTF-8"));
        assert!(verdict("", &bytes("windows-1250")).letters.contains('ő'));
    }

    #[test]
    fn what_is_declared_stands_where_nothing_contradicts_it() {
        for (declared, bytes) in [
            ("", TEXT.as_bytes().to_vec()),
            ("8859/2", bytes("8859/2")),
            ("8859/1", b"plain".to_vec()),
        ] {
            assert_eq!(verdict(declared, &bytes).name, None, "{declared}");
        }
    }

    #[test]
    fn senders_that_declare_each_their_own_set_rightly_are_left_alone() {
        let mut evidence = Evidence::default();
        for (declared, text) in [("8859/2", bytes("8859/2")), ("UNICODE UTF-8", TEXT.as_bytes().to_vec())] {
            let header = format!("MSH|^~\\&|LAB|||||||1|P|2.5||||||{declared}\rNTE|1||");
            evidence.take(&[header.as_bytes(), &text].concat().into());
        }
        let verdict = evidence.verdict();
        assert_eq!(verdict.name, None, "{:?}", verdict.reasons);
        assert!(verdict.letters.contains('ő') && !verdict.letters.contains('\u{fffd}'));
    }

    #[test]
    fn bytes_that_are_utf_8_are_not_read_as_anything_else() {
        assert_eq!(verdict("8859/1", TEXT.as_bytes()).name, Some("UNICODE UTF-8"));
    }

    #[test]
    fn a_set_that_reads_other_letters_than_the_bytes_suggest_is_left_to_a_person() {
        let verdict = verdict("8859/1", &bytes("8859/2"));
        assert_eq!(verdict.name, None);
        assert!(
            verdict.reasons.iter().any(|reason| reason.contains("ask somebody")),
            "{:?}",
            verdict.reasons
        );
    }
}
