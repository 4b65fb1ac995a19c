//! Turns: who may go into the journal.
//!
//! Chains run in parallel; their outcomes go into the journal in the order in which the messages of a lane arrived. A message
//! takes its turn when it is numbered; whoever completes a turn also commits the finished ones that waited for it alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use transfuse_store::{Decision, Lanes, PendingCommit, Precedence, Received, Store, WriteError};

/// The turns of an interface's messages.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    state: Arc<Mutex<State>>,
    store: Store,
}

/// A message's turn. Dropping it unused (a processing task that panicked) gives it up, so that the messages behind it go on.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    number: i64,
    used: bool,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last turn.
    last: i64,
    precedence: Precedence,
    /// Bounded by the messages in flight, which the interface bounds.
    slots: HashMap<i64, Slot>,
}

#[derive(Debug)]
enum Slot {
    /// Its chain runs, and others are before it.
    Waiting,
    /// Its chain runs, and nobody is.
    Due,
    /// Others are before it.
    Ended(Ending),
}

#[derive(Debug)]
enum Ending {
    Decided(Box<Finished>),
    GivenUp,
}

#[derive(Debug)]
struct Finished {
    received: Received,
    decision: Decision,
    committing: oneshot::Sender<PendingCommit>,
}

impl Turns {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            state: Arc::default(),
            store,
        }
    }

    /// Runs `number_message`, which fixes a message's place in the journal, and takes its turn in its lanes.
    pub(crate) fn enter<T>(&self, lanes: Lanes, number_message: impl FnOnce() -> T) -> (T, Turn) {
        let mut state = self.lock();
        let numbered = number_message();
        state.last += 1;
        let number = state.last;
        let slot = if state.precedence.enter(number, lanes) {
            Slot::Due
        } else {
            Slot::Waiting
        };
        state.slots.insert(number, slot);
        (
            numbered,
            Turn {
                turns: self.clone(),
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
    /// Commits the decision in its turn: at once when it has come, and otherwise as soon as it does. An error means that the
    /// engine stopped before that; the message is undecided.
    pub(crate) async fn commit(mut self, received: Received, decision: Decision) -> Result<PendingCommit, WriteError> {
        let (committing, committed) = oneshot::channel();
        self.end(Ending::Decided(Box::new(Finished {
            received,
            decision,
            committing,
        })));
        committed.await.map_err(|_| WriteError::ShutDown)
    }

    fn end(&mut self, ending: Ending) {
        self.used = true;
        let mut state = self.turns.lock();
        if let Some(Slot::Waiting) = state.slots.get(&self.number) {
            state.slots.insert(self.number, Slot::Ended(ending));
        } else {
            state.carry_out(self.number, ending, &self.turns.store);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.used {
            self.end(Ending::GivenUp);
        }
    }
}

impl State {
    /// Carries out what became of a turn that has come, and of those that come because of it.
    fn carry_out(&mut self, number: i64, ending: Ending, store: &Store) {
        let mut next = vec![(number, ending)];
        while let Some((number, ending)) = next.pop() {
            if let Ending::Decided(finished) = ending {
                finished.commit(store);
            }
            self.slots.remove(&number);
            for due in self.precedence.leave(number) {
                match self.slots.insert(due, Slot::Due) {
                    Some(Slot::Ended(ending)) => next.push((due, ending)),
                    Some(Slot::Waiting | Slot::Due) | None => {}
                }
            }
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
