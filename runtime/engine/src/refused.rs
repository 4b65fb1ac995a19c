//! What senders were told no about: a copy that is accepted later is found beside it.
//!
//! The journal names the sender of these messages alone, so that all others cost nothing. What is remembered here says which those
//! are; it is lost at no restart, because the store knows what was refused and not accepted since.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use transfuse_store::{Decision, Received, Store};

use crate::engine::StartError;
use crate::received::Content;

/// Refused messages that are remembered, the last ones: what a sender gets wrong in some days, and a megabyte of memory. Of one that is
/// forgotten, the accepted copy is not told beside it.
const REFUSED_MAX: usize = 10_000;

/// Refused messages of an interface, whatever its revision.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// Sender and control id.
    known: HashSet<Key>,
    /// The same, the oldest first. Some of them may have been accepted since.
    order: VecDeque<Key>,
}

type Key = (Arc<str>, String);

impl Refused {
    /// What the store has.
    pub(crate) async fn load(store: &Store, interface: &Arc<str>) -> Result<Self, StartError> {
        let (store, name) = (store.clone(), Arc::clone(interface));
        let found = tokio::task::spawn_blocking(move || store.refused(&name, REFUSED_MAX)).await;
        let found = found.map_err(|error| error.to_string());
        let found = found.and_then(|found| found.map_err(|error| error.to_string()));
        let found = found.map_err(|reason| StartError::State {
            interface: Arc::clone(interface),
            reason,
        })?;
        let refused = Self::default();
        for key in found.into_iter().rev() {
            refused.lock().remember(key);
        }
        Ok(refused)
    }

    /// Names the sender of a message that is refused, and of one that was refused before and is not now.
    pub(crate) fn note(&self, entry: &mut Received, content: &Content, decision: &Decision) {
        let Some(key) = key(content) else { return };
        let mut remembered = self.lock();
        let is_refused = matches!(decision, Decision::Refused { .. });
        if is_refused {
            entry.name_sender(Arc::clone(&key.0));
            remembered.remember(key);
        } else if remembered.known.remove(&key) {
            entry.name_sender(key.0);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // Only whole keys are put in and taken out.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn remember(&mut self, key: Key) {
        if !self.known.insert(key.clone()) {
            return;
        }
        self.order.push_back(key);
        while self.order.len() > REFUSED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

/// Sending application and facility, and the control id; none where there is none to be found again.
fn key(content: &Content) -> Option<Key> {
    let header = content.message()?.header();
    let control_id = header.control_id();
    (!control_id.is_empty()).then(|| {
        let sender = format!("{}|{}", header.sending_application(), header.sending_facility());
        (sender.into(), control_id.to_owned())
    })
}
