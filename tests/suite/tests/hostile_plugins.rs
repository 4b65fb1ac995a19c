//! A plugin that loops, hoards, recurses, panics or floods is stopped at its limit. Its message is refused with the
//! fault; the next one is served; another interface is served meanwhile.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, observation};

const LIMIT: Duration = Duration::from_secs(30);

const MISCHIEF: &str = r#"[[steps]]
plugin = "test/mischief"
version = "^1"
grants = { read = ["MSH-10"], write = ["PID-*"] }
limits = { deadline = "200ms", memory = "16MiB" }
"#;

/// An interface that misbehaves and one that does not, over one receiver.
fn hospital(sink: &Sink, source: &str) -> (Site, Engine) {
    let bad = InterfaceFile::listening("bad")
        .source(source)
        .section(MISCHIEF)
        .to("ehr", sink.address());
    let good = InterfaceFile::listening("good").normalizing().to("ehr", sink.address());
    let site = Site::with(&bad).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    site.add(&good).expect("a second interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

fn ask(connection: &mut Connection, control_id: &str) -> String {
    connection
        .ask(observation(control_id).as_bytes())
        .expect("every message is answered")
}

/// What each deed is stopped by, in the words of `messages list`.
const DEEDS: &[(&str, &[&str])] = &[
    ("LOOP", &["deadline", "out-of-fuel"]),
    ("ALLOCATE", &["out-of-memory"]),
    ("RECURSE", &["trapped", "stack-overflow"]),
    ("PANIC", &["trapped"]),
    ("CALL", &["too-many-calls", "out-of-fuel", "deadline"]),
    ("SWELL", &["output-too-large", "out-of-memory", "out-of-fuel"]),
    ("STRAY", &["denied", "no-such-destination"]),
    ("PEEK", &["denied"]),
];

#[test]
fn each_deed_costs_its_own_message_and_nothing_else() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = hospital(&sink, "");
    let mut connection = engine.connect("bad").expect("a connection");
    for (deed, _) in DEEDS {
        let answer = ask(&mut connection, &format!("{deed}1"));
        assert!(answer.contains(&format!("MSA|AR|{deed}1")), "{deed}: {answer}");
        let answer = ask(&mut connection, &format!("after{deed}"));
        assert!(
            answer.contains(&format!("MSA|AA|after{deed}")),
            "after {deed}: {answer}"
        );
    }
    let delivered = sink.wait_for(DEEDS.len(), LIMIT).expect("the good ones are delivered");
    let expected: Vec<String> = DEEDS.iter().map(|(deed, _)| format!("after{deed}")).collect();
    assert_eq!(
        delivered.iter().map(|one| one.control_id.clone()).collect::<Vec<_>>(),
        expected
    );

    let listed = engine
        .json(&["messages", "list", "--stage", "refused"])
        .expect("a list")
        .to_string();
    for (_, kinds) in DEEDS {
        assert!(
            kinds.iter().any(|kind| listed.contains(kind)),
            "none of {kinds:?} in {listed}"
        );
    }
    assert!(
        !engine.said().contains("PRÓBABETEG"),
        "what a plugin says when it panics is not for the log"
    );
}

#[test]
fn a_flood_of_log_lines_is_cut_and_the_message_goes_on() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = hospital(&sink, "");
    let mut connection = engine.connect("bad").expect("a connection");
    let answer = ask(&mut connection, "FLOOD1");
    assert!(answer.contains("MSA|A"), "{answer}");
    let answer = ask(&mut connection, "after");
    assert!(answer.contains("MSA|AA|after"), "{answer}");
    assert!(engine.said().len() < 100_000, "the flood reached the engine's own log");
}

#[test]
fn another_interface_is_served_while_plugins_loop() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = hospital(&sink, "");
    let address = engine.address("bad").expect("an address");
    let loops: Vec<_> = (0..8)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut connection = Connection::open(&address).expect("a connection");
                for round in 0..3 {
                    ask(&mut connection, &format!("LOOP{number}R{round}"));
                }
            })
        })
        .collect();
    let mut connection = engine.connect("good").expect("a connection");
    let mut worst = Duration::ZERO;
    for number in 0..50 {
        let started = Instant::now();
        let answer = ask(&mut connection, &format!("G{number}"));
        worst = worst.max(started.elapsed());
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    for looping in loops {
        looping.join().expect("loops are answered");
    }
    // Not a speed test: without a thread of its own, the good interface would wait for whole deadlines, again and again.
    assert!(worst < Duration::from_secs(5), "the good interface waited {worst:?}");
}

#[test]
fn with_ack_received_the_engine_owns_the_message_and_keeps_it_in_quarantine() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = hospital(&sink, "ack = \"received\"");
    let mut connection = engine.connect("bad").expect("a connection");
    let answer = ask(&mut connection, "PANIC1");
    assert!(answer.contains("MSA|AA|PANIC1"), "{answer}");
    let quarantined = transfuse_harness::wait_until("the message in quarantine", LIMIT, || {
        let listed = engine
            .json(&["messages", "list", "--stage", "quarantined"])
            .ok()?
            .to_string();
        listed.contains("PANIC1").then_some(())
    });
    quarantined.expect("it rests in quarantine");
}
