//! The first level: what keeps others from reading a message.

use super::nodes::Reading;
use super::report::{Found, Report};
use crate::path::FieldPath;
use crate::{Charset, Delimiters, Message, Path, SegmentView, Severity};

/// The bytes that frame messages on a connection. Within one, they cut it in two for most receivers.
const FRAME_BYTES: [u8; 2] = [0x0b, 0x1c];

/// The most characters of MSH-2 that have a meaning, the truncation character of version 2.7 among them.
const ENCODING_CHARACTERS_MAX: usize = 5;

pub(super) fn validate(message: &Message, report: &mut Report<'_>) {
    header(message, report);
    let reading = Reading::of(message);
    let mut occurrences = super::nodes::Occurrences::default();
    for (line, segment) in (1_usize..).zip(message.segments()) {
        match segment.name().as_bytes().try_into() {
            Ok(name) => {
                let path = Path::found(name, occurrences.next(name));
                text(&reading, segment, &path, report);
            }
            Err(_) => report.add(at(Severity::Error, "100", None), || {
                format!("line {line} is no segment: it begins with no name and field separator")
            }),
        }
    }
}

/// What MSH must say for anybody to know what the message is.
fn header(message: &Message, report: &mut Report<'_>) {
    let header = message.header();
    let needed = [
        (9, header.message_code(), Severity::Error, "the message type"),
        (
            10,
            header.control_id(),
            Severity::Error,
            "the control id, by which an answer is known",
        ),
        (11, header.processing_id(), Severity::Warning, "the processing id"),
        (12, header.version(), Severity::Warning, "the version"),
    ];
    for (number, _, severity, what) in needed.into_iter().filter(|(_, value, ..)| value.is_empty()) {
        report.add_unless_tolerated(at(severity, "101", Some(header_field(number))), || {
            format!("MSH-{number} is required: {what}")
        });
    }
    encoding_characters(message, report);
    charset(message, report);
}

fn encoding_characters(message: &Message, report: &mut Report<'_>) {
    let Delimiters { escape, repetition, .. } = message.delimiters();
    let found = message.get_raw(&header_field(2)).ok().flatten();
    let length = found.map_or(0, |characters| characters.len());
    let wrong = if escape.is_none() {
        "MSH-2 names no escape character: text that holds a delimiter cannot be written"
    } else if repetition.is_none() {
        "MSH-2 names no repetition separator"
    } else if length > ENCODING_CHARACTERS_MAX {
        "MSH-2 has more than five characters, and the sixth has no meaning"
    } else {
        return;
    };
    report.add_unless_tolerated(at(Severity::Warning, "102", Some(header_field(2))), || wrong.to_owned());
}

/// A character set that this engine does not know. The message is read as ASCII then, unless the interface names the
/// sender's true set, and what cannot be read so is an error at its own place.
fn charset(message: &Message, report: &mut Report<'_>) {
    let header = message.header();
    let declared = header.charset();
    if message.charset() == Charset::ASCII && !declared.is_empty() && Charset::from_label(declared).is_none() {
        report.add_unless_tolerated(
            at(Severity::Warning, "103", Some(header_field(18))),
            || match Charset::refusal(declared) {
                Some(reason) => format!("MSH-18 declares a character set that is not supported: {reason}"),
                None => "MSH-18 declares a character set that is not known".to_owned(),
            },
        );
    }
}

/// The text of one segment: first as a whole, and only where that fails, leaf by leaf.
fn text(reading: &Reading, segment: SegmentView<'_>, path: &Path, report: &mut Report<'_>) {
    if memchr::memchr2(FRAME_BYTES[0], FRAME_BYTES[1], segment.raw()).is_some() {
        report.add_unless_tolerated(at(Severity::Warning, "102", Some(path.clone())), || {
            format!("{path} holds a byte that frames messages (0x0B or 0x1C)")
        });
    }
    if reading.is_text(segment.raw()) {
        return;
    }
    for (number, field) in reading.fields(segment.name(), segment.raw()) {
        if !reading.is_text(field) {
            let field_path = FieldPath::new(number, 0, 0, 0);
            undecodable(reading, field, path, field_path, report);
        }
    }
}

fn undecodable(reading: &Reading, field: &[u8], path: &Path, field_path: FieldPath, report: &mut Report<'_>) {
    for (number, repetition) in reading.repetitions(field) {
        let repetition_path = field_path.part(0, number).without_first_repetition();
        let parts: Vec<_> = reading.components(repetition).collect();
        for (number, component) in &parts {
            if reading.is_text(component) {
                continue;
            }
            let node = if parts.len() > 1 {
                repetition_path.part(1, *number)
            } else {
                repetition_path
            };
            let node = path.with_field(node);
            report.add_unless_tolerated(at(Severity::Error, "102", Some(node.clone())), || {
                format!("{node} is not text in the message's character set")
            });
        }
    }
}

fn header_field(number: u32) -> Path {
    Path::of_segment(*b"MSH", 0).with_field(FieldPath::new(number, 0, 0, 0))
}

fn at(severity: Severity, code: &str, path: Option<Path>) -> Found<'_> {
    Found { severity, code, path }
}
