//! Requests that come again: the same `Idempotency-Key` gets the same answer, and nothing is taken twice.
//!
//! The header is that of the IETF draft `draft-ietf-httpapi-idempotency-key-header`. What is remembered is memory: after a restart
//! a request that comes again is a new one, as a message on any other connection would be whose answer the restart cut off.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;
use transfuse_message::Payload;

use super::exchange::Told;
use super::refused::Refused;

/// How many keys are remembered. At some 400 bytes each, and an answer of as many, eight megabytes.
const KEYS_MAX: usize = 10_000;

/// How many bytes of answers are: those to large batches are longer than a thousand others.
const REPLY_BYTES_MAX: usize = 32 << 20;

/// For how long a key is remembered. Clients that give up do so sooner, and those that do not have told somebody by then.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The longest key; generated ones have 36 characters.
const KEY_BYTES_MAX: usize = 255;

const HEADER: &str = "idempotency-key";

/// The keys that have come to a listener. A clone is the same list, for the next listener at its address.
#[derive(Clone, Debug, Default)]
pub struct Repeats(Arc<Mutex<Window>>);

#[derive(Debug, Default)]
struct Window {
    known: HashMap<Arc<str>, Known>,
    /// The oldest first; those that were forgotten, or came anew, included.
    order: VecDeque<(Instant, Arc<str>, u64)>,
    reply_bytes: usize,
    last: u64,
}

#[derive(Debug)]
struct Known {
    number: u64,
    fingerprint: [u8; 32],
    told: Telling,
    reply_bytes: usize,
}

/// What was told, once that is known. Closed without it where there will be no answer.
pub(super) type Telling = watch::Receiver<Option<Told>>;

/// What a request is.
pub(super) enum Entry {
    /// The first with its key, or one without a key.
    New(Teller),
    /// One that came before, whose answer may not be known yet.
    Again(Telling),
}

/// Tells the answer to whoever waits for it, now or later.
#[derive(Debug)]
pub(super) struct Teller {
    told: watch::Sender<Option<Told>>,
    /// None for a request without a key.
    remembered: Option<(Repeats, Arc<str>, u64)>,
}

/// The key of a request; none where it has none.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>, Refused> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(HEADER) {
            Err(Refused::Key)
        } else {
            Ok(None)
        };
    };
    let text = value.to_str().map_err(|_| Refused::Key)?.trim();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if text.is_empty() || text.len() > KEY_BYTES_MAX {
        return Err(Refused::Key);
    }
    Ok(Some(text.into()))
}

impl Repeats {
    /// Whether a request has come before, by its key and its content.
    pub(super) fn enter(&self, key: Arc<str>, content: &Payload) -> Result<Entry, Refused> {
        let fingerprint: [u8; 32] = Sha256::digest(content.as_slice()).into();
        let mut window = self.window();
        window.forget_old(Instant::now());
        if let Some(known) = window.known.get(&key).filter(|known| known.is_answered()) {
            return if known.fingerprint == fingerprint {
                Ok(Entry::Again(known.told.clone()))
            } else {
                Err(Refused::OtherMessage)
            };
        }
        let (teller, told) = watch::channel(None);
        window.remember(&key, fingerprint, told);
        let number = window.last;
        Ok(Entry::New(Teller {
            told: teller,
            remembered: Some((self.clone(), key, number)),
        }))
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Nothing under the lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn remember(&mut self, key: &Arc<str>, fingerprint: [u8; 32], told: Telling) {
        self.forget(key);
        self.last += 1;
        let number = self.last;
        let known = Known {
            number,
            fingerprint,
            told,
            reply_bytes: 0,
        };
        self.known.insert(Arc::clone(key), known);
        self.order.push_back((Instant::now(), Arc::clone(key), number));
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((since, key, number)) = self.order.front() {
            let is_due = self.order.len() > KEYS_MAX
                || self.reply_bytes > REPLY_BYTES_MAX
                || now.duration_since(*since) > REMEMBERED;
            if !is_due {
                return;
            }
            let (key, number) = (Arc::clone(key), *number);
            self.order.pop_front();
            if self.known.get(&key).is_some_and(|known| known.number == number) {
                self.forget(&key);
            }
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(known) = self.known.remove(key) {
            self.reply_bytes -= known.reply_bytes;
        }
    }
}

impl Known {
    /// Whether there is an answer, or will be.
    fn is_answered(&self) -> bool {
        self.told.has_changed().is_ok() || self.told.borrow().is_some()
    }
}

impl Teller {
    /// For a request without a key.
    pub(super) fn once() -> (Self, Telling) {
        let (told, telling) = watch::channel(None);
        let teller = Self { told, remembered: None };
        (teller, telling)
    }

    /// Who waits for what is told.
    pub(super) fn subscribe(&self) -> Telling {
        self.told.subscribe()
    }

    /// What is not final is told and not remembered: the same message may be taken another time.
    pub(super) fn tell(self, told: Told) {
        if let Some((repeats, key, number)) = &self.remembered {
            let mut window = repeats.window();
            let is_final = told.is_final();
            match window.known.get_mut(key).filter(|known| known.number == *number) {
                Some(known) if is_final => {
                    known.reply_bytes = told.reply.len();
                    window.reply_bytes += told.reply.len();
                }
                Some(_) => window.forget(key),
                None => {}
            }
        }
        self.told.send_replace(Some(told));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use hyper::StatusCode;

    use super::*;

    fn content(text: &str) -> Payload {
        Payload::from(text.to_owned())
    }

    fn new(repeats: &Repeats, key: &str) -> Teller {
        match repeats.enter(key.into(), &content("message")) {
            Ok(Entry::New(teller)) => teller,
            _ => panic!("{key} has come before"),
        }
    }

    fn told(status: StatusCode) -> Told {
        Told {
            status,
            reply: content("answer"),
        }
    }

    /// What is known of one that comes again: perhaps nothing yet. None where it is new.
    #[expect(clippy::option_option, reason = "both are what a test wants to tell apart")]
    fn again(repeats: &Repeats, key: &str) -> Option<Option<Told>> {
        match repeats.enter(key.into(), &content("message")) {
            Ok(Entry::Again(telling)) => Some(telling.borrow().clone()),
            _ => None,
        }
    }

    #[test]
    fn what_comes_again_waits_for_the_same_answer_and_another_message_does_not_get_it() {
        let repeats = Repeats::default();
        let teller = new(&repeats, "a");
        assert_eq!(again(&repeats, "a"), Some(None), "it is not answered yet");
        teller.tell(told(StatusCode::OK));
        assert_eq!(again(&repeats, "a"), Some(Some(told(StatusCode::OK))));
        let other = repeats.enter("a".into(), &content("another message"));
        assert!(matches!(other, Err(Refused::OtherMessage)));
        drop(new(&repeats, "b"));
    }

    #[test]
    fn what_may_be_taken_another_time_and_what_was_never_answered_is_new_again() {
        let repeats = Repeats::default();
        new(&repeats, "a").tell(told(StatusCode::INTERNAL_SERVER_ERROR));
        drop(new(&repeats, "a"));
        new(&repeats, "a").tell(told(StatusCode::UNPROCESSABLE_ENTITY));
        assert!(again(&repeats, "a").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_forgotten_by_age_and_by_number() {
        let repeats = Repeats::default();
        for number in 0..=KEYS_MAX {
            new(&repeats, &number.to_string()).tell(told(StatusCode::OK));
        }
        assert!(again(&repeats, "1").is_some());
        assert!(again(&repeats, "0").is_none(), "it made room");
        assert!(repeats.window().known.len() <= KEYS_MAX + 1);
        tokio::time::advance(REMEMBERED + Duration::from_secs(1)).await;
        drop(new(&repeats, "2"));
        assert_eq!(repeats.window().known.len(), 1);
        assert_eq!(repeats.window().reply_bytes, 0);
    }

    #[test]
    fn a_key_is_one_printable_text() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, value.parse().unwrap());
            }
            key(&headers)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["\"a b\""]), Ok(Some("a b".into())));
        assert_eq!(read(&["7c4e"]), Ok(Some("7c4e".into())));
        for wrong in [&[""][..], &["\"\""], &["a", "b"], &["á"], &[&"x".repeat(256)]] {
            assert_eq!(read(wrong), Err(Refused::Key), "{wrong:?}");
        }
    }
}
