//! What could not be processed or delivered: mended, sent from where it is wanted, or given up, one by one and all at once.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

struct Hospital {
    site: Site,
    engine: Engine,
}

impl Hospital {
    fn with(interface: &InterfaceFile) -> Self {
        let site = Site::with(interface).expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { site, engine }
    }

    fn send(&self, messages: &[String]) {
        let mut connection = self.engine.connect("lab").expect("a connection");
        for message in messages {
            let answer = connection.ask(message.as_bytes()).expect("an answer");
            assert!(answer.contains("MSA|AA|"), "{answer}");
        }
    }

    fn kill(self) -> Self {
        self.engine.kill().expect("the engine is killed");
        let engine = Engine::start(&self.site.path()).expect("the engine starts again");
        Self { engine, ..self }
    }

    /// A command about messages; whether it succeeds is the caller's.
    fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let folder = folder.to_str().expect("a path");
        let site: &[&str] = match arguments {
            ["apply" | "status", ..] | ["messages", "list" | "show", ..] => &[folder],
            _ => &["--site", folder],
        };
        let mut command = Command::new(binary().expect("the binary"));
        command.args(arguments).args(site).output().expect("a command runs")
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}"))
    }

    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What people did about a message.
    fn kinds(&self, id: &str) -> Vec<String> {
        let shown = self.show(id);
        let operations = shown["operations"].as_array().expect("a list").iter();
        operations
            .map(|one| one["kind"].as_str().expect("a kind").to_owned())
            .collect()
    }

    /// Stops, and has the projection built anew: nothing may differ.
    fn rebuild(self) {
        let Self { site, engine } = self;
        engine.stop().expect("it stops");
        let mut command = Command::new(binary().expect("the binary"));
        let rebuilt = command
            .args(["store", "rebuild"])
            .arg(site.path())
            .output()
            .expect("a command runs");
        let said = String::from_utf8_lossy(&rebuilt.stdout).into_owned();
        assert!(
            rebuilt.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&rebuilt.stderr)
        );
    }

    fn show(&self, id: &str) -> Value {
        self.ok(&["messages", "show", id])
    }

    fn id_of(&self, control_id: &str) -> String {
        let listed = self.ok(&["messages", "list", "--control-id", control_id]);
        let id = listed["messages"][0]["id"].as_str();
        id.expect("the message").to_owned()
    }

    fn lab(&self) -> Value {
        self.ok(&["status"])["interfaces"][0].clone()
    }

    fn wait_for(&self, pointer: &str, count: u64) {
        let found = wait_until(pointer, LIMIT, || {
            (self.lab().pointer(pointer).and_then(Value::as_u64) == Some(count)).then_some(())
        });
        found.unwrap_or_else(|error| panic!("{error}: {:#}", self.lab()));
    }
}

const DONE: [&str; 3] = ["--yes", "--reason", "looked at"];

/// A result of a patient; without a name it is not what its structure asks for.
fn result(control_id: &str, patient: &str, name: &str) -> String {
    format!(
        "MSH|^~\\&|LAB|A|EHR|B|20261128100000+0100||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r\
         PID|1||{patient}^^^PROBA^MR||{name}\r\
         OBR|1|||GLU^Glucose^L\r\
         OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F\r"
    )
}

/// By patient, with what is in quarantine holding its lane.
fn strict(address: &str) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .head("order = [\"PID-3\"]\non_fault = \"hold-key\"")
        .source("ack = \"received\"")
        .source("validate = { level = \"structure\" }")
        .to("ehr", address)
}

fn contents(sink: &Sink) -> Vec<String> {
    let received = sink.received();
    let contents = received.iter().map(|one| String::from_utf8_lossy(&one.content));
    contents.map(std::borrow::Cow::into_owned).collect()
}

#[test]
fn what_holds_its_lane_is_edited_replayed_and_then_released() {
    let sink = Sink::accepting().expect("a receiver");
    let hospital = Hospital::with(&strict(sink.address()));
    hospital.send(&[
        result("bad", "1", ""),
        result("behind", "1", "PROBA^BETEG"),
        result("other", "2", "PROBA^BETEG"),
    ]);
    sink.wait_for(1, LIMIT).expect("the other patient's");
    let bad = hospital.id_of("bad");
    hospital.wait_for("/lane_holds", 1);

    // Only told: nothing is changed by that.
    let edit = [
        "messages",
        "edit",
        &bad,
        "--set",
        "PID-5.1=PROBA",
        "--set",
        "PID-5.2=BETEG",
    ];
    let planned = hospital.ok(&[&edit[..], &["--dry-run"]].concat());
    assert_eq!(
        planned["messages"][0]["differences"][0]["path"], "PID-5.1",
        "{planned:#}"
    );
    assert_eq!(planned["messages"][0]["holds_lanes"], true);
    assert_eq!(hospital.show(&bad)["edits"], Value::Null);
    let replay = ["messages", "replay", &bad];
    let refused = hospital.told(&[&replay[..], &DONE].concat());
    assert!(refused.contains("stay as they are"), "{refused}");
    assert!(
        hospital
            .told(&[&edit[..], &["--yes"]].concat())
            .contains("needs a reason")
    );

    hospital.ok(&[&edit[..], &DONE].concat());
    let hospital = hospital.kill();
    let shown = hospital.show(&bad);
    assert_eq!(
        (&shown["stage"], &shown["edits"][0]["reason"]),
        (&"quarantined".into(), &"looked at".into())
    );
    let raw = shown["raw"]["text"].as_str().expect("the bytes that came");
    assert_eq!(raw, result("bad", "1", ""), "what came in is kept");
    let edited = shown["edits"][0]["content"]["text"].as_str().expect("those of now");
    assert_eq!(edited, result("bad", "1", "PROBA^BETEG"));
    let story = hospital.told(&["messages", "show", &bad, "--content"]);
    assert!(story.contains("edited:") && story.contains("PID-5"), "{story}");
    assert!(story.contains("as it was edited"), "{story}");
    assert_eq!(hospital.told(&["messages", "show", &bad, "--raw"]), edited);

    hospital.ok(&[&replay[..], &DONE].concat());
    sink.wait_for(2, LIMIT).expect("the mended one");
    assert_eq!(sink.control_ids(), ["other", "bad"], "its lane still waits");
    assert!(contents(&sink)[1].contains("PROBA^BETEG"));
    hospital.ok(&[&["lanes", "release", "lab", &bad][..], &DONE].concat());
    sink.wait_for(3, LIMIT).expect("what waited behind it");
    let kinds = hospital.kinds(&bad);
    assert_eq!(kinds, ["edited", "replayed", "lanes-released"]);
    let verified = hospital.engine.verify().expect("it is verified");
    assert_eq!(verified["different"], 0, "{verified:#}");
}

#[test]
fn messages_are_edited_and_given_up_by_a_search() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = strict(sink.address()).head("owner = \"laboratory\"");
    let hospital = Hospital::with(&interface);
    hospital.send(&[
        result("a", "1", ""),
        result("b", "2", ""),
        result("c", "3", ""),
        result("good", "4", "PROBA^BETEG"),
    ]);
    hospital.wait_for("/quarantined", 3);
    let search = ["--interface", "lab", "--stage", "quarantined"];
    let name = ["--set", "PID-5.1=PROBA"];
    let edited = hospital.ok(&[&["messages", "edit"], &search[..], &name, &DONE].concat());
    assert_eq!(edited["messages"].as_array().map(Vec::len), Some(3), "{edited:#}");
    // What is that already is left, and said to be.
    let again = hospital.run(&[&["messages", "edit"], &search[..], &name, &DONE].concat());
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing of it would change"));
    // One of them is given whole; many cannot be.
    let file = hospital.site.path().join("whole.hl7");
    std::fs::write(&file, result("c", "3", "EGESZ").replace('\r', "\n")).expect("a file");
    let file = file.to_str().expect("a path");
    let many = hospital.told(&[&["messages", "edit"], &search[..], &["--file", file, "--dry-run"]].concat());
    assert!(
        many.contains("one message is given other bytes, and 3 are named"),
        "{many}"
    );
    let c = hospital.id_of("c");
    hospital.ok(&[&["messages", "edit", &c, "--file", file][..], &DONE].concat());
    assert_eq!(
        hospital.told(&["messages", "show", &c, "--raw"]),
        result("c", "3", "EGESZ")
    );

    let a = hospital.id_of("a");
    let discard = ["messages", "discard", &a];
    assert_eq!(
        hospital.ok(&[&discard[..], &["--dry-run"]].concat())["messages"][0]["message"]["stage"],
        "quarantined"
    );
    hospital.wait_for("/quarantined", 3);
    let given_up = hospital.told(&[&discard[..], &DONE].concat());
    assert!(given_up.contains("wait for `transfuse lanes release lab"), "{given_up}");
    hospital.wait_for("/discarded", 1);
    hospital.wait_for("/quarantined", 2);
    let listed = hospital.ok(&["messages", "list", "--stage", "discarded"]);
    assert_eq!(listed["messages"][0]["control_id"], "a");
    let last = hospital.show(&a)["operations"][1].clone();
    assert_eq!(
        (&last["kind"], &last["reason"]),
        (&"given-up".into(), &"looked at".into())
    );
    // What is not in quarantine cannot be given up.
    let good = hospital.id_of("good");
    let left = hospital.told(&[&["messages", "discard", &good][..], &DONE].concat());
    assert!(left.contains("nothing of it is in quarantine"), "{left}");

    hospital.ok(&[&["messages", "replay"], &search[..], &DONE].concat());
    sink.wait_for(3, LIMIT).expect("those that were mended");
    hospital.wait_for("/quarantined", 0);
    assert_eq!(sink.control_ids(), ["good", "b", "c"]);
    hospital.rebuild();
}

/// The code that a revision writes into each message, and whether it keeps the address.
fn coded(code: &str, last: &str, ehr: &str, archive: &str) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(&format!(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ code = \"{code}\" }}\n\
             grants = {{ read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }}\n"
        ))
        .section(last)
        .to("ehr", ehr)
        .to("archive", archive)
}

const REDACT: &str =
    "[[steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\ngrants = { read = [\"*\"], write = [\"PID-11\"] }\n";

#[test]
fn a_replay_begins_behind_a_step_and_goes_to_one_destination_in_the_place_of_what_rests_there() {
    let ehr = Sink::scripted(|number, _| if number == 0 { Reply::Code("AE") } else { Reply::Accept });
    let ehr = ehr.expect("a receiver");
    let archive = Sink::accepting().expect("a receiver");
    let hospital = Hospital::with(&coded("1111-1", REDACT, ehr.address(), archive.address()));
    hospital.send(&[observation("M1")]);
    archive.wait_for(1, LIMIT).expect("the archive gets it");
    hospital.wait_for("/destinations/1/quarantined", 1);
    let id = hospital.id_of("M1");
    let found = hospital.ok(&["messages", "list", "--interface", "lab", "--quarantined-at", "ehr"]);
    assert_eq!(found["messages"][0]["id"], id.as_str(), "{found:#}");
    let none = hospital.ok(&["messages", "list", "--interface", "lab", "--quarantined-at", "archive"]);
    assert_eq!(none["messages"].as_array().map(Vec::len), Some(0));

    // The next revision writes another code, and leaves the address.
    let next = coded("2222-2", "", ehr.address(), archive.address());
    hospital.site.add(&next).expect("the file is changed");
    hospital.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    let replay = ["messages", "replay", &id, "--to", "ehr", "--after-step"];
    let beyond = hospital.told(&[&replay[..], &["3", "--dry-run"]].concat());
    assert!(beyond.contains("revision 1, which decided it, has 2 steps"), "{beyond}");
    // Behind the first step of then comes the second one of now, which there is none of.
    let told = hospital.ok(&[&replay[..], &["1"], &DONE].concat());
    assert_eq!(
        told["messages"][0]["destinations"],
        serde_json::json!(["ehr"]),
        "{told:#}"
    );
    ehr.wait_for(2, LIMIT).expect("it is sent again");
    let sent = contents(&ehr).remove(1);
    assert!(sent.contains("1111-1") && sent.contains("1 Teszt utca"), "{sent}");
    assert_eq!(archive.count(), 1, "to one destination only");
    let shown = hospital.show(&id);
    assert_eq!(
        (&shown["deliveries"][0]["stage"], &shown["deliveries"][1]["stage"]),
        (&"replaced".into(), &"delivered".into())
    );
    assert_eq!(
        (
            &shown["operations"][0]["after_step"],
            &shown["operations"][0]["after_revision"]
        ),
        (&1.into(), &1.into())
    );
    hospital.wait_for("/destinations/1/quarantined", 0);
    let story = hospital.told(&["messages", "show", &id]);
    assert!(
        story.contains("on revision 2 after step 1 of revision 1: looked at"),
        "{story}"
    );
    let verified = hospital.engine.verify().expect("it is verified");
    assert_eq!(verified["different"], 0, "{verified:#}");

    // From the source it is what the live revision makes.
    hospital.ok(&[&replay[..], &["0"], &DONE].concat());
    ehr.wait_for(3, LIMIT).expect("once more");
    assert!(contents(&ehr).remove(2).contains("2222-2"));
}
