//! Deliveries that wait for an application acknowledgement which arrives as a message at an interface's source.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use transfuse_message::{Header, Message, Payload, acknowledgement};

/// All such deliveries of an engine. Each connection of a destination has at most one, so that their number is bounded
/// by the connections.
///
/// A delivery waits at the one interface that its destination names: nobody who can reach another interface can settle
/// it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Awaited(Arc<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Mutex<HashMap<Key, Vec<Waiting>>>,
    last: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    interface: Arc<str>,
    control_id: String,
}

/// One delivery that waits, or waited while another one with its control id does so.
#[derive(Debug)]
struct Waiting {
    number: u64,
    destination: Arc<str>,
    receiver: Party,
    answers: Option<mpsc::Sender<Payload>>,
}

/// Application and facility, as MSH says it of the receiver of a message and of the sender of its answer.
#[derive(Debug, PartialEq, Eq)]
struct Party {
    application: String,
    facility: String,
}

/// A delivery's place among those that wait; given up on drop.
#[derive(Debug)]
pub(crate) struct Expectation {
    awaited: Awaited,
    key: Key,
    number: u64,
    answers: mpsc::Receiver<Payload>,
}

/// How many answers to one delivery are held until it looks at them. A receiver sends one; a second one is a repetition.
const ANSWERS_MAX: usize = 4;

impl Awaited {
    /// Begins to wait at `interface` for answers to a message.
    pub(crate) fn expect(&self, interface: &Arc<str>, destination: &Arc<str>, header: &Header) -> Expectation {
        let (sender, answers) = mpsc::channel(ANSWERS_MAX);
        let number = self.0.last.fetch_add(1, Ordering::Relaxed);
        let key = Key {
            interface: Arc::clone(interface),
            control_id: header.control_id().to_owned(),
        };
        let waiting = Waiting {
            number,
            destination: Arc::clone(destination),
            receiver: Party {
                application: header.receiving_application().to_owned(),
                facility: header.receiving_facility().to_owned(),
            },
            answers: Some(sender),
        };
        self.lock().entry(key.clone()).or_default().push(waiting);
        Expectation {
            awaited: self.clone(),
            key,
            number,
            answers,
        }
    }

    /// Gives an acknowledgement that has arrived at `interface` to the delivery that waits for it, and names its
    /// destination. None where nobody waits for it (any more), and where it cannot be told who does.
    pub(crate) fn take(&self, interface: &Arc<str>, message: &Message) -> Option<Arc<str>> {
        let answer = acknowledgement::read(message)
            .ok()
            .filter(|one| !one.code.is_commit())?;
        let key = Key {
            interface: Arc::clone(interface),
            control_id: answer.control_id,
        };
        let waiting = self.lock();
        let one = one_of(waiting.get(&key)?, &message.header())?;
        let given = one.answers.as_ref()?.try_send(Payload::from(message.encode()));
        given.ok().map(|()| Arc::clone(&one.destination))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<Waiting>>> {
        // The map is changed only by insertions and removals that do not panic half-way.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// MSA-2 decides alone where one delivery has this control id. Where several have it, because one message went to several
/// receivers, the answer has to come from the one that the message was addressed to.
fn one_of<'a>(waiting: &'a [Waiting], header: &Header) -> Option<&'a Waiting> {
    if let [only] = waiting {
        return Some(only);
    }
    let sender = Party {
        application: header.sending_application().to_owned(),
        facility: header.sending_facility().to_owned(),
    };
    let mut fitting = waiting.iter().filter(|one| one.receiver == sender);
    fitting.next().filter(|_| fitting.next().is_none())
}

impl Expectation {
    /// The next answer. Cancel-safe.
    pub(crate) async fn answer(&mut self) -> Payload {
        match self.answers.recv().await {
            Some(answer) => answer,
            // The other end stands in the map as long as this one lives.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Expectation {
    /// An entry stays while others have its control id, so that a repeated answer to it is not taken for theirs.
    fn drop(&mut self) {
        let mut all = self.awaited.lock();
        let Some(waiting) = all.get_mut(&self.key) else { return };
        for one in waiting.iter_mut().filter(|one| one.number == self.number) {
            one.answers = None;
        }
        if waiting.iter().all(|one| one.answers.is_none()) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use futures_util::FutureExt as _;
    use transfuse_message::ParseOptions;

    use super::*;

    fn message(raw: &str) -> Message {
        Message::parse(raw.to_owned(), &ParseOptions::default()).expect("a message")
    }

    fn sent_to(receiver: &str, control_id: &str) -> Header {
        message(&format!("MSH|^~\\&|LAB|L|{receiver}|H|||ORU^R01|{control_id}|P|2.5\r")).header()
    }

    fn answer_of(sender: &str, code: &str, control_id: &str) -> Message {
        message(&format!(
            "MSH|^~\\&|{sender}|H|LAB|L|||ACK|X|P|2.5\rMSA|{code}|{control_id}\r"
        ))
    }

    fn names() -> (Awaited, Arc<str>, Arc<str>, Arc<str>) {
        (Awaited::default(), "acks".into(), "ehr".into(), "archive".into())
    }

    #[test]
    fn an_answer_reaches_the_delivery_of_its_control_id_at_its_interface_only() {
        let (awaited, acks, ehr, other) = names();
        let mut expected = awaited.expect(&acks, &ehr, &sent_to("EHR", "K1"));
        assert_eq!(awaited.take(&acks, &answer_of("EHR", "AA", "K2")), None);
        assert_eq!(awaited.take(&other, &answer_of("EHR", "AA", "K1")), None);
        assert_eq!(awaited.take(&acks, &answer_of("EHR", "CA", "K1")), None);
        assert!(expected.answer().now_or_never().is_none());
        assert_eq!(awaited.take(&acks, &answer_of("ANYBODY", "AE", "K1")), Some(ehr));
        assert!(expected.answer().now_or_never().is_some());
        drop(expected);
        assert_eq!(awaited.take(&acks, &answer_of("EHR", "AA", "K1")), None);
        assert!(awaited.lock().is_empty());
    }

    #[test]
    fn two_receivers_of_one_message_are_told_apart_by_their_names_even_when_one_answers_twice() {
        let (awaited, acks, ehr, archive) = names();
        let first = awaited.expect(&acks, &ehr, &sent_to("EHR", "K1"));
        let second = awaited.expect(&acks, &archive, &sent_to("ARCHIVE", "K1"));
        assert_eq!(awaited.take(&acks, &answer_of("NOBODY", "AA", "K1")), None);
        assert_eq!(awaited.take(&acks, &answer_of("EHR", "AA", "K1")), Some(ehr));
        drop(first);
        assert_eq!(awaited.take(&acks, &answer_of("EHR", "AA", "K1")), None);
        assert_eq!(awaited.take(&acks, &answer_of("ARCHIVE", "AA", "K1")), Some(archive));
        drop(second);
        assert!(awaited.lock().is_empty());
    }

    #[test]
    fn repetitions_beyond_what_is_held_are_nobody_s() {
        let (awaited, acks, ehr, _) = names();
        let _expected = awaited.expect(&acks, &ehr, &sent_to("EHR", "K1"));
        let taken = (0..=ANSWERS_MAX).filter_map(|_| awaited.take(&acks, &answer_of("EHR", "AR", "K1")));
        assert_eq!(taken.count(), ANSWERS_MAX);
    }
}
