//! Text in three character sets, through a running engine into each of the three: Python's codecs say what has to come
//! out, byte for byte.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, python, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// The destinations of each interface: name, and its lines in the interface file.
const DESTINATIONS: &[(&str, &str)] = &[
    ("as-it-is", ""),
    ("latin-fault", "charset = \"8859/2\""),
    ("latin-escape", "charset = \"ISO-8859-2\"\nunmappable = \"escape\""),
    ("windows-fault", "charset = \"windows-1250\"\nunmappable = \"fault\""),
    ("windows-escape", "charset = \"cp1250\"\nunmappable = \"escape\""),
    ("unicode-fault", "charset = \"utf-8\""),
    ("unicode-escape", "charset = \"UNICODE UTF-8\"\nunmappable = \"escape\""),
];

const SOURCES: [(&str, &str); 3] = [
    ("latin", ""),
    ("windows", "charset = \"windows-1250\""),
    ("unicode", ""),
];

/// One message at one destination.
struct Case {
    interface: String,
    destination: String,
    sent: Vec<u8>,
    /// None where the delivery has to rest in quarantine.
    expected: Option<Vec<u8>>,
}

fn cases() -> Vec<Case> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/character_sets.py");
    let output = Command::new(python().expect("python")).arg(script).output();
    let output = output.expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("lines of text");
    lines
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [interface, destination, sent, expected] = words.try_into().expect("four words");
            Case {
                interface: interface.to_owned(),
                destination: destination.to_owned(),
                sent: bytes(sent),
                expected: (expected != "-").then(|| bytes(expected)),
            }
        })
        .collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("hexadecimal digits")
        })
        .collect()
}

/// An interface for each source, with a receiver of its own for each of its destinations.
fn site(sinks: &BTreeMap<(&str, &str), Sink>) -> Site {
    let site = Site::new().expect("a site");
    for (source, charset) in SOURCES {
        let interface = InterfaceFile::listening(source).source(charset);
        let interface = DESTINATIONS.iter().fold(interface, |interface, (name, lines)| {
            let sink = sinks.get(&(source, *name)).expect("a receiver");
            interface.to(name, sink.address()).section(&format!("{lines}\n"))
        });
        site.add(&interface).expect("an interface");
    }
    site
}

#[test]
fn text_comes_out_in_the_set_of_each_destination_as_python_s_codecs_write_it() {
    let cases = cases();
    let sinks: BTreeMap<(&str, &str), Sink> = SOURCES
        .iter()
        .flat_map(|(source, _)| DESTINATIONS.iter().map(move |(name, _)| (*source, *name)))
        .map(|key| (key, Sink::accepting().expect("a receiver")))
        .collect();
    let site = site(&sinks);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let messages: BTreeSet<(&str, &[u8])> = cases.iter().map(|case| (&*case.interface, &*case.sent)).collect();
    for (interface, message) in messages {
        let mut connection = engine.connect(interface).expect("a connection");
        let answer = connection.ask(message).expect("an answer");
        assert!(answer.contains("MSA|AA|K1"), "{interface}: {answer}");
    }
    for (key, sink) in &sinks {
        let of_sink = |case: &&Case| (&*case.interface, &*case.destination) == *key;
        let expected: BTreeSet<_> = cases
            .iter()
            .filter(of_sink)
            .filter_map(|case| case.expected.clone())
            .collect();
        let delivered = sink.wait_for(expected.len(), LIMIT).expect("all are delivered");
        let delivered: BTreeSet<Vec<u8>> = delivered.into_iter().map(|one| one.content).collect();
        assert_eq!(shown(&delivered), shown(&expected), "{key:?}");
    }
    let faults = cases.iter().filter(|case| case.expected.is_none()).count();
    assert_eq!(
        faults, 2,
        "a sign that ISO 8859-2 lacks, from each of the sets that have it"
    );
    let quarantined = wait_until("the quarantined deliveries", LIMIT, || {
        let said = engine.said();
        let count = said
            .matches("PID-5.1 holds a character that the character set 8859/2 lacks")
            .count();
        (count == faults).then_some(())
    });
    quarantined.expect("a character that cannot be written is told");
    assert!(!engine.said().contains('€'), "and its value is not");
    engine.stop().expect("a clean stop");
}

/// Each byte beyond ASCII by its number, so that a difference can be read.
fn shown(messages: &BTreeSet<Vec<u8>>) -> Vec<String> {
    messages
        .iter()
        .map(|message| message.escape_ascii().to_string())
        .collect()
}
