//! Stored messages of an interface, the last of them or those that somebody has chosen, run by the live and by the new revision: what
//! differs, and what it costs.
//!
//! Both run here, one after the other and when no message wants the processor, so that time and fuel can be compared, and a code table
//! that has changed since is no difference between them. Where plugins use what they keep, and the live revision itself decided the
//! message, its decision is what the new one is held against: it knew the state of then.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::Instant;
use transfuse_engine::{Budget, Differences, Figures, Held, Interface, Revision, compare};
use transfuse_store::{MessageId, Query, ReadError, Store};

use super::super::{ChangeError, Changes, Finding, Planned, Probe, Verdict, Wish};
use crate::configuration::{BudgetSettings, GateSettings, OnDifference, resolved, show_duration};
use crate::control::view::{of_many, reasons};
use crate::control::wire::evidence::{Chosen, Detail};
use crate::layout::counted;
use crate::parts::Parts;
use crate::selection::{self, Reasons};

/// Messages that are looked up at once.
const PAGE: usize = 100;

/// Messages that are counted of what matches: more than this is more than anybody replays.
const MATCHED_MAX: usize = 100_000;

/// Stored messages that somebody has chosen.
#[derive(Debug, Clone)]
pub(crate) struct Replaying {
    /// What to look for, in whichever interface changes.
    pub(crate) query: Query,
    /// So many of them, the newest; none for as many as the site says.
    pub(crate) last: Option<usize>,
}

/// What a replay has seen.
#[derive(Default)]
struct Replayed {
    differences: Differences,
    live: Figures,
    candidate: Figures,
    /// Messages whose plugins use what they keep between messages.
    approximate: u64,
    /// Messages that match what was looked for, and whether there are more than were counted.
    matched: (u64, bool),
    /// Messages that were to be run, and were not.
    not_run: Reasons,
}

/// The two sides, and which messages.
struct Replay {
    store: Store,
    live: Arc<Interface>,
    candidate: Revision,
    /// With how many at most.
    query: Query,
    /// Whether somebody has chosen them.
    is_chosen: bool,
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
        if settings.replay_messages == 0 && wish.replaying.is_none() {
            return Ok(skipped("the site replays no messages"));
        }
        let budget = self.budget().await?;
        let replay = Replay {
            store: self.store.clone(),
            live,
            query: Replaying::query(wish.replaying.as_ref(), &planned.interface, settings),
            is_chosen: wish.replaying.is_some(),
            candidate: self.candidate(interface, parts).await?,
        };
        let mut expected = budget.expected.clone();
        expected.extend(wish.expected_to_differ.iter().cloned());
        let replayed = Replayed {
            differences: Differences::expecting(expected),
            ..Replayed::default()
        };
        let replayed = replay.run(replayed, settings).await?;
        let found = replay.found(&replayed, settings, &budget);
        Ok([found, replayed.envelope(&budget.budget)])
    }
}

impl Replaying {
    /// The messages of one interface.
    fn query(chosen: Option<&Self>, interface: &str, settings: &GateSettings) -> Query {
        let usual = match settings.replay_messages {
            0 => GateSettings::default().replay_messages,
            some => some,
        };
        Query {
            interface: Some(interface.to_owned()),
            limit: chosen.and_then(|chosen| chosen.last).unwrap_or(usual),
            ..chosen.map(|chosen| chosen.query.clone()).unwrap_or_default()
        }
    }
}

impl Replay {
    /// Runs the messages, the newest first, as long as there is time.
    async fn run(&self, mut replayed: Replayed, settings: &GateSettings) -> Result<Replayed, ChangeError> {
        let until = Instant::now() + settings.replay_time;
        replayed.matched = self.matched().await?;
        let (mut left, mut before) = (self.query.limit, None);
        while left > 0 {
            let page = self.page(before, left.min(PAGE)).await?;
            let Some(last) = page.last().copied() else { break };
            for (index, id) in page.iter().enumerate() {
                if Instant::now() >= until {
                    let done = (self.query.limit - left + index) as u64;
                    let unseen = replayed.matched.0.min(self.query.limit as u64).saturating_sub(done);
                    let time = show_duration(settings.replay_time);
                    replayed
                        .not_run
                        .add_unseen(unseen, &format!("there was no time for more within {time}"));
                    return Ok(replayed);
                }
                self.run_one(*id, &mut replayed).await?;
            }
            left -= page.len();
            before = Some(last);
        }
        Ok(replayed)
    }

    async fn run_one(&self, id: MessageId, replayed: &mut Replayed) -> Result<(), ChangeError> {
        let Some(record) = self.read(move |store| store.message(id)).await? else {
            replayed.not_run.add(id, &"it is not stored any more");
            return Ok(());
        };
        let Some(revision) = record.decision.as_ref().map(|decision| decision.revision) else {
            replayed.not_run.add(id, &"it is not decided yet");
            return Ok(());
        };
        let (live, state) = (self.live.revision(), self.live.state());
        live.wait_until_idle().await;
        let usual = live.rerun(&record, state.clone()).await;
        let new = self.candidate.rerun(&record, state).await;
        let (usual, new) = match (usual, new) {
            (Ok(usual), Ok(new)) => (usual, new),
            (Err(why), _) | (_, Err(why)) => {
                replayed.not_run.add(id, &why);
                return Ok(());
            }
        };
        // A duplicate went through no chain.
        let is_own = revision == live.number() && record.summary.repeats.is_none();
        let recorded = live.recorded(&record).filter(|_| is_own && usual.is_approximate);
        let changes = compare(recorded.as_ref().unwrap_or(&usual.made), &new.made);
        replayed.differences.add(id, &changes);
        replayed.approximate += u64::from(usual.is_approximate || new.is_approximate);
        replayed.live.add_run(&usual);
        replayed.candidate.add_run(&new);
        Ok(())
    }

    /// How many messages match, once it is clear that what they are looked for by exists.
    async fn matched(&self) -> Result<(u64, bool), ChangeError> {
        let query = Query {
            limit: MATCHED_MAX + 1,
            ..self.query.clone()
        };
        let store = self.store.clone();
        let counting = spawn_blocking(move || {
            selection::check(&store, &query)?;
            Ok::<u64, selection::SelectionError>(store.count(&query)?)
        });
        let most = MATCHED_MAX as u64;
        let matched = counting.await??;
        Ok((matched.min(most), matched > most))
    }

    async fn page(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<MessageId>, ChangeError> {
        let query = Query {
            before: before.or(self.query.before),
            limit,
            ..self.query.clone()
        };
        let found = self.read(move |store| store.messages(&query)).await?;
        Ok(found.into_iter().map(|message| message.id).collect())
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

    fn found(&self, replayed: &Replayed, settings: &GateSettings, budget: &BudgetSettings) -> Finding {
        let Differences {
            compared, differing, ..
        } = replayed.differences;
        let allowed = budget.budget.differing_per_mille.unwrap_or_default();
        let is_refused = settings.differences == OnDifference::Refuse && differing * 1_000 > compared * allowed;
        let verdict = match (compared, self.is_chosen) {
            // Whoever has chosen messages counts on what they show.
            (0, true) => Verdict::Failed,
            (0, false) => Verdict::Skipped,
            _ if is_refused => Verdict::Failed,
            _ => Verdict::Passed,
        };
        Finding::new(Probe::Replay, verdict, replayed.summary()).with(Detail {
            differences: (compared > 0).then(|| of_many(&replayed.differences)),
            chosen: Some(self.chosen(replayed)),
            ..Detail::default()
        })
    }

    /// Which messages it was.
    fn chosen(&self, replayed: &Replayed) -> Chosen {
        let last = self.query.limit;
        let search = match selection::told(&self.query) {
            words if words.is_empty() => format!("the last {last}"),
            words => format!("the last {last} {words}"),
        };
        let (matched, is_more) = replayed.matched;
        let mut not_run = replayed.not_run.clone();
        let older = matched.saturating_sub(last as u64);
        not_run.add_unseen(older, &format!("older than the last {last}"));
        Chosen {
            search: search.into(),
            matched,
            is_more,
            ran: replayed.differences.compared,
            not_run: reasons(not_run),
        }
    }
}

impl Replayed {
    /// One line, without a value of any message: what was looked for may be one.
    fn summary(&self) -> String {
        let Differences {
            compared,
            differing,
            as_expected,
            ..
        } = self.differences;
        let not_run = self.not_run.messages();
        if compared == 0 {
            return match not_run {
                0 => "no stored message matches: nothing was compared".to_owned(),
                some => {
                    let some = counted(usize::try_from(some).unwrap_or(usize::MAX), "message");
                    format!("none of {some} was run: nothing was compared")
                }
            };
        }
        let mut summary = format!("{differing} of {compared} messages come out differently");
        let more = [
            (as_expected, "only where that is expected"),
            (self.approximate, "approximately, because plugins keep something"),
            (not_run, "not run again"),
        ];
        let more = more.into_iter().filter(|(count, _)| *count > 0);
        summary.extend(more.map(|(count, what)| format!(", {count} {what}")));
        summary
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
