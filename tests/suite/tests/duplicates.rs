//! What a sender sends more than once: because it was told no, and because it never heard that it was told yes.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary};

const LIMIT: Duration = Duration::from_secs(30);

/// A result; without a name it is not what its structure asks for.
fn result(sender: &str, control_id: &str, name: &str) -> String {
    format!(
        "MSH|^~\\&|{sender}|A|EHR|B|20261128100000+0100||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r\
         PID|1||1^^^PROBA^MR||{name}\r\
         OBR|1|||GLU^Glucose^L\r\
         OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F\r"
    )
}

struct Hospital {
    site: Site,
    engine: Engine,
}

impl Hospital {
    fn with(interface: &InterfaceFile) -> Self {
        let site = Site::with(interface).expect("a site");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { site, engine }
    }

    /// The codes of the answers.
    fn send(&self, messages: &[String]) -> Vec<String> {
        let mut connection = self.engine.connect("lab").expect("a connection");
        let answers = messages.iter().map(|message| {
            let answer = connection.ask(message.as_bytes()).expect("an answer");
            let code = answer.split("MSA|").nth(1).and_then(|rest| rest.split('|').next());
            code.unwrap_or_else(|| panic!("{answer}")).to_owned()
        });
        answers.collect()
    }

    fn kill(self) -> Self {
        self.engine.kill().expect("the engine is killed");
        let engine = Engine::start(&self.site.path()).expect("the engine starts again");
        Self { engine, ..self }
    }

    fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let listed = self
            .engine
            .json(&[&["messages", "list"], arguments].concat())
            .expect("a list");
        listed["messages"].as_array().expect("messages").clone()
    }

    fn told(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary().expect("the binary"));
        let output = command
            .args(arguments)
            .arg(self.site.path())
            .output()
            .expect("a command runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

#[test]
fn refused_repeats_are_shown_once_and_the_accepted_copy_beside_them() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .source("validate = { level = \"structure\" }")
        .to("ehr", sink.address());
    let hospital = Hospital::with(&interface);
    let bad = result("LAB", "M1", "");
    let of_another = result("XRAY", "M1", "");
    assert_eq!(
        hospital.send(&[bad.clone(), bad.clone(), of_another]),
        ["AE", "AE", "AE"]
    );
    // What was refused before a restart is known after it.
    let hospital = hospital.kill();
    assert_eq!(hospital.send(&[bad]), ["AE"]);
    let listed = hospital.list(&["--stage", "refused"]);
    let counts: Vec<&Value> = listed.iter().map(|one| &one["refusals"]["messages"]).collect();
    assert_eq!(counts, [3, 1], "{listed:#?}");
    assert_eq!(hospital.list(&["--control-id", "M1"]).len(), 4, "each of them is there");
    let table = hospital.told(&["messages", "list"]);
    assert!(table.contains("refused 3 times, from"), "{table}");

    let hospital = hospital.kill();
    assert_eq!(hospital.send(&[result("LAB", "M1", "PROBA^BETEG")]), ["AA"]);
    sink.wait_for(1, LIMIT).expect("the good one");
    let listed = hospital.list(&[]);
    let [accepted, refused, other] = listed.as_slice() else {
        panic!("{listed:#?}")
    };
    assert_eq!(
        (&accepted["stage"], &refused["stage"]),
        (&"processed".into(), &"refused".into())
    );
    assert_eq!(refused["refusals"]["accepted"], accepted["id"]);
    assert_eq!(accepted["refusals"]["last"], refused["id"]);
    assert_eq!(
        other["refusals"]["accepted"],
        Value::Null,
        "another sender's is another message"
    );
    let id = |message: &Value| message["id"].as_str().expect("an id").to_owned();
    let of_refused = hospital.told(&["messages", "show", &id(refused)]);
    assert!(
        of_refused.contains(&format!("and accepted as {}", id(accepted))),
        "{of_refused}"
    );
    let of_accepted = hospital.told(&["messages", "show", &id(accepted)]);
    assert!(of_accepted.contains("refused 3 times before, from"), "{of_accepted}");
}

fn recognising(window: &str, address: &str) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .source("validate = { level = \"structure\" }")
        .section(&format!("[duplicates]\nwindow = \"{window}\"\n"))
        .section(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = { rounds = 300_000 }\n\
             grants = { read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }\n",
        )
        .to("ehr", address)
}

fn sound(control_id: &str) -> String {
    result("LAB", control_id, "PROBA^BETEG")
}

impl Hospital {
    fn recognising(address: &str) -> Self {
        let site = Site::with(&recognising("1h", address)).expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { site, engine }
    }

    fn duplicates(&self) -> Vec<Value> {
        let listed = self.list(&["--stage", "filtered"]);
        listed
            .into_iter()
            .filter(|one| one["duplicate_of"] != Value::Null)
            .collect()
    }

    fn id_of(&self, control_id: &str) -> String {
        let listed = self.list(&["--control-id", control_id]);
        listed.last().expect("it is there")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }
}

#[test]
fn what_was_accepted_is_recognised_through_restarts_and_new_revisions_and_delivered_once() {
    let sink = Sink::accepting().expect("a receiver");
    let hospital = Hospital::recognising(sink.address());
    assert_eq!(
        hospital.send(&[sound("M1"), sound("M1"), sound("M2")]),
        ["AA", "AA", "AA"]
    );
    sink.wait_for(2, LIMIT).expect("each of them once");
    assert_eq!(sink.control_ids(), ["M1", "M2"]);
    let first = hospital.id_of("M1");
    let found = hospital.duplicates();
    assert_eq!((found.len(), &found[0]["duplicate_of"]), (1, &first.as_str().into()));
    assert!(
        hospital
            .told(&["messages", "list"])
            .contains(&format!("duplicate of {first}"))
    );

    let hospital = hospital.kill();
    assert_eq!(hospital.send(&[sound("M1")]), ["AA"]);
    // Another window, and what is known stays known.
    hospital
        .site
        .add(&recognising("2h", sink.address()))
        .expect("the file is changed");
    let applied = hospital.told(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    assert!(applied.contains("window"), "{applied}");
    assert_eq!(hospital.send(&[sound("M1"), sound("M3")]), ["AA", "AA"]);
    let Hospital { site, engine } = hospital;
    engine.stop().expect("it stops");
    std::fs::remove_file(site.path().join("data/live.sqlite")).expect("the projection is gone");
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    let hospital = Hospital { site, engine };
    // The same control id is not enough.
    let other = result("LAB", "M1", "MASIK^BETEG");
    assert_eq!(hospital.send(&[sound("M1"), other, sound("M4")]), ["AA", "AA", "AA"]);
    sink.wait_for(5, LIMIT).expect("what is new");
    assert_eq!(sink.control_ids(), ["M1", "M2", "M3", "M1", "M4"]);
    let found = hospital.duplicates();
    assert_eq!(found.len(), 4);
    assert!(
        found.iter().all(|one| one["duplicate_of"] == first.as_str()),
        "{found:#?}"
    );
    let status = hospital.engine.json(&["status"]).expect("a status");
    assert_eq!(status["interfaces"][0]["duplicates"], 4);
}

#[test]
fn a_duplicate_is_delivered_where_a_person_says_so_and_by_no_search() {
    let sink = Sink::accepting().expect("a receiver");
    let hospital = Hospital::recognising(sink.address());
    hospital.send(&[sound("M1"), sound("M1")]);
    sink.wait_for(1, LIMIT).expect("the first");
    let duplicate = hospital.duplicates()[0]["id"].as_str().expect("an id").to_owned();
    let site = hospital.site.path();
    let site = site.to_str().expect("a path");
    let replay = |more: &[&str]| {
        let mut command = Command::new(binary().expect("the binary"));
        let done = ["--yes", "--reason", "it was lost there", "--site", site];
        let output = command.args(["messages", "replay"]).args(more).args(done).output();
        let output = output.expect("a command runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let left = replay(&[&duplicate]);
    assert!(left.contains("--anyway delivers it"), "{left}");
    let left = replay(&["--interface", "lab", "--stage", "filtered"]);
    assert!(left.contains("--anyway delivers it"), "{left}");
    assert_eq!(sink.count(), 1);
    replay(&[&duplicate, "--anyway"]);
    sink.wait_for(2, LIMIT).expect("the duplicate");
    let shown = hospital
        .engine
        .json(&["messages", "show", &duplicate])
        .expect("it is shown");
    assert_eq!(
        (&shown["stage"], &shown["deliveries"][0]["stage"]),
        (&"processed".into(), &"delivered".into())
    );
    hospital.engine.verify().expect("nothing comes out differently");
}

#[test]
fn whoever_comes_while_the_first_is_undecided_waits_for_it_and_a_refused_one_is_no_first() {
    let sink = Sink::accepting().expect("a receiver");
    let hospital = Hospital::recognising(sink.address());
    let bad = result("LAB", "B1", "");
    assert_eq!(hospital.send(&[bad.clone(), bad]), ["AE", "AE"]);
    let senders = 4;
    let codes: Vec<String> = std::thread::scope(|threads| {
        let sending = (0..senders).map(|_| threads.spawn(|| hospital.send(&[sound("M1")])));
        let sending: Vec<_> = sending.collect();
        sending
            .into_iter()
            .flat_map(|one| one.join().expect("it is sent"))
            .collect()
    });
    assert_eq!(codes, vec!["AA"; senders]);
    hospital.send(&[sound("M2")]);
    sink.wait_for(2, LIMIT).expect("each of them once");
    assert_eq!(sink.control_ids(), ["M1", "M2"]);
    assert_eq!(hospital.duplicates().len(), senders - 1);
}
