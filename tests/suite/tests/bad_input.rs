//! What no sender should send, and some do: a clear answer or a closed connection, the bytes kept, the listener alive.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

struct Hospital {
    engine: Engine,
    sink: Sink,
    _site: Site,
}

fn hospital() -> Hospital {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .source("frame_bytes_max = \"64KiB\"")
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    Hospital {
        engine,
        sink,
        _site: site,
    }
}

impl Hospital {
    /// The listener serves a good message, on a connection of its own.
    fn still_serves(&self, control_id: &str) {
        let mut connection = self.engine.connect("lab").expect("the listener is alive");
        let answer = connection.ask(observation(control_id).as_bytes()).expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
        wait_until("the good message at the receiver", LIMIT, || {
            self.sink.control_ids().contains(&control_id.to_owned()).then_some(())
        })
        .expect("it is delivered");
    }

    /// Waits until so many refused messages are kept, and gives them.
    fn refused(&self, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} refused messages"), LIMIT, || {
            let listed = self.engine.json(&["messages", "list", "--stage", "refused"]).ok()?;
            let messages = listed.get("messages").unwrap_or(&listed).as_array()?.clone();
            (messages.len() >= count).then_some(messages)
        })
        .expect("what was refused is kept")
    }
}

#[test]
fn bytes_that_are_no_hl7_get_a_nak_and_are_kept() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    for rubbish in ["hello", "PID|1||X", "MSH", "", "MSH|"] {
        let answer = connection
            .ask(rubbish.as_bytes())
            .expect("a NAK, on a connection that stays open");
        assert!(answer.contains("MSA|AR"), "{rubbish:?}: {answer}");
    }
    let answer = connection.ask(observation("AFTER").as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|AFTER"), "{answer}");
    assert_eq!(hospital.refused(5).len(), 5);
}

#[test]
fn garbage_between_frames_is_skipped_and_kept() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    connection.write(b"GET / HTTP/1.1\r\n\r\n").expect("the engine reads");
    let answer = connection
        .ask(observation("AFTER").as_bytes())
        .expect("the next frame is found");
    assert!(answer.contains("MSA|AA|AFTER"), "{answer}");
    assert_eq!(hospital.refused(1).len(), 1);
}

#[test]
fn a_frame_that_is_too_long_is_refused_and_its_head_is_kept() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let long = format!("{}OBX|5|TX|X||{}\r", observation("LONG"), "x".repeat(80 * 1024));
    // The engine may answer and close before everything is written; what counts is that it says no and goes on.
    drop(connection.write(&frame(long.as_bytes())));
    if let Ok(answer) = connection.answer() {
        assert!(answer.contains("MSA|AR|LONG"), "{answer}");
    }
    assert_eq!(hospital.refused(1).len(), 1);
    hospital.still_serves("AFTER");
    assert!(!hospital.sink.control_ids().contains(&"LONG".to_owned()));
}

#[test]
fn a_frame_that_breaks_off_is_kept_and_never_delivered() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let whole = frame(observation("HALF").as_bytes());
    connection
        .write(whole.get(..whole.len() / 2).expect("half a frame"))
        .expect("the engine reads");
    connection.finish().expect("the sender is gone");
    assert!(
        connection.is_closed().expect("the engine closes as well"),
        "half a message has no answer"
    );
    assert_eq!(hospital.refused(1).len(), 1);
    hospital.still_serves("AFTER");
    assert!(!hospital.sink.control_ids().contains(&"HALF".to_owned()));
}

#[test]
fn a_sender_that_starts_again_in_mid_frame_is_understood() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let first = frame(observation("FIRST").as_bytes());
    connection
        .write(first.get(..100).expect("the beginning of a frame"))
        .expect("the engine reads");
    let answer = connection
        .ask(observation("SECOND").as_bytes())
        .expect("the whole frame is answered");
    assert!(answer.contains("MSA|AA|SECOND"), "{answer}");
    assert_eq!(hospital.refused(1).len(), 1);
}

#[test]
fn a_pipelined_sender_is_answered_in_its_order() {
    let hospital = hospital();
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let burst: Vec<u8> = (0..50)
        .flat_map(|number| frame(observation(&format!("P{number}")).as_bytes()))
        .collect();
    connection.write(&burst).expect("the engine reads");
    for number in 0..50 {
        let answer = connection.answer().expect("an answer for each");
        assert!(
            answer.contains(&format!("MSA|AA|P{number}\r")),
            "answer {number}: {answer}"
        );
    }
    hospital.sink.wait_for(50, LIMIT).expect("all are delivered");
    let expected: Vec<String> = (0..50).map(|number| format!("P{number}")).collect();
    assert_eq!(hospital.sink.control_ids(), expected);
}
