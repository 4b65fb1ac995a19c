//! SIGKILL under load: what was acknowledged is delivered, in order, and what is delivered twice was in flight.
//!
//! `make test` kills 30 times, `make soak` (`TRANSFUSE_KILLS=1000`) a thousand times. The moments come from a seed, which a
//! failure prints; `TRANSFUSE_SEED` runs the same moments again.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports by printing"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, observation, wait_until};

const KILLS: u64 = 30;
const SENDERS: usize = 4;

/// Settlements that may be undurable at a kill, per destination (`store`: the settlement window), and the one delivery
/// whose answer had not been read.
const IN_FLIGHT_MAX: usize = 64 + 1;

/// The longest that a round runs before its kill.
const ROUND_MS_MAX: u64 = 700;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A small, well-spread sequence (`SplitMix64`), so that the same seed kills at the same moments.
struct Moments(u64);

impl Moments {
    fn next_ms(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % ROUND_MS_MAX
    }
}

/// Sends until told to stop or until the engine is gone; what was acknowledged is written down the moment it was heard.
fn send_until(
    stop: &Arc<AtomicBool>,
    address: &str,
    sender: usize,
    mut next: u64,
    acknowledged: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<u64> {
    let (stop, acknowledged, address) = (Arc::clone(stop), Arc::clone(acknowledged), address.to_owned());
    std::thread::spawn(move || {
        let Ok(mut connection) = Connection::open(&address) else {
            return next;
        };
        while !stop.load(Ordering::Relaxed) {
            let control_id = format!("S{sender}N{next}");
            next += 1;
            let Ok(answer) = connection.ask(observation(&control_id).as_bytes()) else {
                return next;
            };
            assert!(
                answer.contains(&format!("MSA|AA|{control_id}")),
                "an unexpected answer: {answer}"
            );
            acknowledged.lock().expect("no sender panics").push(control_id);
        }
        next
    })
}

/// One life of the engine: started, loaded from every sender, and killed at its moment.
fn live_and_die(site: &Site, moment: Duration, numbers: &mut [u64], acknowledged: &Arc<Mutex<Vec<String>>>) {
    let engine = Engine::start(&site.path()).expect("the engine starts again after every kill");
    let address = engine.address("lab").expect("an address");
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = numbers
        .iter()
        .enumerate()
        .map(|(sender, next)| send_until(&stop, &address, sender, *next, acknowledged))
        .collect();
    let started = Instant::now();
    wait_until("the moment of the kill", moment * 2 + Duration::from_secs(1), || {
        (started.elapsed() >= moment).then_some(())
    })
    .expect("time passes");
    engine.kill().expect("SIGKILL");
    stop.store(true, Ordering::Relaxed);
    for (sender, next) in senders.into_iter().zip(numbers) {
        *next = sender.join().expect("a sender ends with its connection");
    }
}

/// The number of a sender's message: `S2N17` is 17.
fn number(control_id: &str) -> (String, u64) {
    let (sender, number) = control_id.split_once('N').expect("a control id of this test");
    (sender.to_owned(), number.parse().expect("a number"))
}

/// How often each message arrived; panics where a sender's messages did not first arrive in their order.
fn arrivals_in_order(delivered: &[String]) -> HashMap<String, usize> {
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut last_first: HashMap<String, u64> = HashMap::new();
    for control_id in delivered {
        let seen = times.entry(control_id.clone()).or_default();
        *seen += 1;
        if *seen == 1 {
            let (sender, number) = number(control_id);
            let last = last_first.insert(sender, number);
            assert!(
                last.is_none_or(|last| last < number),
                "{control_id} came after {last:?} of the same sender"
            );
        }
    }
    times
}

#[test]
fn what_was_acknowledged_before_a_kill_is_delivered_in_order_and_at_most_what_was_in_flight_twice() {
    let kills = from_environment("TRANSFUSE_KILLS").unwrap_or(KILLS);
    let seed = from_environment("TRANSFUSE_SEED").unwrap_or(20_261_123);
    println!("{kills} kills, seed {seed}");
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab").normalizing().to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut moments = Moments(seed);
    let mut numbers = vec![0; SENDERS];
    let mut twice_after_kill = Vec::new();
    for _ in 0..kills {
        let doubled_before = doubled(&sink.control_ids());
        live_and_die(
            &site,
            Duration::from_millis(moments.next_ms()),
            &mut numbers,
            &acknowledged,
        );
        twice_after_kill.push(doubled_before);
    }

    let engine = Engine::start(&site.path()).expect("the engine starts after the last kill");
    let acknowledged = acknowledged.lock().expect("all senders have ended").clone();
    let missing = || {
        let delivered: std::collections::HashSet<String> = sink.control_ids().into_iter().collect();
        acknowledged
            .iter()
            .filter(|control_id| !delivered.contains(*control_id))
            .cloned()
            .collect::<Vec<_>>()
    };
    let all_there = wait_until(
        "every acknowledged message at the receiver",
        Duration::from_mins(1),
        || missing().is_empty().then_some(()),
    );
    assert!(
        all_there.is_ok(),
        "seed {seed}: acknowledged and never delivered: {:?}",
        missing()
    );
    engine.stop().expect("a clean stop");

    let delivered = sink.control_ids();
    let times = arrivals_in_order(&delivered);
    twice_after_kill.push(doubled(&delivered));
    let worst = twice_after_kill
        .windows(2)
        .map(|pair| pair.last().copied().unwrap_or(0) - pair.first().copied().unwrap_or(0))
        .max();
    println!(
        "{} acknowledged, {} delivered, {} of them again; the worst kill doubled {}",
        acknowledged.len(),
        delivered.len(),
        delivered.len() - times.len(),
        worst.unwrap_or(0)
    );
    assert!(
        acknowledged.len() as u64 > kills,
        "the load was too small to mean anything: {} messages",
        acknowledged.len()
    );
    assert!(
        worst.unwrap_or(0) <= IN_FLIGHT_MAX,
        "seed {seed}: a kill doubled {worst:?}, more than can be in flight"
    );
}

/// How many arrivals were not the first of their message.
fn doubled(delivered: &[String]) -> usize {
    let distinct: std::collections::HashSet<&String> = delivered.iter().collect();
    delivered.len() - distinct.len()
}
