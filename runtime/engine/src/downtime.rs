//! Receivers that are down because somebody has planned it: what is for them waits, and goes out at a limited rate afterwards.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use tokio::sync::Notify;

use crate::pace::Pace;
use crate::settings::RateMax;

/// The gates of all receivers, by their names: a receiver has one name in all interfaces. As many as there are destinations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gates(Arc<DashMap<Arc<str>, Arc<Gate>>>);

/// What stands in front of every attempt to reach a receiver.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Open,
    /// The receiver is down.
    Closed,
    /// It is back, and not to be overrun by what has waited.
    Paced(Arc<Pace>),
}

impl Gates {
    pub(crate) fn of(&self, receiver: &Arc<str>) -> Arc<Gate> {
        Arc::clone(&self.0.entry(Arc::clone(receiver)).or_default())
    }
}

impl Gate {
    /// Nothing passes from here on. What is being sent is finished.
    pub(crate) fn close(&self) {
        self.set(State::Closed);
    }

    /// Lets attempts through again, with a rate at so many in a time.
    pub(crate) fn open(&self, rate: Option<RateMax>) {
        self.set(rate.map_or(State::Open, |rate| State::Paced(Arc::new(Pace::new(rate)))));
    }

    /// Whether whoever comes passes without waiting.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state(), State::Open)
    }

    /// Waits until an attempt may be made. Cancel-safe.
    pub(crate) async fn pass(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.state() {
                State::Open => return,
                State::Closed => changed.await,
                State::Paced(pace) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = pace.place() => return,
                },
            }
        }
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed.notify_waiters();
    }

    fn state(&self) -> State {
        // Only assignments are made under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::time::Instant;

    use super::*;

    const TEN_A_SECOND: RateMax = RateMax {
        attempts: 10,
        per: Duration::from_secs(1),
    };

    #[tokio::test(start_paused = true)]
    async fn nothing_passes_a_closed_gate_and_what_waits_passes_at_the_rate_of_its_opening() {
        let gates = Gates::default();
        let gate = gates.of(&"ehr".into());
        assert!(gate.is_open());
        gate.pass().await;
        gates.of(&"ehr".into()).close();
        assert!(!gate.is_open() && gates.of(&"archive".into()).is_open());
        assert!(gate.pass().now_or_never().is_none());
        let began = Instant::now();
        let waiting = futures_util::future::join_all((0..3).map(async |_| {
            gate.pass().await;
            began.elapsed().as_millis()
        }));
        let (passed, ()) = tokio::join!(waiting, async { gate.open(Some(TEN_A_SECOND)) });
        assert_eq!(passed, [0, 100, 200]);
        gate.open(None);
        assert!(gate.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_that_closes_while_it_lets_through_slowly_is_closed() {
        let gate = Gate::default();
        gate.open(Some(TEN_A_SECOND));
        gate.pass().await;
        let mut waiting = pin!(gate.pass());
        assert!(waiting.as_mut().now_or_never().is_none());
        gate.close();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(waiting.now_or_never().is_none());
    }
}
