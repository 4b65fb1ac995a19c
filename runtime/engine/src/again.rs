//! A message that is decided, decided anew by a revision because somebody wants it so.
//!
//! Nothing is committed here: what comes of it is for [`transfuse_store::Store::replay`] or
//! [`transfuse_store::Store::recompute`]. Plugins find what they keep as it is now, and what they would write of it is dropped:
//! later messages have been decided since, on what was kept before them.

use std::sync::Arc;

use transfuse_sandbox::State;
use transfuse_store::{Decision, MessageRecord, NewOutput, Sealed, Stage, StoredFault};

use crate::rerun::{Made, NotRun, Rerun};
use crate::revision::Revision;

/// What a revision decides about a message that was decided before.
#[derive(Debug, Clone)]
pub struct Again {
    /// The decision, which keeps no state.
    pub decision: Decision,
    /// What it comes to, to be compared with what there was.
    pub made: Made,
    /// Whether plugins used what they keep between messages, which is not what it was when the message came.
    pub is_approximate: bool,
}

/// Why a message stays what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDecided {
    /// It is on its way through its chain, or waits for the next start.
    #[error("it is not decided yet")]
    Undecided,
    /// The sender was told no: only acknowledgements of it can be held.
    #[error("its sender was told no, and owns it")]
    SendersOwn,
    /// It must not run again.
    #[error("{0}")]
    NotRun(#[from] NotRun),
    /// The revision fails on it too.
    #[error("{}", .0.summary)]
    Failed(StoredFault),
}

impl Revision {
    /// Decides a decided message anew: what comes of it is to be delivered behind everything else.
    pub async fn decide_again(&self, record: &MessageRecord, state: State) -> Result<Again, NotDecided> {
        if record.decision.is_none() {
            return Err(NotDecided::Undecided);
        }
        let Rerun {
            made,
            detail,
            is_approximate,
        } = self.rerun_edited(record, state).await?;
        let decision = match made.clone() {
            Made::Processed(outputs) => Decision::Processed {
                outputs,
                state: Vec::new(),
                detail: detail.seal(),
            },
            Made::Filtered(reason) => Decision::Filtered {
                reason: Sealed::from(reason.into_bytes()),
                outputs: Vec::new(),
                state: Vec::new(),
                detail: detail.seal(),
            },
            Made::Failed(fault) => return Err(NotDecided::Failed(fault)),
        };
        Ok(Again {
            decision,
            made,
            is_approximate,
        })
    }

    /// Decides anew a message whose deliveries are held: what comes of it takes their places. Acknowledgements to the sender
    /// stay as they were, because it is not told anything else.
    ///
    /// Where a destination's steps stop it, nothing takes the place of what is held.
    pub async fn recompute(&self, record: &MessageRecord, state: State) -> Result<Decision, NotDecided> {
        if !matches!(record.summary.stage, Stage::Processed | Stage::Filtered) {
            return Err(NotDecided::SendersOwn);
        }
        let mut decision = self.decide_again(record, state).await?.decision;
        if let Decision::Processed { outputs, .. } | Decision::Filtered { outputs, .. } = &mut decision {
            if let Some(fault) = outputs.iter().find_map(|output| output.stopped.clone()) {
                return Err(NotDecided::Failed(fault));
            }
            outputs.extend(self.acknowledgements(record));
        }
        Ok(decision)
    }

    fn acknowledgements(&self, record: &MessageRecord) -> impl Iterator<Item = NewOutput> {
        let outputs = record.decision.iter().flat_map(|decision| &decision.outputs);
        let own = outputs.filter(|output| self.routing.is_acknowledgement(&output.destinations));
        own.map(NewOutput::from)
    }
}

impl Again {
    /// Where it would be delivered, once for each delivery.
    #[must_use]
    pub fn destinations(&self) -> Vec<Arc<str>> {
        let delivered = self.outputs().iter().filter(|output| output.stopped.is_none());
        delivered.flat_map(|output| output.destinations.clone()).collect()
    }

    /// What would stop it on its way to a destination, or to any of them.
    #[must_use]
    pub fn stopped(&self, to: Option<&str>) -> Option<&StoredFault> {
        let is_meant = |output: &&NewOutput| to.is_none_or(|to| output.destinations.iter().any(|one| **one == *to));
        let mut meant = self.outputs().iter().filter(is_meant);
        meant.find_map(|output| output.stopped.as_ref())
    }

    fn outputs(&self) -> &[NewOutput] {
        match &self.decision {
            Decision::Processed { outputs, .. } => outputs,
            _ => &[],
        }
    }

    /// Whether the message ends here on purpose.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        matches!(self.made, Made::Filtered(_))
    }
}
