//! Messages that are decided, decided anew and delivered again.
//!
//! What was sent later has been delivered by then: a receiver that takes the older message for the newest is worse off than without.
//! So newer messages that went to the same destinations are told first, and nothing is sent until somebody accepts that.

use std::collections::BTreeSet;
use std::sync::Arc;

use transfuse_engine::{Again, Differences, Revision, compare};
use transfuse_sandbox::State;
use transfuse_store::{
    DeliveryStage, MessageId, MessageRecord, MessageSummary, NewerDelivered, Operator, Query, Stage,
};

use super::{LeftOnes, MESSAGES_MAX, RepairError, Repairs};

/// Messages that a choice looks through, and ids that it keeps meanwhile: some months of a slow interface.
const CHOSEN_MAX: usize = 100_000;

/// Messages that are looked up at once.
const PAGE: usize = 10_000;

/// Newer messages that are told: somebody looks at a few of them.
const NEWER_TOLD_MAX: usize = 20;

/// Which messages.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// These.
    Ids(Vec<MessageId>),
    /// Those of an interface that are in a stage, or were decided by a revision; the oldest first.
    Of {
        interface: String,
        stage: Option<Stage>,
        /// Only what this revision has decided and a destination has got.
        delivered_by: Option<u32>,
        /// Only behind this one: where the last request ended.
        after: Option<MessageId>,
    },
}

/// How they are to be replayed.
#[derive(Debug, Clone)]
pub(crate) struct ReplayWish {
    pub(crate) choice: Choice,
    /// The revision; none for the live one.
    pub(crate) on: Option<u32>,
    /// Only what goes to this destination.
    pub(crate) to: Option<String>,
    /// Only messages of which that revision makes something else.
    pub(crate) only_different: bool,
    /// Whether it is known that newer messages were delivered.
    pub(crate) accepts_disorder: bool,
    /// Who wants it; none where it is only to be told what would be done.
    pub(crate) operator: Option<Operator>,
}

/// A message that is delivered again.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) message: MessageSummary,
    pub(crate) destinations: Vec<Arc<str>>,
    pub(crate) deliveries: usize,
}

/// What a replay comes to.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) interface: String,
    pub(crate) on: u32,
    /// Those that are sent, the oldest first.
    pub(crate) messages: Vec<Replay>,
    /// Those that differ in nothing, and were left out for that.
    pub(crate) same: u64,
    /// Those that stay as they are.
    pub(crate) left: LeftOnes,
    /// How what is sent differs from what there was.
    pub(crate) differences: Differences,
    /// Messages whose plugins use what they keep between messages, as it is now.
    pub(crate) approximate: u64,
    /// Newer messages that were delivered to the same destinations.
    pub(crate) newer: NewerDelivered,
    /// The last one that was looked at, where there are more.
    pub(crate) next: Option<MessageId>,
}

/// Messages of one interface, and what they run on.
struct Bench {
    interface: String,
    ids: Vec<MessageId>,
    next: Option<MessageId>,
    revision: Arc<Revision>,
    state: State,
}

/// What is to become of one message.
enum Look {
    /// With where it goes, once for each delivery.
    Send(Box<Again>, Vec<Arc<str>>),
    Same,
    Left(String),
}

impl Repairs {
    /// Decides messages anew, and delivers what comes of it, or tells what would be delivered.
    pub(crate) async fn replay(&self, wish: &ReplayWish) -> Result<Replayed, RepairError> {
        let _one = self.one.lock().await;
        let bench = self.bench(wish).await?;
        let mut replayed = Replayed {
            interface: bench.interface.clone(),
            on: bench.revision.number(),
            next: bench.next,
            ..Replayed::default()
        };
        for id in &bench.ids {
            let record = self.record(*id).await?;
            let look = look(&bench, &record, wish).await;
            replayed.add(&bench, &record, look);
        }
        replayed.newer = self.newer(&replayed).await?;
        let Some(operator) = &wish.operator else {
            return Ok(replayed);
        };
        self.refuse_held(&bench).await?;
        if !replayed.newer.messages.is_empty() && !wish.accepts_disorder {
            return Err(RepairError::OutOfOrder);
        }
        self.send(&bench, &replayed, wish, operator).await?;
        Ok(replayed)
    }

    async fn send(
        &self,
        bench: &Bench,
        replayed: &Replayed,
        wish: &ReplayWish,
        operator: &Operator,
    ) -> Result<(), RepairError> {
        for replay in &replayed.messages {
            let record = self.record(replay.message.id).await?;
            // Run once more, so that not all of them are kept in memory: the same comes of it.
            if let Look::Send(again, _) = look(bench, &record, wish).await {
                let number = bench.revision.number();
                let to = wish.to.as_deref();
                self.store.replay(&record, number, again.decision, to, operator).await?;
            }
        }
        let (interface, messages) = (&bench.interface, replayed.messages.len());
        tracing::info!(
            interface,
            messages,
            author = operator.author,
            reason = operator.reason,
            "messages are replayed"
        );
        Ok(())
    }

    async fn bench(&self, wish: &ReplayWish) -> Result<Bench, RepairError> {
        let (interface, ids, next) = match &wish.choice {
            Choice::Ids(ids) => (self.interface_of(ids).await?, ids.clone(), None),
            Choice::Of {
                interface,
                stage,
                delivered_by,
                after,
            } => {
                let query = Query {
                    interface: Some(interface.clone()),
                    stage: stage.or(delivered_by.map(|_| Stage::Processed)),
                    revision: *delivered_by,
                    limit: PAGE,
                    ..Query::default()
                };
                let (ids, next) = self.chosen(query, *after).await?;
                (interface.clone(), ids, next)
            }
        };
        if let Some(destination) = &wish.to {
            self.known_destination(&interface, destination)?;
        }
        let (revision, state) = self.changes.revision_to_run(&interface, wish.on).await?;
        Ok(Bench {
            interface,
            ids,
            next,
            revision,
            state,
        })
    }

    async fn interface_of(&self, ids: &[MessageId]) -> Result<String, RepairError> {
        if ids.len() > MESSAGES_MAX {
            return Err(RepairError::TooMany(ids.len()));
        }
        let mut interface: Option<String> = None;
        for id in ids {
            let own = self.record(*id).await?.summary.interface.to_string();
            match &interface {
                Some(other) if *other != own => return Err(RepairError::SeveralInterfaces(other.clone(), own)),
                _ => interface = Some(own),
            }
        }
        interface.ok_or(RepairError::NoMessages)
    }

    /// The oldest messages behind one that a query finds, and where to go on.
    async fn chosen(
        &self,
        mut query: Query,
        after: Option<MessageId>,
    ) -> Result<(Vec<MessageId>, Option<MessageId>), RepairError> {
        let mut found: Vec<MessageId> = Vec::new();
        loop {
            let asked = query.clone();
            let page = self.ask(move |store| store.messages(&asked)).await?;
            let is_last = page.len() < query.limit || page.last().is_some_and(|last| Some(last.id) <= after);
            query.before = page.last().map(|last| last.id);
            found.extend(page.into_iter().map(|one| one.id).filter(|id| Some(*id) > after));
            if is_last || found.len() >= CHOSEN_MAX {
                break;
            }
        }
        found.reverse();
        let has_more = found.len() > MESSAGES_MAX;
        found.truncate(MESSAGES_MAX);
        let next = found.last().copied().filter(|_| has_more);
        Ok((found, next))
    }

    fn known_destination(&self, interface: &str, destination: &str) -> Result<(), RepairError> {
        let shown = self.changes.shown.all();
        let live = shown.iter().find(|(name, _)| *name == interface);
        if live.is_some_and(|(_, live)| live.destinations.iter().any(|name| name == destination)) {
            return Ok(());
        }
        Err(RepairError::UnknownDestination {
            interface: interface.to_owned(),
            destination: destination.to_owned(),
        })
    }

    /// What went, since the oldest of these messages came, where they are to go.
    async fn newer(&self, replayed: &Replayed) -> Result<NewerDelivered, RepairError> {
        let Some(oldest) = replayed.messages.first().map(|one| one.message.id) else {
            return Ok(NewerDelivered::default());
        };
        let own: BTreeSet<MessageId> = replayed.messages.iter().map(|one| one.message.id).collect();
        let destinations: BTreeSet<Arc<str>> = replayed
            .messages
            .iter()
            .flat_map(|one| one.destinations.iter().cloned())
            .collect();
        let destinations: Vec<Arc<str>> = destinations.into_iter().collect();
        let limit = NEWER_TOLD_MAX + own.len();
        let mut newer = self
            .ask(move |store| store.newer_delivered(oldest, &destinations, limit))
            .await?;
        newer.messages.retain(|one| !own.contains(&one.id));
        newer.has_more |= newer.messages.len() > NEWER_TOLD_MAX;
        newer.messages.truncate(NEWER_TOLD_MAX);
        Ok(newer)
    }

    async fn refuse_held(&self, bench: &Bench) -> Result<(), RepairError> {
        let revision = bench.revision.number();
        let holds = self.ask(transfuse_store::Store::holds).await?;
        let is_held = |hold: &transfuse_store::Hold| hold.interface == bench.interface && hold.revision == revision;
        if holds.iter().any(is_held) {
            let interface = bench.interface.clone();
            return Err(RepairError::HeldRevision { interface, revision });
        }
        Ok(())
    }
}

impl Replayed {
    fn add(&mut self, bench: &Bench, record: &MessageRecord, look: Look) {
        let id = record.summary.id;
        match look {
            Look::Left(why) => self.left.add(id, &why),
            Look::Same => self.same += 1,
            Look::Send(again, mut destinations) => {
                if let Some(before) = bench.revision.recorded(record) {
                    self.differences.add(id, &compare(&before, &again.made));
                }
                self.approximate += u64::from(again.is_approximate);
                let deliveries = destinations.len();
                destinations.sort_unstable();
                destinations.dedup();
                self.messages.push(Replay {
                    message: record.summary.clone(),
                    destinations,
                    deliveries,
                });
            }
        }
    }
}

/// What comes of one message, and whether that is to be sent.
async fn look(bench: &Bench, record: &MessageRecord, wish: &ReplayWish) -> Look {
    let stages = || record.deliveries.iter().map(|delivery| delivery.stage);
    if stages().any(|stage| stage == DeliveryStage::Held) {
        return Look::Left("deliveries of it are held: have them recomputed".to_owned());
    }
    let is_of_delivered = matches!(
        wish.choice,
        Choice::Of {
            delivered_by: Some(_),
            ..
        }
    );
    if is_of_delivered && !stages().any(|stage| stage == DeliveryStage::Delivered) {
        return Look::Left("nothing of it was delivered".to_owned());
    }
    let again = match bench.revision.decide_again(record, bench.state.clone()).await {
        Ok(again) => again,
        Err(why) => return Look::Left(why.to_string()),
    };
    let before = bench.revision.recorded(record);
    if wish.only_different && before.is_some_and(|before| compare(&before, &again.made).is_empty()) {
        return Look::Same;
    }
    let mut destinations = again.destinations();
    destinations.retain(|name| wish.to.as_ref().is_none_or(|only| **name == **only));
    let ends_quarantine = record.summary.stage == Stage::Quarantined && again.is_filtered();
    if destinations.is_empty() && !ends_quarantine {
        return Look::Left("nothing of it would be delivered".to_owned());
    }
    Look::Send(Box::new(again), destinations)
}
