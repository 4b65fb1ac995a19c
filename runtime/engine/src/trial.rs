//! A revision on trial: beside the live one, or for a part of the messages, or live and watched.
//!
//! Whichever decides a message, the other one may run it too, off the message path, so that their results can be compared.

mod beside;
mod selection;
mod starting;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;
use transfuse_message::{Message, Path};
use transfuse_sandbox::State;

use crate::budget::{Breach, Budget, Held};
use crate::comparison::Differences;
use crate::figures::{Figures, Sample};
use crate::received::{Content, Received};
use crate::rerun::Made;
use crate::revision::{Revision, Run};
use beside::{Beside, Job, Tasks};

pub use selection::{Filter, Selection, Share};
pub use starting::TrialError;

/// What a trial is.
#[derive(Debug, Clone)]
enum TrialKind {
    /// The candidate runs beside the live revision, and decides nothing.
    Shadow,
    /// The candidate decides a part of the messages.
    Pilot(Selection),
    /// The candidate is live, and held against the revision before it.
    Watch {
        /// What was live before.
        before: Arc<Revision>,
        /// What that made of its last messages.
        baseline: Box<Figures>,
    },
}

/// One trial of an interface.
#[derive(Debug)]
pub struct Trial {
    candidate: Arc<Revision>,
    role: Role,
    is_paused: AtomicBool,
    shared: Arc<Shared>,
    beside: Beside,
}

#[derive(Debug)]
enum Role {
    Shadow,
    Pilot(RwLock<Selection>),
    Watch,
}

/// What the trial and its task know together.
#[derive(Debug)]
struct Shared {
    observed: Mutex<Observed>,
    changes: watch::Sender<u64>,
}

/// What a trial has seen by now.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The live revision: before the trial, and during it. Of a watched one, the revision before it.
    pub baseline: Figures,
    /// The candidate.
    pub candidate: Figures,
    /// What the two make of the same messages.
    pub differences: Differences,
    /// Messages that were not compared, because the machine had better things to do.
    pub dropped: u64,
    /// Messages whose comparison is approximate, because plugins use what they keep between messages.
    pub approximate: u64,
}

/// One message that a trial watches, from before its chain to when its decision is durable.
pub(crate) struct Watched {
    trial: Arc<Trial>,
    run: Run,
    message: Message,
    state: State,
    by_candidate: bool,
}

/// What is told of a decision.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) sample: Sample,
    /// Only where a trial wants it.
    pub(crate) made: Option<Made>,
}

/// The task that runs a revision beside another one.
struct Second {
    revision: Arc<Revision>,
    /// Whether it is the candidate, and not what the candidate is held against.
    is_candidate: bool,
}

impl Trial {
    /// Begins with the next message. Places at or below `expected` may differ.
    fn start(
        kind: TrialKind,
        candidate: Arc<Revision>,
        live: &Arc<Revision>,
        recent: Figures,
        expected: Vec<Path>,
        tasks: &Tasks<'_>,
    ) -> Arc<Self> {
        let (role, second, is_candidate, baseline) = match kind {
            TrialKind::Shadow => (Role::Shadow, Arc::clone(&candidate), true, Figures::default()),
            TrialKind::Pilot(selection) => (Role::Pilot(RwLock::new(selection)), Arc::clone(live), false, recent),
            TrialKind::Watch { before, baseline } => (Role::Watch, before, false, *baseline),
        };
        let shared = Arc::new(Shared {
            observed: Mutex::new(Observed {
                baseline,
                differences: Differences::expecting(expected),
                ..Observed::default()
            }),
            changes: watch::Sender::new(0),
        });
        let second = Second {
            revision: second,
            is_candidate,
        };
        Arc::new(Self {
            candidate,
            role,
            is_paused: AtomicBool::new(false),
            beside: Beside::start(second, Arc::clone(&shared), tasks),
            shared,
        })
    }

    /// The revision on trial.
    #[must_use]
    pub fn candidate(&self) -> &Arc<Revision> {
        &self.candidate
    }

    /// What it has seen by now.
    #[must_use]
    pub fn observed(&self) -> Observed {
        Observed {
            dropped: self.beside.dropped(),
            ..self.shared.lock().clone()
        }
    }

    /// How the candidate stands against the live revision by now.
    #[must_use]
    pub fn judge(&self, budget: &Budget) -> Option<Breach> {
        let observed = self.shared.lock();
        let differences = &observed.differences;
        budget.judge(&Held {
            baseline: &observed.baseline,
            candidate: &observed.candidate,
            compared: (differences.compared, differences.differing),
            is_timed: self.is_timed(),
        })
    }

    /// Messages that the candidate has run or decided.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.shared.lock().candidate.messages
    }

    /// Tells of each message that it has seen.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Gives a pilot other messages, from the next one on.
    pub fn select(&self, selection: Selection) {
        if let Role::Pilot(now) = &self.role {
            *now.write().unwrap_or_else(PoisonError::into_inner) = selection;
        }
    }

    /// The live revision decides all messages until `resume`, and nothing is compared.
    pub fn pause(&self) {
        self.is_paused.store(true, Ordering::Relaxed);
    }

    /// The trial goes on.
    pub fn resume(&self) {
        self.is_paused.store(false, Ordering::Relaxed);
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// Whether the candidate decides this message in the live revision's place.
    pub(crate) fn takes(&self, message: &Message) -> bool {
        let Role::Pilot(selection) = &self.role else {
            return false;
        };
        !self.is_paused() && selection.read().unwrap_or_else(PoisonError::into_inner).takes(message)
    }

    /// Whether both run under the same conditions, so that their times can be compared.
    fn is_timed(&self) -> bool {
        !matches!(self.role, Role::Shadow)
    }

    /// Takes note of a message whose decision is durable.
    fn decided(self: &Arc<Self>, watched: Watched, observation: Observation) {
        let Observation { sample, made } = observation;
        let is_candidate = watched.by_candidate || matches!(self.role, Role::Watch);
        let wants_second = match self.role {
            Role::Shadow | Role::Watch => true,
            Role::Pilot(_) => watched.by_candidate,
        };
        let mut observed = self.shared.lock();
        if is_candidate {
            observed.candidate.add(sample);
        } else {
            observed.baseline.add(sample);
        }
        drop(observed);
        self.shared.tell();
        if let (true, false, Some(made)) = (wants_second, self.is_paused(), made) {
            let Watched {
                run, message, state, ..
            } = watched;
            self.beside.offer(Job {
                run,
                message,
                state,
                made,
            });
        }
    }
}

impl Received {
    /// What a trial of its interface wants to know of it.
    pub(crate) fn watched(&self) -> Option<Watched> {
        let trial = self.trial.as_ref()?;
        let Content::Readable(message) = &self.content else {
            return None;
        };
        Some(Watched {
            by_candidate: Arc::ptr_eq(&self.revision, &trial.candidate),
            trial: Arc::clone(trial),
            run: self.run(),
            message: message.clone(),
            state: self.state_seen.get().cloned().unwrap_or_default(),
        })
    }
}

impl Watched {
    pub(crate) fn decided(self, observation: Observation) {
        let trial = Arc::clone(&self.trial);
        trial.decided(self, observation);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Observed> {
        // Only additions are made under the lock.
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
