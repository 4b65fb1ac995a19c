//! Acknowledgements: building them for what was received, and reading those that destinations send.

mod error_segment;
mod read;
mod wanted;
mod write;

use std::fmt;

pub use error_segment::meaning;
pub use read::{Answer, AnswerError, read};
pub use wanted::{Condition, Wanted};
pub use write::{accept, commit, refuse, refuse_unreadable};

use crate::Payload;

/// MSA-1, table 0008.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AcknowledgementCode {
    /// Application accept.
    AA,
    /// Application error: the sender may correct the message and send it again.
    AE,
    /// Application reject: the receiver cannot take such a message now, or ever.
    AR,
    /// Commit accept: the message is in safe storage.
    CA,
    /// Commit error.
    CE,
    /// Commit reject.
    CR,
}

impl AcknowledgementCode {
    /// The code as it stands in MSA-1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }

    /// Whether the receiver took the message over.
    #[must_use]
    pub fn is_accept(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }

    /// Whether it tells of safe storage only (CA, CE, CR), and not of what the application made of the message.
    #[must_use]
    pub fn is_commit(self) -> bool {
        matches!(self, Self::CA | Self::CE | Self::CR)
    }
}

impl fmt::Display for AcknowledgementCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad a finding is, table 0516.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Worth knowing.
    Information,
    /// Done, but something may be wrong.
    Warning,
    /// Not done.
    Error,
}

/// What is wrong with a message: one ERR segment's worth. `Debug` prints sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// The node, such as `PID-5.1`; text that is not a path is left out of ERR.
    pub path: Option<String>,
    /// A code of table 0357, such as `101`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What a person at the sender's side should read, in UTF-8.
    pub text: Payload,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finding({:?}, {} bytes)", self.severity, self.text.len())
    }
}

/// What an acknowledgement says about itself.
#[derive(Debug, Clone, Copy)]
pub struct AcknowledgementContext<'a> {
    /// Its own MSH-10, of at most 20 characters.
    pub control_id: &'a str,
    /// Its MSH-7, written with the offset of its time zone.
    pub at: &'a jiff::ZonedDateTime,
    /// Its MSH-15 and MSH-16; none leaves them out, as the original mode does.
    pub asks: Option<Wanted>,
}
