//! What an interface makes its decisions with: validation and chain, as one thing that is replaced as one.

use std::sync::{Arc, PoisonError, RwLock};

use transfuse_message::Message;
use transfuse_sandbox::{Chain, Input, Report};

use crate::settings::ValidationSettings;
use crate::validator::{Judgement, Validator};

/// Validation and chain of an interface, both made with the same versions of its code tables.
#[derive(Debug)]
pub struct Processing {
    chain: Chain,
    validator: Option<Validator>,
}

impl Processing {
    /// A chain, linked and checked, and what is asked of a message before it runs.
    #[must_use]
    pub fn new(chain: Chain, validation: Option<ValidationSettings>) -> Self {
        Self {
            chain,
            validator: validation.map(Validator::new),
        }
    }

    /// Whether a run would take nothing from messages.
    pub(crate) fn is_idle(&self) -> bool {
        self.chain.is_idle()
    }

    pub(crate) async fn judge(&self, message: &Message) -> Judgement {
        match &self.validator {
            Some(validator) => validator.judge(message).await,
            None => Judgement::default(),
        }
    }

    pub(crate) async fn run(&self, input: Input) -> Report {
        self.chain.run(input).await
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
