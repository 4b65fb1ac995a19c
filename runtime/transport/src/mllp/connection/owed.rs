//! What a connection still owes its peer.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use transfuse_message::Payload;

use crate::answer::{Answer, Later, Next};
use crate::frame::Defect;
use crate::inflow::Held;

/// Replies that are deferred on one connection. Their messages are answered for otherwise, so that only memory is at
/// stake; a peer whose messages are decided so much slower than they are stored is slowed down.
const DEFERRED_MAX: usize = 1_024;

/// Answers in their stages: each stage keeps the order of the frames, and none waits for an earlier frame's later one.
///
/// A frame is in at most one of the queues. It enters the next one when it leaves the one before, so that its stages
/// cannot overtake each other.
#[derive(Default)]
pub(super) struct Owed {
    first: FuturesOrdered<Holding<Option<Defect>>>,
    decided: FuturesOrdered<Holding<()>>,
    later: FuturesOrdered<BoxFuture<'static, Payload>>,
}

/// An answer to a frame, what is known of the frame, and the part of the budget that it has until then.
struct Holding<K> {
    known: K,
    held: Held,
    answer: BoxFuture<'static, Answer>,
}

/// What has become known of a frame.
pub(super) enum Stage {
    /// The first of it, and what kept the frame from being a whole one.
    First(Option<Defect>, Answer, Held),
    /// What was decided, after it was stored.
    Decided(Answer, Held),
    /// What was left to say after its answer.
    Later(Payload),
}

impl Owed {
    pub(super) fn answer_by(&mut self, answer: BoxFuture<'static, Answer>, defect: Option<Defect>, held: Held) {
        self.first.push_back(Holding {
            known: defect,
            held,
            answer,
        });
    }

    pub(super) fn decided_by(&mut self, next: Next, held: Held) {
        self.decided.push_back(Holding {
            known: (),
            held,
            answer: next.into_future(),
        });
    }

    pub(super) fn reply_later(&mut self, later: Later) {
        self.later.push_back(later.into_future());
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Stage> {
        if let Poll::Ready(Some((defect, answer, held))) = self.first.poll_next_unpin(context) {
            return Poll::Ready(Stage::First(defect, answer, held));
        }
        if let Poll::Ready(Some(((), answer, held))) = self.decided.poll_next_unpin(context) {
            return Poll::Ready(Stage::Decided(answer, held));
        }
        match self.later.poll_next_unpin(context) {
            Poll::Ready(Some(reply)) => Poll::Ready(Stage::Later(reply)),
            _ => Poll::Pending,
        }
    }

    /// Whether no further frame may be handed over: `unanswered_max` wait for their answer, or too many for what
    /// follows it.
    pub(super) fn is_full(&self, unanswered_max: usize) -> bool {
        self.first.len() + self.decided.len() >= unanswered_max || self.later.len() >= DEFERRED_MAX
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.first.is_empty() && self.decided.is_empty() && self.later.is_empty()
    }

    /// How many replies are deferred.
    pub(super) fn deferred(&self) -> usize {
        self.later.len()
    }

    /// Brings the first answers to their end, though nobody hears them any more.
    pub(super) async fn finish(self) {
        self.first.for_each(|_| std::future::ready(())).await;
    }
}

impl<K: Copy + Unpin> Future for Holding<K> {
    type Output = (K, Answer, Held);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(self.answer.as_mut().poll(context));
        Poll::Ready((self.known, answer, std::mem::take(&mut self.held)))
    }
}
