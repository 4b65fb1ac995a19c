//! What would become of the messages that rest, with a changed table: their chains are run, and nothing is delivered.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use transfuse_engine::{Processing, Revision};
use transfuse_store::{MessageRecord, MessageSummary, Query, ReadError, Stage, Store};

use super::Running;
use crate::stored::asked;

/// Messages of each interface and stage that are run, the newest ones. They take turns with live messages on the plugins'
/// threads, one at a time.
const MESSAGES_MAX: usize = 500;

/// How long rehearsing may take in all. Who waits for the answer over the control socket waits for half a minute.
const REHEARSAL_MAX: Duration = Duration::from_secs(20);

/// One interface's messages that rest.
#[derive(Debug, Clone)]
pub(crate) struct Rehearsed {
    pub(crate) interface: String,
    /// Accepted, and waiting for somebody to decide.
    pub(crate) quarantined: Tried,
    /// The sender still has them, and may send them again.
    pub(crate) refused: Tried,
    /// Why the figures are not whole.
    pub(crate) trouble: Option<String>,
}

/// How they fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Messages that were run.
    pub(crate) run: u64,
    /// Those of them that would pass.
    pub(crate) pass: u64,
    /// Messages that were not run: they are too many, time ran out, or the engine died of them before.
    pub(crate) not_run: u64,
}

/// Runs what rests in the interfaces.
pub(super) async fn rehearse(store: &Store, trials: Vec<(Running, Arc<Processing>)>) -> Vec<Rehearsed> {
    let until = Instant::now() + REHEARSAL_MAX;
    let mut rehearsed = Vec::with_capacity(trials.len());
    for (running, processing) in trials {
        let mut one = Rehearsed {
            interface: running.interface.name.clone(),
            quarantined: Tried::default(),
            refused: Tried::default(),
            trouble: None,
        };
        let revision = running.live.revision().with(processing);
        let trial = Trial {
            store,
            running: &running,
            revision: &revision,
            until,
        };
        let stages = [
            (Stage::Quarantined, &mut one.quarantined),
            (Stage::Refused, &mut one.refused),
        ];
        for (stage, tried) in stages {
            if let Err(error) = trial.of_stage(stage, tried).await {
                tracing::warn!(%error, interface = one.interface, "messages cannot be run again");
                one.trouble = Some(error.to_string());
            }
        }
        rehearsed.push(one);
    }
    rehearsed
}

/// What one interface's messages are run with.
struct Trial<'t> {
    store: &'t Store,
    running: &'t Running,
    revision: &'t Revision,
    until: Instant,
}

impl Trial<'_> {
    async fn of_stage(&self, stage: Stage, tried: &mut Tried) -> Result<(), ReadError> {
        let messages = self.resting(stage).await?;
        for (index, message) in messages.iter().enumerate() {
            if index >= MESSAGES_MAX || Instant::now() >= self.until {
                tried.not_run += (messages.len() - index) as u64;
                break;
            }
            let Some(record) = self.record(message).await? else {
                continue;
            };
            match self.revision.rerun_edited(&record, self.running.live.state()).await {
                Ok(rerun) => {
                    tried.run += 1;
                    tried.pass += u64::from(rerun.made.passes());
                }
                Err(_) => tried.not_run += 1,
            }
        }
        Ok(())
    }

    /// One more than are run, so that it is known whether there are more.
    async fn resting(&self, stage: Stage) -> Result<Vec<MessageSummary>, ReadError> {
        let query = Query {
            interface: Some(self.running.interface.name.clone()),
            stage: Some(stage),
            before: None,
            limit: MESSAGES_MAX + 1,
            ..Query::default()
        };
        let store = self.store.clone();
        asked(move || store.messages(&query)).await
    }

    async fn record(&self, message: &MessageSummary) -> Result<Option<MessageRecord>, ReadError> {
        let (store, id) = (self.store.clone(), message.id);
        asked(move || store.message(id)).await
    }
}
