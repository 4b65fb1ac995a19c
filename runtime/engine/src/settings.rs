//! What an interface is made of, as plain values: resolved by the edge, immutable afterwards.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use transfuse_message::validation::Level;
use transfuse_message::{AcknowledgementCode, Charset};
use transfuse_store::OnFault;
use transfuse_transport::{files, http, mllp, net, timer};

use crate::answers::AnswerTable;
use crate::condition::Condition;
use crate::lane_key::LaneKeys;
use crate::processing::Chains;
use crate::recode::OutputCharset;

/// One feed: a source, a chain of steps, destinations.
#[derive(Debug)]
pub struct InterfaceSettings {
    /// The interface's name, unique in the engine.
    pub name: Arc<str>,
    /// The revision that these settings are; every message records it.
    pub revision: u32,
    /// Where messages come from.
    pub source: SourceSettings,
    /// The stage that an acknowledgement promises.
    pub ack: AckStage,
    /// The destination that delivers the application acknowledgements of the enhanced mode; none to send them back on the
    /// connection that their message came over.
    pub application_acknowledgements: Option<Arc<str>>,
    /// Which messages keep their order among themselves.
    pub order: Order,
    /// What becomes of the messages behind one that is put into quarantine.
    pub on_fault: OnFault,
    /// Which messages are recognised when they come again; none for none.
    pub duplicates: Option<DuplicateSettings>,
    /// The character set of the source, which wins over MSH-18; none to believe MSH-18.
    pub charset: Option<Charset>,
    /// The time zone of timestamps without an offset, as an IANA name.
    pub time_zone: Arc<str>,
    /// Which messages may come in at all.
    pub admission: AdmissionSettings,
    /// What is asked of a message before its chain runs; none for nothing.
    pub validation: Option<ValidationSettings>,
    /// The steps, its own and those of destinations, linked and checked against their grants.
    pub chains: Chains,
    /// Where outputs go, in the order of the file.
    pub destinations: Vec<DestinationSettings>,
    /// Whose answer is the reply to the sender; none where the engine acknowledges by itself.
    pub reply: Option<ReplySettings>,
}

/// A destination that is asked while the sender waits. Nothing is queued for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplySettings {
    /// Its name: one that answers over MLLP, over frames of the site's own, or over HTTP.
    pub destination: Arc<str>,
    /// How long the sender waits for it at most, the wait for a free connection included.
    pub timeout: Duration,
    /// What the sender is told where there is no answer.
    pub no_reply: NoReply,
}

/// The configured answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReply {
    /// AE or AR: its sender keeps a message that nobody has answered.
    pub code: AcknowledgementCode,
    /// The text beside it.
    pub text: String,
}

/// Where an interface's messages come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSettings {
    /// A TCP listener that speaks MLLP, or has frames of the site's own.
    Mllp(mllp::ListenerSettings),
    /// A listener that takes messages over HTTP.
    Http(http::ListenerSettings),
    /// A folder whose files are messages.
    Files(files::FolderSourceSettings),
    /// Other interfaces alone.
    Interface,
    /// The clock.
    Timer(timer::TimerSettings),
}

/// The stage that must be durable before the sender hears AA.
///
/// With it goes the ownership of what fails: whoever holds the message after the acknowledgement has to deal with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckStage {
    /// The bytes are durable. What the chain then cannot process rests in quarantine.
    Received,
    /// The chain's outcome and its deliveries are durable. What the chain cannot process is refused: the sender keeps
    /// it, and hears AE or AR.
    Processed,
}

/// Which messages are recognised when they come again, byte for byte, after they were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateSettings {
    /// Those that were received so long ago at most.
    pub window: Duration,
}

/// What an interface lets in: connections by where they come from, messages by what MSH says of them. The default lets in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// From where a listener takes connections; empty for everywhere.
    pub peers: Vec<net::Network>,
    /// The values of MSH-11.1 (table 0103: `P`, `T`, `D`) that fit the environment; empty for all, an absent one included.
    pub processing_ids: Vec<String>,
    /// Who may send; empty for everybody.
    pub senders: Vec<AllowedSender>,
}

/// An application that may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSender {
    /// MSH-3: the namespace id (`LAB`), or all components (`LAB^1.2.3^ISO`).
    pub application: String,
    /// MSH-4 in the same way; none for any.
    pub facility: Option<String>,
}

/// What is asked of a message, and what becomes of one that is not as asked.
#[derive(Debug, Clone)]
pub struct ValidationSettings {
    /// How much is asked.
    pub level: Level,
    /// What becomes of a message with an error.
    pub on_error: OnFinding,
    /// What becomes of a message with a warning and no error.
    pub on_warning: OnFinding,
}

/// What becomes of a message in which something was found. The findings are kept with the message in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFinding {
    /// It goes through the chain as if nothing had been found.
    Pass,
    /// It is accepted, and rests in quarantine.
    Quarantine,
    /// The sender keeps it, and hears AE with the findings. Where the acknowledgement has promised by then that the
    /// engine keeps it, it rests in quarantine.
    Refuse,
}

/// Which messages keep their order among themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// All messages of the interface, first in, first out.
    Interface,
    /// Those that share an identifier in one of these fields. A message without any keeps its order with all.
    Keys(LaneKeys),
    /// None: outcomes commit as they are ready, and a destination may use several connections.
    None,
}

/// One receiver of an interface's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationSettings {
    /// The destination's name, unique in its interface.
    pub name: Arc<str>,
    /// The message types (`ORU^R01`, or `ORU` for all of its events) that routing sends here; empty for all.
    pub types: Vec<String>,
    /// What else has to hold of them; none for nothing.
    pub when: Option<Condition>,
    /// The character set that the outputs are sent in; none to send them in their own.
    pub charset: Option<OutputCharset>,
    /// How the outputs travel.
    pub wire: WireSettings,
    /// How often, and how soon, a delivery that failed is tried again.
    pub retry: RetrySettings,
    /// What becomes of the deliveries behind one that is put into quarantine.
    pub on_fault: OnFault,
    /// How much is sent in a time at most; none for as much as the receiver takes.
    pub rate_max: Option<RateMax>,
}

/// So many attempts in a time, at even distances: a receiver that can take 20 messages in a second may not be able to take a
/// thousand in a minute at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateMax {
    /// Attempts, at least one.
    pub attempts: u32,
    /// In so long.
    pub per: Duration,
}

/// How outputs travel to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireSettings {
    /// MLLP over TCP, or frames of the site's own.
    Mllp(Box<MllpSettings>),
    /// Requests over HTTP.
    Http(Box<HttpSettings>),
    /// One file for each output; the delivery is settled when the file is durable.
    Files {
        /// The folder that receives the files.
        folder: PathBuf,
        /// How a file is named.
        name: FileName,
    },
    /// Another interface of the same engine; a delivery is settled when it owns the message.
    Interface(HandoverSettings),
}

/// A destination that is another interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverSettings {
    /// Its name.
    pub to: Arc<str>,
    /// What each of its answers is taken for.
    pub answers: AnswerTable,
    /// How many messages are handed over at the same time, as [`MllpSettings::connections`].
    pub connections: usize,
}

/// An MLLP destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MllpSettings {
    /// Where to connect, and how long to wait.
    pub sender: mllp::SenderSettings,
    /// What settles a delivery.
    pub acknowledged: Acknowledged,
    /// What each answer is taken for.
    pub answers: AnswerTable,
    /// How many connections send at the same time. More than one gives up order, so only an interface with
    /// [`Order::None`] may have it.
    pub connections: usize,
}

/// An HTTP destination: the response settles a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where requests go, what they show, and how long to wait.
    pub sender: http::SenderSettings,
    /// The media type of messages. Documents have their own.
    pub content_type: String,
    /// What each answer is taken for.
    pub answers: AnswerTable,
    /// As of [`MllpSettings`].
    pub connections: usize,
}

impl WireSettings {
    /// How many deliveries may be under way at one time.
    #[must_use]
    pub fn connections(&self) -> usize {
        match self {
            Self::Mllp(mllp) => mllp.connections,
            Self::Http(http) => http.connections,
            Self::Interface(handover) => handover.connections,
            Self::Files { .. } => 1,
        }
    }

    /// What each answer is taken for; none where nobody answers.
    pub(crate) fn answers(&self) -> Option<&AnswerTable> {
        match self {
            Self::Mllp(mllp) => Some(&mllp.answers),
            Self::Http(http) => Some(&http.answers),
            Self::Interface(handover) => Some(&handover.answers),
            Self::Files { .. } => None,
        }
    }
}

/// What settles a delivery over MLLP: from then on nothing is sent again, and the next one goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledged {
    /// The one answer on the connection, whichever of the two acknowledgements it is. Anything else on the connection
    /// closes it.
    Answer,
    /// The first acknowledgement of the message on the connection. Application acknowledgements that follow change nothing
    /// any more.
    Accept,
    /// The application acknowledgement. Until it has come the destination's next delivery waits.
    Application {
        /// How long it is waited for once the receiver holds the message. Then the message is sent again.
        timeout: Duration,
        /// The interface at whose source it may arrive; on the connection it always may.
        at: Option<Arc<str>>,
    },
    /// One of two words that the receiver knows, this one. The other one counts as AR.
    Word {
        /// The accepting word, without a frame.
        accepted: Bytes,
    },
    /// That the bytes were handed over; in release 2 of MLLP, that the receiver has stored them. In release 1 a message
    /// that is under way when the receiver fails is lost.
    Transport,
}

/// How deliveries are tried again: exponential backoff with jitter, bounded by a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// The pause after the first failure.
    pub first: Duration,
    /// No pause is longer than this.
    pub ceiling: Duration,
    /// How many times an answer that asks for it (AR, CR) is followed by another attempt. Faults of the connection are retried
    /// without end: the message is not to blame.
    pub rejects_max: u32,
    /// What becomes of the delivery then.
    pub rejects_then: RejectsThen,
    /// After so many failures in a row, whatever they are, the circuit opens: one connection tries again every `ceiling`, and
    /// the log is silent until it gets through.
    pub failures_max: u32,
}

/// What becomes of a delivery that its receiver has rejected as often as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectsThen {
    /// It waits for a word, and what is behind it waits too.
    Hold,
    /// It goes to quarantine, and the next one goes on.
    Quarantine,
}

impl Default for RetrySettings {
    /// A second is short enough that a receiver's restart is hardly noticed; a minute is long enough that a receiver
    /// that is down for a night is not hammered; ten rejections take a few minutes, which a receiver that is merely
    /// busy survives. What it rejects for longer than that, for a reason that is not in the message, it would most likely
    /// reject of the next message too: so that one waits. Five failures take a quarter of a minute, after which it is
    /// no restart any more.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            ceiling: Duration::from_mins(1),
            rejects_max: 10,
            rejects_then: RejectsThen::Hold,
            failures_max: 5,
        }
    }
}

/// A file name with places for values of the output: `{control_id}.{extension}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    parts: Vec<FileNamePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum FileNamePart {
    Text(String),
    ControlId,
    Delivery,
    Message,
    MessageType,
    Extension,
}

/// Why a file name cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// A placeholder that does not exist.
    #[error(
        "`{{{0}}}` is not a placeholder; there are `{{control_id}}`, `{{delivery}}`, `{{message}}`, `{{message_type}}` \
         and `{{extension}}`"
    )]
    UnknownPlaceholder(String),
    /// A brace without its partner.
    #[error("a `{{` is never closed")]
    Unclosed,
}

/// The values that a file name may be made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileNameValues<'a> {
    pub(crate) control_id: &'a str,
    pub(crate) delivery: &'a str,
    pub(crate) message: &'a str,
    pub(crate) message_type: &'a str,
    pub(crate) extension: &'a str,
}

impl std::str::FromStr for FileName {
    type Err = FileNameError;

    fn from_str(template: &str) -> Result<Self, FileNameError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or(FileNameError::Unclosed)?;
            if !text.is_empty() {
                parts.push(FileNamePart::Text(text.to_owned()));
            }
            parts.push(FileNamePart::named(name)?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(FileNamePart::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

impl FileNamePart {
    fn named(name: &str) -> Result<Self, FileNameError> {
        match name {
            "control_id" => Ok(Self::ControlId),
            "delivery" => Ok(Self::Delivery),
            "message" => Ok(Self::Message),
            "message_type" => Ok(Self::MessageType),
            "extension" => Ok(Self::Extension),
            other => Err(FileNameError::UnknownPlaceholder(other.to_owned())),
        }
    }
}

impl FileName {
    /// The name for one output. It may hold anything that the message held: the files room makes it safe.
    pub(crate) fn fill(&self, values: FileNameValues<'_>) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                FileNamePart::Text(text) => text,
                FileNamePart::ControlId => values.control_id,
                FileNamePart::Delivery => values.delivery,
                FileNamePart::Message => values.message,
                FileNamePart::MessageType => values.message_type,
                FileNamePart::Extension => values.extension,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_file_name_is_filled_from_the_message() {
        let name: FileName = "{message_type}-{control_id}.{extension}"
            .parse()
            .expect("a good template");
        let values = FileNameValues {
            control_id: "MSG1",
            delivery: "7",
            message: "20261123-000001",
            message_type: "ORU^R01",
            extension: "hl7",
        };
        assert_eq!(name.fill(values), "ORU^R01-MSG1.hl7");
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        assert_eq!(
            "{patient}.hl7".parse::<FileName>(),
            Err(FileNameError::UnknownPlaceholder("patient".into()))
        );
        assert_eq!("{control_id.hl7".parse::<FileName>(), Err(FileNameError::Unclosed));
    }
}
