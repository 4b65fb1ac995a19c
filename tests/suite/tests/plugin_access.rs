//! What a version of a plugin touched in production: counted by message behind the engine, exactly, whatever ends it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, frame, observation};

const LIMIT: Duration = Duration::from_secs(30);

const PLUGIN: &str = "transfuse/lab-normalize";

/// More than the plugin has any use for.
const GENEROUS: &str = "[[steps]]\nplugin = \"transfuse/lab-normalize\"\nversion = \"^1\"\n\
    grants = { tables = [\"lab-codes\"], read = [\"MSH-9\", \"PID-5\", \"OBX-*\", \"NK1-2\"], \
    write = [\"MSH-5\", \"PID-5\", \"OBX-3\", \"OBX-6\", \"OBX-8\", \"PID-11\"], to = [\"ehr\"], create = true }\n";

fn access(engine: &Engine) -> Value {
    let found = engine.json(&["plugin", "access", PLUGIN]).expect("what it touched");
    assert_eq!(found["behind"], 0, "{found}");
    found["versions"][0]["interfaces"][0].clone()
}

fn count(list: &Value, name: &str) -> u64 {
    let found = list.as_array().expect("a list").iter().find(|one| one["name"] == name);
    found.map_or(0, |one| one["messages"].as_u64().expect("a count"))
}

#[test]
fn fields_are_counted_by_message_and_grants_that_were_never_used_are_told() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .section(GENEROUS)
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let nothing = engine.json(&["plugin", "access", PLUGIN]).expect("an answer");
    assert_eq!(nothing["versions"], serde_json::json!([]));
    let mut connection = engine.connect("lab").expect("a connection");
    for number in 1..=3 {
        let answer = connection
            .ask(observation(&format!("M{number}")).as_bytes())
            .expect("an answer");
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    let one = access(&engine);
    assert_eq!((&one["interface"], &one["messages"]), (&"lab".into(), &3.into()));
    assert_eq!(
        (count(&one["read"], "OBX-3"), count(&one["tables"], "lab-codes")),
        (3, 3)
    );
    assert_eq!(count(&one["written"], "OBX-3"), 3);
    assert_eq!(count(&one["read"], "NK1-2"), 0);
    let never = &one["never_used"];
    let unread = never["read"].as_array().expect("a list");
    assert!(
        unread.contains(&"NK1-2".into()) && !unread.contains(&"OBX-*".into()),
        "{one:#}"
    );
    let unwritten = never["write"].as_array().expect("a list");
    assert!(unwritten.contains(&"PID-11".into()), "{one:#}");
    assert!(!unwritten.contains(&"OBX-3".into()), "{one:#}");
    assert_eq!(never["to"], serde_json::json!(["ehr"]));
    assert_eq!(
        (&never["create"], &never["tables"]),
        (&true.into(), &serde_json::json!([]))
    );
    let needed = one["needed"]["read"].as_array().expect("a list");
    assert!(
        needed.contains(&"OBX-3".into()) && !needed.contains(&"OBX-*".into()),
        "{one:#}"
    );

    let shown = engine
        .command(&["plugin", "access", "transfuse/lab-normalize@1.0.0"])
        .expect("an answer");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for part in [
        "lab: 3 messages since",
        "never used:",
        "NK1-2",
        "what it did needs: grants = {",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let other = engine
        .json(&["plugin", "access", "transfuse/lab-normalize@2.0.0"])
        .expect("an answer");
    assert_eq!(other["versions"], serde_json::json!([]), "no such version has run");
    engine.stop().expect("a clean stop");
}

#[test]
fn no_message_is_counted_twice_or_left_out_when_the_engine_is_killed() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .section(GENEROUS)
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    for round in 0..3 {
        let engine = Engine::start(&site.path()).expect("the engine starts after every kill");
        let mut connection = engine.connect("lab").expect("a connection");
        for number in 0..50 {
            let message = observation(&format!("R{round}-{number}"));
            connection.write(&frame(message.as_bytes())).expect("the engine reads");
        }
        for _ in 0..20 {
            connection.answer().expect("an answer before the kill");
        }
        if round == 1 {
            access(&engine);
        }
        engine.kill().expect("SIGKILL");
    }
    let engine = Engine::start(&site.path()).expect("the engine starts after the last kill");
    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(observation("LAST").as_bytes()).expect("an answer");
    let processed = |engine: &Engine| {
        let status = engine.json(&["status"]).expect("a status");
        status["interfaces"][0]["processed"].as_u64().expect("a figure")
    };
    let expected = processed(&engine);
    assert!(expected > 60, "the load was too small to mean anything: {expected}");
    assert_eq!(access(&engine)["messages"], expected);
    engine.stop().expect("a clean stop");

    for file in fs::read_dir(site.path().join("data")).expect("a data folder") {
        let path = file.expect("a file").path();
        if path.to_string_lossy().contains("usage.sqlite") {
            fs::remove_file(path).expect("the sums are removed");
        }
    }
    let engine = Engine::start(&site.path()).expect("the engine starts without its sums");
    assert_eq!(access(&engine)["messages"], expected, "the journal has all of it");
    engine.stop().expect("a clean stop");
    drop(sink.wait_for(1, LIMIT).expect("something arrived"));
}
