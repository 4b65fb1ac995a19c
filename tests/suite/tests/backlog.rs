//! A long backlog: an engine that starts with it is up at once, delivers it in order and in bounded memory.
//!
//! `make soak` runs it with a million messages (`TRANSFUSE_QUEUED`), and holds the figures then; a short run says little about them.
#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation, wait_until};
use transfuse_store::{Arrival, Decision, NewOutput, Sealed, Store, StoreSettings};

/// Messages in the suite.
const QUEUED: usize = 20_000;

/// From so many on, figures are held.
const FIGURES_QUEUED_MIN: usize = 1_000_000;

/// How long a start may take with a million messages waiting.
const START_MAX: Duration = Duration::from_secs(2);

/// How much memory an engine may have taken by the end.
const MEMORY_KIB_MAX: u64 = 200 * 1024;

/// Decisions that wait for the disk while more are made: enough for large batches.
const UNDER_WAY: usize = 2_000;

/// The slowest delivery that is still one, over all of them.
const LIMIT: Duration = Duration::from_mins(30);

fn asked() -> usize {
    let asked = std::env::var("TRANSFUSE_QUEUED").ok();
    asked.map_or(QUEUED, |asked| asked.parse().expect("TRANSFUSE_QUEUED is a number"))
}

/// Puts decided messages into the journal as an engine would have that lost its receiver.
fn seed(data: &Path, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(StoreSettings::new(data)).expect("the store opens").store;
        let mut waiting = std::collections::VecDeque::new();
        for number in 0..count {
            let content = Sealed::from(observation(&format!("Q{number}")).into_bytes());
            let received = store.receive(Arrival {
                interface: "lab".into(),
                revision: 1,
                received_at_ms: 1_795_435_200_000,
                source: String::from("127.0.0.1:50000"),
                control_id: format!("Q{number}"),
                message_type: String::from("ORU^R01"),
                raw: content.clone(),
                digest: None,
            });
            let output = NewOutput {
                content,
                content_type: None,
                destinations: vec!["ehr".into()],
                stopped: None,
            };
            waiting.push_back(store.decide(
                received,
                Decision::Processed {
                    outputs: vec![output],
                    state: Vec::new(),
                    detail: Sealed::default(),
                },
            ));
            if waiting.len() > UNDER_WAY
                && let Some(oldest) = waiting.pop_front()
            {
                oldest.await.expect("it is durable");
            }
        }
        for one in waiting {
            one.await.expect("it is durable");
        }
        store.shutdown().await;
    });
}

/// Messages a second, until so many have arrived.
fn rate(sink: &Sink, from: usize, to: usize) -> f64 {
    let started = Instant::now();
    wait_until(&format!("{to} messages at the receiver"), LIMIT, || {
        (sink.count() >= to).then_some(())
    })
    .expect("they arrive");
    #[expect(clippy::cast_precision_loss, reason = "a number of messages fits")]
    let count = (to - from) as f64;
    count / started.elapsed().as_secs_f64()
}

#[test]
fn a_long_backlog_is_delivered_in_order_by_an_engine_that_was_up_at_once() {
    let count = asked();
    let sink = Sink::keeping_ids().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let data = site.path().join("data");
    Engine::start(&site.path())
        .expect("the engine starts")
        .stop()
        .expect("a clean stop");
    seed(&data, count);

    let started = Instant::now();
    let engine = Engine::start(&site.path()).expect("the engine starts with its backlog");
    let up = started.elapsed();
    // One more, behind all of them.
    let answer = engine
        .connect("lab")
        .expect("a connection")
        .ask(observation("LAST").as_bytes());
    assert!(answer.expect("an answer").contains("MSA|AA|LAST"));
    let first = rate(&sink, 0, count / 10);
    let rest = rate(&sink, count / 10, count + 1);
    let peak = engine.peak_kib().expect("it runs");
    eprintln!("{count} messages waited: up after {up:?}, {first:.0} a second, then {rest:.0}; at most {peak} KiB");
    let expected: Vec<String> = (0..count)
        .map(|number| format!("Q{number}"))
        .chain(["LAST".to_owned()])
        .collect();
    assert!(sink.control_ids() == expected, "each once, and in order");
    engine.stop().expect("a clean stop");
    if count >= FIGURES_QUEUED_MIN {
        assert!(up <= START_MAX, "a backlog delays the start");
        assert!(peak <= MEMORY_KIB_MAX, "a backlog is in memory");
    }
}
