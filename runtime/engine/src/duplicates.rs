//! Messages that come again although they were accepted: their senders never heard so, or do not remember.
//!
//! What is recognised are the same bytes, the control id among them, within a window. Whoever comes while the first one is still
//! undecided waits for that, because the sender of a refused message is right to send it again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use transfuse_message::AcknowledgementCode;
use transfuse_store::{Digest, Digests, MessageId, Recognised, Store};

use crate::engine::StartError;
use crate::received::Content;
use crate::settings::DuplicateSettings;

/// Messages that are remembered: some fifty megabytes. An interface that takes more within its window forgets the oldest.
const KNOWN_MAX: usize = 500_000;

/// The window of an interface, whatever its revision.
#[derive(Debug)]
pub(crate) struct Duplicates {
    digests: Digests,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    length_ms: i64,
    known: HashMap<Digest, Known>,
    /// What is known, and since when: the oldest first. What was forgotten, or came again after its time, may stand here too.
    order: VecDeque<(i64, Digest)>,
}

#[derive(Debug)]
struct Known {
    id: MessageId,
    received_at_ms: i64,
    fate: watch::Receiver<Fate>,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Undecided,
    /// It is the engine's; where its sender was told something else than yes all the same, what.
    Accepted(Option<AcknowledgementCode>),
    /// It is the sender's, or was never written.
    Refused,
}

/// A message that was recognised, or that is to be.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It is the first of its kind.
    First(First),
    /// It is another one once more.
    Again(Original),
}

/// The first message of its kind. Dropped unaccepted, it was none.
#[derive(Debug)]
pub(crate) struct First {
    duplicates: Arc<Duplicates>,
    digest: Digest,
    id: MessageId,
    fate: watch::Sender<Fate>,
}

/// The message that another one is once more.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    pub(crate) id: MessageId,
    fate: watch::Receiver<Fate>,
}

/// An accepted message, and what its sender was told where that was not yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) id: MessageId,
    pub(crate) code: Option<AcknowledgementCode>,
}

impl Duplicates {
    /// What the store has of the window; none where an interface recognises nothing.
    pub(crate) async fn load(
        store: &Store,
        interface: &Arc<str>,
        settings: Option<&DuplicateSettings>,
    ) -> Result<Option<Arc<Self>>, StartError> {
        let Some(settings) = settings else { return Ok(None) };
        let length_ms = milliseconds(settings.window);
        let (store, name) = (store.clone(), Arc::clone(interface));
        let since_ms = Timestamp::now().as_millisecond().saturating_sub(length_ms);
        let found = tokio::task::spawn_blocking(move || {
            let digests = store.digests().map_err(|error| error.to_string())?;
            let known = store.recognised(&name, since_ms, KNOWN_MAX);
            Ok::<_, String>((digests, known.map_err(|error| error.to_string())?))
        });
        let found = found.await.map_err(|error| error.to_string()).flatten();
        let (digests, known) = found.map_err(|reason| StartError::State {
            interface: Arc::clone(interface),
            reason,
        })?;
        Ok(Some(Arc::new(Self::of(digests, length_ms, known))))
    }

    fn of(digests: Digests, length_ms: i64, recognised: Vec<Recognised>) -> Self {
        let mut window = Window {
            length_ms,
            ..Window::default()
        };
        for one in recognised {
            let (_, fate) = watch::channel(Fate::Accepted(None));
            window.keep(
                one.digest,
                Known {
                    id: one.id,
                    received_at_ms: one.received_at_ms,
                    fate,
                },
            );
        }
        Self {
            digests,
            window: Mutex::new(window),
        }
    }

    /// The next revision may have another window; what is known stays so.
    pub(crate) fn set_window(&self, settings: &DuplicateSettings) {
        self.lock().length_ms = milliseconds(settings.window);
    }

    /// What a message is recognised by; none for what names no control id, and for acknowledgements.
    pub(crate) fn digest(&self, content: &Content, raw: &[u8]) -> Option<Digest> {
        let message = content.message()?;
        let is_named = !message.header().control_id().is_empty();
        (is_named && !message.is_acknowledgement()).then(|| self.digests.of(raw))
    }

    /// Recognises a message, or remembers it. To be called in the order of arrival.
    pub(crate) fn see(self: &Arc<Self>, digest: Digest, id: MessageId, received_at_ms: i64) -> Seen {
        let mut window = self.lock();
        let since_ms = received_at_ms.saturating_sub(window.length_ms);
        window.forget_before(since_ms);
        if let Some(known) = window.known.get(&digest)
            && known.id != id
            && *known.fate.borrow() != Fate::Refused
        {
            return Seen::Again(Original {
                id: known.id,
                fate: known.fate.clone(),
            });
        }
        let (fate, told) = watch::channel(Fate::Undecided);
        window.keep(
            digest,
            Known {
                id,
                received_at_ms,
                fate: told,
            },
        );
        Seen::First(First {
            duplicates: Arc::clone(self),
            digest,
            id,
            fate,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        // Only whole entries are put in and taken out.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn keep(&mut self, digest: Digest, known: Known) {
        self.order.push_back((known.received_at_ms, digest));
        self.known.insert(digest, known);
        while self.order.len() > KNOWN_MAX {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, at_ms: i64) {
        while self
            .order
            .front()
            .is_some_and(|(received_at_ms, _)| *received_at_ms < at_ms)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((received_at_ms, digest)) = self.order.pop_front() else {
            return;
        };
        let is_that = |known: &Known| known.received_at_ms <= received_at_ms;
        if self.known.get(&digest).is_some_and(is_that) {
            self.known.remove(&digest);
        }
    }
}

impl First {
    /// It is durable and the engine's.
    pub(crate) fn accepted(self, code: Option<AcknowledgementCode>) {
        let _ = self.fate.send(Fate::Accepted(code));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if *self.fate.borrow() != Fate::Undecided {
            return;
        }
        let mut window = self.duplicates.lock();
        if window.known.get(&self.digest).is_some_and(|known| known.id == self.id) {
            window.known.remove(&self.digest);
        }
        drop(window);
        let _ = self.fate.send(Fate::Refused);
    }
}

impl Original {
    /// Waits until it is decided; none where it was refused.
    pub(crate) async fn accepted(mut self) -> Option<Accepted> {
        let fate = self.fate.wait_for(|fate| *fate != Fate::Undecided).await;
        match fate.map(|fate| *fate) {
            Ok(Fate::Accepted(code)) => Some(Accepted { id: self.id, code }),
            _ => None,
        }
    }
}

fn milliseconds(window: Duration) -> i64 {
    i64::try_from(window.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use transfuse_store::StoreSettings;

    use super::*;

    /// A window of ten milliseconds, and ids and digests for it.
    struct Bench {
        duplicates: Arc<Duplicates>,
        digests: Digests,
        ids: Vec<MessageId>,
        _folder: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = Store::open(StoreSettings::new(folder.path().join("data"))).expect("a store");
        let digests = opened.store.digests().expect("a key");
        Bench {
            duplicates: Arc::new(Duplicates::of(digests.clone(), 10, Vec::new())),
            digests,
            ids: (1..=4)
                .map(|number| format!("20261128-{number:06}").parse().expect("an id"))
                .collect(),
            _folder: folder,
        }
    }

    impl Bench {
        fn see(&self, text: &str, id: usize, at_ms: i64) -> Seen {
            let id = *self.ids.get(id).expect("an id");
            self.duplicates.see(self.digests.of(text.as_bytes()), id, at_ms)
        }
    }

    fn is_first(seen: &Seen) -> bool {
        matches!(seen, Seen::First(_))
    }

    #[tokio::test]
    async fn an_accepted_message_is_recognised_within_the_window_and_not_after_it() {
        let bench = bench();
        let Seen::First(first) = bench.see("a", 0, 100) else {
            panic!("nothing came before")
        };
        assert!(is_first(&bench.see("b", 1, 100)), "other bytes");
        first.accepted(None);
        let Seen::Again(original) = bench.see("a", 2, 110) else {
            panic!("it is within the window")
        };
        let accepted = original.accepted().await.expect("it was accepted");
        assert_eq!(Some(&accepted.id), bench.ids.first());
        assert!(is_first(&bench.see("a", 3, 111)), "the window is over");
    }

    #[tokio::test]
    async fn who_comes_meanwhile_waits_and_is_first_where_that_was_refused() {
        let bench = bench();
        let first = bench.see("a", 0, 100);
        let Seen::Again(original) = bench.see("a", 1, 101) else {
            panic!("it is undecided")
        };
        let waiting = tokio::spawn(original.accepted());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.expect("it ends"), None);
        assert!(is_first(&bench.see("a", 1, 101)));
    }
}
