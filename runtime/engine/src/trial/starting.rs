//! How trials begin and end.

use std::sync::Arc;

use transfuse_message::Path;

use super::beside::Tasks;
use super::{Selection, Trial, TrialKind};
use crate::engine::{Engine, StartError};
use crate::figures::Figures;
use crate::interface::Interface;
use crate::live::Parts;
use crate::revision::Revision;
use crate::settings::InterfaceSettings;
use crate::terms::Answering;

/// Why a trial does not begin. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// Nothing of that name runs.
    #[error("there is no interface `{0}` that runs")]
    Unknown(Arc<str>),
    /// Another trial runs there.
    #[error("`{interface}` has a trial already, of revision {revision}")]
    Another {
        /// The interface.
        interface: Arc<str>,
        /// The revision that is on trial.
        revision: u32,
    },
    /// The candidate differs in what two revisions cannot have apart at the same time.
    #[error(
        "a pilot shares source, acknowledgement, order and destinations with the live revision of `{interface}`: {what} differs"
    )]
    NotShared {
        /// The interface.
        interface: Arc<str>,
        /// What differs.
        what: &'static str,
    },
    /// The candidate would not understand what is kept between messages.
    #[error(transparent)]
    State(#[from] StartError),
}

impl Engine {
    /// Runs a candidate beside the live revision: it decides nothing.
    pub async fn shadow(&self, candidate: InterfaceSettings, expected: Vec<Path>) -> Result<Arc<Trial>, TrialError> {
        self.try_out(candidate, TrialKind::Shadow, expected).await
    }

    /// Lets a candidate decide a part of the messages.
    pub async fn pilot(
        &self,
        candidate: InterfaceSettings,
        selection: Selection,
        expected: Vec<Path>,
    ) -> Result<Arc<Trial>, TrialError> {
        self.try_out(candidate, TrialKind::Pilot(selection), expected).await
    }

    /// Holds the live revision against the one before it, and what that made of its last messages.
    pub async fn watch(
        &self,
        interface: &str,
        before: Arc<Revision>,
        baseline: Figures,
        expected: Vec<Path>,
    ) -> Result<Arc<Trial>, TrialError> {
        let live = self
            .live(interface)
            .ok_or_else(|| TrialError::Unknown(interface.into()))?;
        let _changing = live.parts.lock().await;
        let baseline = Box::new(baseline);
        let candidate = Arc::clone(live.interface().revision());
        self.begin(
            &live.interface(),
            TrialKind::Watch { before, baseline },
            candidate,
            expected,
        )
    }

    /// Ends the trial of an interface, if there is one: the live revision decides from the next message on. What is under way
    /// ends on the revision that it began with.
    pub fn end_trial(&self, interface: &str) {
        if let Some(live) = self.interface(interface) {
            live.set_trial(None);
        }
    }

    async fn try_out(
        &self,
        candidate: InterfaceSettings,
        kind: TrialKind,
        expected: Vec<Path>,
    ) -> Result<Arc<Trial>, TrialError> {
        let name = Arc::clone(&candidate.name);
        let live = self.live(&name).ok_or_else(|| TrialError::Unknown(Arc::clone(&name)))?;
        let parts = live.parts.lock().await;
        let interface = live.interface();
        if matches!(kind, TrialKind::Pilot(_)) {
            shares(&interface, &parts, &candidate)?;
        }
        self.begin(&interface, kind, Arc::new(Revision::new(candidate)), expected)
    }

    fn begin(
        &self,
        interface: &Interface,
        kind: TrialKind,
        candidate: Arc<Revision>,
        expected: Vec<Path>,
    ) -> Result<Arc<Trial>, TrialError> {
        if let Some(trial) = interface.trial() {
            return Err(TrialError::Another {
                interface: Arc::clone(&interface.name),
                revision: trial.candidate().number(),
            });
        }
        let recent = interface.recent();
        let tasks = Tasks {
            tracker: &self.workers,
            stop: &self.stop_destinations,
        };
        let trial = Trial::start(kind, candidate, interface.revision(), recent, expected, &tasks);
        interface.set_trial(Some(Arc::clone(&trial)));
        Ok(trial)
    }
}

/// A pilot's messages come in, are answered, ordered and delivered as the others.
fn shares(live: &Interface, parts: &Parts, candidate: &InterfaceSettings) -> Result<(), TrialError> {
    let keeps = candidate.chains.state_schemas().next().is_some();
    let differing = [
        ("the source", parts.source_settings != candidate.source),
        ("the acknowledgement", live.answering != Answering::of(candidate)),
        ("the order", *live.order() != candidate.order),
        ("a destination", !parts.delivers_like(candidate)),
        ("whether plugins keep state", live.keeping.is_some() != keeps),
    ];
    let found = differing.into_iter().find(|(_, differs)| *differs);
    if let Some((what, _)) = found {
        let interface = Arc::clone(&live.name);
        return Err(TrialError::NotShared { interface, what });
    }
    match &live.keeping {
        Some(keeping) => Ok(keeping.fits(&live.name, &candidate.chains)?),
        None => Ok(()),
    }
}

impl Parts {
    /// Whether the destinations are the same, but for what is routed to them.
    fn delivers_like(&self, candidate: &InterfaceSettings) -> bool {
        let (own, other) = (&self.destination_settings, &candidate.destinations);
        own.len() == other.len()
            && own.iter().all(|one| {
                let same = other.iter().find(|other| other.name == one.name);
                same.is_some_and(|other| one.delivers_like(other))
            })
    }
}
