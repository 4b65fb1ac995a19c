//! What all listeners of a process take in together: bytes that wait for their answers, and connections.
//!
//! A connection has what it has read covered before it reads more. Where the budget is spent it waits, its sender feels that
//! as a full window, and what is answered makes room. So that frames which have begun cannot wait for each other for ever,
//! one connection at a time may go beyond the budget, until the frame that it does so for has been answered. Who waits is served
//! in turn, so that small frames do not keep a large one waiting for ever.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// Bytes that have come and are not answered: eight of the largest messages that are taken by default, a hundred thousand of
/// usual ones, and little in a machine that runs an engine.
const IN_FLIGHT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Connections over all listeners: below the 4,096 files that service managers commonly allow a process, with room for
/// the listeners, the store and the destinations.
const CONNECTIONS_TOTAL_MAX: usize = 3_072;

/// Between two lines of the log that say the same.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// How much listeners that share an [`Inflow`] take in together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflowSettings {
    /// Bytes that have come over connections and are not answered yet. One frame at a time may exceed it, and what a
    /// connection reads at once.
    pub bytes_max: usize,
    /// Connections at one time. Further ones are accepted, closed and logged.
    pub connections_max: usize,
}

/// What has been taken in, by all listeners that share it. Clones are the same.
#[derive(Clone, Debug)]
pub struct Inflow(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: InflowSettings,
    /// A permit for each byte.
    bytes: Arc<Semaphore>,
    /// The one permit to go beyond them.
    beyond: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    waits: AtomicU64,
    told_at: Mutex<Option<Instant>>,
}

/// How much is taken in at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflowing {
    /// Bytes that are not answered yet, but for a frame beyond the budget, and those set aside for who is the next to have them.
    pub bytes: usize,
    /// How many there may be.
    pub bytes_max: usize,
    /// Open connections.
    pub connections: usize,
    /// How many there may be.
    pub connections_max: usize,
    /// How often a connection has had to wait for room since the process began.
    pub waits: u64,
}

/// What one connection has read, as far as it is covered by the budget.
#[derive(Debug)]
pub(crate) struct Account {
    inflow: Inflow,
    covered: Held,
    bytes: PollSemaphore,
    beyond: PollSemaphore,
    is_waiting: bool,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    bytes: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Default for InflowSettings {
    fn default() -> Self {
        Self {
            bytes_max: IN_FLIGHT_BYTES_MAX,
            connections_max: CONNECTIONS_TOTAL_MAX,
        }
    }
}

impl Default for Inflow {
    fn default() -> Self {
        Self::new(InflowSettings::default())
    }
}

impl Inflow {
    /// Nothing yet.
    #[must_use]
    pub fn new(settings: InflowSettings) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared {
            settings,
            bytes: semaphore(settings.bytes_max),
            beyond: semaphore(1),
            connections: semaphore(settings.connections_max),
            waits: AtomicU64::new(0),
            told_at: Mutex::new(None),
        }))
    }

    /// What is taken in at the moment.
    #[must_use]
    pub fn now(&self) -> Inflowing {
        let InflowSettings {
            bytes_max,
            connections_max,
        } = self.0.settings;
        Inflowing {
            bytes: bytes_max.saturating_sub(self.0.bytes.available_permits()),
            bytes_max,
            connections: connections_max.saturating_sub(self.0.connections.available_permits()),
            connections_max,
            waits: self.0.waits.load(Ordering::Relaxed),
        }
    }

    /// A place for a connection, while there is one.
    pub(crate) fn connect(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.connections).try_acquire_owned().ok()
    }

    /// For a new connection.
    pub(crate) fn account(&self) -> Account {
        Account {
            inflow: self.clone(),
            covered: Held::default(),
            bytes: PollSemaphore::new(Arc::clone(&self.0.bytes)),
            beyond: PollSemaphore::new(Arc::clone(&self.0.beyond)),
            is_waiting: false,
        }
    }

    /// Counts a wait, and tells of it now and then.
    fn note_wait(&self) {
        self.0.waits.fetch_add(1, Ordering::Relaxed);
        // Only an assignment is made under the lock.
        let mut told_at = self.0.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) {
            *told_at = Some(Instant::now());
            drop(told_at);
            let in_flight_max = self.0.settings.bytes_max;
            tracing::warn!(
                in_flight_max,
                "as many bytes as may be are in flight; connections are read on when some have been answered"
            );
        }
    }
}

impl Account {
    /// Ready once so many bytes, all that the connection has read and not handed over, are covered: then it may read on.
    pub(crate) fn poll_cover(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<()> {
        let covered = self.covered.bytes();
        if bytes <= covered {
            drop(self.covered.bytes_beyond(bytes));
            self.wait_no_more();
            return Poll::Ready(());
        }
        if self.covered.beyond.is_some() {
            return Poll::Ready(());
        }
        let missing = u32::try_from(bytes - covered).unwrap_or(u32::MAX);
        // Neither is ever closed.
        if let Poll::Ready(permit) = self.bytes.poll_acquire_many(context, missing) {
            self.covered.add(permit);
            self.wait_no_more();
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            self.inflow.note_wait();
        }
        if let Poll::Ready(permit) = self.beyond.poll_acquire(context) {
            self.covered.beyond = permit;
            self.wait_no_more();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Waits until so many bytes are covered.
    pub(crate) async fn cover(&mut self, bytes: usize) {
        poll_fn(|context| self.poll_cover(bytes, context)).await;
    }

    /// Whether it waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// What covers so many of the bytes, to be kept until they are answered: with a frame that is handed over.
    pub(crate) fn hand_over(&mut self, bytes: usize) -> Held {
        self.covered.split(bytes)
    }

    /// Leaves the queues for more, so that nothing is set aside for who does not need it.
    fn wait_no_more(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.bytes = PollSemaphore::new(self.bytes.clone_inner());
            self.beyond = PollSemaphore::new(self.beyond.clone_inner());
        }
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.bytes.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// What it has beyond so many bytes.
    fn bytes_beyond(&mut self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let excess = self.bytes().checked_sub(bytes).filter(|excess| *excess > 0)?;
        self.bytes.as_mut()?.split(excess)
    }

    fn add(&mut self, permit: Option<OwnedSemaphorePermit>) {
        match (&mut self.bytes, permit) {
            (Some(bytes), Some(permit)) => bytes.merge(permit),
            (bytes, permit) => *bytes = permit.or(bytes.take()),
        }
    }

    /// So many bytes of it, or as many as there are; and the permit to go beyond, which was for what is handed over.
    fn split(&mut self, bytes: usize) -> Self {
        let count = bytes.min(self.bytes());
        Self {
            bytes: self.bytes.as_mut().and_then(|permit| permit.split(count)),
            beyond: self.beyond.take(),
        }
    }
}

#[cfg(test)]
mod tests;
