//! Messages that are given other bytes, and what is in quarantine and given up.

use transfuse_engine::{Edit, Edited};
use transfuse_message::Difference;
use transfuse_store::{DeliveryStage, MessageId, MessageRecord, MessageSummary, Operator, Query, Stage};

use super::{LeftOnes, RepairError, Repairs};
use crate::changes::RunOn;

/// Which messages, and how they are to be changed.
#[derive(Debug, Clone)]
pub(crate) struct EditWish {
    /// Named messages, or a search within an interface, of which the oldest are taken.
    pub(crate) query: Query,
    pub(crate) edit: Edit,
    /// Who wants it; none where it is only to be told what would be done.
    pub(crate) operator: Option<Operator>,
}

/// A message that is given other bytes.
#[derive(Debug, Clone)]
pub(crate) struct EditedOne {
    pub(crate) message: MessageSummary,
    /// None where what it was before is no message.
    pub(crate) differences: Option<Vec<Difference>>,
    /// Whether it holds lanes.
    pub(crate) holds_lanes: bool,
}

/// What an edit comes to.
#[derive(Debug, Default)]
pub(crate) struct EditedOnes {
    pub(crate) interface: String,
    /// The oldest first.
    pub(crate) messages: Vec<EditedOne>,
    /// Those that stay as they are.
    pub(crate) left: LeftOnes,
    /// The last one that was looked at, where there are more.
    pub(crate) next: Option<MessageId>,
}

/// Which messages are to be given up.
#[derive(Debug, Clone)]
pub(crate) struct DiscardWish {
    pub(crate) query: Query,
    /// Only deliveries to this destination.
    pub(crate) to: Option<String>,
    /// Who wants it; none where it is only to be told what would be done.
    pub(crate) operator: Option<Operator>,
}

/// What is given up.
#[derive(Debug, Default)]
pub(crate) struct Discarded {
    pub(crate) interface: String,
    /// The oldest first, each with the destinations that do not get it.
    pub(crate) messages: Vec<(MessageSummary, Vec<String>)>,
    /// Those of which nothing is in quarantine.
    pub(crate) left: LeftOnes,
    /// Those that hold lanes, which stay held.
    pub(crate) holding: Vec<MessageId>,
    /// The last one that was looked at, where there are more.
    pub(crate) next: Option<MessageId>,
}

impl Repairs {
    /// Gives messages other bytes, or tells what would be changed. Nothing is decided or sent.
    pub(crate) async fn edit(&self, wish: &EditWish) -> Result<EditedOnes, RepairError> {
        let _one = self.one.lock().await;
        let (interface, ids, next) = self.chosen(&wish.query).await?;
        if let (Edit::Whole(_), 2..) = (&wish.edit, ids.len()) {
            return Err(RepairError::OneByOne(ids.len()));
        }
        let on = self.changes.revision_to_run(&interface, &RunOn::Live).await?;
        let mut edited = EditedOnes {
            interface,
            next,
            ..EditedOnes::default()
        };
        for id in ids {
            let record = self.record(id).await?;
            match on.revision.edit(&record, &wish.edit) {
                Ok(Edited { content, differences }) => {
                    if let Some(operator) = &wish.operator {
                        self.store.edit(&record, content, operator).await?;
                    }
                    edited.messages.push(EditedOne {
                        holds_lanes: self.holds_lanes(&record).await?,
                        message: record.summary,
                        differences,
                    });
                }
                Err(why) => edited.left.add(id, &why),
            }
        }
        if let Some(operator) = &wish.operator {
            tell(
                &edited.interface,
                edited.messages.len(),
                operator,
                "messages are edited",
            );
        }
        Ok(edited)
    }

    /// Gives up what is in quarantine, or tells what would be.
    pub(crate) async fn discard_messages(&self, wish: &DiscardWish) -> Result<Discarded, RepairError> {
        let _one = self.one.lock().await;
        let (interface, ids, next) = self.chosen(&wish.query).await?;
        let mut discarded = Discarded {
            interface,
            next,
            ..Discarded::default()
        };
        let to = wish.to.as_deref();
        for id in ids {
            let record = self.record(id).await?;
            let destinations = resting(&record, to);
            let is_resting = to.is_none() && record.summary.stage == Stage::Quarantined;
            if !is_resting && destinations.is_empty() {
                discarded.left.add(id, &"nothing of it is in quarantine");
                continue;
            }
            if let Some(operator) = &wish.operator {
                self.store.give_up(&record, to, operator).await?;
            }
            if self.holds_lanes(&record).await? {
                discarded.holding.push(id);
            }
            discarded.messages.push((record.summary, destinations));
        }
        if let Some(operator) = &wish.operator {
            let messages = discarded.messages.len();
            tell(
                &discarded.interface,
                messages,
                operator,
                "what was in quarantine is given up",
            );
        }
        Ok(discarded)
    }

    async fn holds_lanes(&self, record: &MessageRecord) -> Result<bool, RepairError> {
        Ok(self.holding(&record.summary.interface, Some(record.summary.id)).await? > 0)
    }
}

/// Destinations to which a delivery of a message is in quarantine.
fn resting(record: &MessageRecord, to: Option<&str>) -> Vec<String> {
    let resting = record
        .deliveries
        .iter()
        .filter(|one| one.stage == DeliveryStage::Quarantined);
    let meant = resting.filter(|one| to.is_none_or(|to| *one.destination == *to));
    meant.map(|one| one.destination.to_string()).collect()
}

fn tell(interface: &str, messages: usize, operator: &Operator, done: &str) {
    let Operator { author, reason } = operator;
    tracing::info!(interface, messages, author, reason, "{done}");
}
