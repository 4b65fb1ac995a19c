//! Following the journal behind the engine, so that it is known what plugins touch and what tables lack.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use transfuse_engine::{ObserveError, Observer, PluginUse};
use transfuse_store::Store;

/// The pause between two looks at the journal. Nobody waits for them: a question looks for itself.
const PAUSE: Duration = Duration::from_secs(2);

/// Entries of one look: 2,500 a second at most, which take about a hundredth of a processor. Where more arrive, what is left
/// is counted when fewer do.
const ENTRIES_MAX: usize = 5_000;

/// Entries that a question waits for, about half a second. What is left then is told with the answer.
const ENTRIES_OF_A_QUESTION_MAX: usize = 50_000;

/// The observer, which one asks at a time.
#[derive(Debug)]
pub(crate) struct Observing(Mutex<Observer>);

impl Observing {
    pub(crate) fn new(store: Store) -> Result<Self, ObserveError> {
        Ok(Self(Mutex::new(Observer::new(store)?)))
    }

    /// Counts what is durable by now, and gives how many entries are left. Blocks.
    pub(crate) fn catch_up(&self) -> u64 {
        self.look(ENTRIES_OF_A_QUESTION_MAX)
    }

    /// What every version of every plugin touched in every interface.
    pub(crate) fn uses(&self) -> Vec<PluginUse> {
        self.lock().uses().cloned().collect()
    }

    fn look(&self, entries_max: usize) -> u64 {
        self.lock().catch_up(entries_max).unwrap_or_else(|error| {
            tracing::warn!(%error, "what plugins touch is not counted at present");
            u64::MAX
        })
    }

    fn lock(&self) -> MutexGuard<'_, Observer> {
        // What is in memory moves on only when a whole batch is on the disk.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the journal now and then until `done`.
pub(crate) async fn observe(observing: Arc<Observing>, done: CancellationToken) {
    while done.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
        let looking = Arc::clone(&observing);
        if tokio::task::spawn_blocking(move || looking.look(ENTRIES_MAX))
            .await
            .is_err()
        {
            tracing::error!("nobody follows the journal any more");
            return;
        }
    }
}
