//! Hot swaps under load: 32 connections send without a pause while the live revision changes again and again.
//!
//! `make soak` runs it with ten thousand swaps (`TRANSFUSE_SWAPS`), and holds then that memory stays flat and that swaps hardly delay
//! acknowledgements; a short run says too little about either.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, binary, frame, observation};

const LIMIT: Duration = Duration::from_mins(2);

const SENDERS: usize = 32;

/// Messages that a sender has under way: their order among themselves is what a swap could break.
const PIPELINE: usize = 8;

/// Swaps in the suite.
const SWAPS: usize = 40;

/// Windows with swaps, each followed by one without that lasts as long.
const WINDOWS: usize = 10;

/// From so many swaps on, delays are held.
const DELAY_SWAPS_MIN: usize = 1_000;

/// From so many on, memory is.
const GROWTH_SWAPS_MIN: usize = 10_000;

/// How long there is load before the first of so many swaps: until then, what grows is the caches of databases and what the
/// allocator keeps, with swaps or without.
const WARM_UP: Duration = Duration::from_mins(3);

/// Between two looks at the memory of an engine under load, of which the middle one counts.
const LOOK: Duration = Duration::from_millis(100);

/// How much longer than without swaps the slowest of a thousand acknowledgements may take with them.
const DELAY_MAX: f64 = 1.5;

/// How much memory may have grown from a tenth of the swaps to their end.
const GROWTH_MAX: f64 = 1.1;

fn interface(facility: &str, sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(&format!(
            "[[steps]]\nplugin = \"transfuse/lab-normalize\"\nversion = \"^1\"\nconfig = {{ facility = \"{facility}\" }}\n\
             grants = {{ tables = [\"lab-codes\"], read = [\"*\"], write = [\"PID-5\", \"OBX-3\", \"OBX-6\", \"OBX-8\", \"MSH-5\", \"MSH-6\"] }}\n"
        ))
        .to("ehr", sink.address())
}

/// One message, and how long its acknowledgement took, by whether there were swaps in that window.
struct Sent {
    took: Duration,
    with_swaps: bool,
}

/// What the senders look at.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    with_swaps: AtomicBool,
}

/// Ends the senders, also where a swap fails.
struct Stop<'l>(&'l Load);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

fn keep_sending(engine: &Engine, sender: usize, load: &Load) -> Vec<Sent> {
    let mut connection: Connection = engine.connect("lab").expect("a connection");
    let mut sent = Vec::new();
    while !load.stop.load(Ordering::Relaxed) {
        let ids: Vec<String> = (sent.len()..sent.len() + PIPELINE)
            .map(|number| format!("S{sender}-{number}"))
            .collect();
        let frames: Vec<u8> = ids.iter().flat_map(|id| frame(observation(id).as_bytes())).collect();
        let (started, with_swaps) = (Instant::now(), load.with_swaps.load(Ordering::Relaxed));
        connection.write(&frames).expect("no connection is closed");
        for id in ids {
            let answer = connection.answer().expect("no connection is closed");
            assert!(answer.contains(&format!("MSA|AA|{id}")), "{answer}");
            sent.push(Sent {
                took: started.elapsed(),
                with_swaps,
            });
        }
    }
    sent
}

fn swap(site: &Site) {
    let output = Command::new(binary().expect("the binary"))
        .args(["rollback", "lab", "--yes", "--reason", "soak", "--site"])
        .arg(site.path())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Swaps in windows, with windows of the same length between them; gives the memory after a tenth of the swaps and at the end.
fn swap_in_windows(site: &Site, engine: &Engine, load: &Load, swaps: usize) -> (u64, u64) {
    if swaps >= GROWTH_SWAPS_MIN {
        let memory = resident_over(WARM_UP, engine);
        eprintln!("before the first swap: {memory} KiB");
    }
    let (mut memory_at_first, mut memory) = (0, 0);
    for window in 1..=WINDOWS {
        load.with_swaps.store(true, Ordering::Relaxed);
        let started = Instant::now();
        for _ in 0..swaps / WINDOWS {
            swap(site);
        }
        load.with_swaps.store(false, Ordering::Relaxed);
        memory = resident_over(started.elapsed(), engine);
        eprintln!("after {} swaps: {memory} KiB", window * (swaps / WINDOWS));
        if window == 1 {
            memory_at_first = memory;
        }
    }
    (memory_at_first, memory)
}

/// Lets so much time pass, and gives the memory that the engine had for half of it.
fn resident_over(time: Duration, engine: &Engine) -> u64 {
    let started = Instant::now();
    let mut seen = vec![engine.resident_kib().expect("it runs")];
    while started.elapsed() < time {
        thread::sleep(LOOK);
        seen.push(engine.resident_kib().expect("it runs"));
    }
    seen.sort_unstable();
    seen.get(seen.len() / 2).copied().unwrap_or_default()
}

/// The slowest of a thousand.
fn p999(sent: &[&Sent]) -> Duration {
    let mut took: Vec<Duration> = sent.iter().map(|one| one.took).collect();
    took.sort();
    took.get(took.len() * 999 / 1000).copied().unwrap_or_default()
}

#[test]
fn revisions_change_under_load_and_nothing_is_lost_doubled_or_reordered() {
    let asked = std::env::var("TRANSFUSE_SWAPS").ok();
    let swaps = asked.map_or(SWAPS, |swaps| swaps.parse().expect("TRANSFUSE_SWAPS is a number"));
    let sink = Sink::keeping_ids().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&interface("TWO", &sink)).expect("the file is changed");
    let applied = engine.json(&["apply", "--yes", "--reason", "soak"]);
    applied.expect("there are two revisions");

    let load = Load::default();
    let (sent, memory) = thread::scope(|scope| {
        let (engine, load) = (&engine, &load);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| scope.spawn(move || keep_sending(engine, sender, load)))
            .collect();
        let stop = Stop(load);
        let memory = swap_in_windows(&site, engine, load, swaps);
        drop(stop);
        let sent: Vec<Vec<Sent>> = senders
            .into_iter()
            .map(|one| one.join().expect("a sender ends"))
            .collect();
        (sent, memory)
    });
    let count = sent.iter().map(Vec::len).sum();
    sink.wait_for(count, LIMIT).expect("everything arrives");
    let finished = engine.stop().expect("a clean stop");
    hold_order(&sink, &sent, &finished.said);
    hold_figures(swaps, &sent, memory);
}

/// Every message arrived once, and those of each sender in its order. What the engine said tells why one came again.
fn hold_order(sink: &Sink, sent: &[Vec<Sent>], said: &str) {
    let ids = sink.control_ids();
    let mut seen = HashSet::new();
    let again: Vec<&String> = ids.iter().filter(|id| !seen.insert(id.as_str())).collect();
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains(" WARN ")).collect();
    assert!(again.is_empty(), "delivered again: {again:?}\n{}", warnings.join("\n"));
    assert_eq!(ids.len(), sent.iter().map(Vec::len).sum::<usize>(), "nothing is lost");
    let mut next = vec![0; sent.len()];
    for id in ids {
        let (sender, number) = id.trim_start_matches('S').split_once('-').expect("an id of ours");
        let next = next
            .get_mut(sender.parse::<usize>().expect("a number"))
            .expect("a sender of ours");
        assert_eq!(number.parse(), Ok(*next), "the order of sender {sender}");
        *next += 1;
    }
}

fn hold_figures(swaps: usize, sent: &[Vec<Sent>], (memory_at_first, memory): (u64, u64)) {
    let of = |with_swaps: bool| -> Vec<&Sent> {
        sent.iter()
            .flatten()
            .filter(|one| one.with_swaps == with_swaps)
            .collect()
    };
    let (with, without) = (of(true), of(false));
    let (slow, usual) = (p999(&with), p999(&without));
    #[expect(clippy::cast_precision_loss, reason = "kilobytes of memory fit")]
    let growth = memory as f64 / memory_at_first as f64;
    let delay = slow.as_secs_f64() / usual.as_secs_f64();
    eprintln!(
        "{swaps} swaps, {} messages with and {} without them; p99.9 {slow:?} and {usual:?}: {delay:.2} times; memory {memory_at_first} \
         to {memory} KiB: {growth:.2} times",
        with.len(),
        without.len(),
    );
    if swaps >= DELAY_SWAPS_MIN {
        assert!(delay <= DELAY_MAX, "swaps delay acknowledgements");
    }
    if swaps >= GROWTH_SWAPS_MIN {
        assert!(growth <= GROWTH_MAX, "memory grows with every swap");
    }
}
