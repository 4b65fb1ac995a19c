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
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Watched {
            ticker: self,
            deadline: Instant::now() + time,
            late_before: self.late.load(Ordering::SeqCst),
        }
    }

    /// Keeps the thread awake while work is queued that it may have to find a thread for.
    pub(crate) fn wake(&self) {
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
        let deadline = self.deadline;
        store.set_epoch_deadline(ticks_until(deadline));
        store.epoch_deadline_callback(move |_| match ticks_until(deadline) {
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

/// Ticks until a moment, rounded up; 0 when it has passed.
fn ticks_until(moment: Instant) -> u64 {
    let left = moment.saturating_duration_since(Instant::now());
    u64::try_from(left.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}
