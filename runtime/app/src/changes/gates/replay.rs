//! The last messages of an interface, run by the live and by the new revision: what differs, and what it costs.
//!
//! Both run here, one after the other and when no message wants the processor, so that time and fuel can be compared, and a code table
//! that has changed since is no difference between them. Where plugins use what they keep, and the live revision itself decided the
//! message, its decision is what the new one is held against: it knew the state of then.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use transfuse_engine::{Budget, Differences, Figures, Held, Interface, Revision, compare};
use transfuse_store::{MessageId, MessageRecord, Query, ReadError, Store};

use super::super::{ChangeError, Changes, Finding, Planned, Probe, Verdict, Wish};
use crate::assembly;
use crate::configuration::{BudgetSettings, GateSettings, OnDifference, resolved};
use crate::control::view::of_many;
use crate::control::wire::evidence::Detail;
use crate::parts::Parts;

/// How long the replay of one change may take. What was run by then is what is judged.
const TIME_MAX: Duration = Duration::from_mins(2);

/// Messages that are looked up at once.
const PAGE: usize = 100;

/// What a replay has seen.
#[derive(Default)]
struct Replayed {
    differences: Differences,
    live: Figures,
    candidate: Figures,
    /// Messages whose plugins use what they keep between messages.
    approximate: u64,
    /// Messages that are not run again: undecided ones, broken ones, acknowledgements.
    not_run: u64,
    /// Whether the time was over before the messages were.
    is_cut: bool,
}

/// The two sides, and where the messages are.
struct Replay {
    store: Store,
    interface: String,
    live: Arc<Interface>,
    candidate: Revision,
}

impl Changes {
    /// The gates that run messages: `replay` and `envelope`.
    pub(super) async fn try_messages(
        self: &Arc<Self>,
        planned: &Planned,
        interface: &resolved::Interface,
        parts: &Arc<Parts>,
        wish: &Wish,
        settings: &GateSettings,
    ) -> Result<[Finding; 2], ChangeError> {
        let live = self.engine.interface(&planned.interface);
        let Some(live) = live.filter(|_| planned.before.is_some()) else {
            return Ok(skipped("nothing is live to hold it against"));
        };
        if settings.replay_messages == 0 {
            return Ok(skipped("the site replays no messages"));
        }
        let budget = self.budget().await?;
        let replay = Replay {
            store: self.store.clone(),
            interface: planned.interface.clone(),
            live,
            candidate: self.candidate(interface, parts).await?,
        };
        let mut expected = budget.expected.clone();
        expected.extend(wish.expected_to_differ.iter().cloned());
        let replayed = Replayed {
            differences: Differences::expecting(expected),
            ..Replayed::default()
        };
        let replayed = replay.run(replayed, settings.replay_messages).await?;
        Ok([replayed.replay(settings, &budget), replayed.envelope(&budget.budget)])
    }

    /// The new revision, which has no number yet.
    async fn candidate(
        self: &Arc<Self>,
        interface: &resolved::Interface,
        parts: &Arc<Parts>,
    ) -> Result<Revision, ChangeError> {
        let (changes, parts, interface) = (Arc::clone(self), Arc::clone(parts), interface.clone());
        let making =
            spawn_blocking(move || assembly::interface(&interface, 0, &parts, &changes.site, &changes.sandbox));
        Ok(Revision::new(making.await?.map_err(ChangeError::Failed)?))
    }
}

impl Replay {
    /// Runs so many messages, the newest first.
    async fn run(&self, mut replayed: Replayed, messages: usize) -> Result<Replayed, ChangeError> {
        let until = Instant::now() + TIME_MAX;
        let (mut left, mut before) = (messages, None);
        while left > 0 {
            let page = self.page(before, left.min(PAGE)).await?;
            let Some(last) = page.last().copied() else { break };
            for id in &page {
                if Instant::now() >= until {
                    replayed.is_cut = true;
                    return Ok(replayed);
                }
                if let Some(record) = self.record(*id).await? {
                    self.run_one(&record, &mut replayed).await;
                }
            }
            left -= page.len();
            before = Some(last);
        }
        Ok(replayed)
    }

    async fn run_one(&self, record: &MessageRecord, replayed: &mut Replayed) {
        let (live, state) = (self.live.revision(), self.live.state());
        let Some(decision) = &record.decision else {
            replayed.not_run += 1;
            return;
        };
        live.wait_until_idle().await;
        let (Ok(usual), Ok(new)) = (
            live.rerun(record, state.clone()).await,
            self.candidate.rerun(record, state).await,
        ) else {
            replayed.not_run += 1;
            return;
        };
        let is_own = decision.revision == live.number();
        let recorded = live.recorded(record).filter(|_| is_own && usual.is_approximate);
        let changes = compare(recorded.as_ref().unwrap_or(&usual.made), &new.made);
        replayed.differences.add(record.summary.id, &changes);
        replayed.approximate += u64::from(usual.is_approximate || new.is_approximate);
        replayed.live.add_run(&usual);
        replayed.candidate.add_run(&new);
    }

    async fn page(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<MessageId>, ChangeError> {
        let query = Query {
            interface: Some(self.interface.clone()),
            stage: None,
            revision: None,
            before,
            limit,
        };
        let found = self.read(move |store| store.messages(&query)).await?;
        Ok(found.into_iter().map(|message| message.id).collect())
    }

    async fn record(&self, id: MessageId) -> Result<Option<MessageRecord>, ChangeError> {
        self.read(move |store| store.message(id)).await
    }

    /// The store's reads block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ChangeError> {
        let store = self.store.clone();
        let found = spawn_blocking(move || read(&store)).await?;
        found.map_err(|error| ChangeError::Failed(error.into()))
    }
}

impl Replayed {
    fn replay(&self, settings: &GateSettings, budget: &BudgetSettings) -> Finding {
        let Differences {
            compared,
            differing,
            as_expected,
            ..
        } = self.differences;
        if compared == 0 {
            return Finding::new(Probe::Replay, Verdict::Skipped, "there is no message to replay");
        }
        let allowed = budget.budget.differing_per_mille.unwrap_or_default();
        let is_refused = settings.differences == OnDifference::Refuse && differing * 1_000 > compared * allowed;
        let verdict = if is_refused { Verdict::Failed } else { Verdict::Passed };
        let mut summary = format!("{differing} of {compared} messages come out differently");
        let more = [
            (as_expected, "only where that is expected"),
            (self.approximate, "approximately, because plugins keep something"),
            (self.not_run, "not run again"),
        ];
        let more = more.into_iter().filter(|(count, _)| *count > 0);
        summary.extend(more.map(|(count, what)| format!(", {count} {what}")));
        if self.is_cut {
            summary.extend([
                "; there was no time for more within ".to_owned(),
                format!("{TIME_MAX:?}"),
            ]);
        }
        Finding::new(Probe::Replay, verdict, summary).with(Detail {
            differences: Some(of_many(&self.differences)),
            ..Detail::default()
        })
    }

    fn envelope(&self, budget: &Budget) -> Finding {
        let Self { live, candidate, .. } = self;
        if candidate.messages < budget.messages_min {
            let (found, wanted) = (candidate.messages, budget.messages_min);
            let why = format!("{found} messages are too few to judge by: {wanted} are enough");
            return Finding::new(Probe::Envelope, Verdict::Skipped, why);
        }
        let breach = budget.judge(&Held {
            baseline: live,
            candidate,
            compared: (0, 0),
            is_timed: true,
        });
        match breach {
            Some(breach) => Finding::new(Probe::Envelope, Verdict::Failed, breach.told),
            None => Finding::new(Probe::Envelope, Verdict::Passed, self.cost()),
        }
    }

    fn cost(&self) -> String {
        let Self { live, candidate, .. } = self;
        format!(
            "{} fuel and {} us a message, where {} and {} are usual; {} faults ({}), {} rejections ({})",
            candidate.fuel_mean(),
            candidate.elapsed_us(500),
            live.fuel_mean(),
            live.elapsed_us(500),
            candidate.faulted,
            live.faulted,
            candidate.rejected,
            live.rejected,
        )
    }
}

fn skipped(why: &str) -> [Finding; 2] {
    [Probe::Replay, Probe::Envelope].map(|probe| Finding::new(probe, Verdict::Skipped, why))
}
