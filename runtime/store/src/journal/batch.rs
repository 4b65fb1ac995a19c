//! A batch's fate, and those who wait for it.

use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::WriteError;
use crate::sync::lock;

/// Everything that was queued between two syncs. Waiters share it: one allocation and one wake list per batch.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Batches are numbered from 1 in the order in which they are filled.
    pub(crate) number: u64,
    fate: OnceLock<Fate>,
    waiters: Mutex<Vec<Waker>>,
}

/// What became of a batch.
#[derive(Debug)]
enum Fate {
    Written,
    /// Everything whose message was received in batch `first` or later is forgotten. The rest (decisions about
    /// durable messages, settlements) goes into another batch, if there will be one.
    Failed {
        first: u64,
        retried_in: Option<Arc<Batch>>,
        error: WriteError,
    },
}

/// One wait for durability.
#[derive(Debug)]
pub(crate) struct Waiting {
    batch: Arc<Batch>,
    /// The batch that the message arrived in: what a failure of that one would take along. 0 is durable already.
    origin: u64,
    registered: Option<usize>,
}

impl Batch {
    pub(crate) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            fate: OnceLock::new(),
            waiters: Mutex::default(),
        })
    }

    pub(crate) fn written(&self) {
        self.decide(Fate::Written);
    }

    pub(crate) fn failed(&self, first: u64, retried_in: Option<Arc<Self>>, error: WriteError) {
        self.decide(Fate::Failed {
            first,
            retried_in,
            error,
        });
    }

    /// Why a message that arrived in this batch is forgotten, if it is.
    pub(crate) fn failure(&self) -> Option<WriteError> {
        match self.fate.get() {
            Some(Fate::Failed { error, .. }) => Some(error.clone()),
            Some(Fate::Written) | None => None,
        }
    }

    /// Whether it is on the disk.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.fate.get(), Some(Fate::Written))
    }

    fn decide(&self, fate: Fate) {
        // A batch ends once; the writer alone decides.
        let _ = self.fate.set(fate);
        for waker in std::mem::take(&mut *lock(&self.waiters)) {
            waker.wake();
        }
    }

    fn poll(&self, registered: &mut Option<usize>, context: &Context<'_>) -> Poll<&Fate> {
        if let Some(fate) = self.fate.get() {
            return Poll::Ready(fate);
        }
        let mut waiters = lock(&self.waiters);
        // The fate is set before the list is emptied: seen unset under the lock, this waker will be found.
        if let Some(fate) = self.fate.get() {
            return Poll::Ready(fate);
        }
        if let Some(waker) = registered.and_then(|index| waiters.get_mut(index)) {
            waker.clone_from(context.waker());
        } else {
            *registered = Some(waiters.len());
            waiters.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Waiting {
    pub(crate) fn on(batch: Arc<Batch>, origin: u64) -> Self {
        Self {
            batch,
            origin,
            registered: None,
        }
    }

    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Result<(), WriteError>> {
        loop {
            let next = match self.batch.poll(&mut self.registered, context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Fate::Written) => return Poll::Ready(Ok(())),
                Poll::Ready(Fate::Failed {
                    first,
                    retried_in: Some(next),
                    ..
                }) if self.origin < *first => next.clone(),
                Poll::Ready(Fate::Failed { error, .. }) => return Poll::Ready(Err(error.clone())),
            };
            self.batch = next;
            self.registered = None;
        }
    }

    /// The batch that is waited for at present.
    pub(crate) fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }
}

impl Drop for Batch {
    /// Unlinks a chain of failed batches one by one: after a long outage it is too long for recursion.
    fn drop(&mut self) {
        let mut next = self.fate.get_mut().and_then(take_next);
        while let Some(batch) = next {
            next = Arc::into_inner(batch).and_then(|mut batch| batch.fate.get_mut().and_then(take_next));
        }
    }
}

fn take_next(fate: &mut Fate) -> Option<Arc<Batch>> {
    match fate {
        Fate::Written => None,
        Fate::Failed { retried_in, .. } => retried_in.take(),
    }
}
