//! Questions that people ask: what is going on, which messages, what happened to this one.

mod decisions;
mod details;
mod held;
mod held_lanes;
mod messages;
mod query;
mod recognised;
mod refusals;
mod state;
mod status;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use crate::journal::{DamagedSegment, Event, JournalReader, Payloads, Segments, Written};
use crate::operation::{AfterStep, OperationKind, Operator};
use crate::projection::{ProjectionHandle, connect_for_reading};
use crate::sync::lock;
use crate::usage::{DetailRecord, Details};
use crate::{
    DeliveryId, DeliveryStage, Digest, Lanes, MessageId, NewOutput, ReadError, Sealed, Stage, StateChange, StoredFault,
};

/// What goes on in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// One per interface that ever had a message, by name.
    pub interfaces: Vec<InterfaceStatus>,
    /// Journal entries that these figures do not include yet: 0 unless the projection is in trouble.
    pub behind: u64,
    /// Batches written since the start, each with one sync.
    pub batches: u64,
    /// Segments of the journal that could not be read when the store was opened.
    pub damaged: Vec<DamagedSegment>,
}

/// Figures of one interface, over the life of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStatus {
    /// Its name.
    pub interface: String,
    /// Messages that are undecided now.
    pub received: u64,
    /// Messages processed.
    pub processed: u64,
    /// Messages filtered.
    pub filtered: u64,
    /// Messages refused.
    pub refused: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// Messages that were in quarantine and are given up.
    pub discarded: u64,
    /// Messages that had been accepted before.
    pub repeats: u64,
    /// Messages and deliveries in quarantine that hold their lanes.
    pub lane_holds: u64,
    /// One per destination that ever had a delivery, by name.
    pub destinations: Vec<DestinationStatus>,
}

/// Figures of one destination, over the life of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: String,
    /// Deliveries waiting.
    pub pending: u64,
    /// Deliveries that wait for a word.
    pub held: u64,
    /// Deliveries done.
    pub delivered: u64,
    /// Deliveries in quarantine.
    pub quarantined: u64,
    /// When the oldest waiting delivery was queued, in milliseconds since 1970 UTC.
    pub oldest_queued_at_ms: Option<i64>,
    /// The last failed attempt's fault, until a delivery succeeds.
    pub last_fault: Option<String>,
    /// When that was.
    pub last_fault_at_ms: Option<i64>,
}

/// Which messages. Everything that is said has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only of this interface.
    pub interface: Option<String>,
    /// Only these; empty for any. Each is looked up, so that they are to be some hundreds at most.
    pub ids: Vec<MessageId>,
    /// Only received then or later, in milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    /// Only received before then.
    pub until_ms: Option<i64>,
    /// Only in this stage.
    pub stage: Option<Stage>,
    /// Only of this type. `^` divides the parts of a type: `ORU` takes `ORU^R01` too.
    pub message_type: Option<String>,
    /// Only with this control id of the sender.
    pub control_id: Option<String>,
    /// Only decided by this revision, the last time that they were decided.
    pub decided_by: Option<u32>,
    /// Only processed by this revision, the last time that they were decided, with a delivery of its making that is done.
    pub delivered_by: Option<u32>,
    /// Only with a delivery to this destination that is in quarantine.
    pub quarantined_at: Option<String>,
    /// Only older than this one: the last id of the page before.
    pub before: Option<MessageId>,
    /// Only newer than this one: the last id of the page before, where the oldest come first.
    pub after: Option<MessageId>,
    /// Whether of refused messages that are one and the same only the last is found.
    pub repeats_as_one: bool,
    /// Whether the oldest come first; otherwise the newest do.
    pub oldest_first: bool,
    /// At most this many.
    pub limit: usize,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSummary {
    /// The message.
    pub id: MessageId,
    /// Its interface.
    pub interface: Arc<str>,
    /// Where it stands.
    pub stage: Stage,
    /// The revision that decided it, or that was live at its arrival.
    pub revision: u32,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub received_at_ms: i64,
    /// When it was decided.
    pub decided_at_ms: Option<i64>,
    /// The sender's control id.
    pub control_id: String,
    /// Its type.
    pub message_type: String,
    /// Where it came from.
    pub source: String,
    /// Announced runs of its chain.
    pub attempts: u32,
    /// What stopped it.
    pub fault: Option<FaultSummary>,
    /// Deliveries made from it.
    pub deliveries: u32,
    /// That its sender was told no about it, or about the same message before.
    pub refusals: Option<Refusals>,
    /// The message that this one is once more, byte for byte.
    pub repeats: Option<MessageId>,
}

/// An accepted message that is recognised when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// What by.
    pub digest: Digest,
    /// The message.
    pub id: MessageId,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub received_at_ms: i64,
}

/// How often a sender was told no about one message: the same control id, from the same sender, within some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// How often.
    pub messages: u64,
    /// The first time, in milliseconds since 1970 UTC.
    pub first_at_ms: i64,
    /// The last time.
    pub last_at_ms: i64,
    /// The message that came then.
    pub last: MessageId,
    /// The first one that was accepted.
    pub accepted: Option<MessageId>,
}

/// The operational part of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSummary {
    /// Its kind.
    pub kind: String,
    /// One sentence.
    pub summary: String,
}

/// Everything about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// The line of the list.
    pub summary: MessageSummary,
    /// The bytes as they came in.
    pub raw: Sealed,
    /// Why some of this is empty: the journal is damaged where it was.
    pub damage: Option<String>,
    /// What was decided, the last time.
    pub decision: Option<DecisionRecord>,
    /// What was decided before that, oldest first: one more than there are operations that decide, less the last.
    pub earlier: Vec<DecisionRecord>,
    /// What people did about it, oldest first.
    pub operations: Vec<OperationRecord>,
    /// The bytes that it was given, oldest first.
    pub edits: Vec<EditRecord>,
    /// Its deliveries, in order.
    pub deliveries: Vec<DeliveryRecord>,
}

/// Somebody gave a message other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditRecord {
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Who wanted it, and why.
    pub operator: Operator,
    /// The bytes.
    pub content: Sealed,
}

impl MessageRecord {
    /// What it is decided by the next time: the bytes as they came in, or those that it was given last.
    #[must_use]
    pub fn content(&self) -> &Sealed {
        self.content_after(self.edits.len())
    }

    /// What a decision of it was made from.
    #[must_use]
    pub fn content_of(&self, decision: &DecisionRecord) -> &Sealed {
        self.content_after(decision.edits)
    }

    fn content_after(&self, edits: usize) -> &Sealed {
        let last = edits.checked_sub(1).and_then(|index| self.edits.get(index));
        last.map_or(&self.raw, |edit| &edit.content)
    }
}

/// Somebody did something about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRecord {
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// What.
    pub kind: OperationKind,
    /// Of what decided anew, by which revision; 0 of all else.
    pub revision: u32,
    /// Where the chain was not that of the revision alone.
    pub after: Option<AfterStep>,
    /// Who wanted it, and why.
    pub operator: Operator,
    /// How many new deliveries came of it.
    pub deliveries: u32,
}

/// Deliveries of a revision are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The interface.
    pub interface: String,
    /// The revision.
    pub revision: u32,
    /// Since when, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Who wanted it, and why.
    pub operator: Operator,
}

/// What holds lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLane {
    /// The interface.
    pub interface: String,
    /// The destination at which it is so; none where it is so at every one.
    pub destination: Option<String>,
    /// The message that is in quarantine, or whose delivery is.
    pub message: MessageId,
    /// Which lanes wait.
    pub lanes: Lanes,
    /// Since when, in milliseconds since 1970 UTC.
    pub since_ms: i64,
    /// The fault that put it there, without a value of a message.
    pub why: String,
    /// Deliveries that wait because of it. Some of them may wait because of another one too.
    pub waiting: u64,
}

/// What holds lanes, as far as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldLaneList {
    /// The oldest first.
    pub held: Vec<HeldLane>,
    /// How many there are.
    pub total: u64,
}

/// What is held for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDeliveries {
    /// The interface.
    pub interface: String,
    /// The destination.
    pub destination: String,
    /// The revision that made them.
    pub revision: u32,
    /// How many.
    pub deliveries: u64,
    /// When the oldest was queued, in milliseconds since 1970 UTC.
    pub oldest_queued_at_ms: i64,
}

/// Messages that were delivered although they came later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewerDelivered {
    /// The first of them, oldest first.
    pub messages: Vec<MessageSummary>,
    /// Whether there are more.
    pub has_more: bool,
}

/// What a chain decided, as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionRecord {
    /// When.
    pub at_ms: i64,
    /// By which revision.
    pub revision: u32,
    /// Outputs with their contents.
    pub outputs: Vec<OutputRecord>,
    /// The reason of a filter.
    pub reason: Option<Sealed>,
    /// The acknowledgement code of a refusal.
    pub code: Option<String>,
    /// The fault of a refusal or quarantine.
    pub fault: Option<StoredFault>,
    /// What the engine kept about the run.
    pub detail: Sealed,
    /// How many edits of the message came before it: it was made from what the last of them left.
    pub edits: usize,
}

/// One output, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecord {
    /// What was delivered.
    pub content: Sealed,
    /// The media type of a document; none for a message.
    pub content_type: Option<Arc<str>>,
    /// Where to.
    pub destinations: Vec<Arc<str>>,
    /// What stopped it on its way there: it is as it was before that.
    pub stopped: Option<StoredFault>,
}

impl From<&OutputRecord> for NewOutput {
    fn from(recorded: &OutputRecord) -> Self {
        Self {
            content: recorded.content.clone(),
            content_type: recorded.content_type.clone(),
            destinations: recorded.destinations.clone(),
            stopped: recorded.stopped.clone(),
        }
    }
}

/// One delivery and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The delivery.
    pub id: DeliveryId,
    /// Which output of its decision, from 0.
    pub output: u32,
    /// Which decision made it, from 0 for the first: [`MessageRecord::earlier`], then [`MessageRecord::decision`].
    pub decision: usize,
    /// The revision that made it.
    pub revision: u32,
    /// Whether messages that came later may have been delivered before it.
    pub is_out_of_order: bool,
    /// Where to.
    pub destination: Arc<str>,
    /// Where it stands.
    pub stage: DeliveryStage,
    /// Failed attempts.
    pub attempts: u32,
    /// The last failed attempt's fault.
    pub last_fault: Option<String>,
    /// When it was queued, in milliseconds since 1970 UTC.
    pub queued_at_ms: i64,
    /// When it was settled.
    pub settled_at_ms: Option<i64>,
    /// What the destination answered.
    pub answer: Option<Sealed>,
    /// Why it went to quarantine.
    pub fault: Option<StoredFault>,
}

/// Answers questions; one at a time, on the caller's thread.
pub(crate) struct Readings {
    projection: ProjectionHandle,
    segments: Arc<Segments>,
    written: Arc<Written>,
    /// Opened by the first question, and again after an error.
    open: Mutex<Option<Reading>>,
}

/// The open files behind an answer.
struct Reading {
    live: Connection,
    file: PathBuf,
    journal: JournalReader,
}

impl Readings {
    pub(crate) fn new(projection: ProjectionHandle, segments: Arc<Segments>, written: Arc<Written>) -> Self {
        Self {
            projection,
            segments,
            written,
            open: Mutex::new(None),
        }
    }

    pub(crate) fn status(&self) -> Result<Status, ReadError> {
        let behind = self.catch_up();
        let interfaces =
            self.with(|reading| status::interfaces(&reading.live).map_err(|error| reading.live_error(&error)))?;
        let batches = self.written.batches.load(std::sync::atomic::Ordering::Relaxed);
        Ok(Status {
            interfaces,
            behind,
            batches,
            damaged: self.segments.damaged().to_vec(),
        })
    }

    pub(crate) fn messages(&self, query: &Query) -> Result<Vec<MessageSummary>, ReadError> {
        self.catch_up();
        self.with(|reading| messages::list(&reading.live, query).map_err(|error| reading.live_error(&error)))
    }

    pub(crate) fn count(&self, query: &Query) -> Result<u64, ReadError> {
        self.catch_up();
        self.with(|reading| messages::count(&reading.live, query).map_err(|error| reading.live_error(&error)))
    }

    pub(crate) fn message(&self, id: MessageId) -> Result<Option<MessageRecord>, ReadError> {
        self.catch_up();
        self.with(|reading| messages::record(reading, id))
    }

    pub(crate) fn handed_over(&self, interface: &str, source: &str) -> Result<Option<(MessageId, Stage)>, ReadError> {
        self.ask(|live| messages::handed_over(live, interface, source))
    }

    pub(crate) fn holds(&self) -> Result<Vec<Hold>, ReadError> {
        self.ask(held::holds)
    }

    pub(crate) fn held(&self) -> Result<Vec<HeldDeliveries>, ReadError> {
        self.ask(held::deliveries)
    }

    pub(crate) fn held_lanes(&self, interface: Option<&str>, limit: usize) -> Result<HeldLaneList, ReadError> {
        self.ask(|live| held_lanes::list(live, interface, limit))
    }

    pub(crate) fn lane_holds(&self, interface: &str, message: Option<MessageId>) -> Result<u64, ReadError> {
        self.ask(|live| held_lanes::count(live, Some(interface), message))
    }

    pub(crate) fn held_messages(
        &self,
        interface: &str,
        revision: u32,
        limit: usize,
    ) -> Result<Vec<MessageId>, ReadError> {
        self.ask(|live| held::messages(live, interface, revision, limit))
    }

    pub(crate) fn newer_delivered(
        &self,
        message: MessageId,
        destinations: &[Arc<str>],
        limit: usize,
    ) -> Result<NewerDelivered, ReadError> {
        self.ask(|live| messages::newer_delivered(live, message, destinations, limit))
    }

    /// Asks the projection, once it has everything that is durable. What is to be done to deliveries depends on the answer:
    /// an old one is none.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        self.ask_all(|reading| question(&reading.live).map_err(|error| reading.live_error(&error)))
    }

    fn ask_all<T>(&self, question: impl FnOnce(&mut Reading) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let behind = self.catch_up();
        if behind > 0 {
            let file = self.projection.file().to_owned();
            let reason = format!("the projection lacks {behind} entries of the journal");
            return Err(ReadError::File { file, reason });
        }
        self.with(question)
    }

    /// Refused messages that were not accepted since, the newest first: sender and control id.
    pub(crate) fn refused(&self, interface: &str, limit: usize) -> Result<Vec<(Arc<str>, String)>, ReadError> {
        self.ask(|live| refusals::open(live, interface, limit))
    }

    /// Accepted messages that are recognised, received since some moment: the newest, the oldest of them first.
    pub(crate) fn recognised(
        &self,
        interface: &str,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<Recognised>, ReadError> {
        self.ask(|live| recognised::recognised(live, interface, since_ms, limit))
    }

    pub(crate) fn state(&self, interface: &str) -> Result<Vec<StateChange>, ReadError> {
        self.ask_all(|reading| state::kept(reading, interface))
    }

    /// The details of at most `limit` entries behind a position. What the journal no longer has is passed over.
    pub(crate) fn details(&self, after: i64, limit: usize) -> Result<Details, ReadError> {
        let end = self.written.horizon().position;
        let first = self.segments.first_position().unwrap_or(1);
        self.with(|reading| details::behind(reading, after.max(first - 1), end, limit))
    }

    /// The detail of the decision at a position; none where the journal no longer has it.
    pub(crate) fn detail(&self, position: i64) -> Result<Option<DetailRecord>, ReadError> {
        self.with(|reading| details::at(reading, position))
    }

    /// Closes the files.
    pub(crate) fn close(&self) {
        *lock(&self.open) = None;
    }

    /// Includes in the answer what is durable by now. Where that fails, an old answer is better than none, and the
    /// number of entries that it lacks says so.
    fn catch_up(&self) -> u64 {
        let position = self.written.horizon().position;
        if let Err(error) = self.projection.catch_up(position) {
            tracing::warn!(%error, "answering from what the projection has");
        }
        u64::try_from(position - self.projection.applied()).unwrap_or_default()
    }

    fn with<T>(&self, answer: impl FnOnce(&mut Reading) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let mut open = lock(&self.open);
        let mut reading = match open.take() {
            Some(reading) => reading,
            None => self.reading()?,
        };
        let answer = answer(&mut reading)?;
        *open = Some(reading);
        Ok(answer)
    }

    fn reading(&self) -> Result<Reading, ReadError> {
        let file = self.projection.file().to_owned();
        let journal = JournalReader::new(self.segments.clone());
        match connect_for_reading(&file) {
            Ok(live) => Ok(Reading { live, file, journal }),
            Err(error) => Err(ReadError::File {
                file,
                reason: error.to_string(),
            }),
        }
    }
}

impl Reading {
    /// Time and event of the entry at a position.
    fn entry(&mut self, position: i64) -> Result<Option<(i64, Event)>, ReadError> {
        Ok(self
            .journal
            .entry(position, Payloads::All)?
            .map(|entry| (entry.at_ms, entry.event)))
    }

    fn live_error(&self, error: &rusqlite::Error) -> ReadError {
        self.file_error(error)
    }

    fn file_error(&self, error: &dyn std::error::Error) -> ReadError {
        ReadError::File {
            file: self.file.clone(),
            reason: error.to_string(),
        }
    }
}
