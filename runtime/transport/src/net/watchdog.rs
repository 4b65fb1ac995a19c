//! A timer whose deadline moves with every message, and which is cheap to move.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Arming a timer costs a lock and a place in the timer wheel. A deadline that is only ever postponed needs neither:
/// the timer goes off at an early deadline, sees that the current one is later, and is armed again.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The deadline passed first.
#[derive(Debug)]
pub(crate) struct Elapsed;

impl Watchdog {
    /// Ready when `deadline` has passed; where there is none, never. May wake the task without need.
    pub(crate) fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Runs `future` until it is done or `deadline` has passed; the future is dropped then.
    pub(crate) async fn guard<T>(&mut self, deadline: Instant, future: impl Future<Output = T>) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(Some(deadline), context).map(|()| Err(Elapsed)),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::time::Duration;

    use futures_util::poll;
    use tokio::time::{Instant, sleep};

    use super::Watchdog;

    async fn fires_at(watchdog: &mut Watchdog, deadline: Instant) {
        poll_fn(|context| watchdog.poll(Some(deadline), context)).await;
        assert_eq!(Instant::now(), deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_move_in_both_directions() {
        let (mut watchdog, began) = (Watchdog::default(), Instant::now());
        let first = began + Duration::from_secs(10);
        assert!(poll!(poll_fn(|context| watchdog.poll(Some(first), context))).is_pending());
        fires_at(&mut watchdog, began + Duration::from_secs(5)).await;
        fires_at(&mut watchdog, began + Duration::from_secs(20)).await;
        assert!(poll!(poll_fn(|context| watchdog.poll(Some(began), context))).is_ready());
        sleep(Duration::from_secs(1)).await;
        assert!(poll!(poll_fn(|context| watchdog.poll(None, context))).is_pending());
        fires_at(&mut watchdog, began + Duration::from_secs(30)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_is_guarded_until_its_deadline() {
        let (mut watchdog, deadline) = (Watchdog::default(), Instant::now() + Duration::from_secs(10));
        assert_eq!(watchdog.guard(deadline, ready(7)).await.ok(), Some(7));
        assert!(watchdog.guard(deadline, pending::<()>()).await.is_err());
        assert_eq!(Instant::now(), deadline);
        assert_eq!(watchdog.guard(deadline, ready(7)).await.ok(), Some(7));
    }
}
