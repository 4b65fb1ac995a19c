//! What people do about deliveries that a bad revision has made, and about messages that came to nothing.
//!
//! The store keeps each of these as an entry of the journal; here is what a revision makes of the messages again. One at a time,
//! so that nobody decides upon what another is just changing.

mod held;
mod lanes;
mod quarantine;
mod replaying;

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_store::{MessageId, MessageRecord, OperateError, ReadError, Store, WriteError};

use crate::changes::{ChangeError, Changes};
use crate::selection::SelectionError;

pub(crate) use held::{HeldOf, Recomputed};
pub(crate) use quarantine::{DiscardWish, Discarded, EditWish, EditedOne, EditedOnes};
pub(crate) use replaying::{Replay, ReplayWish, Replayed};

/// Messages that one request may have decided anew: some seconds, also with plugins that take some milliseconds each.
pub(crate) const MESSAGES_MAX: usize = 500;

/// Messages that are told one by one of those that were left as they are.
const LEFT_TOLD_MAX: usize = 20;

/// Whoever repairs.
pub(crate) struct Repairs {
    changes: Arc<Changes>,
    store: Store,
    one: tokio::sync::Mutex<()>,
}

/// A message that stays as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) message: MessageId,
    pub(crate) reason: String,
}

/// Those that stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftOnes {
    pub(crate) count: usize,
    /// The first of them.
    pub(crate) told: Vec<Left>,
}

/// Why nothing was done, or not all of it. What was done before is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Selection(#[from] SelectionError),
    #[error(
        "revision {revision} of `{interface}` is what decides its messages: its own deliveries would be held again"
    )]
    OnItself { interface: String, revision: u32 },
    #[error("there is no message {0}")]
    UnknownMessage(MessageId),
    #[error("the messages are of several interfaces: `{0}`, `{1}`")]
    SeveralInterfaces(String, String),
    #[error("nothing says which messages are meant")]
    NoMessages,
    #[error("{plugin}@{version} is not deployed, and nothing is delivered by what is no revision")]
    NoRevision { plugin: String, version: String },
    #[error("a chain that begins behind a step goes on with a revision, and not with what is none")]
    StepsOfCandidate,
    #[error("one message is given other bytes, and {0} are named")]
    OneByOne(usize),
    #[error("`{interface}` has no destination `{destination}`")]
    UnknownDestination { interface: String, destination: String },
    #[error("messages that came later have been delivered already: nothing was sent")]
    OutOfOrder,
    #[error(
        "the deliveries of revision {revision} of `{interface}` are held: what is replayed on it would be held too"
    )]
    HeldRevision { interface: String, revision: u32 },
    #[error("nothing holds lanes of `{interface}` that this would let go on")]
    NothingHeld { interface: String },
    #[error(transparent)]
    Operate(#[from] OperateError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Failed(#[from] tokio::task::JoinError),
}

impl Repairs {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Self {
            store: changes.store.clone(),
            changes,
            one: tokio::sync::Mutex::default(),
        }
    }

    /// Asks the store, on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, RepairError> {
        let store = self.store.clone();
        Ok(spawn_blocking(move || question(&store)).await??)
    }

    async fn record(&self, id: MessageId) -> Result<MessageRecord, RepairError> {
        let found = self.ask(move |store| store.message(id)).await?;
        found.ok_or(RepairError::UnknownMessage(id))
    }
}

impl LeftOnes {
    fn add(&mut self, message: MessageId, why: &dyn std::fmt::Display) {
        self.count += 1;
        if self.told.len() < LEFT_TOLD_MAX {
            let reason = why.to_string();
            self.told.push(Left { message, reason });
        }
    }
}

impl RepairError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Change(error) => return error.hint(),
            Self::OnItself { interface, .. } => {
                format!("`transfuse rollback {interface}` first, or name another revision with --on")
            }
            Self::UnknownMessage(_) => "`transfuse messages list` shows them".to_owned(),
            Self::Selection(error) => return error.hint(),
            Self::NoMessages => {
                "name their ids, or say --interface and what to look for, such as --stage quarantined".to_owned()
            }
            Self::NoRevision { plugin, version } => {
                format!("look at it with --dry-run, and `transfuse deploy` {plugin}@{version} first")
            }
            Self::StepsOfCandidate => "name a revision with --on".to_owned(),
            Self::OneByOne(_) => "many are changed by path, as in `--set PID-3.4=PROBA`".to_owned(),
            Self::SeveralInterfaces(..) => "take those of one interface after the other".to_owned(),
            Self::UnknownDestination { .. } => "`transfuse status` shows the destinations".to_owned(),
            Self::NothingHeld { .. } => "`transfuse lanes held` shows what does".to_owned(),
            Self::OutOfOrder => "look at them with --dry-run; --yes sends all the same".to_owned(),
            Self::HeldRevision { interface, revision } => {
                format!(
                    "name another one with --on, or `transfuse deliveries release {interface} --revision {revision}`"
                )
            }
            Self::Operate(OperateError::Sending { .. }) => "try again when they are decided".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

impl std::fmt::Debug for Repairs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Repairs").finish_non_exhaustive()
    }
}
