//! The threads that run plugins, and nothing else.
//!
//! A few threads serve a queue. A call that takes longer than [`SLOW`] no longer counts as one of the few: while work
//! waits, another thread is started in its place, up to a limit. From then on the slow call has the lowest priority of the
//! machine: it runs while nothing else wants to, and its thread ends with it. So plugins that loop until their deadline
//! hold threads of their own, and the rest is served as before. (They take turns besides: see the ticker.)

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadId, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::ticker::processor_time;

/// How long a call may take before another thread is started in its place. A hundred times what a mapper in Rust takes
/// and twice what one in JavaScript or Python takes, so that ordinary calls start no threads; and short enough that
/// messages behind a loop do not notice.
pub(crate) const SLOW: Duration = Duration::from_millis(5);

/// How much of a processor a call that takes so long has to use before its priority is lowered. One that merely waits for a
/// processor, on a machine with more to do than it has, uses less than this until it is done: with the lowest priority it would
/// wait until everybody else has finished, and pass its deadline.
const USED: Duration = Duration::from_millis(1);

/// Room for wasm's own stack and four times as much for the host functions on top of it.
const STACK_BYTES: usize = 4 << 20;

/// How slow calls are scheduled (sched(7)): whatever else wakes up goes before them at once. The lowest niceness would give
/// them as little of the processor and still let them finish their turn of some milliseconds each time.
const SLOW_POLICY: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

/// Something to run on a thread of the pool.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How fast the calls of one chain are. Once one was found slow, the next begin at the priority that slow ones end with:
/// else a plugin that loops on every message would have the processors for the first moments of each. One quick call, and
/// it is trusted again.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    was_slow: AtomicBool,
}

impl Pace {
    /// Whether the last call was slow.
    pub(crate) fn is_slow(&self) -> bool {
        self.was_slow.load(Ordering::Relaxed)
    }
}

struct Queued {
    job: Job,
    pace: Arc<Pace>,
}

/// The threads and their queue.
pub(crate) struct Pool {
    /// Threads that are not slow.
    threads: usize,
    /// Threads in all.
    threads_max: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Queued>,
    workers: Vec<Worker>,
    idle: usize,
    closed: bool,
    next_worker: u64,
}

/// A thread, by the names that scheduling and proc(5) have for it.
#[derive(Clone, Copy)]
struct Known {
    scheduled: ThreadId,
    listed: rustix::thread::Pid,
}

struct Worker {
    number: u64,
    busy_since: Option<Instant>,
    /// Of the chain whose call it is busy with, or was.
    pace: Arc<Pace>,
    is_slow: bool,
    /// How long its thread had had a processor when its call was found slow.
    found_at: Option<Duration>,
    /// How the operating system knows the thread; none until it runs.
    thread: Option<Known>,
    /// Its priority was lowered, for good.
    is_demoted: bool,
}

impl Pool {
    /// Starts the first threads.
    pub(crate) fn start(threads: usize, threads_max: usize) -> io::Result<Arc<Self>> {
        let threads = threads.max(1);
        let pool = Arc::new(Self {
            threads,
            threads_max: threads_max.max(threads),
            state: Mutex::default(),
            work: Condvar::new(),
        });
        let mut state = pool.lock();
        for _ in 0..threads {
            pool.start_worker(&mut state)?;
        }
        drop(state);
        Ok(pool)
    }

    /// Queues a job of a chain. The callers bound the queue: each holds a place of a semaphore.
    pub(crate) fn submit(self: &Arc<Self>, pace: &Arc<Pace>, job: Job) {
        let mut state = self.lock();
        let pace = Arc::clone(pace);
        state.queue.push_back(Queued { job, pace });
        // Slow calls may hold all the threads that there are.
        self.start_missing_workers(&mut state);
        let is_anyone_idle = state.idle > 0;
        drop(state);
        if is_anyone_idle {
            self.work.notify_one();
        }
    }

    /// Whether a thread has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.idle > 0 && state.queue.is_empty()
    }

    /// Looks for slow calls, starts threads in their place while work waits, and says whether there are any. Called at
    /// each tick.
    pub(crate) fn replace_slow_workers(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        for worker in &mut state.workers {
            if worker.busy_since.is_some_and(|since| since.elapsed() > SLOW) {
                worker.is_slow = true;
                if worker.uses_a_processor() {
                    worker.pace.was_slow.store(true, Ordering::Relaxed);
                    worker.demote();
                }
            }
        }
        self.start_missing_workers(&mut state);
        state.workers.iter().any(|worker| worker.is_slow)
    }

    fn start_missing_workers(self: &Arc<Self>, state: &mut State) {
        while self.is_short_of_workers(state) {
            // Without another thread the queue is served more slowly, and by those that are there.
            if let Err(error) = self.start_worker(state) {
                tracing::warn!(%error, "no thread could be started in place of one held by a slow plugin");
                return;
            }
        }
    }

    /// Lets the threads end when the queue is empty.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    fn is_short_of_workers(&self, state: &State) -> bool {
        let has_work = !state.queue.is_empty() && state.idle == 0;
        has_work && state.quick() < self.threads && state.workers.len() < self.threads_max
    }

    fn start_worker(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let number = state.next_worker;
        let pool = Arc::clone(self);
        let builder = thread::Builder::new()
            .name(format!("transfuse-plugin-{number}"))
            .stack_size(STACK_BYTES);
        builder.spawn(move || pool.serve(number))?;
        state.next_worker += 1;
        state.workers.push(Worker {
            number,
            busy_since: None,
            pace: Arc::default(),
            is_slow: false,
            found_at: None,
            thread: None,
            is_demoted: false,
        });
        Ok(())
    }

    /// Lowers the priority of the calling thread, which is the worker of that number.
    fn demote(&self, number: u64) {
        if let Some(worker) = self.lock().worker(number) {
            worker.is_demoted = true;
        }
        lower_priority(thread_native_id());
    }

    fn serve(self: &Arc<Self>, number: u64) {
        if let Some(worker) = self.lock().worker(number) {
            worker.thread = Some(Known {
                scheduled: thread_native_id(),
                listed: rustix::thread::gettid(),
            });
        }
        while let Some(Queued { job, pace }) = self.next_job(number) {
            // Not under the lock: a thread that gives way to all others would have them wait for it.
            let is_known = pace.is_slow();
            if is_known {
                self.demote(number);
            }
            let (started, before) = (Instant::now(), is_known.then(processor_time));
            // Jobs catch what they can explain; what is left must not take the thread with it.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the plugin threads panicked");
            }
            let was_slow = started.elapsed() > SLOW
                && match before {
                    Some(before) => processor_time().saturating_sub(before) > SLOW,
                    None => self.lock().worker(number).is_some_and(|worker| worker.is_demoted),
                };
            pace.was_slow.store(was_slow, Ordering::Relaxed);
        }
    }

    /// Waits for a job; `None` when this thread is no longer needed.
    fn next_job(self: &Arc<Self>, number: u64) -> Option<Queued> {
        let mut state = self.lock();
        let is_demoted = state.settle(number);
        loop {
            if is_demoted || state.quick() > self.threads {
                state.retire(number);
                self.start_missing_workers(&mut state);
                return None;
            }
            if let Some(queued) = state.queue.pop_front() {
                state.begin(number, &queued.pace);
                self.start_missing_workers(&mut state);
                return Some(queued);
            }
            if state.closed {
                state.retire(number);
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No job runs under the lock, so that a poisoned one holds nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Threads that are idle or busy with a call that is not slow yet.
    fn quick(&self) -> usize {
        self.workers.iter().filter(|worker| !worker.is_slow).count()
    }

    fn begin(&mut self, number: u64, pace: &Arc<Pace>) {
        let Some(worker) = self.worker(number) else { return };
        worker.busy_since = Some(Instant::now());
        worker.pace = Arc::clone(pace);
        worker.is_slow = pace.is_slow();
        worker.found_at = None;
    }

    /// Notes that a call is over, and says whether its thread has lost its priority.
    fn settle(&mut self, number: u64) -> bool {
        let Some(worker) = self.worker(number) else {
            return false;
        };
        worker.busy_since = None;
        worker.is_slow = false;
        worker.is_demoted
    }

    fn retire(&mut self, number: u64) {
        self.workers.retain(|worker| worker.number != number);
    }

    fn worker(&mut self, number: u64) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.number == number)
    }
}

impl Worker {
    /// Whether its call has used a processor since it was first asked. Where nobody can tell, it has.
    fn uses_a_processor(&mut self) -> bool {
        if self.is_demoted {
            return true;
        }
        let Some(now) = self.thread.and_then(|thread| processor_time_of(thread.listed)) else {
            return true;
        };
        let found_at = *self.found_at.get_or_insert(now);
        now.saturating_sub(found_at) >= USED
    }

    /// Lets everything else go before this thread.
    fn demote(&mut self) {
        if self.is_demoted {
            return;
        }
        // A worker is in the list for as long as its thread lives.
        if let Some(thread) = self.thread {
            lower_priority(thread.scheduled);
            self.is_demoted = true;
        }
    }
}

/// How long another thread of this process has had a processor (proc(5), `schedstat`: the first number, in nanoseconds).
fn processor_time_of(thread: rustix::thread::Pid) -> Option<Duration> {
    let told = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero())).ok()?;
    let nanoseconds = told.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// Where the operating system refuses, nothing is worse than before.
fn lower_priority(thread: ThreadId) {
    if let Err(error) = set_thread_priority_and_policy(thread, ThreadPriority::Min, SLOW_POLICY) {
        tracing::debug!(?error, "a slow plugin's thread keeps its priority");
    }
}

#[cfg(test)]
mod tests;
