//! Deliveries that are held.

use transfuse_store::{Decision, HeldDeliveries, Hold, HoldMade, MessageId, MessageRecord, Operator};

use super::{LeftOnes, MESSAGES_MAX, RepairError, Repairs};
use crate::changes::{ChangeError, RunOn, Runnable};

/// Held messages that are looked at: what one bad revision makes in a day of a busy interface, and a few megabytes of ids.
const HELD_MAX: usize = 1_000_000;

/// Bytes of messages that are decided anew before they go into the journal together.
const TOGETHER_BYTES_MAX: usize = 8 << 20;

/// A revision whose deliveries are held.
#[derive(Debug, Clone)]
pub(crate) struct HeldOf {
    pub(crate) hold: Hold,
    /// By destination.
    pub(crate) deliveries: Vec<HeldDeliveries>,
}

/// What became of held messages.
#[derive(Debug, Default)]
pub(crate) struct Recomputed {
    /// The revision that decided anew.
    pub(crate) on: u32,
    /// Messages that go on.
    pub(crate) processed: u64,
    /// Messages that end here on purpose: their deliveries are discarded.
    pub(crate) filtered: u64,
    /// Messages whose deliveries stay held.
    pub(crate) left: LeftOnes,
    /// Whether there are more that were not looked at.
    pub(crate) has_more: bool,
}

impl Repairs {
    /// What is held, of one interface or of all.
    pub(crate) async fn held(&self, interface: Option<String>) -> Result<Vec<HeldOf>, RepairError> {
        let (holds, held) = self.ask(|store| Ok((store.holds()?, store.held()?))).await?;
        let holds = holds.into_iter();
        let wanted = holds.filter(|hold| interface.as_ref().is_none_or(|name| hold.interface == *name));
        let of = |hold: Hold| {
            let is_its = |one: &&HeldDeliveries| one.interface == hold.interface && one.revision == hold.revision;
            HeldOf {
                deliveries: held.iter().filter(is_its).cloned().collect(),
                hold,
            }
        };
        Ok(wanted.map(of).collect())
    }

    /// How many deliveries of a revision are held.
    pub(crate) async fn held_of(&self, interface: &str, revision: u32) -> Result<u64, RepairError> {
        let interface = interface.to_owned();
        self.ask(move |store| store.held_of(&interface, revision)).await
    }

    /// Holds what a revision has made and is still to make.
    pub(crate) async fn hold(
        &self,
        interface: &str,
        revision: u32,
        operator: &Operator,
    ) -> Result<HoldMade, RepairError> {
        self.known(interface, revision)?;
        let held = self.store.hold(interface, revision, operator).await?;
        tracing::info!(
            interface,
            revision,
            author = operator.author,
            reason = operator.reason,
            "deliveries are held"
        );
        Ok(held)
    }

    /// Lets what is held go on as it is.
    pub(crate) async fn release(&self, interface: &str, revision: u32, operator: &Operator) -> Result<(), RepairError> {
        let _one = self.one.lock().await;
        self.known(interface, revision)?;
        self.store.release(interface, revision, operator).await?;
        tracing::info!(
            interface,
            revision,
            author = operator.author,
            reason = operator.reason,
            "held deliveries go on"
        );
        Ok(())
    }

    /// Gives up what is held.
    pub(crate) async fn discard(&self, interface: &str, revision: u32, operator: &Operator) -> Result<(), RepairError> {
        let _one = self.one.lock().await;
        self.known(interface, revision)?;
        self.store.discard(interface, revision, operator).await?;
        tracing::info!(
            interface,
            revision,
            author = operator.author,
            reason = operator.reason,
            "held deliveries are discarded"
        );
        Ok(())
    }

    /// Has the messages of which something is held decided anew, the oldest first, some at a time; `skipped` says how many at
    /// the front were left as they are before.
    pub(crate) async fn recompute(
        &self,
        interface: &str,
        held: u32,
        on: Option<u32>,
        skipped: usize,
        operator: &Operator,
    ) -> Result<Recomputed, RepairError> {
        let _one = self.one.lock().await;
        self.known(interface, held)?;
        let on = on.map_or(RunOn::Live, RunOn::Revision);
        let Runnable { revision, state, .. } = self.changes.revision_to_run(interface, &on).await?;
        if revision.number() == held {
            let (interface, revision) = (interface.to_owned(), held);
            return Err(RepairError::OnItself { interface, revision });
        }
        let ids = self.held_messages(interface, held).await?;
        let mut done = Recomputed {
            on: revision.number(),
            has_more: ids.len() > skipped + MESSAGES_MAX,
            ..Recomputed::default()
        };
        let mut together = Vec::new();
        for id in ids.into_iter().skip(skipped).take(MESSAGES_MAX) {
            let record = self.record(id).await?;
            match revision.recompute(&record, state.clone()).await {
                Ok(decision) => {
                    done.count(&decision);
                    together.push((record, decision));
                }
                Err(why) => done.left.add(id, &why),
            }
            if together.iter().map(bytes).sum::<usize>() > TOGETHER_BYTES_MAX {
                let some = std::mem::take(&mut together);
                self.store.recompute(held, done.on, some, operator).await?;
            }
        }
        self.store.recompute(held, done.on, together, operator).await?;
        Ok(done)
    }

    async fn held_messages(&self, interface: &str, held: u32) -> Result<Vec<MessageId>, RepairError> {
        let interface = interface.to_owned();
        self.ask(move |store| store.held_messages(&interface, held, HELD_MAX))
            .await
    }

    /// A hold of something that there is not would be found out when it is too late.
    fn known(&self, interface: &str, revision: u32) -> Result<(), RepairError> {
        let found = self.store.catalog().revision(interface, revision);
        match found.map_err(ChangeError::from)? {
            Some(_) => Ok(()),
            None => Err(ChangeError::UnknownRevision {
                interface: interface.to_owned(),
                number: revision,
            }
            .into()),
        }
    }
}

impl Recomputed {
    fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Filtered { .. } => self.filtered += 1,
            _ => self.processed += 1,
        }
    }
}

fn bytes((record, decision): &(MessageRecord, Decision)) -> usize {
    let outputs = match decision {
        Decision::Processed { outputs, .. } => outputs.iter().map(|output| output.content.len()).sum(),
        _ => 0,
    };
    record.content().len() + outputs
}
