//! How runs of plugins are told: faults, and what is not as expected.

use serde::Serialize;
use transfuse_message::{Difference, Message, Payload};
use transfuse_sandbox::{Fault, LogLine, Outcome};

use crate::commands::hl7::changes::{self, Change, changes};
use crate::console::{Palette, Tone};
use crate::control::wire::Words;
use crate::vectors::{Mismatch, VectorReport};
use crate::visible::{one_line, visible_bytes};

/// How many bytes are shown from the first that differs.
const BYTES_SHOWN_MAX: usize = 12;

/// One thing that is not as expected, as programs read it.
#[derive(Debug, Serialize)]
pub(super) struct MismatchView {
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Words>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Words>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Change>,
}

impl From<&Mismatch> for MismatchView {
    fn from(mismatch: &Mismatch) -> Self {
        let plain = |what: String| Self {
            what,
            expected: None,
            found: None,
            differences: Vec::new(),
        };
        match mismatch {
            Mismatch::Value { what, expected, found } => Self {
                expected: Some(words(expected)),
                found: Some(words(found)),
                ..plain(what.clone())
            },
            Mismatch::Output {
                number,
                differences,
                offset,
                expected,
                found,
                ..
            } if differences.is_empty() => Self {
                expected: Some(format!("{} bytes", expected.len()).into()),
                found: Some(
                    format!(
                        "{} bytes, of which byte {offset} is the first that differs",
                        found.len()
                    )
                    .into(),
                ),
                ..plain(format!("output {number}"))
            },
            Mismatch::Output {
                number,
                differences,
                message,
                ..
            } => Self {
                differences: named(differences, message.as_ref()),
                ..plain(format!("output {number}"))
            },
        }
    }
}

/// The differences with the names of their fields.
fn named(differences: &[Difference], message: Option<&Message>) -> Vec<Change> {
    message.map_or_else(Vec::new, |message| changes(differences.to_vec(), None, message, &[]))
}

/// Everything that is not as expected of a vector, below its name, with the fault that it ended with.
pub(super) fn of_report(report: &VectorReport, palette: Palette) -> Vec<String> {
    let mut lines: Vec<String> = report
        .mismatches
        .iter()
        .flat_map(|one| mismatch(one, palette))
        .collect();
    if let Outcome::Faulted(ended) = &report.outcome
        && !report.passes()
    {
        lines.extend(fault(ended, palette).into_iter().map(|line| format!("  {line}")));
    }
    lines.into_iter().map(|line| format!("      {line}")).collect()
}

/// What is not as expected, in lines.
fn mismatch(mismatch: &Mismatch, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    match mismatch {
        Mismatch::Value { what, expected, found } => {
            let (expected, found) = (expected.lossy_text(), found.lossy_text());
            lines.push(format!("  {what}"));
            let mut side = |title: &str, text: &str| {
                lines.extend(text.lines().map(|line| {
                    let title = palette.paint(Tone::Faint, title);
                    format!("    {title} {}", one_line(line))
                }));
                if text.is_empty() {
                    lines.push(format!("    {} nothing", palette.paint(Tone::Faint, title)));
                }
            };
            side("expected", &expected);
            side("found   ", &found);
        }
        Mismatch::Output {
            number,
            file,
            differences,
            offset,
            expected,
            found,
            message,
        } => {
            lines.push(format!("  output {number}: expected ({file}) → found"));
            if differences.is_empty() {
                lines.push(spelling(expected, found, *offset));
            }
            let changes = named(differences, message.as_ref());
            lines.extend(
                changes::lines(&changes, palette)
                    .into_iter()
                    .map(|line| format!("  {line}")),
            );
        }
    }
    lines
}

/// The bytes that differ where no fields tell it: a document, or the same fields in other bytes.
fn spelling(expected: &[u8], found: &[u8], offset: usize) -> String {
    let near = |bytes: &[u8]| {
        let end = bytes.len().min(offset + BYTES_SHOWN_MAX);
        visible_bytes(bytes.get(offset..end).unwrap_or_default())
    };
    format!(
        "    no field differs, but bytes do: from byte {offset} of {} `{}`, of {} `{}`",
        expected.len(),
        near(expected),
        found.len(),
        near(found)
    )
}

/// A fault with its place and hint. What the plugin wrote stands on a line of its own.
pub(super) fn fault(fault: &Fault, palette: Palette) -> Vec<String> {
    let place = fault
        .location
        .as_ref()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    let kind = format!("{}:", fault.kind);
    let mut lines = vec![format!("{} {}{place}", palette.paint(Tone::Bad, &kind), fault.detail)];
    let text = fault.text.lossy_text();
    lines.extend(text.lines().map(|line| format!("  {}", one_line(line))));
    lines.extend(
        fault
            .hint
            .iter()
            .map(|hint| format!("  {} {hint}", palette.paint(Tone::Name, "hint:"))),
    );
    lines
}

/// A line of the log.
pub(super) fn log_line(line: &LogLine, palette: Palette) -> String {
    let level = format!("{}:", line.level.as_str());
    let tone = match line.level {
        transfuse_sandbox::LogLevel::Warn | transfuse_sandbox::LogLevel::Error => Tone::Odd,
        _ => Tone::Faint,
    };
    format!("{} {}", palette.paint(tone, &level), one_line(&line.text.lossy_text()))
}

fn words(payload: &Payload) -> Words {
    payload.lossy_text().into_owned().into()
}
