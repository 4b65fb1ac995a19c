//! What came out against what was expected.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use transfuse_message::{Difference, Message, ParseOptions, Payload, differences};
use transfuse_sandbox::{Content, LogLine, Outcome, Output, Rejection};

use super::{Expectation, Expected, ExpectedOutput};
use crate::layout::counted;

/// One thing that is not as expected.
#[derive(Debug, Clone)]
pub(crate) enum Mismatch {
    /// A value differs: how the run ended, a code, a destination, a line of the log.
    Value {
        /// What it is, such as `outcome` or `code`.
        what: String,
        expected: Payload,
        found: Payload,
    },
    /// An output differs.
    Output {
        /// Which, from one.
        number: usize,
        /// The file with what was expected.
        file: String,
        /// Field by field; empty where only the spelling differs, such as how segments end.
        differences: Vec<Difference>,
        /// The first byte that differs.
        offset: usize,
        expected: Bytes,
        /// The bytes that came out.
        found: Bytes,
        /// The message that they are; none of a document.
        message: Option<Message>,
    },
}

/// How a run ended, in one line: `rejected 103 at OBX[2]-3: no LOINC code is known for XYZ`.
pub(crate) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Forwarded(outputs) => format!("forwarded {}", counted(outputs.len(), "message")),
        Outcome::Filtered { reason, .. } => with_reason("filtered", Some(&reason.lossy_text())),
        Outcome::Rejected { rejection, .. } => rejected(
            &rejection.code,
            rejection.path.as_deref(),
            Some(&rejection.reason.lossy_text()),
        ),
        Outcome::Faulted(fault) => format!("faulted {}", fault.kind),
    }
}

fn told_expected(expected: &Expected) -> String {
    match expected {
        Expected::Forwarded(outputs) => format!("forwarded {}", counted(outputs.len(), "message")),
        Expected::Filtered { reason } => with_reason("filtered", reason.as_deref()),
        Expected::Rejected { code, path, reason } => rejected(code, path.as_deref(), reason.as_deref()),
        Expected::Faulted { kind } => format!("faulted {kind}"),
    }
}

fn with_reason(what: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if !reason.is_empty() => format!("{what}: {reason}"),
        _ => what.to_owned(),
    }
}

fn rejected(code: &str, path: Option<&str>, reason: Option<&str>) -> String {
    let place = path.map_or_else(
        || format!("rejected {code}"),
        |path| format!("rejected {code} at {path}"),
    );
    with_reason(&place, reason)
}

/// Everything that is not as expected, in order.
pub(super) fn compare(
    expectation: Option<&Expectation>,
    outcome: &Outcome,
    log: &[LogLine],
    state: &BTreeMap<String, String>,
) -> Vec<Mismatch> {
    let Some(expectation) = expectation else {
        return vec![value(
            "expectation",
            "none yet: `--bless` writes what came out",
            told(outcome),
        )];
    };
    let mut mismatches = compare_outcome(&expectation.expected, outcome);
    if let Some(expected) = &expectation.log {
        mismatches.extend(compare_log(expected, log));
    }
    if let Some(expected) = &expectation.state {
        mismatches.extend(compare_state(expected, state));
    }
    mismatches
}

fn compare_outcome(expected: &Expected, outcome: &Outcome) -> Vec<Mismatch> {
    match (expected, outcome) {
        (Expected::Forwarded(expected), Outcome::Forwarded(found)) if expected.len() == found.len() => {
            let pairs = (1..).zip(expected.iter().zip(found));
            pairs
                .flat_map(|(number, (expected, found))| compare_output(number, expected, found))
                .collect()
        }
        (Expected::Filtered { reason }, Outcome::Filtered { reason: found, .. }) => {
            differing("reason", reason.as_deref(), &found.lossy_text())
                .into_iter()
                .collect()
        }
        (Expected::Rejected { code, path, reason }, Outcome::Rejected { rejection, .. }) => {
            compare_rejection(code, path.as_deref(), reason.as_deref(), rejection)
        }
        (Expected::Faulted { kind }, Outcome::Faulted(fault)) if fault.kind == *kind => Vec::new(),
        _ => vec![value("outcome", told_expected(expected), told(outcome))],
    }
}

fn compare_rejection(code: &str, path: Option<&str>, reason: Option<&str>, found: &Rejection) -> Vec<Mismatch> {
    let mismatches = [
        differing("code", Some(code), &found.code),
        differing("path", path, found.path.as_deref().unwrap_or_default()),
        differing("reason", reason, &found.reason.lossy_text()),
    ];
    mismatches.into_iter().flatten().collect()
}

fn compare_output(number: usize, expected: &ExpectedOutput, found: &Output) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    if expected.to != found.to {
        let what = format!("destinations of output {number}");
        mismatches.push(value(&what, listed(&expected.to), listed(&found.to)));
    }
    let content_type = |content_type: Option<&str>| content_type.unwrap_or("HL7 v2 message").to_owned();
    let (wanted_type, found_type) = (expected.content_type.as_deref(), found_content_type(found));
    if wanted_type != found_type {
        let what = format!("content type of output {number}");
        mismatches.push(value(&what, content_type(wanted_type), content_type(found_type)));
    }
    let bytes = output_bytes(found);
    match &expected.bytes {
        Some(expected) if *expected == bytes => {}
        None => {
            let missing = format!("`{}`, which is not there: `--bless` writes it", expected.file);
            mismatches.push(value(
                &format!("output {number}"),
                missing,
                counted(bytes.len(), "byte"),
            ));
        }
        Some(wanted) => mismatches.push(Mismatch::Output {
            number,
            file: expected.file.clone(),
            differences: found.message().map(|found| fields(wanted, found)).unwrap_or_default(),
            offset: wanted
                .iter()
                .zip(&bytes)
                .take_while(|(left, right)| left == right)
                .count(),
            expected: wanted.clone(),
            found: bytes,
            message: found.message().cloned(),
        }),
    }
    mismatches
}

/// The bytes of an output, as a destination gets them.
pub(crate) fn output_bytes(output: &Output) -> Bytes {
    match &output.content {
        Content::Message(message) => message.encode(),
        Content::Document(document) => document.body.bytes().clone(),
    }
}

/// The media type of a document; none of a message.
pub(super) fn found_content_type(output: &Output) -> Option<&str> {
    match &output.content {
        Content::Message(_) => None,
        Content::Document(document) => Some(&document.content_type),
    }
}

/// Read as the plugin's output was: a character set that the site settled is in no MSH-18.
fn fields(expected: &Bytes, found: &Message) -> Vec<Difference> {
    let options = ParseOptions {
        charset: Some(found.charset()),
        ..ParseOptions::default()
    };
    // What cannot be read as a message at all differs in its bytes, which the offset tells.
    Message::parse(expected.clone(), &options)
        .map(|expected| differences(&expected, found))
        .unwrap_or_default()
}

fn compare_log(expected: &[String], log: &[LogLine]) -> Option<Mismatch> {
    let found = log_lines(log);
    (expected != found).then(|| value("log", expected.join("\n"), found.join("\n")))
}

fn compare_state(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<Mismatch> {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differing = keys.into_iter().filter(|key| expected.get(*key) != found.get(*key));
    differing
        .map(|key| {
            let side = |side: Option<&String>| side.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"));
            value(&format!("state `{key}`"), side(expected.get(key)), side(found.get(key)))
        })
        .collect()
}

/// Lines of the log as vectors write them.
pub(crate) fn log_lines(log: &[LogLine]) -> Vec<String> {
    let line = |line: &LogLine| format!("{}: {}", line.level.as_str(), line.text.lossy_text());
    log.iter().map(line).collect()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn differing(what: &str, expected: Option<&str>, found: &str) -> Option<Mismatch> {
    let expected = expected.filter(|expected| *expected != found)?;
    Some(value(what, expected, found))
}

fn value(what: &str, expected: impl Into<String>, found: impl Into<String>) -> Mismatch {
    Mismatch::Value {
        what: what.to_owned(),
        expected: expected.into().into(),
        found: found.into().into(),
    }
}
