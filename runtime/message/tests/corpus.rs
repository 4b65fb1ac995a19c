//! Every file of a corpus of real-world samples, kept outside the project, splits into as many messages as an independent
//! count of MSH segments finds, and every message prints back byte for byte.
//!
//! The folder is named by `TRANSFUSE_CORPUS`, or found as `shared/corpus` beside one of the folders above this crate.
//! Messages are read twice: as they are, and with line ends turned into CR.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path as FilePath, PathBuf};

use transfuse_message::batch::{PartKind, parts};
use transfuse_message::validation::{Findings, Level, validate};
use transfuse_message::{Message, ParseOptions, Path};

/// Messages that do not print back, by file and number within the file, and why. The list is exact: a message that
/// is listed and prints back fails the test too.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

const EXTENSIONS: &[&str] = &["hl7", "er7", "txt", "rst"];

#[test]
fn every_message_of_the_corpus_prints_back_byte_for_byte() {
    let Some(corpus) = corpus() else {
        report("SKIPPED: no corpus of sample messages (TRANSFUSE_CORPUS, or shared/corpus above the project)\n");
        return;
    };
    let mut table: BTreeMap<String, Counts> = BTreeMap::new();
    let mut failures = BTreeMap::new();
    for file in files(&corpus) {
        let name = file.strip_prefix(&corpus).unwrap().display().to_string();
        let counts = table.entry(collection(&name)).or_default();
        let bytes = fs::read(&file).unwrap();
        let messages = split(&bytes);
        assert_eq!(messages.len(), headers(&bytes), "messages of {name}");
        counts.files += 1;
        counts.without_messages += usize::from(messages.is_empty());
        for (index, message) in messages.into_iter().enumerate() {
            counts.messages += 1;
            let normalised = normalised(&message);
            let outcome = check(&message).and_then(|_| check_segments(&normalised, &check(&normalised)?));
            if let Err(reason) = outcome {
                counts.failures += 1;
                failures.insert((name.clone(), index + 1), reason);
            }
        }
    }
    report(&printed(&table, &failures));
    let expected: Vec<_> = EXCEPTIONS
        .iter()
        .map(|(file, number, _)| ((*file).to_owned(), *number))
        .collect();
    assert!(
        table.values().map(|counts| counts.messages).sum::<usize>() > 0,
        "no messages in {}",
        corpus.display()
    );
    assert_eq!(failures.keys().cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn validation_judges_the_corpus_and_repeats_no_value_of_it() {
    let Some(corpus) = corpus() else {
        report("SKIPPED: no corpus of sample messages (TRANSFUSE_CORPUS, or shared/corpus above the project)\n");
        return;
    };
    let mut table: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for file in files(&corpus) {
        let name = file.strip_prefix(&corpus).unwrap().display().to_string();
        for bytes in split(&fs::read(&file).unwrap()) {
            let message = Message::parse(normalised(&bytes), &ParseOptions::default()).unwrap();
            let readable = validate(&message, &Level::Readable);
            let structure = validate(&message, &Level::Structure);
            assert!(
                structure.total() >= readable.total(),
                "{name}: a level asks what those before it ask"
            );
            repeats_no_value(&message, &structure).unwrap_or_else(|path| panic!("{name}: the value of {path}"));
            let counts = [
                true,
                readable.errors() > 0,
                readable.warnings() > 0,
                structure.errors() > 0,
                structure.warnings() > 0,
            ];
            let row = table.entry(collection(&name)).or_default();
            for (sum, is_counted) in row.iter_mut().zip(counts) {
                *sum += usize::from(is_counted);
            }
        }
    }
    report(&judged(&table));
    assert!(!table.is_empty(), "no messages in {}", corpus.display());
}

/// Long enough that it does not stand in a name of the standard by accident.
const TELLING_CHARACTERS_MIN: usize = 5;

/// The path of a value of the patient's that a finding repeats.
fn repeats_no_value(message: &Message, findings: &Findings) -> Result<(), Path> {
    let texts: Vec<_> = findings
        .listed()
        .iter()
        .map(|finding| finding.text.lossy_text())
        .collect();
    for path in leaves(message).into_iter().filter(|path| path.segment() == "PID") {
        let value = message
            .get(&path)
            .ok()
            .and_then(transfuse_message::Value::into_option)
            .unwrap_or_default();
        if value.chars().count() >= TELLING_CHARACTERS_MIN && texts.iter().any(|text| text.contains(&*value)) {
            return Err(path);
        }
    }
    Ok(())
}

fn judged(table: &BTreeMap<String, [usize; 5]>) -> String {
    let head = ["messages", "readable: E", "W", "structure: E", "W"];
    let head = head.map(|word| format!("{word:>13}")).concat();
    let mut lines = vec![format!("{:<36}{head}", "validation")];
    lines.extend(table.iter().map(|(name, counts)| {
        let counts = counts.map(|count| format!("{count:>13}")).concat();
        format!("{name:<36}{counts}")
    }));
    lines.join("\n") + "\n"
}

#[derive(Default)]
struct Counts {
    files: usize,
    without_messages: usize,
    messages: usize,
    failures: usize,
}

fn corpus() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TRANSFUSE_CORPUS") {
        return Some(folder.into());
    }
    let crate_folder = FilePath::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .map(|folder| folder.join("shared/corpus"))
        .find(|folder| folder.is_dir())
}

fn files(folder: &FilePath) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `messages/SOURCE`, or the first folder.
fn collection(name: &str) -> String {
    let parts: Vec<_> = name.split('/').collect();
    let depth = if parts[0] == "messages" { 2 } else { 1 };
    parts[..depth.min(parts.len() - 1)].join("/")
}

/// The messages that the product finds. All parts together are the file.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let parts: Vec<_> = parts(bytes.to_vec()).collect();
    let together: Vec<_> = parts.iter().flat_map(|part| part.bytes.to_vec()).collect();
    assert!(together == bytes, "the parts are not the file");
    let messages = parts.into_iter().filter(|part| part.kind == PartKind::Message);
    messages.map(|part| part.bytes.to_vec()).collect()
}

/// Lines that begin with MSH, a byte-order mark or the start of a frame before it included, counted independently.
fn headers(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    let is_header = |line: &&[u8]| {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        line.strip_prefix(b"\x0b").unwrap_or(line).starts_with(b"MSH")
    };
    lines.filter(is_header).count()
}

fn normalised(message: &[u8]) -> Vec<u8> {
    let text: Vec<_> = message.split(|byte| *byte == b'\n').collect();
    let joined = text
        .iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect::<Vec<_>>();
    joined.join(&b'\r')
}

fn check(raw: &[u8]) -> Result<Message, String> {
    let message = Message::parse(raw.to_vec(), &ParseOptions::default()).map_err(|error| error.to_string())?;
    if message.encode() != raw {
        return Err("the untouched message does not print back".to_owned());
    }
    if assembled(&message) != raw {
        return Err("the message does not print back from its segments".to_owned());
    }
    check_fields(&message)?;
    check_leaves(&message)?;
    check_groups(&message)?;
    Ok(message)
}

/// The message printed from its list of segments instead of its original bytes: an edit, taken back, makes it so.
fn assembled(message: &Message) -> Vec<u8> {
    let mut message = message.clone();
    let path = "MSH-10".parse().unwrap();
    let Some(control_id) = message.get_raw(&path).unwrap().map(std::borrow::Cow::into_owned) else {
        return message.encode().to_vec();
    };
    message.set_raw(&path, b"CHANGED").unwrap();
    message.set_raw(&path, &control_id).unwrap();
    message.encode().to_vec()
}

/// The segments are the lines, found independently.
fn check_segments(raw: &[u8], message: &Message) -> Result<(), String> {
    let mut lines: Vec<_> = raw
        .split(|byte| *byte == b'\r')
        .filter(|line| !line.is_empty())
        .collect();
    let first = lines
        .iter()
        .position(|line| line.windows(3).any(|name| name == b"MSH"))
        .unwrap();
    lines.drain(..first);
    lines[0] = &lines[0][lines[0].windows(3).position(|name| name == b"MSH").unwrap()..];
    let segments: Vec<_> = message.segments().map(|segment| segment.raw()).collect();
    if segments == lines {
        Ok(())
    } else {
        Err(format!("{} lines, {} segments", lines.len(), segments.len()))
    }
}

/// Every field is found by its path where splitting at the separators finds it.
fn check_fields(message: &Message) -> Result<(), String> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for segment in message.segments().filter(|segment| !segment.name().is_empty()) {
        let occurrence = seen.entry(segment.name()).or_default();
        *occurrence += 1;
        let first = if segment.name() == "MSH" { 2 } else { 1 };
        let fields = segment.raw().split(|byte| *byte == message.delimiters().field).skip(1);
        for (number, field) in (first..).zip(fields) {
            let path: Path = format!("{}[{occurrence}]-{number}", segment.name()).parse().unwrap();
            if message.get_raw(&path).unwrap().as_deref() != Some(field) {
                return Err(format!("{path} is not what stands there"));
            }
        }
    }
    Ok(())
}

/// Setting every leaf to what it is changes no byte.
fn check_leaves(message: &Message) -> Result<(), String> {
    let mut copy = message.clone();
    for path in leaves(message) {
        let Ok(value) = message.get(&path) else { continue };
        let Some(text) = value.as_option() else { continue };
        match copy.set(&path, text) {
            Ok(()) => {}
            Err(error) if error.code() == "not-settable" => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if copy.encode() == message.encode() {
        Ok(())
    } else {
        Err("setting what was read changed it".to_owned())
    }
}

/// Every group is found by its path, and where the structure finds nothing wrong with a result, there is an order for
/// each OBR.
fn check_groups(message: &Message) -> Result<(), String> {
    let groups = message.groups();
    for group in groups.iter() {
        let found: Vec<_> = groups
            .at(&group.path())
            .unwrap()
            .map(|found| found.segments())
            .collect();
        if found != [group.segments()] {
            return Err(format!("{} does not lead back to its group", group.path()));
        }
    }
    let is_result = groups.structure().is_some_and(|structure| structure.name == "ORU_R01");
    if is_result && groups.findings().is_empty() {
        let count = |path: &str| message.count(&path.parse().unwrap()).unwrap();
        let (orders, segments) = (count("ORDER_OBSERVATION/"), count("OBR"));
        if orders != segments {
            return Err(format!("{orders} orders for {segments} OBR"));
        }
    }
    Ok(())
}

fn leaves(message: &Message) -> Vec<Path> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut paths = Vec::new();
    let count = |path: &str| message.count(&path.parse().unwrap()).unwrap();
    for segment in message.segments().filter(|segment| !segment.name().is_empty()) {
        let occurrence = seen.entry(segment.name()).or_default();
        *occurrence += 1;
        let segment = format!("{}[{occurrence}]", segment.name());
        for field in 1..=count(&segment) {
            for repetition in 1..=count(&format!("{segment}-{field}")) {
                let node = format!("{segment}-{field}[{repetition}]");
                for component in 1..=count(&node) {
                    let node = format!("{node}.{component}");
                    let subcomponents = count(&node);
                    paths.extend((1..=subcomponents).map(|number| format!("{node}.{number}").parse::<Path>().unwrap()));
                }
            }
        }
    }
    paths
}

fn printed(table: &BTreeMap<String, Counts>, failures: &BTreeMap<(String, usize), String>) -> String {
    let mut lines = vec![format!(
        "{:<36} {:>6} {:>9} {:>9}",
        "corpus", "files", "messages", "failures"
    )];
    lines.extend(table.iter().map(|(name, counts)| {
        let Counts {
            files,
            without_messages,
            messages,
            failures,
        } = counts;
        let note = if *without_messages > 0 {
            format!("   ({without_messages} files without MSH)")
        } else {
            String::new()
        };
        format!("{name:<36} {files:>6} {messages:>9} {failures:>9}{note}")
    }));
    let sum = |count: fn(&Counts) -> usize| table.values().map(count).sum::<usize>();
    let (files, messages) = (sum(|counts| counts.files), sum(|counts| counts.messages));
    lines.push(format!(
        "{:<36} {files:>6} {messages:>9} {:>9}",
        "all",
        sum(|counts| counts.failures)
    ));
    lines.extend(
        failures
            .iter()
            .map(|((file, number), reason)| format!("  {file} message {number}: {reason}")),
    );
    lines.join("\n") + "\n"
}

/// Past the capture of the test runner, so that a skipped or shrunken corpus is seen.
fn report(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
