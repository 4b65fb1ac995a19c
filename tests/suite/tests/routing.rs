//! Where outputs go: by type, and by a condition over the message.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A value that no log may show.
const CANARY: &str = "Canarywing";

fn destination(name: &str, sink: &Sink, when: &str) -> String {
    let address = sink.address();
    format!("[[destinations]]\nname = \"{name}\"\ntype = \"mllp\"\naddress = \"{address}\"\nwhen = '''{when}'''\n")
}

/// An observation for this ward.
fn for_ward(control_id: &str, ward: &str) -> Vec<u8> {
    let message = format!("{}ZWD|{ward}^1\r", observation(control_id));
    message.into_bytes()
}

fn send(engine: &Engine, message: &[u8]) -> String {
    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(message).expect("an answer")
}

fn shown(engine: &Engine, control_id: &str) -> Value {
    let found = wait_until("the message listed", LIMIT, || {
        let listed = engine.json(&["messages", "list", "--control-id", control_id]).ok()?;
        Some(listed["messages"][0]["id"].as_str()?.to_owned())
    });
    let id = found.expect("a message");
    engine.json(&["messages", "show", &id]).expect("the message")
}

#[test]
fn a_condition_decides_which_outputs_a_destination_takes() {
    let (east, others) = (Sink::accepting().expect("a sink"), Sink::accepting().expect("a sink"));
    let interface = InterfaceFile::listening("lab")
        .section(&destination("east", &east, r#"field("ZWD-1.1") == "4EAST""#))
        .section(&destination(
            "others",
            &others,
            r#"!(field("ZWD-1.1") in ["4EAST", "NOBODY"])"#,
        ));
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    for (control_id, ward) in [("A", "4EAST"), ("B", "3WEST"), ("C", "NOBODY"), ("D", "4EAST")] {
        let answer = send(&engine, &for_ward(control_id, ward));
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    east.wait_for(2, LIMIT).expect("two for the ward");
    others.wait_for(1, LIMIT).expect("one for the others");
    let nobody = shown(&engine, "C");
    assert_eq!(nobody["deliveries"], Value::Array(Vec::new()), "{nobody}");
    engine
        .stop()
        .expect("a clean stop, and every message is routed as it was");
    assert_eq!(east.control_ids(), ["A", "D"]);
    assert_eq!(others.control_ids(), ["B"]);
}

#[test]
fn a_condition_without_an_answer_refuses_the_message_and_shows_no_value() {
    let sink = Sink::accepting().expect("a sink");
    let interface = InterfaceFile::listening("lab").section(&destination("ehr", &sink, r#"int(field("ZWD-1.1")) > 3"#));
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let answer = send(&engine, &for_ward("A", CANARY));
    assert!(answer.contains("MSA|AR|A"), "{answer}");
    assert!(!answer.contains(CANARY), "{answer}");
    let fault = shown(&engine, "A")["fault"].clone();
    assert_eq!(fault["kind"], "undecided-condition", "{fault}");
    let summary = fault["summary"].as_str().expect("a summary");
    assert!(summary.contains("`when` of the destination `ehr`"), "{summary}");
    assert!(!engine.said().contains(CANARY), "{}", engine.said());
    let answer = send(&engine, &for_ward("B", "4"));
    assert!(answer.contains("MSA|AA|B"), "the next one has an answer: {answer}");
    sink.wait_for(1, LIMIT).expect("it is delivered");
}

#[test]
fn a_wrong_condition_is_found_before_a_message_comes() {
    let sink = Sink::accepting().expect("a sink");
    let interface = InterfaceFile::listening("lab").section(&destination("ehr", &sink, r#"field("ZWD.1") == "4EAST""#));
    let site = Site::with(&interface).expect("a site");
    let mut engine = Engine::spawn(&site.path(), &[]).expect("the process starts");
    let finished = engine.finish().expect("it ends by itself");
    assert_ne!(finished.code, Some(0));
    assert!(
        finished.said.contains("`when`: `ZWD.1` is no path"),
        "{}",
        finished.said
    );
    assert!(finished.said.contains("interfaces/lab.toml:"), "{}", finished.said);
}
