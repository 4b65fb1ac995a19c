//! What the plugins of an interface keep between messages, and the line in which its messages stand because of that.
//!
//! A chain that keeps state takes one message after the other, in the order of arrival, each with the state that the one
//! before left. The next one begins when the last one's outcome is durable: so the state in memory is never ahead of the
//! journal, and a commit that failed has changed nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use transfuse_message::Payload;
use transfuse_sandbox::{State, StateWrites};
use transfuse_store::{Sealed, StateChange, Store};

use crate::engine::StartError;
use crate::processing::Chains;

/// The state of an interface, live.
#[derive(Debug)]
pub(crate) struct Keeping {
    state: Mutex<State>,
    line: Arc<Line>,
}

/// Who is before whom.
#[derive(Debug, Default)]
struct Line(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// The number of the first place.
    front: u64,
    /// From `front` on: who waits, or `None` for who has gone.
    waiting: VecDeque<Option<Arc<Notify>>>,
}

/// A message's place in the line. Dropped, it lets the next one in.
#[derive(Debug)]
pub(crate) struct PlaceInLine {
    line: Arc<Line>,
    number: u64,
    called: Arc<Notify>,
}

impl Keeping {
    /// What the store has for the plugins of an interface; `None` where none of them keeps anything.
    pub(crate) async fn load(store: &Store, interface: &Arc<str>, chains: &Chains) -> Result<Option<Self>, StartError> {
        if chains.state_schemas().next().is_none() {
            return Ok(None);
        }
        let (store, name) = (store.clone(), Arc::clone(interface));
        let kept = tokio::task::spawn_blocking(move || store.state(&name)).await;
        let kept = kept.map_err(|error| error.to_string());
        let kept = kept.and_then(|kept| kept.map_err(|error| error.to_string()));
        let kept = kept.map_err(|reason| StartError::State {
            interface: Arc::clone(interface),
            reason,
        })?;
        let mut state = State::default();
        state.apply(&kept.into_iter().map(writes).collect::<Vec<_>>());
        fits(&state, interface, chains)?;
        Ok(Some(Self {
            state: Mutex::new(state),
            line: Arc::default(),
        }))
    }

    /// Whether the chains of the next revision understand what is kept.
    pub(crate) fn fits(&self, interface: &Arc<str>, chains: &Chains) -> Result<(), StartError> {
        fits(&self.lock(), interface, chains)
    }

    /// The next place in the line. The order of the calls is the order of the messages.
    pub(crate) fn enter(&self) -> PlaceInLine {
        let called = Arc::new(Notify::new());
        let mut places = self.line.lock();
        if places.waiting.is_empty() {
            called.notify_one();
        }
        let number = places.front + places.waiting.len() as u64;
        places.waiting.push_back(Some(Arc::clone(&called)));
        PlaceInLine {
            line: Arc::clone(&self.line),
            number,
            called,
        }
    }

    /// The state as the last message left it.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Takes over what is durable by now.
    pub(crate) fn apply(&self, writes: &[StateWrites]) {
        self.lock().apply(writes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fits(state: &State, interface: &Arc<str>, chains: &Chains) -> Result<(), StartError> {
    match outdated(state, chains.state_schemas()) {
        None => Ok(()),
        Some((plugin, own)) => Err(StartError::NewerState {
            interface: Arc::clone(interface),
            found: state.schema_version(plugin),
            plugin: Arc::clone(plugin),
            own,
        }),
    }
}

impl PlaceInLine {
    /// Waits until everybody before has gone. To be called once.
    pub(crate) async fn front(&self) {
        self.called.notified().await;
    }
}

impl Drop for PlaceInLine {
    fn drop(&mut self) {
        let mut places = self.line.lock();
        let index = usize::try_from(self.number - places.front).unwrap_or(usize::MAX);
        if let Some(place) = places.waiting.get_mut(index) {
            *place = None;
        }
        let was_front = index == 0;
        while let Some(None) = places.waiting.front() {
            places.waiting.pop_front();
            places.front += 1;
        }
        if let Some(Some(next)) = places.waiting.front().filter(|_| was_front) {
            next.notify_one();
        }
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Places> {
        // Nothing that is done under the lock can panic half-way, so a poisoned one still holds whole places.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first plugin that would not understand what is kept, and the version of the schema that it knows.
fn outdated<'a>(state: &State, mut plugins: impl Iterator<Item = (&'a Arc<str>, u32)>) -> Option<(&'a Arc<str>, u32)> {
    plugins.find(|(plugin, own)| state.schema_version(plugin) > *own)
}

/// As the store keeps it.
pub(crate) fn changes(writes: &[StateWrites]) -> Vec<StateChange> {
    let change = |write: &StateWrites| StateChange {
        plugin: Arc::clone(&write.plugin),
        schema_version: write.schema_version,
        values: write
            .values
            .iter()
            .map(|(key, value)| {
                (
                    key.clone(),
                    value.as_ref().map(|value| Sealed::from(value.bytes().clone())),
                )
            })
            .collect(),
    };
    writes.iter().map(change).collect()
}

/// As the sandbox takes it.
fn writes(change: StateChange) -> StateWrites {
    StateWrites {
        plugin: change.plugin,
        schema_version: change.schema_version,
        values: change
            .values
            .into_iter()
            .map(|(key, value)| (key, value.map(|value| Payload::from(value.into_bytes()))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn keeping() -> Keeping {
        Keeping {
            state: Mutex::default(),
            line: Arc::default(),
        }
    }

    fn is_at_front(place: &PlaceInLine) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(place.front()).as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn a_plugin_of_a_lower_schema_than_what_is_kept_is_found() {
        let (kept, new): (Arc<str>, Arc<str>) = ("test/kept".into(), "test/new".into());
        let mut state = State::default();
        state.apply(&[StateWrites {
            plugin: Arc::clone(&kept),
            schema_version: 2,
            values: Vec::new(),
        }]);
        let found =
            |own| outdated(&state, [(&new, 1), (&kept, own)].into_iter()).map(|(plugin, own)| (plugin.clone(), own));
        assert_eq!(found(1), Some((kept.clone(), 1)));
        assert_eq!((found(2), found(3)), (None, None));
    }

    #[test]
    fn what_is_applied_is_what_the_next_one_sees() {
        let keeping = keeping();
        let before = keeping.state();
        let written = [StateWrites {
            plugin: "test/counter".into(),
            schema_version: 1,
            values: vec![("n".to_owned(), Some(Payload::from("1")))],
        }];
        keeping.apply(&written);
        assert_eq!(keeping.state().get("test/counter", "n"), Some(&Payload::from("1")));
        assert_eq!(before.get("test/counter", "n"), None);
        assert_eq!(changes(&written).into_iter().map(writes).collect::<Vec<_>>(), written);
    }

    #[test]
    fn the_next_one_is_let_in_when_the_one_before_has_gone() {
        let keeping = keeping();
        let (first, second, third) = (keeping.enter(), keeping.enter(), keeping.enter());
        assert!(is_at_front(&first));
        assert!(!is_at_front(&second) && !is_at_front(&third));
        drop(first);
        assert!(is_at_front(&second) && !is_at_front(&third));
        drop(second);
        assert!(is_at_front(&third));
    }

    #[test]
    fn who_leaves_the_line_early_lets_nobody_in_before_their_time() {
        let keeping = keeping();
        let (first, second, third) = (keeping.enter(), keeping.enter(), keeping.enter());
        drop(second);
        assert!(!is_at_front(&third));
        drop(first);
        assert!(is_at_front(&third));
        drop(third);
        assert!(is_at_front(&keeping.enter()), "an empty line has its front free");
    }
}
