//! How a destination stands with its receiver: what all of its connections have found out together.
//!
//! After some failures in a row the **circuit is open**: one connection tries at intervals, whichever comes first, and the
//! others wait until it gets through. Deliveries that a person has to say something about are **held** by the connections
//! that have them; nothing overtakes them there.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};
use transfuse_message::AcknowledgementCode;
use transfuse_store::{MessageId, Operator};

/// What is known of a receiver, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationStanding {
    /// Present while the circuit is open.
    pub circuit: Option<OpenCircuit>,
    /// Deliveries that wait for a word, the first one first. At most one for each connection.
    pub held: Vec<HeldDelivery>,
    /// What came of the last attempt; none before the first one since the start.
    pub last_answer: Option<LastAnswer>,
}

/// A receiver that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCircuit {
    /// Since when, in milliseconds since 1970 UTC.
    pub since_ms: i64,
    /// When it is tried again, on the same scale.
    pub next_attempt_ms: i64,
    /// Attempts in a row that failed.
    pub failures: u32,
}

/// A delivery that is not tried again before somebody says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDelivery {
    /// Its message.
    pub message: MessageId,
    /// Since when, in milliseconds since 1970 UTC.
    pub since_ms: i64,
    /// Why, without a value of the message.
    pub why: String,
}

/// What came of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAnswer {
    /// What.
    pub kind: AnswerKind,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// A kind of answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerKind {
    /// MSA-1, and the code of the error that it was judged by.
    Code(AcknowledgementCode, Option<String>),
    /// The status of an HTTP response, where it says more than an acknowledgement in it.
    Status(u16),
    /// The output was handed over, and nobody has to answer.
    HandedOver,
    /// Nobody answered, or nothing that could be understood.
    Nothing,
}

/// What somebody says about a delivery that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Again,
    Skip(Operator),
}

/// What a failure means for the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    Closed,
    /// With this failure it has opened.
    Opened,
    Open,
}

#[derive(Debug, Default)]
pub(crate) struct Standing {
    state: Mutex<State>,
    /// Somebody's turn may have come.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
    /// By the order in which they came. Bounded by the connections, each of which has one delivery in its hands.
    held: BTreeMap<u64, Waiting>,
    last_held: u64,
    last_answer: Option<LastAnswer>,
    /// How long attempts take, the last ones above all.
    usual: Option<Duration>,
}

#[derive(Debug)]
struct Open {
    since_ms: i64,
    next_attempt: Instant,
    next_attempt_ms: i64,
    is_tried: bool,
}

#[derive(Debug)]
struct Waiting {
    delivery: HeldDelivery,
    word: oneshot::Sender<Word>,
}

/// A delivery that waits for a word; given up on drop.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    standing: &'a Standing,
    number: u64,
    word: oneshot::Receiver<Word>,
}

/// Leave to make an attempt. While the circuit is open there is one such leave at a time; it ends with this.
#[derive(Debug)]
pub(crate) struct Turn<'a>(Option<&'a Standing>);

/// Each attempt is one in so many of what is usual: some dozens show the speed of a receiver, and one slow answer does not.
const USUAL_OF: u32 = 16;

impl fmt::Display for AnswerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code, None) => write!(formatter, "{code}"),
            Self::Code(code, Some(error)) => write!(formatter, "{code} {error}"),
            Self::Status(status) => write!(formatter, "HTTP {status}"),
            Self::HandedOver => formatter.write_str("handed over"),
            Self::Nothing => formatter.write_str("nothing"),
        }
    }
}

impl Standing {
    /// Waits between two attempts, unless there is news of the receiver or somebody has it tried at once.
    pub(crate) async fn pause(&self, pause: Duration) {
        // Whichever comes first.
        let _ = tokio::time::timeout(pause, self.changed.notified()).await;
    }

    /// Waits for leave to make an attempt. Cancel-safe.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.turn_now() {
                Ok(turn) => return turn,
                Err(None) => changed.await,
                Err(Some(next_attempt)) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(next_attempt) => {}
                },
            }
        }
    }

    /// The same without waiting: otherwise when the next attempt is due, or nothing while somebody is making one.
    pub(crate) fn turn_now(&self) -> Result<Turn<'_>, Option<Instant>> {
        match &mut self.lock().open {
            None => Ok(Turn(None)),
            Some(open) if open.is_tried => Err(None),
            Some(open) if Instant::now() < open.next_attempt => Err(Some(open.next_attempt)),
            Some(open) => {
                open.is_tried = true;
                Ok(Turn(Some(self)))
            }
        }
    }

    /// The receiver has settled a delivery: it is there, and takes or refuses what it is sent. Says since when the circuit
    /// was open, where this closes it.
    pub(crate) fn reached(&self, kind: AnswerKind) -> Option<i64> {
        let mut state = self.lock();
        state.heard(kind);
        state.failures = 0;
        let open = state.open.take()?;
        drop(state);
        self.changed.notify_waiters();
        Some(open.since_ms)
    }

    /// An attempt failed, and another one is to follow. From `failures_max` in a row on the next one is made after `pause`.
    pub(crate) fn failed(&self, kind: AnswerKind, failures_max: u32, pause: Duration) -> Circuit {
        let mut state = self.lock();
        let now_ms = state.heard(kind);
        state.failures = state.failures.saturating_add(1);
        if state.failures < failures_max {
            return Circuit::Closed;
        }
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let before = state.open.take();
        state.open = Some(Open {
            since_ms: before.as_ref().map_or(now_ms, |open| open.since_ms),
            next_attempt: Instant::now() + pause,
            next_attempt_ms: now_ms.saturating_add(pause_ms),
            is_tried: before.as_ref().is_some_and(|open| open.is_tried),
        });
        match before {
            Some(_) => Circuit::Open,
            None => Circuit::Opened,
        }
    }

    /// An attempt has taken so long.
    pub(crate) fn took(&self, time: Duration) {
        let mut state = self.lock();
        state.usual = Some(match state.usual {
            None => time,
            Some(usual) => (usual * (USUAL_OF - 1) + time) / USUAL_OF,
        });
    }

    /// How long attempts take; none before the first.
    pub(crate) fn usual(&self) -> Option<Duration> {
        self.lock().usual
    }

    /// A delivery waits for a word from now on.
    pub(crate) fn hold(&self, message: MessageId, why: &str) -> Held<'_> {
        let (sender, word) = oneshot::channel();
        let delivery = HeldDelivery {
            message,
            since_ms: Timestamp::now().as_millisecond(),
            why: why.to_owned(),
        };
        let mut state = self.lock();
        state.last_held += 1;
        let number = state.last_held;
        state.held.insert(number, Waiting { delivery, word: sender });
        Held {
            standing: self,
            number,
            word,
        }
    }

    /// Says a word about everything that is held, and has the receiver tried at once. Gives how many deliveries were held.
    pub(crate) fn say(&self, word: &Word) -> usize {
        let mut state = self.lock();
        let held = std::mem::take(&mut state.held);
        if let Some(open) = &mut state.open {
            open.next_attempt = Instant::now();
        }
        drop(state);
        self.changed.notify_waiters();
        let told = held.into_values().map(|waiting| waiting.word.send(word.clone()));
        told.flatten().count()
    }

    pub(crate) fn told(&self) -> DestinationStanding {
        let state = self.lock();
        DestinationStanding {
            circuit: state.open.as_ref().map(|open| OpenCircuit {
                since_ms: open.since_ms,
                next_attempt_ms: open.next_attempt_ms,
                failures: state.failures,
            }),
            held: state.held.values().map(|waiting| waiting.delivery.clone()).collect(),
            last_answer: state.last_answer.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only assignments and insertions are made under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes what came of an attempt, and gives the time.
    fn heard(&mut self, kind: AnswerKind) -> i64 {
        let at_ms = Timestamp::now().as_millisecond();
        self.last_answer = Some(LastAnswer { kind, at_ms });
        at_ms
    }
}

impl Held<'_> {
    /// What somebody says about it. Cancel-safe.
    pub(crate) async fn word(&mut self) -> Word {
        match (&mut self.word).await {
            Ok(word) => word,
            // The other end stands among what is held until it has been told.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.standing.lock().held.remove(&self.number);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(standing) = self.0 else { return };
        if let Some(open) = &mut standing.lock().open {
            open.is_tried = false;
        }
        standing.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use futures_util::FutureExt as _;

    use super::*;

    const PAUSE: Duration = Duration::from_mins(1);

    fn failing(standing: &Standing, times: u32) -> Vec<Circuit> {
        let fail = |_| standing.failed(AnswerKind::Nothing, 3, PAUSE);
        (0..times).map(fail).collect()
    }

    #[test]
    fn the_circuit_opens_after_failures_in_a_row_and_an_answer_closes_it() {
        let standing = Standing::default();
        assert_eq!(failing(&standing, 2), [Circuit::Closed; 2]);
        assert_eq!(standing.reached(AnswerKind::HandedOver), None);
        assert_eq!(
            failing(&standing, 4),
            [Circuit::Closed, Circuit::Closed, Circuit::Opened, Circuit::Open]
        );
        let told = standing.told().circuit.expect("it is open");
        assert_eq!(told.failures, 4);
        assert!(told.next_attempt_ms >= told.since_ms + 60_000);
        let accepted = AnswerKind::Code(AcknowledgementCode::AA, None);
        assert_eq!(standing.reached(accepted.clone()), Some(told.since_ms));
        assert_eq!(standing.told().circuit, None);
        assert_eq!(standing.told().last_answer.map(|last| last.kind), Some(accepted));
        assert_eq!(failing(&standing, 1), [Circuit::Closed]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_lets_one_attempt_through_at_each_interval() {
        let standing = Standing::default();
        failing(&standing, 3);
        let began = Instant::now();
        let turn = standing.turn().await;
        assert_eq!(Instant::now() - began, PAUSE);
        assert!(standing.turn().now_or_never().is_none(), "somebody is trying");
        failing(&standing, 1);
        drop(turn);
        assert!(
            standing.turn().now_or_never().is_none(),
            "the next attempt is a minute away"
        );
        drop(standing.turn().await);
        assert_eq!(Instant::now() - began, 2 * PAUSE);
        // The attempt got through: everybody goes.
        standing.reached(AnswerKind::HandedOver);
        let (one, other) = (standing.turn().await, standing.turn().await);
        assert!(one.0.is_none() && other.0.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_given_up_is_somebody_else_s() {
        let standing = Standing::default();
        failing(&standing, 3);
        let first = standing.turn().await;
        let (second, ()) = tokio::join!(standing.turn(), async { drop(first) });
        assert!(second.0.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_reaches_what_is_held_and_has_the_receiver_tried_at_once() {
        let standing = Standing::default();
        let message: MessageId = "20261128-000001".parse().expect("a message id");
        let mut held = standing.hold(message, "the receiver answered AR");
        failing(&standing, 3);
        let told = standing.told().held;
        assert_eq!(
            told.first().map(|held| held.why.as_str()),
            Some("the receiver answered AR")
        );
        assert_eq!(standing.say(&Word::Again), 1);
        assert_eq!(held.word().await, Word::Again);
        let began = Instant::now();
        tokio::join!(standing.pause(PAUSE), async { standing.say(&Word::Again) });
        assert_eq!(Instant::now(), began, "a pause ends with the word");
        assert!(standing.turn().now_or_never().is_some());
        assert_eq!((standing.say(&Word::Again), standing.told().held), (0, Vec::new()));
        // Whoever no longer waits is not told.
        drop(standing.hold(message, "as before"));
        assert_eq!(standing.say(&Word::Again), 0);
    }
}
