//! Messages that are decided, decided anew and delivered again.
//!
//! What was sent later has been delivered by then: a receiver that takes the older message for the newest is worse off than without.
//! So newer messages that went to the same destinations are told first, and nothing is sent until somebody accepts that.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_engine::{Again, Change, Differences, Made, NotDecided, Revision, compare};
use transfuse_message::Path;
use transfuse_store::{
    AfterStep, DeliveryStage, MessageId, MessageRecord, MessageSummary, NewDecision, NewerDelivered, Operator, Query,
    Stage,
};

use super::{LeftOnes, MESSAGES_MAX, RepairError, Repairs};
use crate::changes::{Changes, Continued, RunOn, Runnable};
use crate::selection;

/// Newer messages that are told: somebody looks at a few of them.
const NEWER_TOLD_MAX: usize = 20;

/// Which messages, and how they are to be replayed.
#[derive(Debug, Clone)]
pub(crate) struct ReplayWish {
    /// Named messages, or a search within an interface, of which the oldest are taken.
    pub(crate) query: Query,
    /// What decides anew.
    pub(crate) on: RunOn,
    /// So many steps at the front are those of what decided the message before; none for the whole chain anew.
    pub(crate) after_step: Option<u32>,
    /// Only what goes to this destination.
    pub(crate) to: Option<String>,
    /// Only messages of which that makes something else.
    pub(crate) only_different: bool,
    /// Whether messages are meant too that had been accepted before.
    pub(crate) anyway: bool,
    /// Fields that are expected to differ.
    pub(crate) expected: Vec<Path>,
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
    /// The revision that decides anew, or that the candidate was made of.
    pub(crate) on: u32,
    /// What is other than in that revision, where a candidate decides.
    pub(crate) candidate: Option<String>,
    /// Those that are sent, the oldest first.
    pub(crate) messages: Vec<Replay>,
    /// Those that differ in nothing, and were left out for that.
    pub(crate) same: u64,
    /// Those that stay as they are.
    pub(crate) left: LeftOnes,
    /// How what comes of them differs from what there was.
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
    on: Runnable,
    changes: Arc<Changes>,
    continued: Arc<Continued>,
}

/// What decides one message anew.
struct Maker {
    revision: Arc<Revision>,
    after: Option<AfterStep>,
}

/// What comes of one message.
struct Look {
    becomes: Becomes,
    /// What it differs in from what there was; none where it was not decided anew.
    changes: Option<Vec<Change>>,
    after: Option<AfterStep>,
}

/// What is to become of it.
enum Becomes {
    /// With where it goes, once for each delivery.
    Sent(Box<Again>, Vec<Arc<str>>),
    Same,
    Left(String),
}

impl Repairs {
    /// Decides messages anew, and delivers what comes of it, or tells what would be delivered.
    pub(crate) async fn replay(&self, wish: &ReplayWish) -> Result<Replayed, RepairError> {
        if let (RunOn::Candidate { .. }, Some(_)) = (&wish.on, wish.after_step) {
            return Err(RepairError::StepsOfCandidate);
        }
        if let (RunOn::Candidate { plugin, version }, Some(_)) = (&wish.on, &wish.operator) {
            let (plugin, version) = (plugin.clone(), version.clone());
            return Err(RepairError::NoRevision { plugin, version });
        }
        let _one = self.one.lock().await;
        let bench = self.bench(wish).await?;
        let mut replayed = Replayed {
            interface: bench.interface.clone(),
            on: bench.on.number,
            candidate: bench.on.candidate.clone(),
            next: bench.next,
            differences: Differences::expecting(wish.expected.clone()),
            ..Replayed::default()
        };
        for id in &bench.ids {
            let record = self.record(*id).await?;
            let look = look(&bench, &record, wish).await;
            replayed.add(&record, look);
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
            let Look { becomes, after, .. } = look(bench, &record, wish).await;
            if let Becomes::Sent(again, _) = becomes {
                let made = NewDecision {
                    revision: bench.on.number,
                    decision: again.decision,
                    after,
                };
                let done = self.store.replay(&record, made, wish.to.as_deref(), operator);
                done.await?;
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
        let (interface, ids, next) = self.chosen(&wish.query).await?;
        if let Some(destination) = &wish.to {
            self.known_destination(&interface, destination)?;
        }
        let on = self.changes.revision_to_run(&interface, &wish.on).await?;
        Ok(Bench {
            interface,
            ids,
            next,
            on,
            changes: Arc::clone(&self.changes),
            continued: Arc::default(),
        })
    }

    /// The messages, the oldest first, with their one interface, and where to go on.
    pub(super) async fn chosen(
        &self,
        query: &Query,
    ) -> Result<(String, Vec<MessageId>, Option<MessageId>), RepairError> {
        if query.ids.is_empty() && (query.interface.is_none() || !selection::is_search(query)) {
            return Err(RepairError::NoMessages);
        }
        let (store, asked) = (self.store.clone(), query.clone());
        spawn_blocking(move || selection::check(&store, &asked)).await??;
        let asked = Query {
            oldest_first: true,
            limit: MESSAGES_MAX + 1,
            ..query.clone()
        };
        let mut found = self.ask(move |store| store.messages(&asked)).await?;
        let interface = match &query.interface {
            Some(interface) => interface.clone(),
            None => one_interface(&found)?,
        };
        let has_more = found.len() > MESSAGES_MAX;
        found.truncate(MESSAGES_MAX);
        let next = found.last().map(|last| last.id).filter(|_| has_more);
        Ok((interface, found.into_iter().map(|message| message.id).collect(), next))
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
        let revision = bench.on.number;
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
    fn add(&mut self, record: &MessageRecord, look: Look) {
        let id = record.summary.id;
        if let Some(changes) = &look.changes {
            self.differences.add(id, changes);
        }
        match look.becomes {
            Becomes::Left(why) => self.left.add(id, &why),
            Becomes::Same => self.same += 1,
            Becomes::Sent(again, mut destinations) => {
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

impl Bench {
    /// What decides a message anew; the error is the reason why it stays as it is.
    async fn maker(&self, record: &MessageRecord, wish: &ReplayWish) -> Result<Maker, String> {
        let Some(steps) = wish.after_step else {
            return Ok(Maker {
                revision: Arc::clone(&self.on.revision),
                after: None,
            });
        };
        let made = self.changes.continued(record, steps, self.on.number, &self.continued);
        let (revision, after) = made.await?;
        Ok(Maker {
            revision,
            after: Some(after),
        })
    }
}

/// The interface of all these messages.
fn one_interface(messages: &[MessageSummary]) -> Result<String, RepairError> {
    let first = messages.first().ok_or(RepairError::NoMessages)?;
    match messages.iter().find(|message| message.interface != first.interface) {
        None => Ok(first.interface.to_string()),
        Some(other) => Err(RepairError::SeveralInterfaces(
            first.interface.to_string(),
            other.interface.to_string(),
        )),
    }
}

/// What comes of one message, and whether that is to be sent.
async fn look(bench: &Bench, record: &MessageRecord, wish: &ReplayWish) -> Look {
    let left = |why: String| Look {
        becomes: Becomes::Left(why),
        changes: None,
        after: None,
    };
    if let Some(why) = left_unseen(record, wish) {
        return left(why.to_owned());
    }
    let Maker { revision, after } = match bench.maker(record, wish).await {
        Ok(maker) => maker,
        Err(why) => return left(why),
    };
    let before = revision.recorded(record);
    let changes = |made: &Made| before.as_ref().map(|before| compare(before, made));
    match revision.decide_again(record, bench.on.state.clone()).await {
        Ok(again) => {
            let changes = changes(&again.made);
            Look {
                becomes: becomes(again, changes.as_deref(), record, wish),
                changes,
                after,
            }
        }
        Err(why) => Look {
            changes: match &why {
                NotDecided::Failed(fault) => changes(&Made::Failed(fault.clone())),
                _ => None,
            },
            becomes: Becomes::Left(why.to_string()),
            after,
        },
    }
}

/// Why a message is left as it is, whatever would come of it.
fn left_unseen(record: &MessageRecord, wish: &ReplayWish) -> Option<&'static str> {
    let mut stages = record.deliveries.iter().map(|delivery| delivery.stage);
    if stages.any(|stage| stage == DeliveryStage::Held) {
        return Some("deliveries of it are held: have them recomputed");
    }
    if record.summary.repeats.is_some() && record.operations.is_empty() && !wish.anyway {
        return Some("it is a duplicate of a message that was accepted: --anyway delivers it all the same");
    }
    // A search that does not speak of refused messages does not mean them: their senders have sent them again by then.
    let is_meant = !wish.query.ids.is_empty() || wish.query.stage.is_some();
    (record.summary.stage == Stage::Refused && !is_meant)
        .then_some("its sender was told no, and owns it: name it, or look for `--stage refused`")
}

fn becomes(again: Again, changes: Option<&[Change]>, record: &MessageRecord, wish: &ReplayWish) -> Becomes {
    let differs = |change: &Change| !change.place.is_below(&wish.expected);
    if wish.only_different && changes.is_some_and(|changes| !changes.iter().any(differs)) {
        return Becomes::Same;
    }
    if let Some(fault) = wish.to.as_deref().and_then(|to| again.stopped(Some(to))) {
        return Becomes::Left(fault.summary.clone());
    }
    let mut destinations = again.destinations();
    destinations.retain(|name| wish.to.as_ref().is_none_or(|only| **name == **only));
    let is_put_aside = matches!(record.summary.stage, Stage::Quarantined | Stage::Discarded);
    let ends_quarantine = is_put_aside && wish.to.is_none() && again.is_filtered();
    if let Some(fault) = again.stopped(None).filter(|_| destinations.is_empty()) {
        return Becomes::Left(fault.summary.clone());
    }
    if destinations.is_empty() && !ends_quarantine {
        return Becomes::Left("nothing of it would be delivered".to_owned());
    }
    Becomes::Sent(Box::new(again), destinations)
}
