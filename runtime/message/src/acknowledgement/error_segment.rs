//! ERR: what was found wrong, where.

use super::write::{Version, Writer};
use super::{Finding, Severity};
use crate::Path;

/// The most findings that an acknowledgement lists: it is read by a person, and the rest is in the message's record.
const FINDINGS_MAX: usize = 50;

/// Table 0357.
const CODES: &[(&str, &str)] = &[
    ("0", "Message accepted"),
    ("100", "Segment sequence error"),
    ("101", "Required field missing"),
    ("102", "Data type error"),
    ("103", "Table value not found"),
    ("104", "Value too long"),
    ("198", "Non-conformant cardinality"),
    ("199", "Other HL7 error"),
    ("200", "Unsupported message type"),
    ("201", "Unsupported event code"),
    ("202", "Unsupported processing id"),
    ("203", "Unsupported version id"),
    ("204", "Unknown key identifier"),
    ("205", "Duplicate key identifier"),
    ("206", "Application record locked"),
    ("207", "Application internal error"),
];

/// What a code of table 0357 means; none where it is not one of the table's.
#[must_use]
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

pub(super) fn push_errors(writer: &mut Writer<'_>, findings: &[Finding]) {
    let findings = findings.get(..findings.len().min(FINDINGS_MAX)).unwrap_or_default();
    if writer.version >= Version::ERROR_FIELDS {
        for finding in findings {
            push_fields(writer, finding);
        }
    } else if !findings.is_empty() {
        push_old_form(writer, findings);
    }
}

/// ERR-2 location, ERR-3 code, ERR-4 severity, ERR-8 text for the user.
fn push_fields(writer: &mut Writer<'_>, finding: &Finding) {
    let component = writer.delimiters.component;
    let location = location(finding).join(&component);
    let code = coded(writer, finding, component);
    let text = writer.text(&finding.text.lossy_text());
    writer.out.extend_from_slice(b"ERR");
    writer.field(b"");
    writer.field(&location);
    writer.field(&code);
    writer.field(finding.severity.as_str().as_bytes());
    for _ in 5..8 {
        writer.field(b"");
    }
    writer.field(&text);
    writer.end();
}

/// ERR-1, one repetition a finding: segment, occurrence, field, and the code in subcomponents.
fn push_old_form(writer: &mut Writer<'_>, findings: &[Finding]) {
    let listed = if writer.delimiters.repetition.is_some() {
        findings.len()
    } else {
        1
    };
    let repetitions: Vec<_> = findings
        .iter()
        .take(listed)
        .map(|finding| old_repetition(writer, finding))
        .collect();
    let separator = writer.delimiters.repetition.as_slice();
    writer.out.extend_from_slice(b"ERR");
    writer.field(&repetitions.join(separator));
    writer.end();
}

fn old_repetition(writer: &Writer<'_>, finding: &Finding) -> Vec<u8> {
    let mut parts = location(finding);
    parts.resize(3, Vec::new());
    parts.push(match writer.delimiters.subcomponent {
        Some(separator) => coded(writer, finding, separator),
        None => writer.text(&finding.code),
    });
    parts.join(&writer.delimiters.component)
}

/// The code, its text and the table, where it is one of the table's.
fn coded(writer: &Writer<'_>, finding: &Finding, separator: u8) -> Vec<u8> {
    let code = writer.text(&finding.code);
    match meaning(&finding.code) {
        Some(text) => [&code, text.as_bytes(), b"HL70357"].join(&separator),
        None => code,
    }
}

/// Segment, occurrence, field, repetition, component and subcomponent, as far as the path goes. ERR knows no groups, and
/// counts over the whole message: of a path through groups the occurrence is left empty.
fn location(finding: &Finding) -> Vec<Vec<u8>> {
    let parsed = finding.path.as_deref().and_then(|path| path.parse::<Path>().ok());
    let Some(path) = parsed.filter(|path| !path.is_group()) else {
        return Vec::new();
    };
    let occurrence = Some(path.occurrence()).filter(|_| path.groups().is_empty());
    let field = path.field();
    let component = field.and_then(|field| field.component());
    let numbers = [
        field.map(|field| field.field()),
        field.map(|field| field.repetition()),
        component,
        field.and_then(|field| field.subcomponent()),
    ];
    let numbers = numbers
        .into_iter()
        .flatten()
        .map(|number| number.to_string().into_bytes());
    let occurrence = occurrence.map(|number| number.to_string().into_bytes());
    let mut parts = vec![path.segment().as_bytes().to_vec(), occurrence.unwrap_or_default()];
    parts.extend(numbers);
    if parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    parts
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Information => "I",
            Self::Warning => "W",
            Self::Error => "E",
        }
    }
}
