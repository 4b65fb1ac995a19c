//! A new revision is tried before it goes live, or watched once it is: what goes wrong is found, and taken out of use by itself.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells its figures"
)]

use std::collections::HashSet;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, binary, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// Messages that may be needed to see what goes wrong with one in fifty, five times slower, or everywhere.
const MESSAGES: usize = 400;

const GRANTS: &str = "grants = { read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }\n";

/// An interface whose plugin goes wrong as `config` says.
fn wayward(config: &str, sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(&format!(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ {config} }}\n{GRANTS}"
        ))
        .to("ehr", sink.address())
}

/// What is wrong, as the configuration of the plugin has it.
const FAULTS: &str = "fault_every = 50";
const SLOW: &str = "rounds = 100000";
const CHANGED: &str = "code = \"2345-7\"";

/// A site that runs it as it should be, with a change of the folder that is not live yet.
struct Bench {
    sink: Sink,
    site: Site,
    engine: Engine,
    sent: usize,
}

impl Bench {
    fn with(changed: &str) -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::with(&wayward("", &sink)).expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        site.add(&wayward(changed, &sink)).expect("the file is changed");
        Self {
            sink,
            site,
            engine,
            sent: 0,
        }
    }

    /// `apply` with these arguments.
    fn apply(&self, arguments: &[&str]) -> Value {
        let all = [&["apply", "--yes", "--reason", "a test"], arguments].concat();
        self.engine.json(&all).expect("the folder is applied")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        Command::new(binary().expect("the binary"))
            .args(arguments)
            .args(["--site", folder.to_str().expect("a path")])
            .output()
            .expect("a command runs")
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} works");
        said(&output)
    }

    fn connect(&self) -> Connection {
        self.engine.connect("lab").expect("a connection")
    }

    /// Sends so many messages, each of another patient, and gives the answers' codes.
    fn send(&mut self, count: usize) -> Vec<String> {
        let mut connection = self.connect();
        let numbers = self.sent + 1..=self.sent + count;
        for number in numbers.clone() {
            connection
                .write(&frame(message(number).as_bytes()))
                .expect("it is sent");
        }
        self.sent += count;
        numbers
            .map(|_| code(&connection.answer().expect("an answer")))
            .collect()
    }

    fn status(&self) -> Value {
        self.engine.json(&["status"]).expect("the status")["interfaces"][0].clone()
    }

    fn trial(&self) -> Option<Value> {
        let trials = self.engine.json(&["trial", "list"]).expect("the trials");
        trials["trials"].as_array().and_then(|trials| trials.first().cloned())
    }

    /// Sends messages, some at a time, until the trial is over, and says how many it took.
    fn send_until_over(&mut self) -> usize {
        let before = self.sent;
        while self.trial().is_some() {
            assert!(self.sent - before < MESSAGES, "nothing was noticed: {:?}", self.trial());
            self.send(10);
        }
        self.sent - before
    }

    /// Waits until what was seen by now has been compared.
    fn compared(&self, messages: u64) -> Value {
        wait_until("the comparison", LIMIT, || {
            let trial = self.trial()?;
            (trial["differences"]["compared"].as_u64() >= Some(messages)).then_some(trial)
        })
        .expect("it is compared")
    }

    /// The revision that each message was decided by, the oldest message first.
    fn revisions(&self) -> Vec<u64> {
        let messages = self
            .engine
            .json(&["messages", "list", "--limit", "1000"])
            .expect("messages");
        let list = messages["messages"].as_array().expect("a list").iter();
        list.rev().filter_map(|one| one["revision"].as_u64()).collect()
    }

    /// What reached the receiver with the code that the plugin writes where it changes things.
    fn changed_at_the_receiver(&self) -> usize {
        let received = self.sink.received();
        let changed = received.iter().filter(|one| contains(&one.content, b"2345-7"));
        changed.count()
    }

    /// What is kept of the trials of one kind, the newest first.
    fn verdicts(&self, kind: &str) -> Vec<String> {
        let found = self.ok(&["evidence", "lab"]);
        let kept = found["evidence"].as_array().expect("a list").iter();
        let own = kept.filter(|one| one["kind"] == kind);
        own.filter_map(|one| one["verdict"].as_str().map(str::to_owned))
            .collect()
    }

    /// What is told once a trial has ended by itself: a moment later, because what was being sent is waited for.
    fn alerts(&self) -> String {
        let told = wait_until("an alert", LIMIT, || {
            let alerts = self.status()["alerts"].clone();
            alerts.as_array().is_some_and(|told| !told.is_empty()).then_some(alerts)
        });
        told.expect("it is told").to_string()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn message(number: usize) -> String {
    observation(&format!("M{number}")).replace("90000001", &format!("{}", 90_000_000 + number))
}

fn code(answer: &str) -> String {
    let acknowledgement = answer.split("MSA|").nth(1).unwrap_or_default();
    acknowledgement.split('|').next().unwrap_or_default().to_owned()
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn a_shadow_decides_nothing_and_tells_every_difference() {
    let mut bench = Bench::with(CHANGED);
    let applied = bench.apply(&["--shadow", "--messages", "1000"]);
    assert_eq!(applied["interfaces"][0]["kind"], "on-trial");
    bench.send(30);
    let trial = bench.compared(30);
    assert_eq!(
        (&trial["kind"], &trial["revision"], &trial["against"]),
        (&"shadow".into(), &2.into(), &1.into())
    );
    assert_eq!(trial["differences"]["differing"], 30);
    let place = &trial["differences"]["places"][0];
    assert_eq!((&place["place"], &place["messages"]), (&"OBX-3.1".into(), &30.into()));
    let pair = &place["pairs"][0];
    assert_eq!((&pair["before"], &pair["after"]), (&"GLU".into(), &"2345-7".into()));
    assert_eq!(bench.changed_at_the_receiver(), 0);
    assert_eq!(bench.status()["revision"], 1);
    assert!(bench.revisions().iter().all(|revision| *revision == 1));
    let shown = bench.run(&["trial", "show", "lab"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("OBX-3.1 changed in 30 of 30"), "{shown}");
    let trial = bench.status()["trial"].clone();
    assert_eq!(trial, "revision 2 runs beside (30 of 1000 messages)");
}

#[test]
fn a_shadow_finds_faults_in_two_of_a_hundred_messages() {
    let mut bench = Bench::with(FAULTS);
    bench.apply(&["--shadow"]);
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("faults"), "{}", bench.alerts());
    wait_until("the deliveries", LIMIT, || {
        (bench.sink.count() == bench.sent).then_some(())
    })
    .expect("all delivered");
    assert!(bench.revisions().iter().all(|revision| *revision == 1));
    eprintln!("a shadow that faults in 2 %: found after {took} messages, of which it delivered none");
}

#[test]
fn a_shadow_finds_what_is_five_times_slower() {
    let mut bench = Bench::with(SLOW);
    bench.apply(&["--shadow"]);
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("fuel"), "{}", bench.alerts());
    eprintln!("a shadow that is five times slower: found after {took} messages, of which it delivered none");
}

#[test]
fn a_shadow_finds_a_field_that_changes_silently() {
    let mut bench = Bench::with(CHANGED);
    bench.apply(&["--shadow", "--differences", "1%"]);
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("come out differently"), "{}", bench.alerts());
    assert_eq!(bench.changed_at_the_receiver(), 0);
    eprintln!("a shadow that changes a field: found after {took} messages, of which it delivered none");
}

/// Everything is the pilot's, so that the number of messages is about the budget and not about the share.
const ALL: [&str; 2] = ["--pilot", "100%"];

#[test]
fn a_pilot_ends_by_itself_where_it_faults_in_two_of_a_hundred_messages() {
    let mut bench = Bench::with(FAULTS);
    bench.apply(&ALL);
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("faults"), "{}", bench.alerts());
    assert_eq!(bench.status()["revision"], 1);
    let by_pilot = bench.revisions().iter().filter(|revision| **revision == 2).count();
    let answers = bench.send(50);
    assert!(
        answers.iter().all(|code| code == "AA"),
        "the live revision does not fault"
    );
    eprintln!("a pilot that faults in 2 %: found after {took} messages, {by_pilot} of them its own");
}

#[test]
fn a_pilot_ends_by_itself_where_it_is_five_times_slower() {
    let mut bench = Bench::with(SLOW);
    bench.send(50);
    bench.apply(&[&ALL[..], &["--waive", "envelope"]].concat());
    let took = bench.send_until_over();
    let alerts = bench.alerts();
    assert!(alerts.contains("fuel") || alerts.contains(" us a message"), "{alerts}");
    eprintln!("a pilot that is five times slower: found after {took} messages");
}

#[test]
fn a_pilot_ends_by_itself_where_a_field_changes_silently() {
    let mut bench = Bench::with(CHANGED);
    bench.apply(&[&ALL[..], &["--differences", "1%"]].concat());
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("come out differently"), "{}", bench.alerts());
    let delivered = bench.changed_at_the_receiver();
    bench.send(10);
    assert_eq!(bench.revisions().last(), Some(&1));
    eprintln!("a pilot that changes a field: found after {took} messages, of which {delivered} were delivered");
}

#[test]
fn what_is_live_is_rolled_back_by_itself_where_it_faults() {
    let mut bench = Bench::with(FAULTS);
    bench.send(60);
    bench.apply(&[]);
    assert_eq!(bench.status()["revision"], 2);
    let took = bench.send_until_over();
    assert!(bench.alerts().contains("rolled back to 1"), "{}", bench.alerts());
    assert_eq!(bench.status()["revision"], 1);
    let history = bench.ok(&["history", "lab"]);
    assert_eq!(history["live"], 1);
    let last = &history["changes"][0];
    assert_eq!(last["author"], "transfuse");
    assert!(
        last["reason"].as_str().is_some_and(|reason| reason.contains("faults")),
        "{last}"
    );
    eprintln!("a live revision that faults in 2 %: rolled back after {took} messages");
    bench.engine.kill().expect("it is killed");
    let engine = Engine::start(&bench.site.path()).expect("it starts again");
    let status = engine.json(&["status"]).expect("the status")["interfaces"][0].clone();
    assert_eq!(status["revision"], 1);
    assert!(status["alerts"].to_string().contains("rolled back to 1"), "{status}");
}

/// What a bad revision has made and not delivered yet stays here when it is rolled back, and the next messages go on.
#[test]
fn what_was_not_delivered_yet_is_held_when_what_is_live_is_rolled_back() {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = reserved.local_addr().expect("an address").to_string();
    let of = |config: &str| {
        InterfaceFile::listening("lab")
            .section(&format!(
                "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ {config} }}\n{GRANTS}"
            ))
            .to("ehr", &address)
    };
    let site = Site::with(&of("")).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    site.write("transfuse.toml", "[budget]\ndifferences = \"1%\"\n")
        .expect("settings are written");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&of(CHANGED)).expect("the file is changed");
    let mut bench = Bench {
        // Nobody listens at the address that it stands for.
        sink: Sink::accepting().expect("a receiver"),
        site,
        engine,
        sent: 0,
    };
    bench.apply(&[]);
    let bad = bench.send_until_over();
    wait_until("the rollback", LIMIT, || {
        (bench.status()["revision"] == 1).then_some(())
    })
    .expect("it is rolled back");
    assert!(bench.alerts().contains("is held"), "{}", bench.alerts());
    bench.send(5);
    bench.engine.kill().expect("it is killed");
    bench.engine = Engine::start(&bench.site.path()).expect("it starts again");
    drop(reserved);
    bench.sink = Sink::listening(&address, |_, _| transfuse_harness::Reply::Accept).expect("the receiver comes up");
    let received = bench.sink.wait_for(5, LIMIT).expect("the good ones arrive");
    let ids: Vec<String> = received.into_iter().map(|one| one.control_id).collect();
    let good: Vec<String> = (bad + 1..=bad + 5).map(|number| format!("M{number}")).collect();
    assert_eq!(ids, good);
    let refused = bench.refused(&["rollback", "lab", "--to", "2", "--yes", "--reason", "a test"]);
    assert!(refused.contains("are held"), "{refused}");
    assert_eq!(bench.sink.count(), 5, "and nothing of the bad revision");
}

/// Shares grow from stage to stage, each patient stays with one revision within a stage, and in the end it is live.
#[test]
fn a_pilot_in_stages_goes_live_when_it_has_kept_its_budget() {
    let mut bench = Bench::with(CHANGED);
    bench.apply(&["--pilot", "20%,60%", "--messages", "20"]);
    let mut seen = HashSet::new();
    while let Some(trial) = bench.trial() {
        if trial["kind"] == "watch" {
            break;
        }
        seen.insert(trial["decides"].as_str().expect("a text").to_owned());
        assert!(bench.sent < 1_000, "it never ends: {trial}");
        let answers = bench.send(10);
        assert!(answers.iter().all(|code| code == "AA"));
    }
    assert!(seen.contains("20% of the messages, by PID-3.1"), "{seen:?}");
    assert!(seen.contains("60% of the messages, by PID-3.1"), "{seen:?}");
    wait_until("the promotion", LIMIT, || {
        (bench.status()["revision"] == 2).then_some(())
    })
    .expect("it goes live");
    bench.send(10);
    let revisions = bench.revisions();
    assert!(revisions.contains(&1));
    assert!(revisions.iter().rev().take(10).all(|revision| *revision == 2));
    // One lane for both revisions: everything arrives once, and in order.
    let delivered = bench.sink.wait_for(bench.sent, LIMIT).expect("all delivered");
    let ids: Vec<String> = delivered.into_iter().map(|one| one.control_id).collect();
    let expected: Vec<String> = (1..=bench.sent).map(|number| format!("M{number}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_pilot_of_one_ward_is_paused_and_goes_on_and_is_made_live_by_hand() {
    let mut bench = Bench::with(CHANGED);
    bench.apply(&["--pilot", "PV1-3.1 == 4EAST"]);
    bench.send(3);
    let elsewhere = message(4).replace("4EAST", "4WEST");
    let mut connection = bench.connect();
    assert_eq!(code(&connection.ask(elsewhere.as_bytes()).expect("an answer")), "AA");
    assert_eq!(bench.revisions(), [2, 2, 2, 1]);
    bench.ok(&["trial", "pause", "lab", "--reason", "a test"]);
    bench.send(1);
    bench.ok(&["trial", "resume", "lab", "--reason", "a test"]);
    bench.send(1);
    assert_eq!(bench.revisions(), [2, 2, 2, 1, 1, 2]);
    bench.ok(&["trial", "promote", "lab", "--reason", "good enough"]);
    bench.send(1);
    assert!(bench.trial().is_none_or(|trial| trial["kind"] == "watch"));
    assert_eq!(bench.status()["revision"], 2);
    assert_eq!(bench.ok(&["history", "lab"])["changes"][0]["reason"], "good enough");
}

#[test]
fn what_cannot_be_tried_is_refused_and_a_trial_stands_in_the_way_of_other_changes() {
    let mut bench = Bench::with(CHANGED);
    let other = Sink::accepting().expect("a receiver");
    bench.site.add(&wayward(CHANGED, &other)).expect("the file is changed");
    let folder = bench.site.path();
    let folder = folder.to_str().expect("a path");
    let apply = |arguments: &[&str]| {
        let all = [&["apply", folder, "--yes", "--reason", "a test"], arguments].concat();
        Command::new(binary().expect("the binary"))
            .args(all)
            .output()
            .expect("a command runs")
    };
    let refused = said(&apply(&["--pilot", "10%"]));
    assert!(refused.contains("a destination differs"), "{refused}");
    for (arguments, why) in [
        (&["--pilot", "50%,5%"][..], "each larger than the one before"),
        (&["--pilot", "half"], "is not a share"),
        (&["--messages", "5"], "are of a trial"),
        (&["--shadow", "--pilot", "5%"], "cannot be used with"),
    ] {
        let refused = said(&apply(arguments));
        assert!(refused.contains(why), "{arguments:?}: {refused}");
    }
    assert!(bench.trial().is_none());

    bench.apply(&["--shadow"]);
    let refused = said(&apply(&[]));
    assert!(
        refused.contains("has revision") && refused.contains("on trial"),
        "{refused}"
    );
    let refused = bench.refused(&["trial", "stop", "lab"]);
    assert!(refused.contains("needs a reason"), "{refused}");
    bench.ok(&["trial", "stop", "lab", "--reason", "a test"]);
    let refused = bench.refused(&["trial", "stop", "lab", "--reason", "a test"]);
    assert!(refused.contains("`lab` has no trial"), "{refused}");
    bench.send(5);
    assert_eq!(bench.revisions(), [1, 1, 1, 1, 1]);
}

/// A code table changes for a revision on trial as for the live one, and stays so when it goes live.
#[test]
fn a_new_row_of_a_code_table_is_used_by_what_is_on_trial_and_by_what_goes_live() {
    let sink = Sink::accepting().expect("a receiver");
    let of_facility = |facility: &str| {
        InterfaceFile::listening("lab")
            .section(&format!(
                "[[steps]]\nplugin = \"transfuse/lab-normalize\"\nversion = \"^1\"\n\
                 config = {{ facility = \"{facility}\", on_unknown_code = \"reject\" }}\n\
                 grants = {{ tables = [\"lab-codes\"], read = [\"*\"], \
                 write = [\"PID-5\", \"OBX-3\", \"OBX-6\", \"OBX-8\", \"MSH-5\", \"MSH-6\"] }}\n"
            ))
            .to("ehr", sink.address())
    };
    let site = Site::with(&of_facility("ONE")).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&of_facility("TWO")).expect("the file is changed");
    let mut bench = Bench {
        sink,
        site,
        engine,
        sent: 0,
    };
    bench.apply(&ALL);
    assert_eq!(bench.send(1), ["AE"], "nobody knows MEGJ");
    let cells = ["MEGJ", "48767-8", "Annotation comment", ""];
    bench.ok(&[&["tables", "add", "--reason", "a test", "lab-codes"][..], &cells].concat());
    assert_eq!(bench.send(1), ["AA"]);
    bench.ok(&["trial", "promote", "lab", "--reason", "a test"]);
    assert_eq!(bench.send(1), ["AA"]);
    assert_eq!(bench.revisions(), [2, 2, 2]);
    assert_eq!(bench.status()["revision"], 2);
}

/// A restart runs what is live; what was on trial has decided what it decided.
#[test]
fn a_kill_ends_a_pilot_and_the_live_revision_decides_again() {
    let mut bench = Bench::with(CHANGED);
    bench.apply(&ALL);
    bench.send(5);
    assert_eq!(bench.verdicts("pilot"), ["begun"]);
    bench.engine.kill().expect("it is killed");
    bench.engine = Engine::start(&bench.site.path()).expect("it starts again");
    assert!(bench.trial().is_none());
    bench.send(5);
    assert_eq!(bench.revisions(), [2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);
    assert_eq!(bench.verdicts("pilot"), ["stopped", "begun"]);
    let kept = bench.ok(&["evidence", "lab"])["evidence"][0].clone();
    assert!(
        kept["summary"]
            .as_str()
            .is_some_and(|it| it.contains("restart") && it.contains("not known")),
        "{kept}"
    );
    assert_eq!((&kept["author"], &kept["revision"]), (&"transfuse".into(), &2.into()));

    // It is said once, and a stop that is none of a bad day says what was seen.
    bench.apply(&["--shadow"]);
    bench.send(3);
    bench.compared(3);
    bench.engine.stop().expect("a clean stop");
    bench.engine = Engine::start(&bench.site.path()).expect("it starts again");
    assert_eq!(bench.verdicts("pilot"), ["stopped", "begun"]);
    assert_eq!(bench.verdicts("shadow"), ["stopped", "begun"]);
    let kept = bench.ok(&["evidence", "lab"])["evidence"][0].clone();
    assert_eq!(kept["summary"], "ended after 3 messages: the engine stopped");
    assert_eq!(kept["detail"]["differences"]["differing"], 3, "{kept}");
}
