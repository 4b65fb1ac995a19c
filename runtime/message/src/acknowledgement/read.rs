//! Reading the answer of a destination.

use std::fmt;

use thiserror::Error;

use super::AcknowledgementCode;
use crate::{Message, Payload};

/// What a destination answered. `Debug` prints the code only.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// MSA-1.
    pub code: AcknowledgementCode,
    /// MSA-2: the control id of the message that is answered.
    pub control_id: String,
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

/// Reads a destination's answer.
pub fn read(answer: &Message) -> Result<Answer, AnswerError> {
    let _ = answer;
    Err(AnswerError::NoAcknowledgement)
}
