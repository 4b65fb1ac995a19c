//! What a plugin keeps between messages, over sockets: it is what the committed outcomes add up to, whatever ends a
//! message or the engine. And documents, which reach the destination that is named.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, frame, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

const TALLY: &str = r#"[[steps]]
plugin = "test/tally"
version = "^1"
grants = { read = ["MSH-8", "MSH-10"], write = ["MSH-13"], to = ["log"], create = true, state = true }
"#;

const LOG: &str = r#"[[destinations]]
name = "log"
type = "files"
folder = "log"
types = ["ZZZ^Z99"]
"#;

/// Asks the plugin for something in MSH-8.
fn message(control_id: &str, asked: &str) -> Vec<u8> {
    format!("MSH|^~\\&|LAB|H|EHR|H|20260301|{asked}|ORU^R01|{control_id}|P|2.5\rPID|1\r").into_bytes()
}

fn site(sink: &Sink) -> Site {
    let interface = InterfaceFile::listening("lab").section(TALLY).to("ehr", sink.address());
    let site = Site::with(&interface.section(LOG)).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    fs::create_dir(site.path().join("log")).expect("the folder of the documents");
    site
}

/// Number and control id of each message that arrived.
fn numbered(sink: &Sink) -> Vec<(u64, String)> {
    let fields = |content: &[u8]| {
        let text = String::from_utf8_lossy(content).into_owned();
        let header = text.split('\r').next().unwrap_or_default().to_owned();
        let field = |number: usize| header.split('|').nth(number - 1).unwrap_or_default().to_owned();
        (field(13).parse().expect("a number"), field(10))
    };
    sink.received().iter().map(|one| fields(&one.content)).collect()
}

#[test]
fn a_write_counts_where_its_message_is_forwarded_or_filtered_and_nowhere_else() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for (control_id, asked, code) in [
        ("A", "", "AA"),
        ("B", "FAULT", "AR"),
        ("C", "REJECT", "AE"),
        ("D", "", "AA"),
        ("E", "FILTER", "AA"),
        ("F", "FAULT", "AR"),
        ("G", "", "AA"),
    ] {
        let answer = connection.ask(&message(control_id, asked)).expect("an answer");
        assert!(answer.contains(&format!("MSA|{code}|{control_id}")), "{answer}");
    }
    sink.wait_for(3, LIMIT).expect("they arrive");
    let expected = [(1, "A"), (2, "D"), (4, "G")].map(|(number, control_id)| (number, control_id.to_owned()));
    assert_eq!(numbered(&sink), expected);

    let lines = || {
        let files = fs::read_dir(site.path().join("log")).ok()?;
        let paths = files.map(|file| file.expect("a file").path());
        let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "csv"));
        let mut lines: Vec<String> = paths.map(|path| fs::read_to_string(path).expect("text")).collect();
        lines.sort();
        (lines.len() == 3).then_some(lines)
    };
    let lines = wait_until("the documents", LIMIT, lines).expect("they are written");
    assert_eq!(lines, ["1;A\n", "2;D\n", "4;G\n"]);

    let list = engine
        .json(&["messages", "list", "--stage", "processed"])
        .expect("a list");
    let id = list
        .pointer("/messages/0/id")
        .and_then(|id| id.as_str())
        .expect("an id")
        .to_owned();
    let shown = engine.command(&["messages", "show", &id]).expect("an answer");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let touched = "read MSH-8 MSH-10; wrote MSH-13; named log; made an output itself; used its state";
    assert!(shown.contains(touched), "{shown}");
    engine.stop().expect("a clean stop");
}

#[test]
fn no_count_is_lost_or_doubled_when_the_engine_is_killed_under_load() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let mut sent = 0;
    for _ in 0..4 {
        let engine = Engine::start(&site.path()).expect("the engine starts after every kill");
        let mut connection = engine.connect("lab").expect("a connection");
        for number in sent..sent + 40 {
            let asked = if number % 7 == 3 { "FAULT" } else { "" };
            let raw = message(&format!("M{number}"), asked);
            connection.write(&frame(&raw)).expect("the engine reads");
        }
        sent += 40;
        for _ in 0..15 {
            connection.answer().expect("an answer before the kill");
        }
        engine.kill().expect("SIGKILL");
    }
    let engine = Engine::start(&site.path()).expect("the engine starts after the last kill");
    let answer = engine
        .connect("lab")
        .and_then(|mut connection| connection.ask(&message("LAST", "")))
        .expect("an answer");
    assert!(answer.contains("MSA|AA|LAST"), "{answer}");
    let is_last = |(_, control_id): &(u64, String)| control_id == "LAST";
    wait_until("the last message", LIMIT, || {
        numbered(&sink).iter().any(is_last).then_some(())
    })
    .expect("everything arrives");
    let list = engine
        .json(&["messages", "list", "--stage", "processed", "--limit", "1000"])
        .expect("a list");
    let processed = list
        .pointer("/messages")
        .and_then(|all| all.as_array())
        .expect("messages")
        .len() as u64;
    engine.stop().expect("a clean stop");

    let mut by_number: BTreeMap<u64, String> = BTreeMap::new();
    for (number, control_id) in numbered(&sink) {
        let known = by_number.entry(number).or_insert_with(|| control_id.clone());
        assert_eq!(*known, control_id, "two messages have the number {number}");
    }
    let numbers: Vec<u64> = by_number.into_keys().collect();
    assert_eq!(
        numbers,
        (1..=processed).collect::<Vec<_>>(),
        "one number for each message that was processed"
    );
    assert!(
        processed > 4 * 10,
        "the load was too small to mean anything: {processed}"
    );
}
