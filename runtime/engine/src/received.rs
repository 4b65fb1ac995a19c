//! A message that has arrived: numbered, in its lane, and owed an answer.

use std::sync::{Arc, OnceLock};

use transfuse_message::{Message, ParseError, ParseOptions, Payload, Wanted};
use transfuse_sandbox::State;
use transfuse_store as store;
use transfuse_transport::{Defect, Frame};

use crate::admission::Unwelcome;
use crate::backlog::Place;
use crate::duplicates::Seen;
use crate::keeping::PlaceInLine;
use crate::owed::Owed;
use crate::revision::{Revision, Run};
use crate::terms::Terms;
use crate::trial::Trial;
use crate::turns::Turn;

/// One message between the wire and the journal.
#[derive(Debug)]
pub(crate) struct Received {
    /// The journal's entry, queued but perhaps not durable.
    pub(crate) entry: store::Received,
    /// The message's place among those that keep their order; none where the interface keeps none.
    pub(crate) turn: Option<Turn>,
    /// Its place in the line of messages; none where its chain keeps nothing between them.
    pub(crate) place_in_line: Option<PlaceInLine>,
    /// What the frame holds.
    pub(crate) content: Content,
    /// Why it is not let in; none for what may come in, and for what is no message.
    pub(crate) unwelcome: Option<Unwelcome>,
    /// What its sender asked to hear.
    pub(crate) terms: Terms,
    /// What it is recognised by when it comes again.
    pub(crate) digest: Option<store::Digest>,
    /// What it is among those that are recognised; none where that is not asked for.
    pub(crate) seen: Option<Seen>,
    /// The proof that the message is durable, where that was waited for.
    pub(crate) receipt: Option<store::Receipt>,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) arrived_at_ms: i64,
    /// 1 for the first run, more where a restart runs the message again.
    pub(crate) attempt: u32,
    /// How the sender is told.
    pub(crate) answer: Owed,
    /// What decides it.
    pub(crate) revision: Arc<Revision>,
    /// A trial that wants to know of it.
    pub(crate) trial: Option<Arc<Trial>>,
    /// What the plugins kept when its chain began, where a trial wants to know.
    pub(crate) state_seen: OnceLock<State>,
    /// Its place in the interface's backlog.
    pub(crate) place: Place,
}

/// What a frame holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A message that can be read.
    Readable(Message),
    /// Bytes that are not an HL7 v2 message, and why.
    Unreadable(Payload, ParseError),
    /// Bytes that are not even a whole frame.
    Broken(Payload, Defect),
}

impl Content {
    pub(crate) fn of(frame: &Frame, options: &ParseOptions) -> Self {
        Self::parse(frame.content.clone(), frame.defect, options)
    }

    pub(crate) fn parse(content: Payload, defect: Option<Defect>, options: &ParseOptions) -> Self {
        if let Some(defect) = defect {
            return Self::Broken(content, defect);
        }
        match Message::parse(content.bytes().clone(), options) {
            Ok(message) => Self::Readable(message),
            Err(fault) => Self::Unreadable(content, fault),
        }
    }

    /// The message, where there is one.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Readable(message) => Some(message),
            Self::Unreadable(..) | Self::Broken(..) => None,
        }
    }

    /// What the header says, as far as there is one.
    pub(crate) fn label(&self) -> Label {
        match self {
            Self::Readable(message) => {
                let header = message.header();
                Label {
                    control_id: header.control_id().to_owned(),
                    message_type: header.message_type(),
                    wanted: Wanted::of(message, &header),
                }
            }
            Self::Unreadable(raw, _) | Self::Broken(raw, _) => Label {
                control_id: String::new(),
                message_type: String::new(),
                wanted: Wanted::of_unreadable(raw.as_slice()),
            },
        }
    }
}

/// What the journal and the acknowledgements need to know of a message.
pub(crate) struct Label {
    /// Empty where there is none to be read, as the type is.
    pub(crate) control_id: String,
    pub(crate) message_type: String,
    /// The acknowledgements that the sender asks for.
    pub(crate) wanted: Wanted,
}

impl Received {
    /// What the chain may know of this run.
    pub(crate) fn run(&self) -> Run {
        Run {
            id: self.entry.id().to_string(),
            received_at_ms: self.arrived_at_ms,
            attempt: self.attempt,
        }
    }
}
