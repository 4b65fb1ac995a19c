//! Revisions on trial: shadows, pilots, and what has just gone live and is watched.
//!
//! One at a time for each interface. The engine runs it and counts; here is how long it lasts, what it may do, and what follows:
//! a pilot that keeps its budget goes live, and whatever overruns it is taken out of use by itself.

mod beginning;
mod ending;
mod interrupted;
mod observing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transfuse_engine::{Budget, Filter, Observed, Processing, Selection, Share, Trial};
use transfuse_message::Path;

use super::Probe;
use crate::configuration::{Bounds, resolved};
use crate::deployment::Change;

pub(in crate::changes) use beginning::{Before, Candidate};
pub(crate) use ending::rolled_back;

/// How a new revision is to be tried.
#[derive(Debug, Clone)]
pub(crate) struct TrialWish {
    pub(crate) mode: Mode,
    /// Of the trial, or of each stage of it.
    pub(crate) bounds: Bounds,
    pub(crate) budget: Budget,
    /// Fields that are expected to differ.
    pub(crate) expected: Vec<Path>,
}

/// What a trial is.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// It runs beside the live revision, and decides nothing.
    Shadow,
    /// It decides the messages that a filter takes.
    Filter(Filter),
    /// It decides a growing share of them.
    Shares {
        /// What is not divided, such as the patient.
        by: Path,
        /// In thousandths, in order.
        per_mille: Vec<u32>,
    },
    /// It is live.
    Watch,
}

/// Trials by interface.
#[derive(Debug, Default)]
pub(crate) struct Trials(Mutex<BTreeMap<String, Arc<RunningTrial>>>);

/// One of them.
#[derive(Debug)]
pub(crate) struct RunningTrial {
    pub(crate) interface: String,
    /// The revision on trial.
    pub(crate) number: u32,
    /// The one that it is held against.
    pub(crate) against: u32,
    pub(crate) wish: TrialWish,
    /// Who wanted it.
    pub(crate) change: Change,
    pub(crate) began_at: Timestamp,
    progress: Mutex<Progress>,
    trial: Arc<Trial>,
    candidate: resolved::Interface,
    /// Ends the task that observes it.
    over: CancellationToken,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy)]
struct Progress {
    stage: usize,
    /// When this stage began, and after how many messages.
    began: Instant,
    messages: u64,
}

/// A trial as it stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) trial: Arc<RunningTrial>,
    pub(crate) observed: Observed,
    /// The stage, from 0.
    pub(crate) stage: usize,
    /// Messages of this stage.
    pub(crate) messages: u64,
    pub(crate) is_paused: bool,
}

impl Mode {
    /// The word for it.
    pub(crate) fn word(&self) -> &'static str {
        self.probe().word()
    }

    /// As what its beginning and its end are kept.
    fn probe(&self) -> Probe {
        match self {
            Self::Shadow => Probe::Shadow,
            Self::Filter(_) | Self::Shares { .. } => Probe::Pilot,
            Self::Watch => Probe::Watch,
        }
    }

    /// How many stages it has.
    pub(crate) fn stages(&self) -> usize {
        match self {
            Self::Shares { per_mille, .. } => per_mille.len(),
            _ => 1,
        }
    }

    /// What a pilot decides in a stage.
    fn selection(&self, stage: usize) -> Option<Selection> {
        match self {
            Self::Filter(filter) => Some(Selection::Filter(filter.clone())),
            Self::Shares { by, per_mille } => Some(Selection::Share(Share {
                by: by.clone(),
                per_mille: *per_mille.get(stage)?,
            })),
            Self::Shadow | Self::Watch => None,
        }
    }
}

impl Trials {
    /// All of them, by interface.
    pub(crate) fn all(&self) -> Vec<Standing> {
        self.lock().values().map(RunningTrial::standing).collect()
    }

    /// The one of an interface.
    pub(crate) fn of(&self, interface: &str) -> Option<Arc<RunningTrial>> {
        self.lock().get(interface).cloned()
    }

    /// Shadows and pilots whose revision uses a code table. What is watched runs already.
    pub(crate) fn using(&self, table: &str) -> Vec<Arc<RunningTrial>> {
        let trials = self.lock();
        let using = trials
            .values()
            .filter(|trial| !trial.is_watch() && trial.candidate.tables().any(|grant| grant.name == table));
        using.cloned().collect()
    }

    fn put(&self, trial: &Arc<RunningTrial>) {
        self.lock().insert(trial.interface.clone(), Arc::clone(trial));
    }

    /// Takes out this very trial. Says whether it was still there: whoever takes it out decides what follows.
    fn take(&self, trial: &Arc<RunningTrial>) -> bool {
        let mut trials = self.lock();
        let is_there = trials
            .get(&trial.interface)
            .is_some_and(|known| Arc::ptr_eq(known, trial));
        if is_there {
            trials.remove(&trial.interface);
        }
        is_there
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<RunningTrial>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningTrial {
    /// How it stands.
    pub(crate) fn standing(self: &Arc<Self>) -> Standing {
        let progress = self.progress();
        Standing {
            observed: self.trial.observed(),
            stage: progress.stage,
            messages: self.trial.messages().saturating_sub(progress.messages),
            is_paused: self.trial.is_paused(),
            trial: Arc::clone(self),
        }
    }

    /// Whether it is of what is live already.
    pub(in crate::changes) fn is_watch(&self) -> bool {
        matches!(self.wish.mode, Mode::Watch)
    }

    /// What is on trial, as its revision has it.
    pub(crate) fn resolved(&self) -> &resolved::Interface {
        &self.candidate
    }

    /// Takes its messages through another chain from now on: its steps with other versions of their code tables.
    pub(crate) fn renew(&self, processing: Arc<Processing>) {
        self.trial.candidate().renew(processing);
    }

    fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
