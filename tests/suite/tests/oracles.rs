//! Two libraries that this project did not write, `hl7` and `hl7apy` of the Python Package Index, read the corpus of
//! real messages: at every path they see the value that we see, but for differences that are listed here and counted.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use transfuse_harness::{corpus, python};
use transfuse_message::batch::{PartKind, parts};
use transfuse_message::{Message, ParseOptions};

/// The differences, by library: why, and how many leaves. The list is exact.
const DIFFERENCES: &[(&str, &str, usize)] = &[
    ("hl7", LINES, 150),
    ("hl7", FORMATTING, 5),
    ("hl7", SPACES, 1),
    ("hl7apy", BEYOND, 1872),
    ("hl7apy", UNKNOWN, 237),
    ("hl7apy", SPACES, 211),
    ("hl7apy", ESCAPES, 43),
    ("hl7apy", NUMBERS, 29),
    ("hl7apy", LINES, 7),
];

/// A line whose name is no segment's (`PIDX|1`, `of the left|1`) holds no value that
/// a path could name; we keep it as it is.
const LINES: &str = "a line that is no segment is read as one";
/// It writes `\.br\` as CR and `\H\` as `_`, and drops an escape character that begins nothing. We keep both, because
/// a value that is read and set must be what it was.
const FORMATTING: &str = "formatting is turned into other characters, and a lonely escape character is dropped";
/// Spaces are part of a value until someone says otherwise.
const SPACES: &str = "spaces around a value are cut off";
/// It reads by its own tables: what they do not define for the version stands there without its place. The value is
/// the same.
const BEYOND: &str = "a field or component beyond its tables has no number there";
/// Read line by line as version 2.5, which has no PRT, and refuses what it does not know. Nothing gates our parsing.
const UNKNOWN: &str = "a segment that its tables do not have in this version is left out";
/// It gives the bytes as they stand, as our `get_raw` does.
const ESCAPES: &str = "escape sequences are not decoded";
/// It reads `001` as 1 and `.05` as 0.05; the sender wrote something else.
const NUMBERS: &str = "a number is written anew";

/// Messages that a library refuses, by the exception that it raises: how many. These declare fewer than four encoding
/// characters, which the standard allows.
const REFUSED: &[(&str, &str, usize)] = &[("hl7apy", "InvalidEncodingChars", 11)];

/// What is read as messages; the others are notes, licences and expected outputs.
const EXTENSIONS: &[&str] = &["hl7", "er7", "txt", "rst"];

/// How many of the differences without an explanation are shown.
const SHOWN_MAX: usize = 40;

/// A message of the corpus, with its line ends turned into CR, as both libraries want it.
struct Sample {
    name: String,
    message: Message,
}

/// The leaves of a message that are not empty, by path.
type Leaves = BTreeMap<String, String>;

#[test]
fn foreign_libraries_read_the_same_values_at_the_same_paths() {
    let Some(corpus) = corpus() else {
        report("SKIPPED: no corpus of sample messages (TRANSFUSE_CORPUS, or shared/corpus above the project)\n");
        return;
    };
    let samples = samples(&corpus);
    let ours: Vec<Ours> = samples.iter().map(|sample| Ours::of(&sample.message)).collect();
    let mut tally = Tally::default();
    for answer in answers(&samples) {
        let number = usize::try_from(answer["number"].as_u64().expect("a number")).expect("a small one");
        let library = answer["library"].as_str().expect("a library").to_owned();
        tally.take(&library, &samples[number], &ours[number], &answer);
    }
    report(&tally.printed(samples.len()));
    let explained = |list: &[(&str, &str, usize)]| -> BTreeMap<(String, String), usize> {
        let owned =
            |(library, reason, count): &(&str, &str, usize)| ((library.to_string(), reason.to_string()), *count);
        list.iter().map(owned).collect()
    };
    assert!(
        tally.agreements.values().sum::<usize>() > 10_000,
        "hardly anything was compared"
    );
    let unexplained: Vec<&str> = tally.unexplained.iter().map(String::as_str).take(SHOWN_MAX).collect();
    assert!(
        unexplained.is_empty(),
        "{} unexplained:\n{}",
        tally.unexplained.len(),
        unexplained.join("\n")
    );
    assert_eq!(tally.differences, explained(DIFFERENCES));
    assert_eq!(tally.refused, explained(REFUSED));
}

fn samples(corpus: &Path) -> Vec<Sample> {
    let mut samples = Vec::new();
    for file in files(corpus) {
        let name = file.strip_prefix(corpus).unwrap_or(&file).display().to_string();
        let bytes = fs::read(&file).expect("a file of the corpus");
        let messages = parts(bytes).filter(|part| part.kind == PartKind::Message);
        for (number, part) in messages.enumerate() {
            let raw = with_carriage_returns(&part.bytes);
            let message = Message::parse(raw, &ParseOptions::default()).expect("a message of the corpus");
            samples.push(Sample {
                name: format!("{name} message {}", number + 1),
                message,
            });
        }
    }
    samples
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let is_read = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
    };
    let found = paths
        .into_iter()
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    found.filter(is_read).collect()
}

fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    lines.join(&b'\r')
}

/// What we read in a message.
struct Ours {
    leaves: Leaves,
    /// The bytes of each, and of those that are not text.
    raw: BTreeMap<String, Vec<u8>>,
}

impl Ours {
    fn of(message: &Message) -> Self {
        let mut ours = Self {
            leaves: Leaves::new(),
            raw: BTreeMap::new(),
        };
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for segment in message.segments().filter(|segment| !segment.name().is_empty()) {
            let occurrence = seen.entry(segment.name()).or_default();
            *occurrence += 1;
            ours.read(message, &format!("{}[{occurrence}]", segment.name()));
        }
        ours
    }

    fn read(&mut self, message: &Message, segment: &str) {
        let count = |path: &str| message.count(&path.parse().expect("a path")).expect("a count");
        for field in 1..=count(segment) {
            for repetition in 1..=count(&format!("{segment}-{field}")) {
                let node = format!("{segment}-{field}[{repetition}]");
                for component in 1..=count(&node) {
                    let node = format!("{node}.{component}");
                    for subcomponent in 1..=count(&node) {
                        self.leaf(message, format!("{node}.{subcomponent}"));
                    }
                }
            }
        }
    }

    fn leaf(&mut self, message: &Message, path: String) {
        let parsed = path.parse().expect("a path");
        let raw = message
            .get_raw(&parsed)
            .expect("a node")
            .unwrap_or_default()
            .into_owned();
        if let Ok(value) = message.get(&parsed) {
            let text = value.as_option().unwrap_or_default().to_owned();
            if !text.is_empty() {
                self.leaves.insert(path.clone(), text);
            }
        }
        if !raw.is_empty() {
            self.raw.insert(path, raw);
        }
    }
}

/// One line of JSON for each message and library.
fn answers(samples: &[Sample]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("messages.jsonl");
    let lines: Vec<String> = samples
        .iter()
        .enumerate()
        .map(|(number, sample)| line(number, sample))
        .collect();
    fs::write(&file, lines.concat()).expect("the messages are written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/read_leaves.py");
    let output = Command::new(python().expect("python"))
        .arg(script)
        .arg(&file)
        .output()
        .expect("the libraries run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON");
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        answers.len(),
        2 * samples.len(),
        "an answer for each message and library"
    );
    answers
}

fn line(number: usize, sample: &Sample) -> String {
    let raw = sample.message.encode();
    // Without what stands before MSH: a byte-order mark, or the start of a frame.
    let header = raw.windows(3).position(|name| name == b"MSH").unwrap_or_default();
    let hexadecimal = raw.iter().skip(header).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let line = json!({"number": number, "charset": sample.message.charset().label(), "bytes": hexadecimal});
    format!("{line}\n")
}

#[derive(Default)]
struct Tally {
    agreements: BTreeMap<String, usize>,
    differences: BTreeMap<(String, String), usize>,
    refused: BTreeMap<(String, String), usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn take(&mut self, library: &str, sample: &Sample, ours: &Ours, answer: &Value) {
        if let Some(error) = answer["error"].as_str() {
            *self.refused.entry((library.to_owned(), error.to_owned())).or_default() += 1;
            return;
        }
        let mut theirs: Leaves = serde_json::from_value(answer["leaves"].clone()).expect("leaves");
        let mut adrift = Adrift::of(&mut theirs);
        let paths = ours
            .leaves
            .keys()
            .chain(theirs.keys().filter(|path| !ours.leaves.contains_key(*path)));
        for path in paths {
            let leaf = Leaf {
                path,
                raw: ours.raw.get(path).map(Vec::as_slice).unwrap_or_default(),
                ours: ours.leaves.get(path).map(String::as_str),
                theirs: theirs.get(path).map(String::as_str),
            };
            let has_segment = theirs.keys().any(|other| other.starts_with(leaf.segment()));
            self.compare(library, sample, &leaf, &mut adrift, has_segment);
        }
        let left = adrift
            .0
            .into_iter()
            .map(|(segment, value)| format!("{library}: {} {segment}: {value:?}", sample.name));
        self.unexplained.extend(left);
    }

    fn compare(&mut self, library: &str, sample: &Sample, leaf: &Leaf<'_>, adrift: &mut Adrift, has_segment: bool) {
        let reason = if leaf.ours == leaf.theirs {
            *self.agreements.entry(library.to_owned()).or_default() += 1;
            return;
        } else if leaf.theirs.is_none() && adrift.take(leaf) {
            Some(BEYOND)
        } else if leaf.theirs.is_none() && !has_segment {
            Some(UNKNOWN)
        } else {
            leaf.reason(&sample.message)
        };
        if let Some(reason) = reason {
            *self
                .differences
                .entry((library.to_owned(), reason.to_owned()))
                .or_default() += 1;
        } else {
            let Leaf { path, ours, theirs, .. } = leaf;
            self.unexplained
                .push(format!("{library}: {} {path}: {ours:?} and {theirs:?}", sample.name));
        }
    }

    fn printed(&self, messages: usize) -> String {
        let mut text = format!("{messages} messages\n");
        for (library, count) in &self.agreements {
            let _ = writeln!(text, "{count:>7} leaves read alike by {library}");
        }
        for ((library, reason), count) in &self.differences {
            let _ = writeln!(text, "{count:>7} otherwise by {library}: {reason}");
        }
        for ((library, error), count) in &self.refused {
            let _ = writeln!(text, "{count:>7} messages refused by {library}: {error}");
        }
        text
    }
}

/// One leaf that is read in two ways.
struct Leaf<'a> {
    path: &'a str,
    raw: &'a [u8],
    ours: Option<&'a str>,
    theirs: Option<&'a str>,
}

impl Leaf<'_> {
    /// Such as `PID[1]-`.
    fn segment(&self) -> &str {
        self.path
            .find('-')
            .and_then(|dash| self.path.get(..=dash))
            .unwrap_or_default()
    }

    /// Why the two differ, where that is known.
    fn reason(&self, message: &Message) -> Option<&'static str> {
        let name = self.path.get(..3).unwrap_or_default();
        let is_segment = self.path.get(3..4) == Some("[") && message.segments().any(|segment| segment.name() == name);
        let raw = std::str::from_utf8(self.raw).ok();
        match (self.ours, self.theirs) {
            (None, Some(_)) if !is_segment => Some(LINES),
            (Some(ours), theirs) if ours.trim() == theirs.unwrap_or_default() => Some(SPACES),
            (Some(ours), Some(theirs)) if is_same_number(ours, theirs) => Some(NUMBERS),
            (Some(_), Some(_)) if raw == self.theirs => Some(ESCAPES),
            (Some(ours), theirs) if ours.contains('\\') && !theirs.unwrap_or_default().contains('\\') => {
                Some(FORMATTING)
            }
            _ => None,
        }
    }
}

fn is_same_number(ours: &str, theirs: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    number(ours).is_some_and(|ours| number(theirs) == Some(ours))
}

/// Values of which a library does not say where in their segment they stand: the segment, and the value.
struct Adrift(Vec<(String, String)>);

impl Adrift {
    fn of(theirs: &mut Leaves) -> Self {
        let (adrift, placed) = std::mem::take(theirs)
            .into_iter()
            .partition(|(path, _)| path.contains('?'));
        *theirs = placed;
        let adrift: Leaves = adrift;
        let segment = |path: &str| path.split_inclusive('-').next().unwrap_or_default().to_owned();
        Self(
            adrift
                .into_iter()
                .map(|(path, value)| (segment(&path), value))
                .collect(),
        )
    }

    /// Whether the leaf is one of them; it is none any more then.
    fn take(&mut self, leaf: &Leaf<'_>) -> bool {
        let raw = String::from_utf8_lossy(leaf.raw);
        let is_it = |(segment, value): &(String, String)| segment == leaf.segment() && *value == raw;
        let found = self.0.iter().position(is_it);
        found.map(|index| self.0.swap_remove(index)).is_some()
    }
}

/// Past the capture of the test runner, so that a skipped or shrunken corpus is seen.
fn report(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
