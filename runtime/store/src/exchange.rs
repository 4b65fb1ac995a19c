//! From the wire to the journal: what is handed in, and the proofs that come back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use crate::journal::{Batch, Ruling, Waiting};
use crate::{DeliveryId, Digest, Lanes, MessageId, OnFault, Sealed, Stage, WriteError};

/// A message as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The interface that took it.
    pub interface: Arc<str>,
    /// The revision of the interface that was live.
    pub revision: u32,
    /// When it arrived, in milliseconds since 1970 UTC.
    pub received_at_ms: i64,
    /// Where it came from: an address, a file.
    pub source: String,
    /// The sender's control id (MSH-10), or empty.
    pub control_id: String,
    /// The type, such as `ORU^R01`, or empty.
    pub message_type: String,
    /// The bytes.
    pub raw: Sealed,
    /// What it is recognised by when it comes again; none where that is not asked for.
    pub digest: Option<Digest>,
}

/// What a chain decided about a message.
///
/// `detail` is whatever the engine wants to keep about the run (log lines, steps, table digests), in its own encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on: each output becomes a delivery for each of its destinations, in this order.
    Processed {
        /// The outputs.
        outputs: Vec<NewOutput>,
        /// What the plugins keep for later messages, from now on.
        state: Vec<StateChange>,
        /// Whatever the engine wants to keep about the run (log lines, steps, tables), in its own encoding.
        detail: Sealed,
    },
    /// It ends here on purpose.
    Filtered {
        /// The plugin's reason.
        reason: Sealed,
        /// What is said about it, to whom: each becomes deliveries as above.
        outputs: Vec<NewOutput>,
        /// As above.
        state: Vec<StateChange>,
        /// As above.
        detail: Sealed,
    },
    /// The sender is told so, and keeps it.
    Refused {
        /// The acknowledgement code: AE or AR.
        code: String,
        /// Why.
        fault: StoredFault,
        /// As above.
        outputs: Vec<NewOutput>,
        /// As above.
        detail: Sealed,
    },
    /// The engine keeps it for a person.
    Quarantined {
        /// Why.
        fault: StoredFault,
        /// As above.
        outputs: Vec<NewOutput>,
        /// As above.
        detail: Sealed,
    },
}

/// One result of a chain and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOutput {
    /// The content to deliver.
    pub content: Sealed,
    /// The media type of a document; none for a message.
    pub content_type: Option<Arc<str>>,
    /// Names of the destinations.
    pub destinations: Vec<Arc<str>>,
    /// What stopped it on its way to them, after the message was decided: its deliveries are in quarantine from the beginning, and
    /// what is behind them goes on. Of what was processed alone.
    pub stopped: Option<StoredFault>,
}

/// What a plugin of an interface keeps from now on, where it differs from before. `Debug` prints sizes: keys may hold
/// patient data as values may.
#[derive(Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The version of the plugin that wrote, as it counts the versions of what it keeps.
    pub schema_version: u32,
    /// Keys and their new values; `None` where a key was taken out.
    pub values: Vec<(String, Option<Sealed>)>,
}

/// What stopped a message or a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredFault {
    /// The kind in kebab-case, such as `out-of-fuel`.
    pub kind: String,
    /// One sentence for operators, without anything that a sender or a plugin wrote.
    pub summary: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The plugin's or the destination's own words.
    pub text: Sealed,
}

/// A message that has its id and its place in the order of arrival, and is not yet decided.
///
/// Dropping it leaves the message undecided: it comes back as [`Unfinished`] at the next start.
#[derive(Debug)]
pub struct Received {
    id: MessageId,
    interface: Arc<str>,
    revision: u32,
    place: Place,
    attempts: AtomicU32,
    lanes: Lanes,
    on_fault: OnFault,
    sender: Option<Arc<str>>,
    repeats: Option<MessageId>,
}

/// Where a message is on its way to the disk.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// It is there.
    Durable,
    /// In this batch, at this index.
    Queued { batch: Arc<Batch>, index: usize },
    /// It was never taken.
    Refused(WriteError),
}

/// Proof that a message is durable.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    id: MessageId,
}

/// Proof that the decision about a message, with its deliveries, is durable.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    id: MessageId,
    stage: Stage,
    deliveries: u32,
}

/// A decision on its way to the disk: resolves when it is durable.
///
/// Dropping it changes nothing about the decision.
#[derive(Debug)]
#[must_use = "the decision is only durable once this resolves"]
pub struct PendingCommit(Pending);

#[derive(Debug)]
enum Pending {
    /// It was not even queued.
    Failed(WriteError),
    Waiting {
        waiting: Waiting,
        id: MessageId,
        stage: Stage,
        deliveries: u32,
    },
}

/// A message that was durable but undecided when the store was last closed.
#[derive(Debug)]
pub struct Unfinished {
    /// To decide it with.
    pub received: Received,
    /// As it came in.
    pub arrival: Arrival,
    /// How often a run of its chain was announced with [`crate::Store::attempt`].
    pub attempts: u32,
}

impl StoredFault {
    /// What an entry of the journal held is lost.
    pub(crate) fn damaged(what: &str) -> Self {
        Self {
            kind: String::from("damaged"),
            summary: format!("{what}: the segment of the journal that holds it is damaged"),
            hint: Some(String::from(
                "`transfuse store check` names the file, and says what can be done",
            )),
            text: Sealed::default(),
        }
    }
}

impl fmt::Debug for StateChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StateChange({}, {} keys)", self.plugin, self.values.len())
    }
}

impl Received {
    /// The message's id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The interface that took it.
    pub fn interface(&self) -> &Arc<str> {
        &self.interface
    }

    /// The revision that the decision will be recorded with: at first the one of its arrival.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Binds the message to the revision whose chain decides it, when that is not the one of its arrival.
    pub fn bind(&mut self, revision: u32) {
        self.revision = revision;
    }

    /// Says with which messages its deliveries keep their order, and what becomes of these when it is put into quarantine.
    /// At first that is all of them, and nothing.
    pub fn keep_order(&mut self, lanes: Lanes, on_fault: OnFault) {
        self.lanes = lanes;
        self.on_fault = on_fault;
    }

    /// Names its sender, where that is told no about it, or was told no about the same message before: both are found by that.
    pub fn name_sender(&mut self, sender: Arc<str>) {
        self.sender = Some(sender);
    }

    /// Says that it is another message once more, which was accepted.
    pub fn repeat(&mut self, first: MessageId) {
        self.repeats = Some(first);
    }

    pub(crate) fn new(id: MessageId, interface: Arc<str>, revision: u32, place: Place) -> Self {
        Self {
            id,
            interface,
            revision,
            place,
            attempts: AtomicU32::new(0),
            lanes: Lanes::All,
            on_fault: OnFault::Continue,
            sender: None,
            repeats: None,
        }
    }

    /// A message that an earlier engine left undecided.
    pub(crate) fn unfinished(id: MessageId, interface: Arc<str>, revision: u32, attempts: u32) -> Self {
        Self {
            attempts: AtomicU32::new(attempts),
            ..Self::new(id, interface, revision, Place::Durable)
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What was decided about it, and where the message is.
    pub(crate) fn ruled(self, first_delivery: DeliveryId, decision: Decision) -> (Ruling, Place) {
        let Self {
            interface,
            revision,
            place,
            lanes,
            on_fault,
            sender,
            repeats,
            ..
        } = self;
        let holds = match &decision {
            Decision::Quarantined { .. } => on_fault.behind_message(&lanes),
            decision if decision.is_stopped() => on_fault.behind_delivery(&lanes),
            _ => None,
        };
        let ruling = Ruling {
            interface,
            revision,
            first_delivery,
            decision,
            lanes,
            holds,
            sender,
            repeats,
        };
        (ruling, place)
    }

    /// Counts another announced run and gives the count.
    pub(crate) fn count_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Place {
    /// The batch whose failure would take this message along, 0 when it is durable; or why it is forgotten already.
    pub(crate) fn standing(&self) -> Result<u64, WriteError> {
        match self {
            Self::Durable => Ok(0),
            Self::Refused(error) => Err(error.clone()),
            Self::Queued { batch, .. } => match batch.failure() {
                Some(error) => Err(error),
                None if batch.is_written() => Ok(0),
                None => Ok(batch.number),
            },
        }
    }
}

impl Receipt {
    pub(crate) fn new(id: MessageId) -> Self {
        Self { id }
    }

    /// The message.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }
}

impl Committed {
    /// The message.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The stage that the decision put it in.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// How many deliveries it made.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }
}

impl PendingCommit {
    pub(crate) fn failed(error: WriteError) -> Self {
        Self(Pending::Failed(error))
    }

    pub(crate) fn waiting(waiting: Waiting, id: MessageId, stage: Stage, deliveries: u32) -> Self {
        Self(Pending::Waiting {
            waiting,
            id,
            stage,
            deliveries,
        })
    }
}

impl Future for PendingCommit {
    type Output = Result<Committed, WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Pending::Failed(error) => Poll::Ready(Err(error.clone())),
            Pending::Waiting {
                waiting,
                id,
                stage,
                deliveries,
            } => waiting.poll(context).map_ok(|()| Committed {
                id: *id,
                stage: *stage,
                deliveries: *deliveries,
            }),
        }
    }
}
