//! How trials begin.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transfuse_engine::{Engine, Figures, Revision, Trial, TrialError};

use super::super::{ChangeError, Changes};
use super::{Mode, Progress, RunningTrial, TrialWish};
use crate::assembly;
use crate::configuration::resolved;
use crate::deployment::Change;
use crate::parts::Parts;

/// A revision that is to be tried, and what it is made of.
#[derive(Clone)]
pub(in crate::changes) struct Candidate {
    pub(in crate::changes) interface: resolved::Interface,
    pub(in crate::changes) number: u32,
    pub(in crate::changes) parts: Arc<Parts>,
}

/// The revision that was live, and what it made of its last messages.
pub(in crate::changes) struct Before {
    pub(in crate::changes) revision: Arc<Revision>,
    pub(in crate::changes) recent: Figures,
}

impl Changes {
    /// Runs a candidate beside the live revision, or for a part of its messages.
    pub(in crate::changes) async fn try_out(
        self: &Arc<Self>,
        candidate: Candidate,
        against: u32,
        wish: TrialWish,
        change: Change,
    ) -> Result<(), ChangeError> {
        self.refuse_held(&candidate.interface.name, candidate.number).await?;
        let (changes, parts) = (Arc::clone(self), Arc::clone(&candidate.parts));
        let (interface, number) = (candidate.interface.clone(), candidate.number);
        let settings =
            spawn_blocking(move || assembly::interface(&interface, number, &parts, &changes.site, &changes.sandbox));
        let settings = settings.await?.map_err(ChangeError::Failed)?;
        let expected = wish.expected.clone();
        let trial = match wish.mode.selection(0) {
            Some(selection) => self.engine.pilot(settings, selection, expected).await,
            None => self.engine.shadow(settings, expected).await,
        };
        let trial = trial.map_err(|source| ChangeError::NotTried { source })?;
        let running = running(candidate, against, wish, change, trial);
        self.keep_begin(&running).await;
        self.register(running);
        Ok(())
    }

    /// Holds what has just gone live against what was live before.
    pub(in crate::changes) async fn watch(
        self: &Arc<Self>,
        candidate: Candidate,
        before: Before,
        wish: TrialWish,
        change: Change,
    ) -> Result<(), TrialError> {
        let against = before.revision.number();
        let engine: &Engine = &self.engine;
        let name = candidate.interface.name.clone();
        let trial = engine
            .watch(&name, before.revision, before.recent, wish.expected.clone())
            .await?;
        let running = running(candidate, against, wish, change, trial);
        self.keep_begin(&running).await;
        self.register(running);
        Ok(())
    }

    /// Its beginning is kept by then, so that its end comes behind it: a start finds by that what the stop before it has cut off.
    fn register(self: &Arc<Self>, running: Arc<RunningTrial>) {
        tracing::info!(
            interface = running.interface,
            revision = running.number,
            against = running.against,
            kind = running.wish.mode.word(),
            "a trial begins"
        );
        self.trials.put(&running);
        tokio::spawn(Arc::clone(self).observe(running));
    }
}

fn running(
    candidate: Candidate,
    against: u32,
    wish: TrialWish,
    change: Change,
    trial: Arc<Trial>,
) -> Arc<RunningTrial> {
    let Candidate { interface, number, .. } = candidate;
    Arc::new(RunningTrial {
        interface: interface.name.clone(),
        number,
        against,
        wish,
        change,
        began_at: Timestamp::now(),
        progress: Mutex::new(Progress {
            stage: 0,
            began: Instant::now(),
            messages: 0,
        }),
        trial,
        candidate: interface,
        over: CancellationToken::new(),
    })
}

impl TrialWish {
    /// What has just gone live is watched as the site wants it; none where it does not.
    pub(in crate::changes) fn watch(settings: &crate::configuration::BudgetSettings) -> Option<Self> {
        Some(Self {
            mode: Mode::Watch,
            bounds: settings.watch?,
            budget: settings.budget.clone(),
            expected: settings.expected.clone(),
        })
    }
}
