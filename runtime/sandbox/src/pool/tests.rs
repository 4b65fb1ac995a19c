//! The pool by itself, with jobs that wait for each other instead of looping.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::*;

/// Long enough for any machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Jobs that hold their threads until they are let go.
fn hold(pool: &Arc<Pool>, jobs: usize) -> Vec<Sender<()>> {
    let holders: Vec<Sender<()>> = (0..jobs).map(|_| hold_one(pool)).collect();
    wait_until(|| pool.lock().queue.is_empty());
    holders
}

fn hold_one(pool: &Arc<Pool>) -> Sender<()> {
    let (release, released) = channel();
    pool.submit(
        &Arc::default(),
        Box::new(move || {
            let _ = released.recv();
        }),
    );
    release
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE);
        thread::yield_now();
    }
}

fn done(pool: &Arc<Pool>) -> Receiver<()> {
    let (sender, receiver) = channel();
    pool.submit(&Arc::default(), Box::new(move || sender.send(()).unwrap()));
    receiver
}

/// What the ticker does, until the condition holds.
fn tick_until(pool: &Arc<Pool>, mut is_so: impl FnMut() -> bool) {
    wait_until(|| {
        pool.replace_slow_workers();
        is_so()
    });
}

#[test]
fn a_thread_held_by_a_slow_job_is_replaced_while_work_waits_and_ends_afterwards() {
    let pool = Pool::start(1, 3).unwrap();
    let holders = hold(&pool, 1);
    let waiting = done(&pool);
    tick_until(&pool, || pool.lock().workers.len() == 2);
    waiting.recv_timeout(PATIENCE).unwrap();
    drop(holders);
    wait_until(|| pool.lock().workers.len() == 1);
    done(&pool).recv_timeout(PATIENCE).unwrap();
}

#[test]
fn no_more_threads_are_started_than_the_limit() {
    let pool = Pool::start(1, 2).unwrap();
    let first = hold(&pool, 1);
    let second = hold_one(&pool);
    tick_until(&pool, || pool.lock().queue.is_empty());
    let waiting = done(&pool);
    tick_until(&pool, || pool.lock().workers.iter().all(|worker| worker.is_slow));
    pool.replace_slow_workers();
    assert_eq!(pool.lock().workers.len(), 2);
    drop((first, second));
    waiting.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn no_thread_is_started_while_none_is_needed() {
    let pool = Pool::start(2, 8).unwrap();
    let holders = hold(&pool, 1);
    tick_until(&pool, || pool.lock().workers.iter().any(|worker| worker.is_slow));
    assert_eq!(pool.lock().workers.len(), 2, "nothing waits, and a thread is idle");
    drop(holders);
}

/// A job that uses a processor until it is let go.
fn loop_one(pool: &Arc<Pool>) -> Sender<()> {
    let (release, released) = channel::<()>();
    let job = move || while released.try_recv() == Err(TryRecvError::Empty) {};
    pool.submit(&Arc::default(), Box::new(job));
    release
}

#[test]
fn a_thread_whose_call_only_waits_keeps_its_priority() {
    let pool = Pool::start(1, 2).unwrap();
    let waiting = hold_one(&pool);
    tick_until(&pool, || pool.lock().workers.iter().any(|worker| worker.is_slow));
    let looping = loop_one(&pool);
    tick_until(&pool, || pool.lock().workers.iter().any(|worker| worker.is_demoted));
    let workers = pool.lock().workers.iter().filter(|worker| worker.is_demoted).count();
    assert_eq!(workers, 1, "the one that loops");
    drop((waiting, looping));
}

#[test]
fn a_chain_is_slow_by_what_it_uses_and_not_by_how_long_it_waits() {
    let pool = Pool::start(1, 1).unwrap();
    let run = |pace: &Arc<Pace>, job: fn()| {
        let (sender, done) = channel();
        let job = move || {
            job();
            sender.send(()).unwrap();
        };
        pool.submit(pace, Box::new(job));
        done.recv_timeout(PATIENCE).unwrap();
        // What its worker notes of it, it notes before it takes the next.
        self::done(&pool).recv_timeout(PATIENCE).unwrap();
        pace.is_slow()
    };
    let wait = || {
        let started = Instant::now();
        while started.elapsed() <= SLOW * 2 {
            thread::park_timeout(SLOW);
        }
    };
    let work = || {
        let before = processor_time();
        while processor_time().saturating_sub(before) <= SLOW * 2 {}
    };
    let pace: Arc<Pace> = Arc::default();
    assert!(!run(&pace, wait), "it only waited");
    pace.was_slow.store(true, Ordering::Relaxed);
    assert!(run(&pace, work), "it worked for as long");
    assert!(!run(&pace, wait), "it is trusted again");
}

#[test]
fn a_thread_that_lost_its_priority_ends_with_its_call_and_another_takes_its_place() {
    let pool = Pool::start(1, 1).unwrap();
    let holder = loop_one(&pool);
    tick_until(&pool, || pool.lock().workers.iter().all(|worker| worker.is_demoted));
    let slow = pool.lock().workers.iter().map(|worker| worker.number).next();
    drop(holder);
    done(&pool).recv_timeout(PATIENCE).unwrap();
    let numbers: Vec<u64> = pool.lock().workers.iter().map(|worker| worker.number).collect();
    assert_eq!(numbers.len(), 1);
    assert_ne!(numbers.first().copied(), slow);
}

#[test]
fn a_chain_that_was_slow_leaves_the_threads_to_others_from_the_start() {
    let pool = Pool::start(1, 2).unwrap();
    let slow: Arc<Pace> = Arc::default();
    slow.was_slow.store(true, Ordering::Relaxed);
    let (release, held) = channel::<()>();
    let job = move || held.recv().unwrap_or_default();
    pool.submit(&slow, Box::new(job));
    // Without any tick that would find it slow.
    done(&pool).recv_timeout(PATIENCE).unwrap();
    drop(release);
}

#[test]
fn a_job_that_panics_takes_no_thread_with_it() {
    let pool = Pool::start(1, 1).unwrap();
    pool.submit(
        &Arc::default(),
        Box::new(|| std::panic::resume_unwind(Box::new("a panic that is part of the test"))),
    );
    done(&pool).recv_timeout(PATIENCE).unwrap();
    assert_eq!(pool.lock().workers.len(), 1);
}

#[test]
fn a_closed_pool_serves_what_is_queued_and_ends_its_threads() {
    let pool = Pool::start(2, 4).unwrap();
    let holders = hold(&pool, 2);
    let queued = done(&pool);
    pool.close();
    drop(holders);
    queued.recv_timeout(PATIENCE).unwrap();
    wait_until(|| pool.lock().workers.is_empty());
}
