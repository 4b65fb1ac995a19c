//! The clock of the machine is set while the engine runs: forwards over midnight, and backwards by days, as happens where a
//! time server was out of reach or a battery empty.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use transfuse_harness::{Clock, Engine, InterfaceFile, Reply, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Where the clock jumps, one after the other.
const JUMPS: [i64; 5] = [0, 2 * DAY_SECONDS, -3 * DAY_SECONDS, 400 * DAY_SECONDS, 0];

/// Messages after each jump.
const MESSAGES: usize = 5;

fn lab(sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab").section(&format!(
        "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\n\
         retry = {{ first = \"20ms\", ceiling = \"100ms\" }}\n",
        sink.address()
    ))
}

fn send(engine: &Engine, control_id: &str) {
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection.ask(observation(control_id).as_bytes()).expect("an answer");
    assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
}

/// The ids of all messages that are listed, newest first.
fn listed(engine: &Engine) -> Vec<String> {
    let listed = engine.json(&["messages", "list", "--limit", "100"]).expect("a list");
    let messages = listed["messages"].as_array().expect("messages").iter();
    messages
        .map(|message| message["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn messages_are_taken_in_order_and_delivered_once_whatever_the_clock_says() {
    let (clock, sink) = (Clock::new().expect("a clock"), Sink::accepting().expect("a receiver"));
    let site = Site::with(&lab(&sink)).expect("a site");
    let mut sent = Vec::new();
    let mut engine = Engine::start_by(&clock, &site.path()).expect("the engine starts");
    for (number, jump) in JUMPS.into_iter().enumerate() {
        clock.jump_to(jump).expect("the clock jumps");
        for message in 0..MESSAGES {
            sent.push(format!("J{number}M{message}"));
            send(&engine, sent.last().expect("it was put there"));
        }
        if jump < 0 {
            // What it wrote in the future is its past after a restart.
            engine.stop().expect("a clean stop");
            engine = Engine::start_by(&clock, &site.path()).expect("the engine starts again");
        }
    }
    sink.wait_for(sent.len(), LIMIT).expect("everything is delivered");
    assert_eq!(sink.control_ids(), sent);
    let all = wait_until("all of them listed", LIMIT, || {
        Some(listed(&engine)).filter(|ids| ids.len() == sent.len())
    });
    let mut ids = all.expect("all of them");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), sent.len(), "no id is given twice");
    engine
        .stop()
        .expect("a clean stop, and every message comes out as it did");
}

#[test]
fn a_clock_that_goes_back_keeps_no_retry_waiting() {
    let clock = Clock::new().expect("a clock");
    let sink = Sink::scripted(|number, _| match number {
        0..3 => Reply::Bytes(b"\x0bnothing\x1c\r"),
        _ => Reply::Accept,
    })
    .expect("a receiver");
    let site = Site::with(&lab(&sink)).expect("a site");
    let engine = Engine::start_by(&clock, &site.path()).expect("the engine starts");
    send(&engine, "A");
    sink.wait_for(1, LIMIT).expect("an attempt");
    clock.jump_to(-30 * DAY_SECONDS).expect("the clock jumps");
    sink.wait_for(4, LIMIT).expect("it is tried until it is taken");
    engine.stop().expect("a clean stop");
}
