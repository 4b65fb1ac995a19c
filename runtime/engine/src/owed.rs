//! The answers that a sender is waiting for.

use tokio::sync::oneshot;
use transfuse_message::Payload;
use transfuse_transport::{Answer, Later, Next, Reply};

/// What a sender is still owed. Each answer can be given once; one that comes a second time is dropped, and so is one
/// that nobody waits for any more: the journal tells the truth all the same.
#[derive(Debug)]
pub(crate) struct Owed {
    answer: Option<oneshot::Sender<Answer>>,
    later: Option<oneshot::Sender<Payload>>,
}

impl Owed {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (answer, waiting) = oneshot::channel();
        let owed = Self {
            answer: Some(answer),
            later: None,
        };
        (owed, waiting)
    }

    /// For a message whose sender is gone: one that a restart found.
    pub(crate) fn to_nobody() -> Self {
        Self {
            answer: None,
            later: None,
        }
    }

    /// The message is in safe storage; the answer is still owed.
    pub(crate) fn stored(&mut self) {
        if let Some(waiting) = self.answer.take() {
            let (answer, known) = oneshot::channel();
            let next = Next::new(async { known.await.unwrap_or(Answer::Unanswered) });
            drop(waiting.send(Answer::Stored(next)));
            self.answer = Some(answer);
        }
    }

    /// The engine owns the message. With `deferred`, a last reply is still owed.
    pub(crate) fn accept(&mut self, now: Payload, deferred: bool) {
        if let Some(waiting) = self.answer.take() {
            let later = deferred.then(|| {
                let (later, known) = oneshot::channel();
                self.later = Some(later);
                Later::new(async { known.await.unwrap_or_default() })
            });
            drop(waiting.send(Answer::Accepted(Reply { now, later })));
        }
    }

    /// What became of the message: the answer, or what follows the answer.
    pub(crate) fn decide(&mut self, answer: fn(Reply) -> Answer, reply: Payload) {
        match (self.answer.take(), self.later.take()) {
            (Some(waiting), _) => drop(waiting.send(answer(reply.into()))),
            (None, Some(later)) => drop(later.send(reply)),
            (None, None) => {}
        }
    }
}
