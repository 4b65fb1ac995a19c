//! The disk fails below the engine: each write and each sync of a workload fails once, or the power goes there and what was not
//! synced with it. What was acknowledged is delivered, in its order, and the engine goes on by itself where it lives.
//!
//! `make test` takes some of the places, by a seed that a failure prints; `make soak` (`TRANSFUSE_DISK=all`) takes all of them.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports by printing"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use transfuse_harness::{
    Disk, DiskCounts, DiskFault, DiskOperation, Engine, InterfaceFile, Reply, Sink, Site, observation, wait_until,
};

const LIMIT: Duration = Duration::from_mins(1);

/// Messages of the workload, one after the answer to the other: each is a batch of its own, with a sync of its own.
const MESSAGES: usize = 16;

/// Places that `make test` takes of each kind.
const PLACES: u64 = 6;

/// A workload on a disk, and what its sender was told.
struct Life {
    sink: Sink,
    /// While it is, the receiver takes nothing: what it takes at once needs no disk to arrive.
    is_away: Arc<AtomicBool>,
    site: Site,
    disk: Disk,
    acknowledged: Vec<String>,
}

/// What one fault came to.
#[derive(Default)]
struct Told {
    faults: u64,
    acknowledged: usize,
    again: usize,
    ended: u64,
}

impl Life {
    /// On a store that has been there before.
    fn new() -> Self {
        let life = Self::with_a_new_store();
        let engine = Engine::start(&life.site.path()).expect("it starts");
        engine.stop().expect("a clean stop");
        life
    }

    fn with_a_new_store() -> Self {
        let is_away = Arc::new(AtomicBool::new(false));
        let away = Arc::clone(&is_away);
        let script = move |_, _: &str| {
            if away.load(Ordering::SeqCst) {
                Reply::DropMidFrame
            } else {
                Reply::Accept
            }
        };
        let sink = Sink::scripted(script).expect("a receiver");
        let interface = InterfaceFile::listening("lab").normalizing().to("ehr", sink.address());
        Self {
            is_away,
            site: Site::with(&interface).expect("a site"),
            disk: Disk::new().expect("the C compiler builds the disk"),
            sink,
            acknowledged: Vec::new(),
        }
    }

    /// Lives through the workload, and is killed at its end at the latest. Says whether the engine ended before.
    fn live(&mut self, fault: DiskFault, is_away: bool) -> bool {
        self.is_away.store(is_away, Ordering::SeqCst);
        let mut engine = Engine::start_on(&self.disk, fault, &self.site.path()).expect("it starts, or ends");
        for number in 0..MESSAGES {
            if !self.send(&mut engine, &format!("N{number}")) {
                return true;
            }
        }
        let arrived = wait_until("what was acknowledged, or the end", LIMIT, || {
            let has_ended = engine.has_ended().expect("it can be asked");
            (has_ended || is_away || self.missing().is_empty()).then_some(())
        });
        arrived.expect("the engine goes on delivering after a fault");
        self.send_until_taken(&mut engine, MESSAGES);
        let has_ended = engine.has_ended().expect("it can be asked");
        engine.kill().expect("SIGKILL, or it is gone");
        has_ended
    }

    /// Sends one message after the other until one is acknowledged, as the engine does again by itself, or until it has ended.
    fn send_until_taken(&mut self, engine: &mut Engine, first: usize) {
        let (before, mut number) = (self.acknowledged.len(), first);
        wait_until("the engine to take messages again", LIMIT, || {
            let lives = self.send(engine, &format!("N{number}"));
            number += 1;
            (!lives || self.acknowledged.len() > before).then_some(())
        })
        .expect("it goes on by itself");
    }

    /// One message over a connection of its own. Says whether the engine still lives; what it answers for good is kept.
    fn send(&mut self, engine: &mut Engine, control_id: &str) -> bool {
        let connection = engine.connect("lab").ok();
        let answer = connection.map(|mut connection| connection.ask(observation(control_id).as_bytes()));
        if let Some(Ok(answer)) = answer
            && answer.contains(&format!("MSA|AA|{control_id}"))
        {
            self.acknowledged.push(control_id.to_owned());
        }
        !engine.has_ended().expect("it can be asked")
    }

    /// What the receiver has taken, in the order in which it came.
    fn arrived(&self) -> Vec<String> {
        let taken = self.sink.received().into_iter();
        let taken = taken.filter(|delivered| delivered.reply == Reply::Accept);
        taken.map(|delivered| delivered.control_id).collect()
    }

    fn missing(&self) -> Vec<String> {
        let there = self.arrived();
        let missing = self.acknowledged.iter().filter(|one| !there.contains(one));
        missing.cloned().collect()
    }

    /// On a disk that is whole again, everything that was acknowledged arrives, and nothing out of its order.
    fn recover(&self, fault: DiskFault) -> usize {
        self.is_away.store(false, Ordering::SeqCst);
        let engine = Engine::start(&self.site.path()).expect("it starts again");
        let arrived = wait_until("what was acknowledged", LIMIT, || {
            self.missing().is_empty().then_some(())
        });
        assert!(
            arrived.is_ok(),
            "{fault:?}: acknowledged and lost: {:?}",
            self.missing()
        );
        engine.stop().expect("a clean stop");
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        let mut firsts = Vec::new();
        for control_id in self.arrived() {
            let count = times.entry(control_id.clone()).or_default();
            *count += 1;
            if *count == 1 {
                firsts.push(
                    control_id
                        .trim_start_matches('N')
                        .parse::<u64>()
                        .expect("an id of ours"),
                );
            }
        }
        assert!(firsts.is_sorted(), "{fault:?}: out of order: {firsts:?}");
        assert!(times.values().all(|times| *times <= 2), "{fault:?}: {times:?}");
        times.values().map(|times| times - 1).sum()
    }
}

/// What the workload does with files where nothing fails.
fn counted(mut life: Life) -> DiskCounts {
    assert!(!life.live(DiskFault::None, false), "nothing fails");
    assert_eq!(life.acknowledged.len(), MESSAGES + 1);
    let counts = life.disk.counts().expect("the counts");
    assert!(
        counts.syncs >= MESSAGES as u64 && counts.writes > counts.syncs,
        "{counts:?}"
    );
    counts
}

fn is_all_wanted() -> bool {
    std::env::var("TRANSFUSE_DISK").is_ok_and(|wanted| wanted == "all")
}

/// The places of so many operations that are tried.
fn places(operations: u64, seed: u64) -> Vec<u64> {
    if is_all_wanted() {
        return (1..=operations).collect();
    }
    let step = (operations / PLACES).max(1);
    (0..PLACES).map(|number| 1 + number * step + seed % step).collect()
}

fn live_through(faults: impl Iterator<Item = DiskFault>, begin: fn() -> Life) -> Told {
    let mut told = Told::default();
    for (number, fault) in faults.enumerate() {
        let mut life = begin();
        let is_away = number % 2 == 0;
        told.ended += u64::from(life.live(fault, is_away));
        told.again += life.recover(fault);
        told.acknowledged += life.acknowledged.len();
        told.faults += 1;
    }
    told
}

fn tell(what: &str, seed: u64, told: &Told) {
    let Told {
        faults,
        acknowledged,
        again,
        ended,
    } = told;
    println!(
        "{what}, seed {seed}: {faults} faults, {ended} engines ended by them, {acknowledged} messages acknowledged and none lost, \
         {again} delivered again"
    );
    assert!(*acknowledged > 0, "the workload was too small to mean anything");
}

fn seed() -> u64 {
    let wanted = std::env::var("TRANSFUSE_SEED").ok();
    wanted.map_or(20_261_128, |seed| seed.parse().expect("TRANSFUSE_SEED is a number"))
}

/// The power goes, at each of the places.
fn power(counts: DiskCounts, seed: u64) -> impl Iterator<Item = DiskFault> {
    let of = move |on, operations| {
        let places = places(operations, seed).into_iter();
        places.map(move |at| DiskFault::Power {
            on,
            at,
            seed: seed + at,
        })
    };
    of(DiskOperation::Write, counts.writes).chain(of(DiskOperation::Sync, counts.syncs))
}

/// One operation fails, at each of the places: for want of room where it is a write, and for another reason.
fn errors(counts: DiskCounts, seed: u64) -> impl Iterator<Item = DiskFault> {
    let of = move |on, operations, is_full| {
        let places = places(operations, seed).into_iter();
        places.map(move |at| DiskFault::Fails {
            on,
            at,
            times: 1,
            is_full,
        })
    };
    of(DiskOperation::Write, counts.writes, false)
        .chain(of(DiskOperation::Write, counts.writes, true))
        .chain(of(DiskOperation::Sync, counts.syncs, false))
}

#[test]
fn the_power_may_go_at_any_write_and_at_any_sync() {
    let (counts, seed) = (counted(Life::new()), seed());
    let told = live_through(power(counts, seed), Life::new);
    assert!(told.ended > 0, "the power went nowhere");
    tell("power", seed, &told);
}

#[test]
fn any_write_and_any_sync_may_fail() {
    let (counts, seed) = (counted(Life::new()), seed());
    tell("errors", seed, &live_through(errors(counts, seed), Life::new));
}

#[test]
fn a_store_may_be_made_on_such_a_disk() {
    let (counts, seed) = (counted(Life::with_a_new_store()), seed());
    let faults = power(counts, seed).chain(errors(counts, seed));
    // Half of them, and the others where all are wanted.
    let step = if is_all_wanted() { 1 } else { 2 };
    tell(
        "a new store",
        seed,
        &live_through(faults.step_by(step), Life::with_a_new_store),
    );
}

/// Nothing is promised while nothing can be written, and everything goes on by itself afterwards.
fn refuses_for_a_while(refuse: impl FnOnce(&Disk)) {
    let mut life = Life::new();
    let mut engine = Engine::start_on(&life.disk, DiskFault::None, &life.site.path()).expect("it starts");
    for number in 0..3 {
        assert!(life.send(&mut engine, &format!("N{number}")));
    }
    assert_eq!(life.acknowledged.len(), 3);
    refuse(&life.disk);
    for number in 3..6 {
        assert!(life.send(&mut engine, &format!("N{number}")), "it lives on");
    }
    assert_eq!(life.acknowledged.len(), 3, "nothing is promised that cannot be kept");
    life.disk.mend().expect("it can be written");
    life.send_until_taken(&mut engine, 6);
    engine.kill().expect("SIGKILL");
    life.recover(DiskFault::None);
}

#[test]
fn a_full_disk_acknowledges_nothing_and_room_is_noticed() {
    refuses_for_a_while(|disk| disk.fill().expect("it is full"));
}

#[test]
fn a_file_system_that_turns_read_only_acknowledges_nothing() {
    refuses_for_a_while(|disk| disk.make_read_only().expect("it is read-only"));
}
