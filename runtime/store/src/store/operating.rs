//! What people do to deliveries and decided messages.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use crate::journal::{Event, Redeciding, Waiting};
use crate::operation::{Action, AfterStep, Closing, Operation, Operator, Places};
use crate::reading::{HeldDeliveries, HeldLaneList, Hold, NewerDelivered};
use crate::{Decision, MessageId, MessageRecord, OperateError, ReadError, Sealed, WriteError};

/// How long a hold waits for what is being sent. Longer than any receiver that answers takes; one that does not is left to its
/// own time limit, and what it has not taken by then is held too.
const SENDING_WAIT_MAX: Duration = Duration::from_secs(10);

/// What a hold came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldMade {
    /// Deliveries that were being sent and are not decided yet: each of them ends as delivered, or is held too.
    pub sending: usize,
}

/// What was decided anew about a message.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDecision {
    /// By which revision.
    pub revision: u32,
    /// What.
    pub decision: Decision,
    /// Where its chain began with steps of another revision.
    pub after: Option<AfterStep>,
}

impl Store {
    /// Holds the deliveries that a revision of an interface has made and that are not being sent, and those that it is
    /// still to make, until they are released. Durable when this returns: they are in no queue, also after a restart.
    ///
    /// What is being sent is waited for, for some seconds. Holding again changes nothing.
    pub async fn hold(&self, interface: &str, revision: u32, operator: &Operator) -> Result<HoldMade, WriteError> {
        let queues = &self.inner.queues;
        // In memory first: nothing of it is leased between the journal's word and this one.
        queues.hold(interface, revision);
        self.operate(interface, operator, Action::Held { revision }).await?;
        // What is left is told.
        let _ = tokio::time::timeout(SENDING_WAIT_MAX, queues.none_out(interface, revision)).await;
        Ok(HoldMade {
            sending: queues.out_of(interface, revision),
        })
    }

    /// Ends a hold: held deliveries go on as they are, in the order in which they were made. Those behind which others have
    /// been delivered meanwhile are marked as out of order.
    pub async fn release(&self, interface: &str, revision: u32, operator: &Operator) -> Result<(), WriteError> {
        let _one = self.inner.operating.lock().await;
        self.operate(interface, operator, Action::Released { revision }).await
    }

    /// Lets go on what waits in lanes behind a message of an interface that is in quarantine, or behind a delivery of it; or all
    /// that waits so. What is in quarantine stays there. Durable when this returns.
    pub async fn release_lanes(
        &self,
        interface: &str,
        message: Option<MessageId>,
        operator: &Operator,
    ) -> Result<(), WriteError> {
        let _one = self.inner.operating.lock().await;
        self.operate(interface, operator, Action::LanesReleased { message })
            .await
    }

    /// What holds lanes, of one interface or of all, the oldest first: at most `limit`, and how many there are.
    pub fn held_lanes(&self, interface: Option<&str>, limit: usize) -> Result<HeldLaneList, ReadError> {
        self.inner.readings.held_lanes(interface, limit)
    }

    /// How much of an interface holds lanes because of a message, or altogether.
    pub fn lane_holds(&self, interface: &str, message: Option<MessageId>) -> Result<u64, ReadError> {
        self.inner.readings.lane_holds(interface, message)
    }

    /// Gives up what is held of a revision. The hold itself stays.
    pub async fn discard(&self, interface: &str, revision: u32, operator: &Operator) -> Result<(), OperateError> {
        let _one = self.inner.operating.lock().await;
        self.nothing_is_sent(interface, revision)?;
        Ok(self
            .operate(interface, operator, Action::Discarded { revision })
            .await?)
    }

    /// Has held deliveries go on with what `revision` has decided about their messages: outputs take the places of those
    /// that revision `held` had made for the same destinations, one after the other. What has no place is discarded, and
    /// what is beyond is delivered behind all others. What the journal has of `held` stays there.
    ///
    /// The records are those of [`Store::message`], asked for after the hold. Messages go into the journal in the order
    /// given.
    pub async fn recompute(
        &self,
        held: u32,
        revision: u32,
        decided: Vec<(MessageRecord, Decision)>,
        operator: &Operator,
    ) -> Result<(), OperateError> {
        let _one = self.inner.operating.lock().await;
        let mut waiting = Vec::with_capacity(decided.len());
        for (record, decision) in decided {
            self.nothing_is_sent(&record.summary.interface, held)?;
            let places = Places::among(&record, held, &decision);
            let made = NewDecision {
                revision,
                decision,
                after: None,
            };
            waiting.push(self.redecide(&record, made, places, operator, Action::Recomputed)?);
        }
        for mut waiting in waiting {
            poll_fn(|context| waiting.poll(context)).await?;
        }
        Ok(())
    }

    /// Has what `revision` has decided about a decided message delivered behind everything that waits, and gives how many
    /// deliveries that are. They are marked as out of order. What was delivered before is kept; the message is in the stage
    /// that was decided now. With `to`, only that destination gets anything. Deliveries in quarantine, to a destination that gets
    /// something, are replaced by that.
    pub async fn replay(
        &self,
        record: &MessageRecord,
        made: NewDecision,
        to: Option<&str>,
        operator: &Operator,
    ) -> Result<u32, WriteError> {
        let _one = self.inner.operating.lock().await;
        let places = Places::new(record, &made.decision, to);
        let deliveries = places.new_deliveries();
        let mut waiting = self.redecide(record, made, places, operator, Action::Replayed)?;
        poll_fn(|context| waiting.poll(context)).await?;
        Ok(deliveries)
    }

    /// Gives a message other bytes, by which it is decided from now on. What came in is kept, and nothing is decided or sent.
    pub async fn edit(&self, record: &MessageRecord, content: Sealed, operator: &Operator) -> Result<(), WriteError> {
        let _one = self.inner.operating.lock().await;
        let message = record.summary.id;
        let interface = &record.summary.interface;
        self.operate(interface, operator, Action::Edited { message, content })
            .await
    }

    /// Gives up what is in quarantine of a message: the message itself, and deliveries of it; with `to`, only those to that
    /// destination. Says whether there was anything.
    pub async fn give_up(
        &self,
        record: &MessageRecord,
        to: Option<&str>,
        operator: &Operator,
    ) -> Result<bool, WriteError> {
        let _one = self.inner.operating.lock().await;
        let Some(closing) = Closing::of(record, to) else {
            return Ok(false);
        };
        let interface = &record.summary.interface;
        self.operate(interface, operator, Action::GivenUp(closing)).await?;
        Ok(true)
    }

    /// The holds that there are.
    pub fn holds(&self) -> Result<Vec<Hold>, ReadError> {
        self.inner.readings.holds()
    }

    /// What is held, by destination and revision.
    pub fn held(&self) -> Result<Vec<HeldDeliveries>, ReadError> {
        self.inner.readings.held()
    }

    /// How many deliveries of a revision are held.
    pub fn held_of(&self, interface: &str, revision: u32) -> Result<u64, ReadError> {
        let held = self.held()?;
        let its = held
            .iter()
            .filter(|one| one.interface == interface && one.revision == revision);
        Ok(its.map(|one| one.deliveries).sum())
    }

    /// At most `limit` messages of which a revision has made something that is held, in the order of their deliveries.
    pub fn held_messages(&self, interface: &str, revision: u32, limit: usize) -> Result<Vec<MessageId>, ReadError> {
        self.inner.readings.held_messages(interface, revision, limit)
    }

    /// Messages that came after this one and were delivered to one of these destinations, oldest first, and whether there
    /// are more than `limit`.
    pub fn newer_delivered(
        &self,
        message: MessageId,
        destinations: &[Arc<str>],
        limit: usize,
    ) -> Result<NewerDelivered, ReadError> {
        self.inner.readings.newer_delivered(message, destinations, limit)
    }

    fn nothing_is_sent(&self, interface: &str, revision: u32) -> Result<(), OperateError> {
        match self.inner.queues.out_of(interface, revision) {
            0 => Ok(()),
            sending => Err(OperateError::Sending { revision, sending }),
        }
    }

    async fn operate(&self, interface: &str, operator: &Operator, action: Action) -> Result<(), WriteError> {
        let event = Event::Operated(Box::new(Operation {
            interface: interface.into(),
            operator: operator.clone(),
            action,
        }));
        let mut waiting = self.inner.intake.record(event, 0, None, true)?;
        poll_fn(|context| waiting.poll(context)).await
    }

    fn redecide(
        &self,
        record: &MessageRecord,
        made: NewDecision,
        places: Places,
        operator: &Operator,
        action: fn(crate::operation::Redecision) -> Action,
    ) -> Result<Waiting, WriteError> {
        let NewDecision {
            revision,
            decision,
            after,
        } = made;
        self.inner.intake.redecide(Redeciding {
            message: record.summary.id,
            interface: Arc::clone(&record.summary.interface),
            revision,
            decision,
            places,
            after,
            operator: operator.clone(),
            action,
        })
    }
}
