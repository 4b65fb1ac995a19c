//! Messages run a second time by another revision, when there is time for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transfuse_message::Message;
use transfuse_sandbox::State;

use super::{Second, Shared};
use crate::comparison::compare;
use crate::rerun::Made;
use crate::revision::{LOOK, Run};

/// Messages that wait for their second run. A few seconds of a busy feed: what comes in a burst is compared after it.
const JOBS_MAX: usize = 512;

/// Kibibytes of messages that wait. They share the bytes of what was received, which would be free otherwise.
const JOBS_KIB_MAX: usize = 16 << 10;

/// Second runs have one part of time in this many and one, of one processor.
const PAUSE_FACTOR: u32 = 3;

/// The part of time that second runs may take.
#[derive(Debug, Default)]
struct Allowance {
    owed: Duration,
}

impl Allowance {
    /// Pauses for what was taken, as soon as that is long enough for a timer.
    async fn spent(&mut self, time: Duration) {
        self.owed += time * PAUSE_FACTOR;
        if self.owed >= LOOK {
            tokio::time::sleep(std::mem::take(&mut self.owed)).await;
        }
    }
}

/// One message to be run.
pub(super) struct Job {
    pub(super) run: Run,
    pub(super) message: Message,
    /// What the plugins kept when the message was decided.
    pub(super) state: State,
    /// What the decision was.
    pub(super) made: Made,
}

/// Where its task runs, and what ends it at the latest.
pub(super) struct Tasks<'t> {
    pub(super) tracker: &'t TaskTracker,
    pub(super) stop: &'t CancellationToken,
}

/// The queue of a revision that runs beside.
#[derive(Debug)]
pub(super) struct Beside {
    jobs: mpsc::Sender<(Job, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    dropped: Arc<AtomicU64>,
}

impl Beside {
    /// Its task ends when this is dropped, and what waits has been run.
    pub(super) fn start(second: Second, shared: Arc<Shared>, tasks: &Tasks<'_>) -> Self {
        let (jobs, mut waiting) = mpsc::channel::<(Job, OwnedSemaphorePermit)>(JOBS_MAX);
        let stop = tasks.stop.clone();
        let dropped = Arc::new(AtomicU64::new(0));
        let own = Arc::clone(&dropped);
        tasks.tracker.spawn(async move {
            let mut allowance = Allowance::default();
            while let Some(Some((job, room))) = stop.run_until_cancelled(waiting.recv()).await {
                if second.revision.wait_until_idle().await {
                    allowance.spent(second.run(job, &shared).await).await;
                } else {
                    own.fetch_add(1, Ordering::Relaxed);
                }
                drop(room);
            }
        });
        Self {
            jobs,
            room: Arc::new(Semaphore::new(JOBS_KIB_MAX)),
            dropped,
        }
    }

    /// Queues a message, where there is room: nothing waits for this.
    pub(super) fn offer(&self, job: Job) {
        let kib = job.message.encode().len() / 1_024 + 1;
        let room = u32::try_from(kib).ok().and_then(|kib| {
            let room = Arc::clone(&self.room);
            room.try_acquire_many_owned(kib).ok()
        });
        let is_queued = room.is_some_and(|room| self.jobs.try_send((job, room)).is_ok());
        self.dropped.fetch_add(u64::from(!is_queued), Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Second {
    /// Gives the time that it took.
    async fn run(&self, job: Job, shared: &Shared) -> Duration {
        let Job {
            run,
            message,
            state,
            made,
        } = job;
        let Ok(id) = run.id.parse() else {
            return Duration::ZERO;
        };
        let rerun = self.revision.try_message(run, message, state).await;
        let changes = if self.is_candidate {
            compare(&made, &rerun.made)
        } else {
            compare(&rerun.made, &made)
        };
        let mut observed = shared.lock();
        observed.differences.add(id, &changes);
        observed.approximate += u64::from(rerun.is_approximate);
        if self.is_candidate {
            observed.candidate.add_run(&rerun);
        }
        drop(observed);
        shared.tell();
        Duration::from_micros(rerun.elapsed_us())
    }
}
