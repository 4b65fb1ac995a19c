//! A patient's name goes through everything that can go wrong, and appears in no log.
//!
//! The name is looked for in all that the engine says at its most talkative; where it must be (the journal, the receiver)
//! it is looked for as well, so that the test cannot pass by losing it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, frame, observation};

const LIMIT: Duration = Duration::from_secs(30);

/// The canary: the family name that every message of the suite carries, in the spellings that a plugin makes of it.
const CANARY: &[&str] = &["PRÓBABETEG", "Próbabeteg", "próbabeteg"];

const MISCHIEF: &str = "[[steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\n\
    grants = { read = [\"MSH-10\"], write = [\"PID-*\"] }\nlimits = { deadline = \"200ms\" }\n";

#[test]
fn no_log_holds_a_patients_name_whatever_goes_wrong() {
    let sink = Sink::scripted(|_, control_id| match control_id {
        "AE1" => Reply::Code("AE"),
        _ => Reply::Accept,
    })
    .expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .source("frame_bytes_max = \"64KiB\"")
        .section(MISCHIEF)
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    site.write("transfuse.toml", "[log]\nlevel = \"trace\"\n")
        .expect("a talkative site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for control_id in ["GOOD1", "PANIC1", "LOOP1", "SWELL1", "PEEK1", "FLOOD1", "AE1"] {
        connection.ask(observation(control_id).as_bytes()).expect("an answer");
    }
    connection.ask("PID|1||X||PRÓBABETEG^GŐZŐ".as_bytes()).expect("a NAK");
    connection
        .write("PRÓBABETEG between two frames".as_bytes())
        .expect("the engine reads");
    connection.ask(observation("GOOD2").as_bytes()).expect("an answer");
    connection
        .write(frame(observation("HALF").as_bytes()).get(..300).expect("a part"))
        .expect("the engine reads");
    connection.finish().expect("the sender is gone");
    connection.is_closed().expect("the engine closes");
    sink.wait_for(3, LIMIT)
        .expect("the good ones and the refused one arrive");

    let listed = engine.json(&["messages", "list"]).expect("a list").to_string();
    let status = engine.command(&["status"]).expect("a status");
    let said = engine.stop().expect("a clean stop").said;
    assert!(said.len() > 500, "the log is too short to mean anything: {said}");
    for spelling in CANARY {
        assert!(!said.contains(spelling), "the log holds {spelling}:\n{said}");
        assert!(!listed.contains(spelling), "the list of messages holds {spelling}");
        assert!(
            !String::from_utf8_lossy(&status.stdout).contains(spelling),
            "the status holds {spelling}"
        );
    }
    let arrived = sink
        .received()
        .first()
        .map(|one| String::from_utf8_lossy(&one.content).into_owned())
        .unwrap_or_default();
    assert!(
        CANARY.iter().any(|spelling| arrived.contains(spelling)),
        "the name was lost on the way"
    );
}

#[test]
fn the_process_dumps_no_core_and_its_folder_is_its_owners_alone() {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1")).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let limits = fs::read_to_string(format!("/proc/{}/limits", engine.id())).expect("the limits of the process");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("a limit of core files");
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    let modes: Vec<u32> = ["data", "data/journal"]
        .iter()
        .map(|folder| {
            use std::os::unix::fs::PermissionsExt as _;
            fs::metadata(site.path().join(folder))
                .expect("a data folder")
                .permissions()
                .mode()
                & 0o077
        })
        .collect();
    assert_eq!(modes, [0, 0], "others can read the data folder");
    engine.stop().expect("a clean stop");
}
