//! Order by key: lanes beside each other, merges and messages of nobody, and what waits behind a fault until a person says so.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, binary, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A receiver that leaves one message unanswered, however often it is sent, until it is told to go on.
struct Gate {
    sink: Sink,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    fn at(held: &'static str) -> Self {
        let is_open = Arc::new(AtomicBool::new(false));
        let open = Arc::clone(&is_open);
        let sink = Sink::scripted(move |_, control_id| {
            if control_id == held && !open.load(Ordering::SeqCst) {
                Reply::Hang
            } else {
                Reply::Accept
            }
        });
        Self {
            sink: sink.expect("a receiver"),
            is_open,
        }
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// The control ids of what was answered.
    fn answered(&self) -> Vec<String> {
        let received = self.sink.received().into_iter();
        let answered = received.filter(|one| one.reply == Reply::Accept);
        answered.map(|one| one.control_id).collect()
    }

    /// Waits until so many are.
    fn arrived(&self, count: usize) -> Vec<String> {
        let waited = wait_until("they arrive", LIMIT, || {
            Some(self.answered()).filter(|ids| ids.len() >= count)
        });
        waited.unwrap_or_else(|error| panic!("{error}: {:?}", self.sink.control_ids()))
    }
}

/// An interface `adt` that passes everything on to `ehr`, over four connections, in this order.
fn adt(head: &str, address: &str) -> InterfaceFile {
    InterfaceFile::listening("adt")
        .head(head)
        .source("ack = \"received\"")
        .source("validate = { level = \"structure\" }")
        .section(&to("ehr", address))
}

fn to(name: &str, address: &str) -> String {
    format!(
        "[[destinations]]\nname = \"{name}\"\ntype = \"mllp\"\naddress = \"{address}\"\nconnections = 4\n\
         reply_timeout = \"300ms\"\nretry = {{ first = \"10ms\", ceiling = \"20ms\", failures_max = 100 }}\n"
    )
}

const BY_PATIENT: &str = "order = [\"PID-3\", \"MRG-1\"]";

/// A result of a patient; without a name it is not what its structure asks for.
fn result(control_id: &str, patient: &str, name: &str) -> String {
    format!(
        "MSH|^~\\&|LAB|A|EHR|B|20261128100000+0100||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r\
         PID|1||{patient}^^^PROBA^MR||{name}\r\
         OBR|1|||GLU^Glucose^L\r\
         OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F\r"
    )
}

fn sound(control_id: &str, patient: &str) -> String {
    result(control_id, patient, "PROBA^BETEG")
}

fn merge(control_id: &str, patient: &str, merged: &str) -> String {
    format!(
        "MSH|^~\\&|ADT|A|EHR|B|20261128100000+0100||ADT^A40^ADT_A39|{control_id}|P|2.5.1\r\
         EVN||20261128100000\r\
         PID|1||{patient}^^^PROBA^MR||PROBA^BETEG\r\
         MRG|{merged}^^^PROBA^MR\r"
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

    fn send(&self, messages: &[String]) {
        let mut connection = self.engine.connect("adt").expect("a connection");
        for message in messages {
            let answer = connection.ask(message.as_bytes()).expect("an answer");
            assert!(answer.contains("MSA|AA|"), "{answer}");
        }
    }

    /// Kills the engine and starts it again.
    fn kill(self) -> Self {
        self.engine.kill().expect("the engine is killed");
        let engine = Engine::start(&self.site.path()).expect("the engine starts again");
        Self { engine, ..self }
    }

    fn release(&self, what: &str) -> (bool, String) {
        let site = self.site.path();
        let site = site.to_str().expect("a path");
        run(&[
            "lanes",
            "release",
            "adt",
            what,
            "--yes",
            "--reason",
            "looked at",
            "--site",
            site,
        ])
    }

    /// What holds lanes: message, destination, how many wait.
    fn held(&self) -> Vec<(String, Value, u64)> {
        let site = self.site.path();
        let site = site.to_str().expect("a path");
        let (_, told) = run(&["lanes", "held", "adt", "--json", "--site", site]);
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"));
        let held = told["held"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        held.map(|one| {
            (
                text(&one["message"]),
                one["destination"].clone(),
                one["waiting"].as_u64().unwrap_or_default(),
            )
        })
        .collect()
    }

    fn wait_for_held(&self, expected: &[(String, Value, u64)]) {
        let waited = wait_until("lanes are held so", LIMIT, || (self.held() == expected).then_some(()));
        waited.unwrap_or_else(|error| panic!("{error}: {:?}\n{}", self.held(), self.engine.said()));
    }

    fn id_of(&self, control_id: &str) -> String {
        let listed = self.engine.json(&["messages", "list"]).expect("a list");
        let messages = listed["messages"].as_array().expect("messages");
        let found = messages.iter().find(|one| one["control_id"] == control_id);
        found
            .and_then(|one| one["id"].as_str())
            .expect("the message")
            .to_owned()
    }

    fn status(&self) -> Value {
        self.engine.json(&["status"]).expect("a status")["interfaces"][0].clone()
    }

    /// Waits until so many deliveries to `ehr` are in the journal and not made.
    fn wait_for_pending(&self, count: u64) {
        let waited = wait_until("deliveries wait", LIMIT, || {
            (self.status()["destinations"][0]["pending"] == count).then_some(())
        });
        waited.unwrap_or_else(|error| panic!("{error}: {:#}", self.status()));
    }
}

/// Whether a command succeeds, and what it says.
fn run(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary().expect("the binary"));
    let output = command.args(arguments).output().expect("a command runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Those of one patient, by the first letter.
fn of(patient: char, arrived: &[String]) -> Vec<&str> {
    let of = arrived.iter().filter(|id| id.starts_with(patient));
    of.map(String::as_str).collect()
}

#[test]
fn a_lane_that_is_stuck_holds_up_no_other_and_a_merge_waits_for_both() {
    let gate = Gate::at("A0");
    let hospital = Hospital::with(&adt(BY_PATIENT, gate.sink.address()));
    hospital.send(&[
        sound("first", "9"),
        sound("A0", "1"),
        sound("A1", "1"),
        sound("B0", "2"),
        merge("merge", "2", "1"),
        sound("B1", "2"),
        sound("D0", "4"),
        // Nobody's: behind everything, and in front of everything.
        sound("nobody", ""),
        sound("C0", "3"),
        sound("A2", "1"),
    ]);
    assert_eq!(gate.arrived(3), ["first", "B0", "D0"], "all that is not behind A0");
    hospital.wait_for_pending(7);
    assert_eq!(gate.answered().len(), 3);
    gate.open();
    let arrived = gate.arrived(10);
    assert_eq!(arrived[3..8], ["A0", "A1", "merge", "B1", "nobody"]);
    assert_eq!(of('C', &arrived[8..]), ["C0"]);
    assert_eq!(of('A', &arrived[8..]), ["A2"]);
}

#[test]
fn each_lane_is_in_order_under_load_and_through_a_new_revision() {
    const LANES: usize = 8;
    const EACH: usize = 40;
    let sink = Sink::scripted(|number, _| {
        if number % 7 == 0 {
            Reply::Late(Duration::from_millis(5))
        } else {
            Reply::Accept
        }
    });
    let sink = sink.expect("a receiver");
    let hospital = Hospital::with(&adt(BY_PATIENT, sink.address()));
    let sent = Mutex::new(0);
    std::thread::scope(|threads| {
        for lane in 0..LANES {
            let (engine, sent) = (&hospital.engine, &sent);
            threads.spawn(move || {
                let mut connection = engine.connect("adt").expect("a connection");
                for number in 0..EACH {
                    let message = sound(&format!("{lane}-{number}"), &format!("7{lane}"));
                    let answer = connection.ask(message.as_bytes()).expect("an answer");
                    assert!(answer.contains("MSA|AA|"), "{answer}");
                    *sent.lock().expect("the count") += 1;
                }
            });
        }
        // The next revisions take over in the middle of it: one shares the lanes, the other orders by something else.
        for (at, head) in [
            (LANES * EACH / 4, BY_PATIENT),
            (LANES * EACH / 2, "order = [\"PID-3\"]"),
        ] {
            wait_until("some are sent", LIMIT, || {
                (*sent.lock().expect("the count") > at).then_some(())
            })
            .expect("they are");
            let interface = adt(&format!("owner = \"{at}\"\n{head}"), sink.address());
            hospital.site.add(&interface).expect("the file is changed");
            let site = hospital.site.path();
            let site = site.to_str().expect("a path");
            let (applied, said) = run(&["apply", site, "--yes", "--reason", "a test", "--unwatched"]);
            assert!(applied, "{said}");
        }
    });
    sink.wait_for(LANES * EACH, LIMIT).expect("everything arrives");
    let arrived = sink.control_ids();
    assert_eq!(arrived.len(), LANES * EACH);
    for lane in 0..LANES {
        let own: Vec<&String> = arrived
            .iter()
            .filter(|id| id.starts_with(&format!("{lane}-")))
            .collect();
        let expected: Vec<String> = (0..EACH).map(|number| format!("{lane}-{number}")).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
    let connections: std::collections::BTreeSet<usize> = sink.received().iter().map(|one| one.connection).collect();
    assert!(connections.len() > 1, "over several connections");
}

#[test]
fn what_another_order_has_left_is_in_front_of_what_the_new_one_lets_in() {
    let gate = Gate::at("A0");
    let hospital = Hospital::with(&adt(BY_PATIENT, gate.sink.address()));
    hospital.send(&[sound("first", "9"), sound("A0", "1"), sound("B0", "2")]);
    assert_eq!(gate.arrived(2), ["first", "B0"]);
    hospital
        .site
        .add(&adt("order = [\"PID-3\"]", gate.sink.address()))
        .expect("the file is changed");
    let site = hospital.site.path();
    let site = site.to_str().expect("a path");
    let (applied, said) = run(&["apply", site, "--yes", "--reason", "a test", "--unwatched"]);
    assert!(applied, "{said}");
    hospital.send(&[sound("B1", "2"), sound("C0", "3")]);
    hospital.wait_for_pending(3);
    gate.open();
    let arrived = gate.arrived(5);
    assert_eq!(arrived[2..], ["A0", "B1", "C0"]);
}

#[test]
fn what_is_behind_a_message_in_quarantine_waits_in_its_lane_through_a_kill_until_it_is_released() {
    let sink = Sink::accepting().expect("a receiver");
    let head = format!("{BY_PATIENT}\non_fault = \"hold-key\"");
    let hospital = Hospital::with(&adt(&head, sink.address()));
    hospital.send(&[
        sound("first", "9"),
        sound("A0", "1"),
        result("bad", "1", ""),
        sound("A1", "1"),
        sound("B0", "2"),
    ]);
    sink.wait_for(3, LIMIT).expect("what may go on");
    let bad = hospital.id_of("bad");
    hospital.wait_for_held(&[(bad.clone(), Value::Null, 1)]);
    assert_eq!(sink.control_ids(), ["first", "A0", "B0"]);
    let (_, told) = run(&["status", hospital.site.path().to_str().expect("a path")]);
    assert!(
        told.contains("lanes: adt: 1 fault holds its lanes (`transfuse lanes held adt`)"),
        "{told}"
    );

    let hospital = hospital.kill();
    hospital.send(&[sound("A2", "1"), sound("B1", "2")]);
    sink.wait_for(4, LIMIT).expect("the other lane goes on");
    hospital.wait_for_held(&[(bad.clone(), Value::Null, 2)]);
    assert_eq!(sink.control_ids(), ["first", "A0", "B0", "B1"]);
    let (released, said) = hospital.release(&bad);
    assert!(
        released && said.contains(&format!("what waited behind {bad} goes on")),
        "{said}"
    );
    sink.wait_for(6, LIMIT).expect("the lane goes on");
    assert_eq!(sink.control_ids()[4..], ["A1", "A2"]);
    assert_eq!(hospital.held(), []);
    let (again, said) = hospital.release(&bad);
    assert!(!again && said.contains("nothing holds lanes"), "{said}");
    assert_eq!(hospital.status()["quarantined"], 1);

    let hospital = hospital.kill();
    hospital.send(&[sound("A3", "1")]);
    sink.wait_for(7, LIMIT).expect("it stays released");
}

#[test]
fn what_a_receiver_refuses_holds_its_lane_there_and_is_sent_again_in_front_of_it() {
    let refused = AtomicBool::new(false);
    let ehr = Sink::scripted(move |_, control_id| {
        if control_id == "A0" && !refused.swap(true, Ordering::SeqCst) {
            Reply::Code("AE")
        } else {
            Reply::Accept
        }
    });
    let (ehr, archive) = (ehr.expect("a receiver"), Sink::accepting().expect("a receiver"));
    let head = format!("{BY_PATIENT}\non_fault = \"hold-key\"");
    let interface = adt(&head, ehr.address()).section(&to("archive", archive.address()));
    let hospital = Hospital::with(&interface);
    hospital.send(&[
        sound("first", "9"),
        sound("A0", "1"),
        sound("A1", "1"),
        sound("B0", "2"),
    ]);
    archive.wait_for(4, LIMIT).expect("the other receiver gets all");
    ehr.wait_for(3, LIMIT).expect("the other lane goes on");
    let refused = hospital.id_of("A0");
    hospital.wait_for_held(&[(refused.clone(), "ehr".into(), 1)]);

    let site = hospital.site.path();
    let site = site.to_str().expect("a path");
    let replay = [
        "messages",
        "replay",
        &refused,
        "--to",
        "ehr",
        "--yes",
        "--reason",
        "corrected there",
        "--site",
        site,
    ];
    let (replayed, said) = run(&replay);
    assert!(replayed, "{said}");
    ehr.wait_for(4, LIMIT).expect("it passes what waits");
    let (released, said) = hospital.release(&refused);
    assert!(released, "{said}");
    ehr.wait_for(5, LIMIT).expect("the lane goes on");
    let arrived = ehr.control_ids();
    assert_eq!(of('A', &arrived), ["A0", "A0", "A1"]);
    assert_eq!(of('A', &arrived[3..]), ["A0", "A1"]);
}

#[test]
fn an_interface_that_stops_at_a_fault_sends_nothing_more_through_a_kill_until_all_is_released() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("adt")
        .head("on_fault = \"stop\"")
        .source("ack = \"received\"")
        .source("validate = { level = \"structure\" }")
        .to("ehr", sink.address());
    let hospital = Hospital::with(&interface);
    hospital.send(&[
        sound("A0", "1"),
        result("bad", "1", ""),
        sound("A1", "1"),
        sound("B0", "2"),
    ]);
    let bad = hospital.id_of("bad");
    hospital.wait_for_held(&[(bad.clone(), Value::Null, 2)]);
    let hospital = hospital.kill();
    hospital.send(&[sound("B1", "2")]);
    hospital.wait_for_held(&[(bad, Value::Null, 3)]);
    assert_eq!(sink.control_ids(), ["A0"]);
    let (released, said) = hospital.release("--all");
    assert!(released, "{said}");
    sink.wait_for(4, LIMIT).expect("all goes on");
    assert_eq!(sink.control_ids(), ["A0", "A1", "B0", "B1"]);
}
