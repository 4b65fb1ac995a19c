//! A lane: messages that keep their order among themselves.
//!
//! Chains run in parallel; a lane lets their outcomes into the journal in the order in which their messages arrived.
//! A message takes its turn when it is numbered; whoever completes the turn at the front also commits the finished
//! ones behind it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use transfuse_store::{Decision, PendingCommit, Received, Store, WriteError};

/// First in, first out.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    state: Arc<Mutex<State>>,
    store: Store,
}

/// A message's place in its lane. Dropping it unused (a processing task that panicked) gives the place up, so that the
/// messages behind it go on.
#[derive(Debug)]
pub(crate) struct Turn {
    lane: Lane,
    number: u64,
    used: bool,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the turn at the front.
    front: u64,
    /// What is known of the turns from the front on. Its length is bounded by the messages in flight, which the
    /// interface bounds.
    turns: VecDeque<Slot>,
}

#[derive(Debug)]
enum Slot {
    Waiting,
    Ready(Box<Finished>),
    GivenUp,
}

#[derive(Debug)]
struct Finished {
    received: Received,
    decision: Decision,
    committing: oneshot::Sender<PendingCommit>,
}

impl Lane {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            state: Arc::default(),
            store,
        }
    }

    /// Runs `number_message`, which fixes a message's place in the journal, and takes the same place in the lane.
    pub(crate) fn enter<T>(&self, number_message: impl FnOnce() -> T) -> (T, Turn) {
        let mut state = self.lock();
        let numbered = number_message();
        let number = state.front + state.turns.len() as u64;
        state.turns.push_back(Slot::Waiting);
        (
            numbered,
            Turn {
                lane: self.clone(),
                number,
                used: false,
            },
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is changed only by assignments that cannot panic half-way, so a poisoned lock still holds it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Commits the decision in its turn: at once when the lane has come to it, and otherwise as soon as it does. An error
    /// means that the engine stopped before that; the message is undecided.
    pub(crate) async fn commit(mut self, received: Received, decision: Decision) -> Result<PendingCommit, WriteError> {
        let (committing, committed) = oneshot::channel();
        self.finish(Slot::Ready(Box::new(Finished {
            received,
            decision,
            committing,
        })));
        committed.await.map_err(|_| WriteError::ShutDown)
    }

    fn finish(&mut self, slot: Slot) {
        self.used = true;
        let mut state = self.lane.lock();
        let index = usize::try_from(self.number - state.front).unwrap_or(usize::MAX);
        if let Some(place) = state.turns.get_mut(index) {
            *place = slot;
        }
        state.advance(&self.lane.store);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.used {
            self.finish(Slot::GivenUp);
        }
    }
}

impl State {
    fn advance(&mut self, store: &Store) {
        while let Some(slot) = self.turns.pop_front() {
            match slot {
                Slot::Waiting => return self.turns.push_front(Slot::Waiting),
                Slot::GivenUp => {}
                Slot::Ready(finished) => finished.commit(store),
            }
            self.front += 1;
        }
    }
}

impl Finished {
    fn commit(self, store: &Store) {
        let pending = store.decide(self.received, self.decision);
        // Nobody waits any more when the processing task was dropped; the decision is queued all the same.
        drop(self.committing.send(pending));
    }
}
