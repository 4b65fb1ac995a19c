//! Validation of what arrives, before its chain runs.

use std::panic::resume_unwind;

use tokio::task::JoinError;
use transfuse_message::Message;
use transfuse_message::validation::{Findings, Level, validate};

use crate::settings::{OnFinding, ValidationSettings};

/// What an interface asks of its messages.
#[derive(Debug)]
pub(crate) struct Validator(ValidationSettings);

/// What was found, and what is to become of the message.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) findings: Findings,
    pub(crate) action: OnFinding,
}

/// Up to this much work a message is validated where it stands, between two waits of its journey, and beyond it on a
/// thread that may block: 64 KiB of segments at the level of the structure, which take about a millisecond, so that no
/// timer notices. Handing a message over costs some ten microseconds, as much as validating a usual one.
const INLINE_WORK_MAX: usize = (64 << 10) * STRUCTURE_WORK;

/// What the structure costs for each byte, where a rule of a profile costs one. Both were measured on results with
/// many segments.
const STRUCTURE_WORK: usize = 6;

impl Validator {
    pub(crate) fn new(settings: ValidationSettings) -> Self {
        Self(settings)
    }

    pub(crate) async fn judge(&self, message: &Message) -> Judgement {
        let level = &self.0.level;
        if work(message.encode().len(), level) <= INLINE_WORK_MAX {
            return self.judgement(validate(message, level));
        }
        let (message, level) = (message.clone(), level.clone());
        let validating = tokio::task::spawn_blocking(move || validate(&message, &level));
        match validating.await.map_err(JoinError::try_into_panic) {
            Ok(findings) => self.judgement(findings),
            // As where it is validated in place. A message must not pass because its validation failed.
            Err(Ok(panic)) => resume_unwind(panic),
            // The engine's end alone cancels a thread's work, and nobody waits for the outcome then.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    fn judgement(&self, findings: Findings) -> Judgement {
        let ValidationSettings {
            on_error, on_warning, ..
        } = self.0;
        let action = match (findings.errors(), findings.warnings()) {
            (0, 0) => OnFinding::Pass,
            (0, _) => on_warning,
            (_, 0) => on_error,
            (..) => on_error.max(on_warning),
        };
        Judgement { findings, action }
    }
}

/// How long validation takes, in units of a rule that looks at a byte.
fn work(message_bytes: usize, level: &Level) -> usize {
    let rules = match level {
        Level::Readable => 1,
        Level::Structure => STRUCTURE_WORK,
        Level::Profile(profile) => STRUCTURE_WORK + profile.rules().len(),
    };
    message_bytes.saturating_mul(rules)
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            findings: Findings::default(),
            action: OnFinding::Pass,
        }
    }
}
