//! A source that makes its messages itself, by the clock.
//!
//! Each tick is one frame, whose source names the tick: `timer:2026-11-28T02:00:00Z`. Who stores frames knows by that which ticks
//! are done with, and says so when the next timer is made; so no tick comes twice, and of those that were missed one comes late.

mod schedule;
mod template;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;

pub use schedule::{Schedule, Ticks};
pub use template::{Template, TemplateError};

use crate::answer::{Answer, Handler};
use crate::frame::{Frame, next_connection};
use crate::net::SHUTDOWN_WAIT;

/// What the source of a frame begins with that a timer made.
const SOURCE: &str = "timer:";

/// The longest sleep: the clock of the machine may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// The first wait before a tick that was not taken is offered again.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// The longest one: an operator who repaired something should not wait for the engine to notice.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// When messages are made, and what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerSettings {
    /// When.
    pub schedule: Schedule,
    /// What they hold.
    pub template: Template,
    /// Whether one message is made late where ticks were missed while nothing ran.
    pub makes_up: bool,
}

/// Up to when all ticks are done with; none before the first timer. A clone is the same, for the next timer of an interface.
#[derive(Clone, Debug, Default)]
pub struct Ticked(Arc<Mutex<Option<Timestamp>>>);

/// A timer that does not run yet.
#[derive(Debug)]
pub struct Timer {
    settings: TimerSettings,
    ticked: Ticked,
    connection: u64,
}

impl Ticked {
    /// Whether a timer has run before.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.get().is_some()
    }

    /// Takes up what a store says: the last tick that it has.
    pub fn take_up(&self, last: Timestamp) {
        self.set(last);
    }

    fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, moment: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
    }
}

/// The tick that a frame was made for, by its source; none for a frame of another kind of source.
#[must_use]
pub fn tick_of(source: &str) -> Option<Timestamp> {
    source.strip_prefix(SOURCE)?.parse().ok()
}

impl Timer {
    /// A timer that goes on where the one before it ended. Where none has run, it begins now.
    #[must_use]
    pub fn new(settings: TimerSettings, ticked: Ticked) -> Self {
        let now = Timestamp::now();
        match ticked.get() {
            // The last tick stays where it is, so that the ones behind it count as missed.
            Some(_) if settings.makes_up => {}
            Some(last) => ticked.set(settings.schedule.latest(now).unwrap_or(last).max(last)),
            None => ticked.set(now),
        }
        Self {
            settings,
            ticked,
            connection: next_connection(),
        }
    }

    /// Makes messages until `shutdown` is cancelled. A message that was handed over then is waited for; one that has no answer by
    /// then is its receiver's.
    pub async fn serve(self, handler: Handler, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let now = Timestamp::now();
            let last = self.ticked.get().unwrap_or(now);
            if let Some(tick) = self.settings.schedule.latest(now).filter(|tick| *tick > last) {
                self.tick(tick, &handler, &shutdown).await;
                continue;
            }
            let next = self.settings.schedule.next(now);
            let pause = next.map_or(SLEEP_MAX, |next| until(next, now));
            // Whichever comes first.
            let _ = shutdown.run_until_cancelled(sleep(pause.min(SLEEP_MAX))).await;
        }
        // Another schedule begins where this one ends, and not at its last tick.
        let last = self.ticked.get().unwrap_or_default();
        let now = Timestamp::now();
        if self.settings.schedule.latest(now).is_none_or(|tick| tick <= last) {
            self.ticked.set(now.max(last));
        }
    }

    /// Hands a tick over until it is taken.
    async fn tick(&self, tick: Timestamp, handler: &Handler, shutdown: &CancellationToken) {
        let mut pause = RETRY_MIN;
        while !shutdown.is_cancelled() {
            let before = self.ticked.get().unwrap_or(tick);
            // From here on it may be taken, whether its answer is heard or not.
            self.ticked.set(tick);
            let mut answer = handler(self.frame(tick));
            let answered = tokio::select! {
                answer = &mut answer => Some(answer),
                () = shutdown.cancelled() => timeout(SHUTDOWN_WAIT, answer).await.ok(),
            };
            let Some(answer) = answered else {
                tracing::warn!(%tick, "a tick was handed over, and nothing was heard of it");
                return;
            };
            if !matches!(answer.decided().await, Answer::Unanswered) {
                return;
            }
            self.ticked.set(before);
            tracing::warn!(%tick, again_in_ms = pause.as_millis(), "a tick could not be taken");
            let _ = shutdown.run_until_cancelled(sleep(pause)).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    fn frame(&self, tick: Timestamp) -> Frame {
        Frame {
            content: Payload::from(self.settings.template.fill(tick, &self.settings.schedule.time_zone)),
            defect: None,
            source: format!("{SOURCE}{tick}"),
            connection: self.connection,
        }
    }
}

/// How long it is to `next`, and a little more, so that it is not just before it then.
fn until(next: Timestamp, now: Timestamp) -> Duration {
    let left = next.as_millisecond().saturating_sub(now.as_millisecond());
    Duration::from_millis(u64::try_from(left).unwrap_or_default() + 1)
}

#[cfg(test)]
mod tests;
