//! Many interfaces in one process: it starts, idles in bounded memory, and each of them answers.
//!
//! `make soak` runs it with a thousand (`TRANSFUSE_INTERFACES`), and holds the memory then.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::time::{Duration, Instant};

use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, observation};

/// Interfaces in the suite.
const INTERFACES: usize = 100;

/// From so many on, memory is held.
const FIGURES_INTERFACES_MIN: usize = 1_000;

/// What a thousand idle interfaces may take.
const MEMORY_KIB_MAX: u64 = 300 * 1024;

const LIMIT: Duration = Duration::from_mins(2);

#[test]
fn many_interfaces_start_idle_and_answer() {
    let asked = std::env::var("TRANSFUSE_INTERFACES").ok();
    let count = asked.map_or(INTERFACES, |asked| {
        asked.parse().expect("TRANSFUSE_INTERFACES is a number")
    });
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    for number in 0..count {
        let interface = InterfaceFile::listening(&format!("lab-{number}")).normalizing();
        site.add(&interface.to("ehr", sink.address()))
            .expect("an interface more");
    }
    let started = Instant::now();
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let up = started.elapsed();
    let idle = engine.resident_kib().expect("it runs");
    for number in 0..count {
        let address = engine.address(&format!("lab-{number}")).expect("it listens");
        let control_id = format!("N{number}");
        let mut connection = Connection::open(&address).expect("a connection");
        let answer = connection.ask(observation(&control_id).as_bytes()).expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
    }
    sink.wait_for(count, LIMIT).expect("each delivers");
    let used = engine.resident_kib().expect("it runs");
    eprintln!("{count} interfaces: up after {up:?}, {idle} KiB idle, {used} KiB once each had a message");
    engine.stop().expect("a clean stop");
    if count >= FIGURES_INTERFACES_MIN {
        assert!(idle <= MEMORY_KIB_MAX, "an idle interface takes too much");
    }
}
