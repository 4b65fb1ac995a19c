//! Reading the answer of a destination.

use std::fmt;

use thiserror::Error;

use super::AcknowledgementCode;
use crate::path::FieldPath;
use crate::{Message, Path, Payload};

/// The most ERR segments that are read: their text is for a person, and the whole answer is stored anyway.
const ERRORS_MAX: u32 = 50;

/// What a destination answered. `Debug` prints the code only.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// MSA-1.
    pub code: AcknowledgementCode,
    /// MSA-2: the control id of the message that is answered.
    pub control_id: String,
    /// The codes of what is wrong, one of each ERR in their order: ERR-3.1 (table 0357, or the receiver's own), or ERR-1.4.1 of
    /// the form before version 2.5. Nothing keeps a receiver from writing something else there: a code that nobody expects is
    /// as private as a text.
    pub errors: Vec<String>,
    /// MSA-3 and the texts of ERR, one a line, in UTF-8.
    pub text: Payload,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.code, self.text.len())
    }
}

/// Why a message is not an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is no MSA segment.
    #[error("the answer has no MSA segment, so it acknowledges nothing")]
    NoAcknowledgement,
    /// MSA-1 is not a code of table 0008.
    #[error("MSA-1 of the answer is not one of AA, AE, AR, CA, CE, CR")]
    UnknownCode,
}

/// Reads a destination's answer. Bytes of its texts that its character set cannot decode are shown as U+FFFD, because
/// an answer is an answer even then.
pub fn read(answer: &Message) -> Result<Answer, AnswerError> {
    let segment = Path::of_segment(*b"MSA", 0);
    if answer.count(&segment) == Ok(0) {
        return Err(AnswerError::NoAcknowledgement);
    }
    let field = |number| text(answer, &segment.with_field(FieldPath::new(number, 1, 0, 0)));
    let code = code(&field(1)).ok_or(AnswerError::UnknownCode)?;
    let lines: Vec<String> = [field(3)]
        .into_iter()
        .chain(errors(answer).map(|error| line(answer, &error)))
        .filter(|line| !line.is_empty())
        .collect();
    Ok(Answer {
        code,
        control_id: field(2),
        errors: errors(answer).filter_map(|error| error_code(answer, &error)).collect(),
        text: lines.join("\n").into(),
    })
}

fn code(text: &str) -> Option<AcknowledgementCode> {
    use AcknowledgementCode::{AA, AE, AR, CA, CE, CR};
    let text = text.trim();
    [AA, AE, AR, CA, CE, CR]
        .into_iter()
        .find(|code| text.eq_ignore_ascii_case(code.as_str()))
}

/// The ERR segments, as far as they are read.
fn errors(answer: &Message) -> impl Iterator<Item = Path> {
    let count = answer.count(&Path::of_segment(*b"ERR", 0)).unwrap_or_default();
    (1..=count.min(ERRORS_MAX)).map(|occurrence| Path::of_segment(*b"ERR", occurrence))
}

/// The code of an ERR: that of the new form, or else that of the old one.
fn error_code(answer: &Message, error: &Path) -> Option<String> {
    let codes = [FieldPath::new(3, 1, 1, 0), FieldPath::new(1, 1, 4, 1)];
    let mut codes = codes.into_iter().map(|field| text(answer, &error.with_field(field)));
    codes.find(|code| !code.is_empty())
}

/// The line of an ERR: code and text of the new form (ERR-3, ERR-7, ERR-8) and of the old one (ERR-1.4).
fn line(answer: &Message, error: &Path) -> String {
    let nodes = [(1, 4, 1), (1, 4, 2), (3, 1, 0), (3, 2, 0), (7, 0, 0), (8, 0, 0)];
    let texts = nodes.map(|(field, component, subcomponent)| {
        text(
            answer,
            &error.with_field(FieldPath::new(field, 1, component, subcomponent)),
        )
    });
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join(" ")
}

fn text(answer: &Message, path: &Path) -> String {
    let reading = answer.reading(path).ok().flatten().unwrap_or_default();
    answer.lossy_text(reading).into_owned()
}
