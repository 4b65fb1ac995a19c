//! HL7 v2 as a lossless value: parse, address, edit, print, split, acknowledge, compare, validate.
//!
//! A [`Message`] is the received bytes and a list of where its segments lie in them. Nothing else is indexed: a
//! [`Path`] is answered by scanning its segment, and an edit replaces that one segment. So what nobody changed is
//! printed as it came, byte for byte, and a message costs little more than its bytes.
//!
//! What HL7 says about a message is asked for apart from that: the [`schema`] of its version, the definition of a node,
//! and its [`Groups`], which a path may lead through.
//!
//! ```
//! use transfuse_message::{Message, ParseOptions};
//!
//! let raw = "MSH|^~\\&|LAB|||||||K1|P|2.5\rPID|1||123^^^MRN~456||PRÓBA^BETEG\r";
//! let mut message = Message::parse(raw, &ParseOptions::default())?;
//! assert_eq!(message.get(&"PID-5.2".parse()?)?.as_option(), Some("BETEG"));
//! message.set(&"PID-3[2].4".parse()?, "A&B")?;
//! assert_eq!(message.encode(), raw.replace("~456", "~456^^^A\\T\\B"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariant: this crate knows no other crate of the project, no clock, no network and no file. Whatever a sender or a
//! plugin wrote never appears in `Debug` output or in the text of an error.

pub mod acknowledgement;
pub mod batch;
mod charset;
mod delimiters;
mod difference;
mod escape;
mod message;
mod path;
mod payload;
pub mod schema;
mod time;
pub mod validation;

pub use acknowledgement::{
    AcknowledgementCode, AcknowledgementContext, Answer, AnswerError, Condition, Finding, Severity, Wanted,
};
pub use charset::Charset;
pub use delimiters::Delimiters;
pub use difference::{Difference, differences};
pub use message::{
    Change, Group, Groups, Header, MESSAGE_BYTES_MAX, Message, ParseError, ParseOptions, RecodeError, SegmentView,
    StructureFault, StructureFinding, Unmappable, Value, is_of_type,
};
pub use path::{FieldPath, GroupStep, Path, PathError};
pub use payload::Payload;
pub use schema::Schema;
pub use time::{AmbiguousTime, Precision, TimeError, TimeOfDay, Timestamp};
