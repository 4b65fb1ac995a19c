//! The clock of deadlines: an operating-system thread that moves wasmtime's epoch on while anything runs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::fault::{Limit, Stop};
use crate::state::StepState;

/// How often the epoch moves on. A deadline may be passed by this much, and deadlines are tens of milliseconds or more.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// A tick that comes this late says that the whole machine was too busy, asleep or paused to run a thread that wants a
/// microsecond, so that the time on the wall says nothing about the plugin. Ordinary scheduling delays on a loaded
/// machine stay below it.
const LATE: Duration = Duration::from_millis(50);

/// A deadline is about time on the wall, but a machine with more to do than it has processors gives a thread only a part
/// of that. A call that had a processor for less than half of the time goes on until it had, for this many times its
/// deadline at most.
const STRETCH: u32 = 4;

/// When the clocks of a call are first read. Ordinary calls are over by then and never pay for it.
const FIRST_LOOK: Duration = Duration::from_millis(5);

/// How often a call that goes on beyond its deadline is looked at.
const NEXT_LOOK: Duration = Duration::from_millis(10);

/// The longest deadline. Nobody waits longer for a message, and adding it to the time of day cannot overflow.
const DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Ticks without any call before the thread goes to sleep. Waking it costs a system call, so a busy sandbox should not
/// let it sleep between two messages, and an idle one should not wake a thousand times a second.
const IDLE_TICKS_MAX: u32 = 100;

/// Shared by the ticker's thread, the calls it watches and the sandbox that stops it.
#[derive(Default)]
pub(crate) struct Ticker {
    calls: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
    late: AtomicU64,
    thread: std::sync::OnceLock<Thread>,
}

/// A call that the ticker watches, until this is dropped.
pub(crate) struct Watched<'a> {
    ticker: &'a Ticker,
    started: Instant,
    deadline: Instant,
    late_before: u64,
}

impl Ticker {
    /// Starts the thread, which also does `watch` at each tick.
    pub(crate) fn start(engine: Engine, watch: impl Fn() + Send + 'static) -> io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let shared = Arc::clone(&ticker);
        let handle = thread::Builder::new()
            .name("transfuse-ticker".to_owned())
            .spawn(move || {
                shared.tick(&|| {
                    engine.increment_epoch();
                    watch();
                });
            })?;
        let _ = ticker.thread.set(handle.thread().clone());
        Ok(ticker)
    }

    /// Ends the thread once no call is left.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Watches a call that begins now.
    pub(crate) fn watch(&self, time: Duration) -> Watched<'_> {
        let late_before = self.late.load(Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        let started = Instant::now();
        Watched {
            ticker: self,
            started,
            deadline: started + time.min(DEADLINE_MAX),
            late_before,
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn tick(&self, on_tick: &dyn Fn()) {
        let mut idle_ticks = 0;
        let mut previous = Instant::now();
        while !self.is_over() {
            thread::sleep(TICK);
            self.note_lateness(previous.elapsed());
            on_tick();
            idle_ticks = if self.is_idle() { idle_ticks + 1 } else { 0 };
            if idle_ticks > IDLE_TICKS_MAX {
                self.sleep();
                idle_ticks = 0;
            }
            previous = Instant::now();
        }
    }

    fn note_lateness(&self, since_previous: Duration) {
        if since_previous > LATE {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Parks until a call begins. The order of the two flags here and in `watch` is what keeps a call from being missed.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.is_idle() && !self.is_over() {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(crate) fn is_watching(&self) -> bool {
        !self.is_idle()
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_be_late(&self) {
        self.note_lateness(LATE + TICK);
    }

    fn is_idle(&self) -> bool {
        self.calls.load(Ordering::SeqCst) == 0
    }

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) && self.is_idle()
    }
}

impl Watched<'_> {
    /// Makes the store stop at the deadline. To be called just before the guest is entered.
    pub(crate) fn arm(&self, store: &mut Store<StepState>) {
        let mut clock = CallClock::new(self.started, self.deadline);
        store.set_epoch_deadline(clock.first_look());
        store.epoch_deadline_callback(move |_| match clock.look() {
            0 => Err(Stop::Over(Limit::Deadline).into()),
            ticks => Ok(UpdateDeadline::Continue(ticks)),
        });
    }

    /// Whether the ticker itself was late during this call, so that its deadline proves nothing.
    pub(crate) fn was_disturbed(&self) -> bool {
        self.ticker.late.load(Ordering::SeqCst) != self.late_before
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.ticker.calls.fetch_sub(1, Ordering::SeqCst);
        if self.ticker.stopped.load(Ordering::SeqCst) {
            self.ticker.wake();
        }
    }
}

/// Says when a call's time is up, and looks at the processor's time only in calls that are slow already.
struct CallClock {
    deadline: Instant,
    /// When it is up however little of the processor the call has had.
    end: Instant,
    /// The time of day and of the processor at the first look.
    seen: Option<(Instant, Duration)>,
}

impl CallClock {
    fn new(started: Instant, deadline: Instant) -> Self {
        let end = deadline + deadline.saturating_duration_since(started) * (STRETCH - 1);
        Self {
            deadline,
            end,
            seen: None,
        }
    }

    fn first_look(&self) -> u64 {
        ticks_until(self.deadline.min(Instant::now() + FIRST_LOOK))
    }

    /// Ticks until the next look; 0 when the time is up.
    fn look(&mut self) -> u64 {
        let now = Instant::now();
        if now < self.deadline {
            self.seen.get_or_insert_with(|| (now, processor_time()));
            return ticks_until(self.deadline);
        }
        let had_its_share = self.seen.is_none_or(|(since, before)| {
            is_share(
                now.saturating_duration_since(since),
                processor_time().saturating_sub(before),
            )
        });
        if had_its_share || now >= self.end {
            0
        } else {
            ticks_until(now + NEXT_LOOK)
        }
    }
}

/// Whether a thread that had the processor for so long, of so much time on the wall, had its share.
fn is_share(wall: Duration, processor: Duration) -> bool {
    processor * 2 >= wall
}

/// How long this thread has had a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Ticks until a moment, rounded up; 0 when it has passed.
fn ticks_until(moment: Instant) -> u64 {
    let left = moment.saturating_duration_since(Instant::now());
    u64::try_from(left.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::mpsc::channel;

    use super::*;

    /// Long enough for any machine; a test that waits this long has failed.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn engine() -> Engine {
        let settings = crate::SandboxSettings {
            threads: 1,
            threads_max: 1,
            ..crate::SandboxSettings::default()
        };
        crate::engine::build(&settings).unwrap()
    }

    #[test]
    fn a_call_is_disturbed_by_a_tick_that_came_late_while_it_ran() {
        let ticker = Ticker::default();
        ticker.note_lateness(LATE + TICK);
        let watched = ticker.watch(PATIENCE);
        ticker.note_lateness(LATE);
        assert!(
            !watched.was_disturbed(),
            "neither an earlier late tick nor one in time counts"
        );
        ticker.note_lateness(LATE + TICK);
        assert!(watched.was_disturbed());
        assert!(!ticker.watch(PATIENCE).was_disturbed());
    }

    #[test]
    fn ticks_until_a_moment_are_rounded_up_and_zero_when_it_has_passed() {
        assert_eq!(ticks_until(Instant::now()), 0);
        let ticks = ticks_until(Instant::now() + TICK * 500);
        assert!((1..=500).contains(&ticks), "{ticks}");
    }

    #[test]
    fn half_of_the_processor_is_a_fair_share() {
        let ms = Duration::from_millis;
        assert!(is_share(ms(100), ms(100)) && is_share(ms(100), ms(50)));
        assert!(!is_share(ms(100), ms(49)));
    }

    #[test]
    fn a_call_that_had_no_processor_goes_on_but_not_for_ever() {
        let started = Instant::now();
        let mut clock = CallClock::new(started, started + PATIENCE);
        assert!(clock.look() > 0, "its time is not up");
        // Nothing of the processor was used since the first look a second ago.
        clock.seen = Some((started.checked_sub(Duration::from_secs(1)).unwrap(), processor_time()));
        clock.deadline = started;
        assert!(clock.look() > 0, "it goes on");
        clock.end = started;
        assert_eq!(clock.look(), 0, "it ends");
        clock.end = started + PATIENCE;
        clock.seen = None;
        assert_eq!(clock.look(), 0, "no clock was read, so there is nothing to excuse it");
    }

    #[test]
    fn the_ticker_sleeps_without_calls_and_wakes_for_one() {
        let (sender, ticks) = channel();
        let ticker = Ticker::start(engine(), move || sender.send(()).unwrap_or_default()).unwrap();
        while !ticker.asleep.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        while ticks.try_recv().is_ok() {}
        let watched = ticker.watch(PATIENCE);
        ticks.recv_timeout(PATIENCE).unwrap();
        drop(watched);
        ticker.stop();
        while ticks.recv_timeout(PATIENCE).is_ok() {}
        assert_eq!(Arc::strong_count(&ticker), 1, "the thread has ended");
    }

    #[test]
    fn a_stopped_ticker_goes_on_until_the_last_call_is_over() {
        let (sender, ticks) = channel();
        let ticker = Ticker::start(engine(), move || sender.send(()).unwrap_or_default()).unwrap();
        let watched = ticker.watch(PATIENCE);
        ticker.stop();
        for _ in 0..10 {
            ticks.recv_timeout(PATIENCE).unwrap();
        }
        drop(watched);
        while ticks.recv_timeout(PATIENCE).is_ok() {}
        assert_eq!(Arc::strong_count(&ticker), 1, "the thread has ended");
    }
}
