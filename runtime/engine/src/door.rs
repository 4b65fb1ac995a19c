//! Where frames enter an interface. What is behind the door may change while connections stay open, and the door may be
//! closed for a while: then frames wait in front of it, in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use transfuse_transport::{Answer, Frame};

use crate::interface::Interface;

/// The way into an interface, for as long as it has that name.
pub(crate) struct Door {
    state: RwLock<State>,
    /// Bounded by the frames that the sources' connections may have unanswered.
    waiting: Mutex<VecDeque<Waiting>>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is set and taken back for itself, and any of them closes the door"
)]
struct State {
    interface: Arc<Interface>,
    is_paused: bool,
    is_changing: bool,
    is_shut: bool,
    /// Whether its source has been closed for good: then others hand nothing over either.
    is_stopped: bool,
}

/// Why something is not taken from another interface. It stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOffered {
    /// An operator wants nothing to come in.
    Paused,
    /// Nothing more is received, because a plugin must not run any more.
    Stopped,
    /// The engine stops, or the interface goes.
    Shut,
}

struct Waiting {
    frame: Frame,
    answer: oneshot::Sender<BoxFuture<'static, Answer>>,
}

/// Why a door is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// An operator wants it so.
    Paused,
    /// What is behind it is being changed.
    Changing,
}

impl Door {
    pub(crate) fn new(interface: Arc<Interface>) -> Self {
        let state = State {
            interface,
            is_paused: false,
            is_changing: false,
            is_shut: false,
            is_stopped: false,
        };
        Self {
            state: RwLock::new(state),
            waiting: Mutex::default(),
        }
    }

    /// Takes a frame to the interface that is behind the door now. What has to keep the order of the calls happens in the
    /// call, or, where the door is closed, in the order of the calls when it opens.
    pub(crate) fn take(&self, frame: Frame) -> BoxFuture<'static, Answer> {
        let state = self.read();
        if state.is_shut {
            return std::future::ready(Answer::Unanswered).boxed();
        }
        if state.is_open() {
            // Under the lock, so that nothing enters an interface any more once another one has taken its place.
            return state.interface.take(frame);
        }
        let (answer, coming) = oneshot::channel();
        self.waiting().push_back(Waiting { frame, answer });
        async move {
            match coming.await {
                Ok(answer) => answer.await,
                Err(_) => Answer::Unanswered,
            }
        }
        .boxed()
    }

    /// The same for what another interface hands over, and can keep: it does not wait where nobody knows for how long.
    pub(crate) fn offer(&self, frame: Frame) -> Result<BoxFuture<'static, Answer>, NotOffered> {
        let state = self.read();
        let refused = [
            (state.is_shut, NotOffered::Shut),
            (state.is_stopped, NotOffered::Stopped),
            (state.is_paused, NotOffered::Paused),
        ];
        drop(state);
        match refused.into_iter().find(|(is_so, _)| *is_so) {
            Some((_, why)) => Err(why),
            None => Ok(self.take(frame)),
        }
    }

    /// From now on nothing is handed over to it.
    pub(crate) fn stop(&self) {
        self.write().is_stopped = true;
    }

    /// What is behind it.
    pub(crate) fn interface(&self) -> Arc<Interface> {
        Arc::clone(&self.read().interface)
    }

    /// Puts another interface behind it. Messages that have entered the old one end there.
    pub(crate) fn replace(&self, interface: Arc<Interface>) {
        self.write().interface = interface;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.read().is_paused
    }

    pub(crate) fn close(&self, why: Closed) {
        *self.write().flag(why) = true;
    }

    /// Lets in who waits, unless it is closed for another reason too.
    pub(crate) fn open(&self, why: Closed) {
        let mut state = self.write();
        *state.flag(why) = false;
        if state.is_open() {
            for Waiting { frame, answer } in self.waiting().drain(..) {
                // Nobody waits any more where the connection has ended: the message came all the same.
                drop(answer.send(state.interface.take(frame)));
            }
        }
    }

    /// Closes it for good: who waits stays with its sender.
    pub(crate) fn shut(&self) {
        self.write().is_shut = true;
        self.waiting().clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Only assignments are made under the lock.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Door").finish_non_exhaustive()
    }
}

impl State {
    fn is_open(&self) -> bool {
        !self.is_paused && !self.is_changing
    }

    fn flag(&mut self, why: Closed) -> &mut bool {
        match why {
            Closed::Paused => &mut self.is_paused,
            Closed::Changing => &mut self.is_changing,
        }
    }
}
