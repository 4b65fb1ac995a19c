//! HL7 v2 as a lossless value: parse, address, edit, print, acknowledge, compare.
//!
//! A [`Message`] is the received bytes and a list of where its segments lie in them. Nothing else is indexed: a
//! [`Path`] is answered by scanning its segment, and an edit replaces that one segment. So what nobody changed is
//! printed as it came, byte for byte, and a message costs little more than its bytes.
//!
//! Invariant: this crate knows no other crate of the project, no clock, no network and no file. Whatever a sender or a
//! plugin wrote never appears in `Debug` output or in the text of an error.

pub mod acknowledgement;
mod charset;
mod delimiters;
mod difference;
mod escape;
mod message;
mod path;
mod payload;

pub use acknowledgement::{AcknowledgementCode, AcknowledgementContext, Answer, AnswerError, Finding, Severity};
pub use charset::Charset;
pub use delimiters::Delimiters;
pub use difference::{Difference, differences};
pub use message::{Header, MESSAGE_BYTES_MAX, Message, ParseError, ParseOptions, SegmentView, Value};
pub use path::{FieldPath, Path, PathError};
pub use payload::Payload;
