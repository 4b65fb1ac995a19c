//! What an interface makes its decisions with: validation and chains, as one thing that is replaced as one.

use std::sync::{Arc, PoisonError, RwLock};

use transfuse_message::Message;
use transfuse_sandbox::{Chain, Input, Report};

use crate::settings::ValidationSettings;
use crate::validator::{Judgement, Validator};

/// The chains of an interface, linked and checked.
#[derive(Debug, Clone)]
pub struct Chains {
    /// Its own, which decides about a message.
    pub own: Chain,
    /// Those of destinations that have steps, by name.
    pub destinations: Vec<(Arc<str>, Chain)>,
    /// The one that makes the reply to the sender of a destination's answer; none where that is the reply as it is.
    pub reply: Option<Chain>,
}

impl Chains {
    /// The plugins that keep something between messages, as of [`Chain::state_schemas`].
    pub fn state_schemas(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        let of_destinations = self.destinations.iter().flat_map(|(_, chain)| chain.state_schemas());
        let of_reply = self.reply.iter().flat_map(Chain::state_schemas);
        self.own.state_schemas().chain(of_destinations).chain(of_reply)
    }
}

/// Validation and chains of an interface, all made with the same versions of its code tables.
#[derive(Debug)]
pub struct Processing {
    chains: Chains,
    validator: Option<Validator>,
}

impl Processing {
    /// Chains, and what is asked of a message before they run.
    #[must_use]
    pub fn new(chains: Chains, validation: Option<ValidationSettings>) -> Self {
        Self {
            chains,
            validator: validation.map(Validator::new),
        }
    }

    /// Whether a run would take nothing from messages.
    pub(crate) fn is_idle(&self) -> bool {
        self.chains.own.is_idle()
    }

    pub(crate) async fn judge(&self, message: &Message) -> Judgement {
        match &self.validator {
            Some(validator) => validator.judge(message).await,
            None => Judgement::default(),
        }
    }

    pub(crate) async fn run(&self, input: Input) -> Report {
        self.chains.own.run(input).await
    }

    /// The steps of the reply; none where it has no own.
    pub(crate) fn reply_steps(&self) -> Option<&Chain> {
        self.chains.reply.as_ref()
    }

    pub(crate) fn has_no_destination_steps(&self) -> bool {
        self.chains.destinations.is_empty()
    }

    /// The steps of a destination; none where it has no own.
    pub(crate) fn destination_steps(&self, destination: &str) -> Option<&Chain> {
        let mut chains = self.chains.destinations.iter();
        chains.find(|(name, _)| **name == *destination).map(|(_, chain)| chain)
    }
}

/// The present one. A message takes it once and keeps it to its end.
#[derive(Debug)]
pub(crate) struct Current(RwLock<Arc<Processing>>);

impl Current {
    pub(crate) fn new(processing: Processing) -> Self {
        Self::of(Arc::new(processing))
    }

    pub(crate) fn of(processing: Arc<Processing>) -> Self {
        Self(RwLock::new(processing))
    }

    pub(crate) fn get(&self) -> Arc<Processing> {
        // Nothing that is done under the lock can panic half-way.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, processing: Arc<Processing>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = processing;
    }
}
