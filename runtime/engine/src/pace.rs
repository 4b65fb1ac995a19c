//! A limit of how much is sent in a time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::settings::RateMax;

/// Gives places in time, at even distances and in the order of the calls: there are no bursts, and none of several
/// connections gets more than its turn.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: RateMax) -> Self {
        Self {
            interval: rate.per / rate.attempts.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the next place. One that is given up meanwhile is lost to the others as well.
    pub(crate) async fn place(&self) {
        let place = {
            // Nothing panics under the lock.
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let place = (*next).max(Instant::now());
            *next = place + self.interval;
            place
        };
        sleep_until(place).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(attempts: u32) -> Pace {
        Pace::new(RateMax {
            attempts,
            per: Duration::from_secs(1),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_evenly_apart_whoever_asks() {
        let (pace, began) = (pace(20), Instant::now());
        let taken = futures_util::future::join_all((0..5).map(async |_| {
            pace.place().await;
            began.elapsed().as_millis()
        }));
        assert_eq!(taken.await, [0, 50, 100, 150, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_made_up_for() {
        let pace = pace(20);
        pace.place().await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        for _ in 0..3 {
            pace.place().await;
        }
        assert_eq!(began.elapsed().as_millis(), 100);
    }
}
