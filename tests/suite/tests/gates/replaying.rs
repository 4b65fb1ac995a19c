//! Which stored messages the gate `replay` runs, and what it says where it does not run all of them.

use serde_json::{Value, json};
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation};

use super::{Bench, CHANGED, LIMIT, gate, told};

/// The gate `replay` of a plan, with what it says of the messages that were chosen.
fn replayed(bench: &Bench, search: &str) -> Value {
    let (_, planned) = bench.plan(&["--replay", search]);
    gate(&planned, "replay")
}

#[test]
fn the_messages_of_a_replay_are_chosen_by_a_search_and_the_evidence_says_which() {
    let mut bench = Bench::with(CHANGED, "", 20);
    bench.send_as("ORU^R03", 2);
    let found = replayed(&bench, "type=ORU^R03");
    let chosen = &found["detail"]["chosen"];
    assert_eq!(found["detail"]["differences"]["compared"], 2);
    assert_eq!((&chosen["matched"], &chosen["ran"]), (&2.into(), &2.into()), "{chosen}");
    assert_eq!(chosen["search"], "the last 1000 of type ORU^R03");
    let found = replayed(&bench, "type=ORU,last=3");
    let chosen = &found["detail"]["chosen"];
    assert_eq!(
        (&chosen["matched"], &chosen["ran"]),
        (&22.into(), &3.into()),
        "{chosen}"
    );
    let older = json!([{ "why": "older than the last 3", "messages": 19, "examples": [] }]);
    assert_eq!(chosen["not_run"], older);

    // What is looked for may be a value of a message, which no summary holds.
    let shown = told(&bench.run(&["apply", "--dry-run", "--replay", "control-id=M7"]));
    let line = "chosen: the last 1000 with control id M7: 1 matches, 1 run";
    assert!(shown.contains(line), "{shown}");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--replay", "control-id=M7"]);
    let kept = bench.evidence_of("replay");
    assert_eq!(kept["detail"]["chosen"]["search"], "the last 1000 with control id M7");
    assert_eq!(kept["summary"], "1 of 1 messages come out differently");
}

#[test]
fn a_search_that_nothing_matches_refuses_the_change_and_says_so() {
    let bench = Bench::with(CHANGED, "[gates]\nreplay = 0\n", 3);
    let search = ["--replay", "type=ADT"];
    let output = bench.apply(&search);
    let kept = bench.assert_refused_by("replay", &output);
    let words = "no stored message matches: nothing was compared";
    assert_eq!(kept["summary"], words);
    assert!(told(&output).contains(words), "{}", told(&output));
    let output = bench.apply(&[&search[..], &["--waive", "replay"]].concat());
    assert!(output.status.success(), "{}", told(&output));
    // Without a choice there is nothing that was promised.
    bench.change("code = \"1-8\"");
    let changed = bench.ok(&["apply", "--yes", "--reason", "a test"]);
    assert_eq!(gate(&changed, "replay")["verdict"], "skipped");
}

#[test]
fn a_search_that_makes_no_sense_is_refused_with_what_to_write() {
    let bench = Bench::with(CHANGED, "", 1);
    let says = |search: &str, words: &str| {
        let output = bench.run(&["apply", "--dry-run", "--replay", search]);
        assert!(
            output.status.code() == Some(1) && told(&output).contains(words),
            "{search}: {}",
            told(&output)
        );
    };
    says("tpye=ORU", "did you mean `type`?");
    says("ORU^R01", "write `type=ORU^R01`");
    says("type=oru", "`oru` is not a message type");
    says("since=2026-11-21,until=2026-11-20", "that is not later");
    says("id=20200101-000001", "there is no message 20200101-000001");
    says("id=20200101-000001,type=ORU", "name their ids, or say what to look for");
    says("last=0", "from 1 to 10000 messages");
    says("interface=other", "the interface is the one that changes");
}

#[test]
fn a_replay_without_time_for_all_says_how_many_it_has_left_out() {
    let bench = Bench::with("rounds = 40000000", "[gates]\nreplay_for = \"1s\"\n", 80);
    let (_, planned) = bench.plan(&[]);
    let found = gate(&planned, "replay");
    let chosen = &found["detail"]["chosen"];
    let ran = chosen["ran"].as_u64().expect("a figure");
    assert!((1..80).contains(&ran), "{chosen}");
    let cut = json!([
        { "why": "there was no time for more within 1s", "messages": 80 - ran, "examples": [] }
    ]);
    assert_eq!((&chosen["not_run"], &chosen["matched"]), (&cut, &80.into()));
    let summary = found["summary"].as_str().expect("a line");
    assert!(summary.ends_with(&format!("{} not run again", 80 - ran)), "{summary}");
    let shown = told(&bench.run(&["apply", "--dry-run"]));
    assert!(
        shown.contains("not run: there was no time for more within 1s"),
        "{shown}"
    );
}

const TALLY: &str = r#"[[steps]]
plugin = "test/tally"
version = "^1"
grants = { read = ["MSH-8", "MSH-10"], write = ["MSH-13"], to = ["log"], create = true, state = true }
"#;

const LOG: &str = "[[destinations]]\nname = \"log\"\ntype = \"files\"\nfolder = \"log\"\ntypes = [\"ZZZ^Z99\"]\n";

/// What a plugin kept when a message came is not known: the new revision is held against what was decided then, and what it would
/// keep is dropped.
#[test]
fn a_replay_of_an_interface_that_keeps_something_is_approximate_and_leaves_alone_what_is_kept() {
    let sink = Sink::accepting().expect("a receiver");
    let tally = |more: &str| {
        let file = InterfaceFile::listening("lab").section(&format!("{TALLY}{more}"));
        file.section(LOG).to("ehr", sink.address())
    };
    let site = Site::with(&tally("")).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    std::fs::create_dir(site.path().join("log")).expect("a folder");
    site.add(&tally("")).expect("an interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let send = |number: usize| {
        let mut connection = engine.connect("lab").expect("a connection");
        let message = observation(&format!("M{number}"));
        connection.ask(message.as_bytes()).expect("an answer");
        let received = sink.wait_for(number, LIMIT).expect("it is delivered");
        let last = String::from_utf8_lossy(&received[number - 1].content).into_owned();
        last.split('|').nth(12).map(str::to_owned)
    };
    for number in 1..=3 {
        assert_eq!(send(number), Some(number.to_string()));
    }
    site.add(&tally("limits = { deadline = \"2s\" }\n"))
        .expect("the file is changed");
    let changed = engine
        .json(&["apply", "--yes", "--reason", "a test"])
        .expect("it is applied");
    let found = gate(&changed, "replay");
    let summary = "3 of 3 messages come out differently, 3 approximately, because plugins keep something";
    assert_eq!(found["summary"], summary);
    let place = &found["detail"]["differences"]["places"][0];
    assert_eq!(place["place"], "MSH-13");
    let pairs = place["pairs"].as_array().expect("pairs").iter();
    let mut pairs: Vec<_> = pairs
        .map(|pair| (pair["before"].as_str(), pair["after"].as_str()))
        .collect();
    pairs.sort_unstable();
    assert_eq!(pairs, ["1", "2", "3"].map(|then| (Some(then), Some("4"))));
    assert_eq!(send(4), Some("4".to_owned()), "the gate has counted nothing");
}
