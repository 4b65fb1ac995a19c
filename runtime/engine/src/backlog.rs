//! How many messages of an interface are between the wire and the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts messages, and lets senders wait until there are few enough.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backlog(Arc<State>);

#[derive(Debug, Default)]
struct State {
    messages: AtomicUsize,
    room: Notify,
}

/// One message's place in the backlog, given back on drop.
#[derive(Debug)]
pub(crate) struct Place(Arc<State>);

/// Beyond this many, answers are held back until there is room, so that memory stays bounded at any arrival rate. It is
/// far above what keeps every chain busy, and small enough that a backlog of ordinary messages is a few megabytes.
pub(crate) const BACKLOG_MESSAGES_MAX: usize = 1_024;

impl Backlog {
    pub(crate) fn enter(&self) -> Place {
        self.0.messages.fetch_add(1, Ordering::AcqRel);
        Place(Arc::clone(&self.0))
    }

    /// Waits until the backlog is below its limit.
    pub(crate) async fn room(&self) {
        self.below(BACKLOG_MESSAGES_MAX).await;
    }

    /// Waits until nothing is under way.
    pub(crate) async fn drained(&self) {
        self.below(1).await;
    }

    async fn below(&self, messages: usize) {
        loop {
            let room = self.0.room.notified();
            if self.0.messages.load(Ordering::Acquire) < messages {
                return;
            }
            room.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.messages.fetch_sub(1, Ordering::AcqRel);
        if before == BACKLOG_MESSAGES_MAX || before == 1 {
            self.0.room.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn a_full_backlog_holds_senders_back_until_one_message_is_through() {
        let backlog = Backlog::default();
        let mut places: Vec<_> = (0..BACKLOG_MESSAGES_MAX).map(|_| backlog.enter()).collect();
        let mut room = std::pin::pin!(backlog.room());
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(room.as_mut().poll(&mut context), Poll::Pending);
        places.pop();
        assert_eq!(room.as_mut().poll(&mut context), Poll::Ready(()));
    }
}
