//! The clock of deadlines: an operating-system thread that moves wasmtime's epoch on while anything runs.
//!
//! It is what slow calls take turns by, too. The lowest priority alone does not keep them from others: where a thread of
//! the journal or of a socket has just run, Linux (since 6.6, with EEVDF) may let a call of the lowest priority go on
//! until the next tick of the kernel's clock, four milliseconds, before the thread runs again. So slow calls leave one
//! processor free, and pass the others on to each other at every tick.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread, available_parallelism};
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

use crate::fault::{Limit, Stop};
use crate::permits::{Permit, Permits};
use crate::pool::SLOW;
use crate::state::StepState;

/// How often the epoch moves on. A deadline may be passed by this much, and deadlines are tens of milliseconds or more.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// How often it does while there are slow calls: what a thread may wait for that wants the processor of one of them.
/// Four thousand ticks a second take about a hundredth of a processor.
const SLOW_TICK: Duration = Duration::from_micros(250);

/// A tick that comes this late says that the whole machine was too busy, asleep or paused to run a thread that wants a
/// microsecond, so that the time on the wall says nothing about the plugin. Ordinary scheduling delays on a loaded
/// machine stay below it.
const LATE: Duration = Duration::from_millis(50);

/// A deadline is about time on the wall, but a machine with more to do than it has processors gives a thread only a part
/// of that. A call that had a processor for less than half of the time goes on until it had, for this many times its
/// deadline at most.
const STRETCH: u32 = 4;

/// When a call is first looked at, and from when on it is slow. Ordinary calls are over by then and never pay for it.
const FIRST_LOOK: Duration = SLOW;

/// The longest deadline. Nobody waits longer for a message, and adding it to the time of day cannot overflow.
const DEADLINE_MAX: Duration = Duration::from_hours(24);

/// Ticks without any call before the thread goes to sleep. Waking it costs a system call, so a busy sandbox should not
/// let it sleep between two messages, and an idle one should not wake a thousand times a second.
const IDLE_TICKS_MAX: u32 = 100;

/// Shared by the ticker's thread, the calls it watches and the sandbox that stops it.
pub(crate) struct Ticker {
    /// For slow calls: one processor fewer than there are, where there are several.
    turns: Arc<Permits>,
    calls: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
    late: AtomicU64,
    thread: OnceLock<Thread>,
}

/// A call that the ticker watches, until this is dropped.
pub(crate) struct Watched<'a> {
    ticker: &'a Ticker,
    started: Instant,
    deadline: Instant,
    late_before: u64,
    /// It takes turns from the start.
    is_slow: bool,
}

impl Default for Ticker {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self {
            turns: Permits::new(processors.saturating_sub(1).max(1)),
            calls: AtomicUsize::default(),
            asleep: AtomicBool::default(),
            stopped: AtomicBool::default(),
            late: AtomicU64::default(),
            thread: OnceLock::default(),
        }
    }
}

impl Ticker {
    /// Starts the thread, which also does `watch` at each tick: it says whether there are slow calls.
    pub(crate) fn start(engine: Engine, watch: impl Fn() -> bool + Send + 'static) -> io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let shared = Arc::clone(&ticker);
        let handle = thread::Builder::new()
            .name("transfuse-ticker".to_owned())
            .spawn(move || {
                shared.tick(&|| {
                    engine.increment_epoch();
                    watch()
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

    /// Watches a call that begins now. Is it known to be slow, it takes turns with others from the start.
    pub(crate) fn watch(&self, time: Duration, is_slow: bool) -> Watched<'_> {
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
            is_slow,
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn tick(&self, on_tick: &dyn Fn() -> bool) {
        let mut idle_ticks = 0;
        let mut previous = Instant::now();
        let mut tick = TICK;
        while !self.is_over() {
            thread::sleep(tick);
            self.note_lateness(previous.elapsed());
            let has_slow_calls = on_tick();
            tick = if has_slow_calls { SLOW_TICK } else { TICK };
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
        let mut clock = CallClock::new(self.started, self.deadline, Arc::clone(&self.ticker.turns));
        let first_look = if self.is_slow {
            clock.take_turn();
            1
        } else {
            clock.first_look()
        };
        store.set_epoch_deadline(first_look);
        store.epoch_deadline_callback(move |_| match clock.look() {
            Look::Over => Err(Stop::Over(Limit::Deadline).into()),
            Look::GoOn => Ok(UpdateDeadline::Continue(1)),
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
///
/// A call that waited for its turn had no processor meanwhile, so that turns cost none its deadline.
struct CallClock {
    deadline: Instant,
    /// When it is up however little of the processor the call has had.
    end: Instant,
    /// The time of day and of the processor at the first look.
    seen: Option<(Instant, Duration)>,
    turns: Arc<Permits>,
    /// Held while the guest runs, once the call is slow.
    turn: Option<Permit>,
}

/// Whether a call may go on.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    GoOn,
    Over,
}

impl CallClock {
    fn new(started: Instant, deadline: Instant, turns: Arc<Permits>) -> Self {
        let end = deadline + deadline.saturating_duration_since(started) * (STRETCH - 1);
        Self {
            deadline,
            end,
            seen: None,
            turns,
            turn: None,
        }
    }

    fn first_look(&self) -> u64 {
        ticks_until(self.deadline.min(Instant::now() + FIRST_LOOK))
    }

    /// Looks at a call that takes long, and again at every tick. It takes turns once it is known to use the processor, and does
    /// not merely wait for one.
    fn look(&mut self) -> Look {
        if self.is_over() {
            return Look::Over;
        }
        if self.turn.is_none() && !self.has_used_much() {
            return Look::GoOn;
        }
        self.take_turn();
        // Its time may have passed while it waited.
        if self.is_over() { Look::Over } else { Look::GoOn }
    }

    fn has_used_much(&self) -> bool {
        self.seen
            .is_some_and(|(_, before)| processor_time().saturating_sub(before) >= SLOW)
    }

    /// Lets the slow calls go on that wait for their turn, and waits for the next.
    fn take_turn(&mut self) {
        self.turn = None;
        self.turn = Some(self.turns.acquire());
    }

    /// Whether the call's time is up. One that is only looked at when its deadline has passed had no processor until then, or was
    /// in a function of the host: the next look tells.
    fn is_over(&mut self) -> bool {
        let now = Instant::now();
        let Some((since, before)) = self.seen else {
            self.seen = Some((now, processor_time()));
            return now >= self.end;
        };
        let had_its_share = || {
            let processor = processor_time().saturating_sub(before);
            is_share(now.saturating_duration_since(since), processor)
        };
        now >= self.end || (now >= self.deadline && had_its_share())
    }
}

/// Whether a thread that had the processor for so long, of so much time on the wall, had its share.
fn is_share(wall: Duration, processor: Duration) -> bool {
    processor * 2 >= wall
}

/// How long this thread has had a processor.
pub(crate) fn processor_time() -> Duration {
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
        let watched = ticker.watch(PATIENCE, false);
        ticker.note_lateness(LATE);
        assert!(
            !watched.was_disturbed(),
            "neither an earlier late tick nor one in time counts"
        );
        ticker.note_lateness(LATE + TICK);
        assert!(watched.was_disturbed());
        assert!(!ticker.watch(PATIENCE, false).was_disturbed());
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
        let mut clock = CallClock::new(started, started + PATIENCE, Permits::new(1));
        assert_eq!(clock.look(), Look::GoOn, "its time is not up");
        // Nothing of the processor was used since the first look a second ago.
        clock.seen = Some((started.checked_sub(Duration::from_secs(1)).unwrap(), processor_time()));
        clock.deadline = started;
        assert_eq!(clock.look(), Look::GoOn, "it goes on");
        clock.end = started;
        assert_eq!(clock.look(), Look::Over, "it ends");
    }

    #[test]
    fn a_call_that_is_first_looked_at_behind_its_deadline_has_a_moment_to_show_that_it_runs() {
        let started = Instant::now();
        let mut clock = CallClock::new(started, started, Permits::new(1));
        clock.end = started + PATIENCE;
        assert_eq!(
            clock.look(),
            Look::GoOn,
            "it may have waited for a processor all the time"
        );
        let before = processor_time();
        while processor_time() == before {}
        while clock.look() == Look::GoOn {}
        assert!(started.elapsed() < PATIENCE, "its own time has ended it");
    }

    #[test]
    fn a_slow_call_holds_a_turn_while_it_runs_and_gives_it_up_when_it_ends() {
        let turns = Permits::new(1);
        let started = Instant::now();
        let mut clock = CallClock::new(started, started + PATIENCE, Arc::clone(&turns));
        assert_eq!(clock.look(), Look::GoOn);
        assert!(clock.turn.is_none(), "it may only have waited for a processor");
        let before = processor_time();
        while processor_time().saturating_sub(before) < SLOW {}
        assert_eq!(clock.look(), Look::GoOn);
        let (sender, others_turn) = channel();
        let waiting = thread::spawn(move || {
            let turn = turns.acquire();
            sender.send(()).unwrap();
            drop(turn);
        });
        assert!(others_turn.try_recv().is_err(), "it is not the other's turn");
        drop(clock);
        others_turn.recv_timeout(PATIENCE).unwrap();
        waiting.join().unwrap();
    }

    #[test]
    fn the_ticker_sleeps_without_calls_and_wakes_for_one() {
        let (sender, ticks) = channel();
        let ticker = Ticker::start(engine(), move || sender.send(()).is_err()).unwrap();
        while !ticker.asleep.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        while ticks.try_recv().is_ok() {}
        let watched = ticker.watch(PATIENCE, false);
        ticks.recv_timeout(PATIENCE).unwrap();
        drop(watched);
        ticker.stop();
        while ticks.recv_timeout(PATIENCE).is_ok() {}
        assert_eq!(Arc::strong_count(&ticker), 1, "the thread has ended");
    }

    #[test]
    fn a_stopped_ticker_goes_on_until_the_last_call_is_over() {
        let (sender, ticks) = channel();
        let ticker = Ticker::start(engine(), move || sender.send(()).is_err()).unwrap();
        let watched = ticker.watch(PATIENCE, false);
        ticker.stop();
        for _ in 0..10 {
            ticks.recv_timeout(PATIENCE).unwrap();
        }
        drop(watched);
        while ticks.recv_timeout(PATIENCE).is_ok() {}
        assert_eq!(Arc::strong_count(&ticker), 1, "the thread has ended");
    }
}
