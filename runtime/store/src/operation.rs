//! What people do to deliveries and decided messages. Each is an entry of the journal; the rest follows from it.
//!
//! A **hold** is a rule: deliveries that a revision has made, and those that it is still to make, leave no queue until it is
//! released. Whoever holds them can have them **recomputed** by another revision, in their places, or **discard** them. A
//! message that is decided can be **replayed**: what comes of it are new deliveries behind all others, in the place of what is in
//! quarantine. It can be **edited** before, which keeps what came in, and what is in quarantine can be **given up**.

use std::sync::Arc;

use crate::delivery::Planned;
use crate::journal::Ruling;
use crate::{Decision, DeliveryId, DeliveryRecord, DeliveryStage, MessageId, MessageRecord, Sealed, Stage};

/// Who does something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Who.
    pub author: String,
    /// Why. It is shown wherever the operation is, and names no patient.
    pub reason: String,
}

/// What people can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Deliveries of a revision wait for a word.
    Held,
    /// They go on as they are.
    Released,
    /// They are never made.
    Discarded,
    /// Another revision has decided their message anew, and they go on with what it made.
    Recomputed,
    /// A message was decided anew, and what came of it is delivered behind all others.
    Replayed,
    /// What waited in lanes behind something in quarantine goes on.
    LanesReleased,
    /// A message was given other bytes: it is decided anew with these.
    Edited,
    /// What is in quarantine of a message is never delivered.
    GivenUp,
}

/// Where the chain of what decided anew began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterStep {
    /// So many steps at the front were those of `revision`.
    pub steps: u32,
    /// The revision that had decided the message before.
    pub revision: u32,
}

/// An entry of the journal about something that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) interface: Arc<str>,
    pub(crate) operator: Operator,
    pub(crate) action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Held {
        revision: u32,
    },
    Released {
        revision: u32,
    },
    Discarded {
        revision: u32,
    },
    Recomputed(Redecision),
    Replayed(Redecision),
    /// Those that one message holds, or all that are held.
    LanesReleased {
        message: Option<MessageId>,
    },
    Edited {
        message: MessageId,
        content: Sealed,
    },
    GivenUp(Closing),
}

/// What leaves quarantine without going anywhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Closing {
    pub(crate) message: MessageId,
    /// Whether the message itself is in quarantine, and not only deliveries of it.
    pub(crate) is_message: bool,
    pub(crate) deliveries: Vec<DeliveryId>,
}

/// A message that was decided anew.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redecision {
    pub(crate) message: MessageId,
    /// Deliveries from its first on are new; those before are held ones that go on with another content.
    pub(crate) ruling: Ruling,
    /// For each output and destination in order: its delivery; none where nothing is sent, because it was sent before.
    pub(crate) places: Vec<Option<DeliveryId>>,
    /// Held deliveries that have no place in what was made.
    pub(crate) dropped: Vec<DeliveryId>,
    /// Deliveries in quarantine, in whose place something new is delivered.
    pub(crate) replaced: Vec<DeliveryId>,
    /// Where its chain was not that of the revision alone.
    pub(crate) after: Option<AfterStep>,
}

/// Where what was made anew goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A held delivery.
    Of(DeliveryId),
    /// A new delivery.
    New,
    /// Nowhere: the destination has got it already.
    Nowhere,
}

/// The places of what was decided anew, and the held deliveries that have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) of_outputs: Vec<Place>,
    pub(crate) dropped: Vec<DeliveryId>,
    pub(crate) replaced: Vec<DeliveryId>,
}

impl Operation {
    /// The message that it is about; none where it is about many.
    pub(crate) fn message(&self) -> Option<MessageId> {
        match &self.action {
            Action::LanesReleased { message } => *message,
            Action::Edited { message, .. } => Some(*message),
            Action::GivenUp(closing) => Some(closing.message),
            _ => self.redecision().map(|made| made.message),
        }
    }

    pub(crate) fn redecision(&self) -> Option<&Redecision> {
        match &self.action {
            Action::Recomputed(made) | Action::Replayed(made) => Some(made),
            _ => None,
        }
    }

    /// The bytes that a message was given.
    pub(crate) fn edited(&self) -> Option<&Sealed> {
        match &self.action {
            Action::Edited { content, .. } => Some(content),
            _ => None,
        }
    }

    pub(crate) fn into_redecision(self) -> Option<Redecision> {
        match self.action {
            Action::Recomputed(made) | Action::Replayed(made) => Some(made),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let decision = self.redecision().map_or(0, |made| made.ruling.decision.bytes());
        let edited = self.edited().map_or(0, Sealed::len);
        decision + edited + self.operator.author.len() + self.operator.reason.len()
    }
}

impl Action {
    pub(crate) fn kind(&self) -> OperationKind {
        match self {
            Self::Held { .. } => OperationKind::Held,
            Self::Released { .. } => OperationKind::Released,
            Self::Discarded { .. } => OperationKind::Discarded,
            Self::Recomputed(_) => OperationKind::Recomputed,
            Self::Replayed(_) => OperationKind::Replayed,
            Self::LanesReleased { .. } => OperationKind::LanesReleased,
            Self::Edited { .. } => OperationKind::Edited,
            Self::GivenUp(_) => OperationKind::GivenUp,
        }
    }

    /// The revision that it is about, or that decided anew; 0 where it is about none.
    pub(crate) fn revision(&self) -> u32 {
        match self {
            Self::Held { revision } | Self::Released { revision } | Self::Discarded { revision } => *revision,
            Self::Recomputed(made) | Self::Replayed(made) => made.ruling.revision,
            Self::LanesReleased { .. } | Self::Edited { .. } | Self::GivenUp(_) => 0,
        }
    }
}

impl Redecision {
    /// What goes out because of it, in the order of the outputs.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = Planned<'_>> {
        let outputs = self.ruling.decision.outputs();
        let ids = self.places.iter();
        ids.zip(crate::delivery::planned(outputs))
            .filter_map(|(id, (index, output, destination))| {
                id.map(|id| Planned {
                    id,
                    index,
                    output,
                    destination,
                })
            })
    }

    /// Whether a delivery did not exist before.
    pub(crate) fn is_new(&self, delivery: DeliveryId) -> bool {
        delivery >= self.ruling.first_delivery
    }

    pub(crate) fn new_deliveries(&self) -> u32 {
        let places = self.places.iter().flatten();
        let new = places.filter(|id| self.is_new(**id)).count();
        u32::try_from(new).unwrap_or(u32::MAX)
    }
}

impl Places {
    /// All of it is new, and goes to all destinations or to one: there in the place of what the message has in quarantine.
    pub(crate) fn new(record: &MessageRecord, decision: &Decision, to: Option<&str>) -> Self {
        let place = |destination: &str| {
            if to.is_none_or(|only| *only == *destination) {
                Place::New
            } else {
                Place::Nowhere
            }
        };
        let of_outputs: Vec<(Place, &Arc<str>)> = crate::delivery::planned(decision.outputs())
            .map(|(_, _, destination)| (place(destination), destination))
            .collect();
        let goes_to = |name: &str| {
            of_outputs
                .iter()
                .any(|(place, to)| *place == Place::New && ***to == *name)
        };
        let resting = resting(record);
        let replaced = resting.filter(|delivery| goes_to(&delivery.destination));
        Self {
            replaced: replaced.map(|delivery| delivery.id).collect(),
            of_outputs: of_outputs.into_iter().map(|(place, _)| place).collect(),
            dropped: Vec::new(),
        }
    }

    /// What goes to a destination takes, one after the other, the places of what the message had for it before. Where such a
    /// place is no longer held, the destination has got something already, and gets nothing more.
    pub(crate) fn among(record: &MessageRecord, revision: u32, decision: &Decision) -> Self {
        let is_held =
            |delivery: &DeliveryRecord| delivery.stage == DeliveryStage::Held && delivery.revision == revision;
        let mut before: Vec<&DeliveryRecord> = record.deliveries.iter().collect();
        let mut place = |destination: &Arc<str>| {
            let found = before.iter().position(|one| one.destination == *destination);
            found.map_or(Place::New, |index| {
                let delivery = before.remove(index);
                if is_held(delivery) {
                    Place::Of(delivery.id)
                } else {
                    Place::Nowhere
                }
            })
        };
        let of_outputs = crate::delivery::planned(decision.outputs())
            .map(|(_, _, destination)| place(destination))
            .collect();
        let left = before.into_iter().filter(|delivery| is_held(delivery));
        Self {
            of_outputs,
            dropped: left.map(|delivery| delivery.id).collect(),
            replaced: Vec::new(),
        }
    }

    /// How many deliveries are new.
    pub(crate) fn new_deliveries(&self) -> u32 {
        let new = self.of_outputs.iter().filter(|place| **place == Place::New).count();
        u32::try_from(new).unwrap_or(u32::MAX)
    }

    /// Ids, once that of the first new one is known.
    pub(crate) fn ids(&self, first_new: DeliveryId) -> Vec<Option<DeliveryId>> {
        let mut new = (first_new.as_i64()..).map(DeliveryId::from_i64);
        let id = |place: &Place| match place {
            Place::Of(id) => Some(*id),
            Place::New => new.next(),
            Place::Nowhere => None,
        };
        self.of_outputs.iter().map(id).collect()
    }
}

impl Closing {
    /// What is in quarantine of a message, or of its deliveries to one destination; none where nothing is.
    pub(crate) fn of(record: &MessageRecord, to: Option<&str>) -> Option<Self> {
        let is_meant = |delivery: &&DeliveryRecord| to.is_none_or(|only| *only == *delivery.destination);
        let closing = Self {
            message: record.summary.id,
            is_message: to.is_none() && record.summary.stage == Stage::Quarantined,
            deliveries: resting(record).filter(is_meant).map(|delivery| delivery.id).collect(),
        };
        (closing.is_message || !closing.deliveries.is_empty()).then_some(closing)
    }
}

/// Deliveries of a message that are in quarantine.
fn resting(record: &MessageRecord) -> impl Iterator<Item = &DeliveryRecord> {
    let is_resting = |delivery: &&DeliveryRecord| delivery.stage == DeliveryStage::Quarantined;
    record.deliveries.iter().filter(is_resting)
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Released,
        Self::Discarded,
        Self::Recomputed,
        Self::Replayed,
        Self::LanesReleased,
        Self::Edited,
        Self::GivenUp,
    ];

    /// Whether it decides a message anew.
    #[must_use]
    pub fn decides(self) -> bool {
        matches!(self, Self::Recomputed | Self::Replayed)
    }

    /// The kind in kebab-case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Discarded => "discarded",
            Self::Recomputed => "recomputed",
            Self::Replayed => "replayed",
            Self::LanesReleased => "lanes-released",
            Self::Edited => "edited",
            Self::GivenUp => "given-up",
        }
    }

    /// The kind as the projection holds it.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Held => 0,
            Self::Released => 1,
            Self::Discarded => 2,
            Self::Recomputed => 3,
            Self::Replayed => 4,
            Self::LanesReleased => 5,
            Self::Edited => 6,
            Self::GivenUp => 7,
        }
    }

    pub(crate) fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
