//! What travels over the control socket, as JSON. Times are RFC 3339 in UTC.
//!
//! These types are the API's own: no type of another room is written to the wire, so that a room can change its types
//! without changing what programs outside depend on. Fields are added and never change their meaning.

pub(crate) mod access;
pub(crate) mod changes;
pub(crate) mod destinations;
pub(crate) mod differences;
pub(crate) mod downtimes;
pub(crate) mod evidence;
pub(crate) mod lanes;
pub(crate) mod past;
pub(crate) mod quarantine;
pub(crate) mod repairs;
pub(crate) mod selecting;
pub(crate) mod tables;
pub(crate) mod trials;

use serde::{Deserialize, Serialize};

pub(crate) use super::content::{Content, Words};
pub(crate) use selecting::{MessagesQuery, Reason};

/// `GET /v1/status`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The engine's version.
    pub(crate) version: String,
    pub(crate) process_id: u32,
    pub(crate) started_at: String,
    pub(crate) site: String,
    pub(crate) data: String,
    /// The environment that the engine was started in; none of a site that knows none.
    #[serde(default)]
    pub(crate) environment: Option<String>,
    /// Journal entries that the figures do not include yet.
    pub(crate) behind: u64,
    /// Receivers that are down by plan, and those that are still catching up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) downtimes: Vec<downtimes::Downtime>,
    /// Segments of the journal that cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) damaged: Vec<DamagedSegment>,
    /// What is left of the limits of the whole engine; none from an engine that does not say.
    #[serde(default)]
    pub(crate) room: Option<Room>,
    /// Live interfaces by name, then those that only have a past.
    pub(crate) interfaces: Vec<InterfaceStatus>,
}

/// How far the limits of the whole engine are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    /// Bytes that have come over connections and are not answered yet.
    pub(crate) in_flight_bytes: usize,
    pub(crate) in_flight_bytes_max: usize,
    /// Open connections of senders.
    pub(crate) connections: usize,
    pub(crate) connections_max: usize,
    /// How often a connection had to wait for others to be answered, since the engine started.
    pub(crate) waits: u64,
    /// What is free for the engine on the data folder's disk; none where the kernel does not say.
    pub(crate) free_space_bytes: Option<u64>,
    /// With less, somebody is told.
    pub(crate) free_space_bytes_min: u64,
}

/// A segment of the journal that could not be read when the engine started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DamagedSegment {
    pub(crate) file: String,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterfaceStatus {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The live revision; none where the interface is no longer run.
    pub(crate) revision: Option<u32>,
    /// Where it receives: `127.0.0.1:2575`, or `inbox` for a folder; none where it is no longer run.
    pub(crate) source: Option<String>,
    /// What the site folder says differently; none where it agrees with what is live.
    pub(crate) drift: Option<String>,
    /// Why it takes no messages, where somebody has paused it.
    #[serde(default)]
    pub(crate) paused: Option<String>,
    /// The revision that is on trial there, and how far it is.
    #[serde(default)]
    pub(crate) trial: Option<String>,
    /// What somebody should know about its plugins: a certificate that expired, a revocation.
    #[serde(default)]
    pub(crate) alerts: Vec<String>,
    /// Connections that were closed since the start, because their addresses are not among its peers.
    #[serde(default)]
    pub(crate) turned_away: Option<TurnedAway>,
    pub(crate) received: u64,
    pub(crate) processed: u64,
    pub(crate) filtered: u64,
    pub(crate) refused: u64,
    pub(crate) quarantined: u64,
    /// Messages that were in quarantine and are given up.
    #[serde(default)]
    pub(crate) discarded: u64,
    /// Messages, counted as filtered too, that had been accepted before.
    #[serde(default)]
    pub(crate) duplicates: u64,
    /// What of them, and of the deliveries in quarantine, holds its lanes.
    #[serde(default)]
    pub(crate) lane_holds: u64,
    pub(crate) destinations: Vec<DestinationStatus>,
}

/// Connections that were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TurnedAway {
    pub(crate) count: u64,
    /// The address that the last one came from.
    pub(crate) last: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationStatus {
    pub(crate) name: String,
    pub(crate) pending: u64,
    /// Deliveries that wait for a word, because their revision's are held.
    #[serde(default)]
    pub(crate) held: u64,
    pub(crate) delivered: u64,
    pub(crate) quarantined: u64,
    pub(crate) oldest_queued_at: Option<String>,
    pub(crate) last_fault: Option<String>,
    pub(crate) last_fault_at: Option<String>,
    /// How it stands with its receiver; none where the destination is no longer run.
    #[serde(default)]
    pub(crate) receiver: Option<destinations::Standing>,
}

/// `GET /v1/messages`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Messages {
    pub(crate) messages: Vec<MessageSummary>,
    /// `before` of the next page; none where this is the last one.
    pub(crate) next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageSummary {
    pub(crate) id: String,
    pub(crate) interface: String,
    pub(crate) stage: String,
    /// The revision that decided it, or that was live when it arrived.
    pub(crate) revision: u32,
    pub(crate) received_at: String,
    pub(crate) decided_at: Option<String>,
    /// MSH-10 as it came in.
    pub(crate) control_id: String,
    /// MSH-9, `ORU^R01`.
    pub(crate) message_type: String,
    /// Where it came from: `127.0.0.1:51234`, `file:a.hl7`.
    pub(crate) source: String,
    pub(crate) attempts: u32,
    pub(crate) fault: Option<FaultSummary>,
    /// How many deliveries were made from it.
    pub(crate) delivery_count: u32,
    /// That its sender was told no about it, or about the same message before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusals: Option<Refusals>,
    /// The message that this one is once more, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duplicate_of: Option<String>,
}

/// How often a sender was told no about one message: the same control id, from the same sender, within some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusals {
    pub(crate) messages: u64,
    pub(crate) first_at: String,
    pub(crate) last_at: String,
    /// The message that came then.
    pub(crate) last: String,
    /// The first one that was accepted.
    pub(crate) accepted: Option<String>,
}

/// The operational part of a fault: nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FaultSummary {
    pub(crate) kind: String,
    pub(crate) summary: String,
}

/// A delivery that another interface has handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) interface: String,
    /// The message there.
    pub(crate) message: String,
    pub(crate) delivery: String,
}

/// `GET /v1/messages/ID`: everything that is known about one message, content included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    #[serde(flatten)]
    pub(crate) summary: MessageSummary,
    /// The character set that its revision says it has; none: what MSH-18 says.
    pub(crate) charset: Option<String>,
    /// The delivery of another interface that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
    /// The bytes as they came in.
    pub(crate) raw: Content,
    /// The bytes that it was given since, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) edits: Vec<Edit>,
    /// Why some of this is empty: the journal is damaged where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) damage: Option<String>,
    /// The last one.
    pub(crate) decision: Option<Decision>,
    /// Those before it, where somebody had the message decided anew; the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier: Vec<Decision>,
    /// What people did about it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) operations: Vec<Operation>,
    /// In the order in which they were made.
    pub(crate) deliveries: Vec<Delivery>,
}

/// Somebody gave the message other bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edit {
    pub(crate) at: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) content: Content,
    /// Where they differ from those before; none where one of the two is no HL7 v2.
    pub(crate) differences: Option<Vec<Difference>>,
}

impl Message {
    /// What its last decision was made from.
    pub(crate) fn decided_content(&self) -> &Content {
        let edits = self.decision.as_ref().map_or(self.edits.len(), |made| made.edits);
        let edit = edits.checked_sub(1).and_then(|index| self.edits.get(index));
        edit.map_or(&self.raw, |edit| &edit.content)
    }

    /// What it is decided by the next time.
    pub(crate) fn content(&self) -> &Content {
        self.edits.last().map_or(&self.raw, |edit| &edit.content)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) at: String,
    pub(crate) revision: u32,
    /// How many edits of the message came before it.
    #[serde(default)]
    pub(crate) edits: usize,
    /// The acknowledgement code of a refusal.
    pub(crate) code: Option<String>,
    /// The reason of a filter.
    pub(crate) reason: Option<Content>,
    pub(crate) fault: Option<Fault>,
    /// What validation found, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// How many more it found.
    pub(crate) findings_unlisted: u64,
    /// Those of destinations behind those of the chain.
    pub(crate) steps: Vec<Step>,
    /// What the steps of destinations did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) destinations: Vec<DestinationSteps>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) tables: Vec<Table>,
    /// What code tables were asked for and do not hold.
    #[serde(default)]
    pub(crate) table_misses: Vec<TableMiss>,
    /// How many more there were.
    #[serde(default)]
    pub(crate) table_misses_unlisted: u64,
    /// What was asked of a destination while the sender waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exchange: Option<Exchange>,
    pub(crate) outputs: Vec<Output>,
}

/// A question to a destination, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) destination: String,
    pub(crate) question: Content,
    /// As it came; none where nothing did.
    pub(crate) answer: Option<Content>,
    pub(crate) elapsed_us: u64,
}

/// What the steps of a destination did with one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationSteps {
    pub(crate) destination: String,
    /// `forwarded`, `filtered` or `stopped`.
    pub(crate) ending: String,
    /// Why it was filtered: the plugin's words, which may hold patient data.
    pub(crate) reason: Option<Words>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) kind: String,
    /// One sentence, nothing of the message.
    pub(crate) summary: String,
    pub(crate) hint: Option<String>,
    /// What a plugin or a receiver wrote; it may hold patient data.
    pub(crate) text: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// `PID-3`; none for what is no node of the message.
    pub(crate) path: Option<String>,
    /// A code of HL7 table 0357.
    pub(crate) code: String,
    /// `error`, `warning` or `information`.
    pub(crate) severity: String,
    pub(crate) text: Words,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The destination whose step it is; none: the chain's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) digest: String,
    pub(crate) fuel: u64,
    pub(crate) elapsed_us: u64,
    pub(crate) log_lines_dropped: u64,
    /// What the plugin touched.
    #[serde(default)]
    pub(crate) access: Access,
}

/// What a plugin touched, as grants are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    /// Fields, such as `PID-5` and `OBX-*`.
    pub(crate) read: Vec<String>,
    pub(crate) written: Vec<String>,
    pub(crate) tables: Vec<String>,
    /// Destinations that it named.
    pub(crate) to: Vec<String>,
    /// Whether it forwarded what it made itself.
    pub(crate) create: bool,
    pub(crate) state: bool,
    /// Whether it read the message whole.
    pub(crate) everything: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableMiss {
    /// The step's place in the chain, from 0.
    pub(crate) step: u32,
    pub(crate) table: String,
    pub(crate) column: String,
    /// What it was searched for; it may hold patient data.
    pub(crate) value: Words,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    /// The step's place in the chain, from 0.
    pub(crate) step: u32,
    pub(crate) level: String,
    pub(crate) text: Words,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) content: Content,
    /// The media type of a document; none for a message.
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    pub(crate) destinations: Vec<String>,
    /// Whether the steps of its destination stopped it: the content is what they were given. Why, is with the delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stopped: bool,
    /// What the chain changed, field by field; none where input or output is no HL7 v2.
    pub(crate) differences: Option<Vec<Difference>>,
}

/// One place that differs. Values are encoded text as it stands in the message, decoded from its character set for
/// reading; the exact bytes are in the contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) path: String,
    /// None: the input does not have it.
    pub(crate) before: Option<Words>,
    /// None: the output does not have it.
    pub(crate) after: Option<Words>,
}

/// Somebody did something about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) at: String,
    /// `recomputed`, `replayed`, `edited`, `given-up`, `lanes-released`.
    pub(crate) kind: String,
    /// The revision that decided anew; 0 where nothing did.
    pub(crate) revision: u32,
    /// So many steps at the front were those of `after_revision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_step: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_revision: Option<u32>,
    pub(crate) author: String,
    pub(crate) reason: String,
    /// New deliveries that came of it.
    pub(crate) deliveries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    /// Which output, from 0.
    pub(crate) output: u32,
    /// Which decision made it, from 0: those of `earlier`, then `decision`.
    #[serde(default)]
    pub(crate) decision: usize,
    /// The revision that made it.
    #[serde(default)]
    pub(crate) revision: u32,
    /// Whether messages that came later may have been delivered before it.
    #[serde(default)]
    pub(crate) out_of_order: bool,
    pub(crate) destination: String,
    /// `queued`, `delivered`, `quarantined`, `held`, `discarded`, `replaced`.
    pub(crate) stage: String,
    /// Attempts that failed.
    pub(crate) attempts: u32,
    pub(crate) last_fault: Option<String>,
    pub(crate) queued_at: String,
    pub(crate) settled_at: Option<String>,
    /// What the receiver answered.
    pub(crate) answer: Option<Content>,
    pub(crate) fault: Option<Fault>,
}

/// The body of every answer that is not 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Error {
    pub(crate) error: ErrorBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Of a change that a gate refuses: what was planned, and what the gates have found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<changes::InterfaceChange>,
}
