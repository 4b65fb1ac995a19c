//! What becomes of a delivery by what its receiver answers: tried again, held for a word, quarantined; how often and how fast
//! a receiver is tried; and what the status tells of it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, binary, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// An interface `lab` that passes everything on to `ehr`.
struct Feed {
    engine: Engine,
    site: Site,
}

/// An interface whose one destination has these keys.
fn lab(address: &str, keys: &str) -> InterfaceFile {
    let destination = format!(
        "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{address}\"\nreply_timeout = \"2s\"\n{keys}\n"
    );
    InterfaceFile::listening("lab").section(&destination)
}

impl Feed {
    fn to(address: &str, keys: &str) -> Self {
        let site = Site::with(&lab(address, keys)).expect("a site");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { engine, site }
    }

    fn send(&self, control_ids: &[&str]) {
        let mut connection = self.engine.connect("lab").expect("a connection");
        for control_id in control_ids {
            let answer = connection.ask(observation(control_id).as_bytes()).expect("an answer");
            assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
        }
    }

    fn ehr(&self) -> Value {
        let status = self.engine.json(&["status"]).expect("a status");
        status["interfaces"][0]["destinations"][0].clone()
    }

    /// Waits until the destination is like this.
    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let waited = wait_until(what, LIMIT, || Some(self.ehr()).filter(&is_so));
        waited.unwrap_or_else(|error| panic!("{error}: {:#}\n{}", self.ehr(), self.engine.said()))
    }

    fn settled(&self, delivered: u64, quarantined: u64) {
        self.wait_for(&format!("{delivered} delivered, {quarantined} quarantined"), |ehr| {
            (&ehr["delivered"], &ehr["quarantined"]) == (&delivered.into(), &quarantined.into())
        });
    }

    fn say(&self, action: &str, reason: &str) -> Output {
        let site = self.site.path();
        let mut command = Command::new(binary().expect("the binary"));
        command.args(["deliveries", action, "lab", "ehr", "--reason", reason, "--site"]);
        command.arg(site).output().expect("a command runs")
    }

    /// The one delivery of a message, as `messages show` has it.
    fn delivery(&self, control_id: &str) -> Value {
        let listed = self.engine.json(&["messages", "list"]).expect("a list");
        let messages = listed["messages"].as_array().expect("messages");
        let message = messages.iter().find(|one| one["control_id"] == control_id);
        let id = message.and_then(|one| one["id"].as_str()).expect("the message");
        let shown = self.engine.json(&["messages", "show", id]).expect("the message");
        shown["deliveries"][0].clone()
    }
}

/// An answer with this code and this error.
fn refusing(code: &str, error: &str, control_id: &str) -> Vec<u8> {
    let answer = format!("MSH|^~\\&|SINK|TEST|||20261128||ACK|S1|P|2.5.1\rMSA|{code}|{control_id}\rERR|||{error}\r");
    frame(answer.as_bytes())
}

/// Bytes that live as long as the test.
fn forever(bytes: Vec<u8>) -> &'static [u8] {
    bytes.leak()
}

const QUICK: &str = "first = \"5ms\", ceiling = \"20ms\"";

#[test]
fn what_is_rejected_too_often_is_held_in_its_place_until_somebody_has_it_tried_again() {
    let sink = Sink::scripted(|number, _| if number < 4 { Reply::Code("AR") } else { Reply::Accept });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(sink.address(), &format!("retry = {{ {QUICK}, rejects_max = 3 }}"));
    feed.send(&["M0", "M1", "M2"]);
    let ehr = feed.wait_for("a delivery that waits for a word", |ehr| {
        ehr["receiver"]["waiting_for_a_word"][0]["why"] == "the receiver answered AR to 4 attempts"
    });
    assert_eq!(
        (&ehr["pending"], &ehr["receiver"]["last_answer"]),
        (&3.into(), &"AR".into())
    );
    assert_eq!(
        sink.control_ids(),
        ["M0"; 4],
        "nothing overtakes it, and nothing more is tried"
    );
    let told = feed.engine.command(&["status"]).expect("a status");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("waits: lab/ehr:") && told.contains("transfuse deliveries retry lab ehr"),
        "{told}"
    );

    let said = feed.say("retry", "it is back");
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "lab/ehr: 1 delivery tried again\n"
    );
    feed.settled(3, 0);
    assert_eq!(sink.control_ids(), ["M0", "M0", "M0", "M0", "M0", "M1", "M2"]);
    assert_eq!(feed.ehr()["receiver"]["waiting_for_a_word"], Value::Array(Vec::new()));
}

#[test]
fn what_is_held_can_be_left_out_and_says_by_whom_and_a_restart_tries_it_again() {
    let sink = Sink::scripted(|_, control_id| {
        if control_id == "M0" {
            Reply::Code("AR")
        } else {
            Reply::Accept
        }
    });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(sink.address(), &format!("retry = {{ {QUICK}, rejects_max = 0 }}"));
    feed.send(&["M0", "M1"]);
    let is_held = |ehr: &Value| ehr["receiver"]["waiting_for_a_word"][0]["why"] == "the receiver answered AR";
    feed.wait_for("a delivery that waits for a word", is_held);
    let Feed { engine, site } = feed;
    assert_eq!(engine.stop().expect("a clean stop").code, Some(0));
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    let feed = Feed { engine, site };
    feed.wait_for("a delivery that waits for a word again", is_held);
    assert_eq!(sink.control_ids(), ["M0", "M0"]);

    let said = feed.say("skip", "the EHR will not take it");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    feed.settled(1, 1);
    assert_eq!(sink.control_ids(), ["M0", "M0", "M1"]);
    let fault = feed.delivery("M0")["fault"].clone();
    assert_eq!(fault["kind"], "skipped");
    let summary = fault["summary"].as_str().expect("a summary");
    assert!(
        summary.starts_with("the receiver answered AR; skipped by ") && summary.ends_with(": the EHR will not take it"),
        "{summary}"
    );
    let nothing = feed.say("skip", "once more");
    assert_eq!(
        String::from_utf8_lossy(&nothing.stdout),
        "lab/ehr: nothing waits for a word\n"
    );
}

#[test]
fn a_new_revision_that_leaves_the_destination_as_it_is_goes_on_with_what_is_known_of_its_receiver() {
    let sink = Sink::scripted(|number, _| if number == 0 { Reply::Code("AR") } else { Reply::Accept });
    let sink = sink.expect("a receiver");
    let keys = format!("retry = {{ {QUICK}, rejects_max = 0 }}");
    let feed = Feed::to(sink.address(), &keys);
    feed.send(&["M0"]);
    let is_held = |ehr: &Value| ehr["receiver"]["waiting_for_a_word"][0]["why"] == "the receiver answered AR";
    feed.wait_for("a delivery that waits for a word", is_held);
    let changed = lab(sink.address(), &keys).head("owner = \"laboratory\"");
    feed.site.add(&changed).expect("the file is changed");
    let applied = feed
        .engine
        .command(&["apply", "--yes", "--reason", "a test", "--unwatched"])
        .expect("a command runs");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    assert!(is_held(&feed.ehr()), "{:#}", feed.ehr());
    let said = feed.say("retry", "it is back");
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "lab/ehr: 1 delivery tried again\n"
    );
    feed.settled(1, 0);
    assert_eq!(sink.control_ids(), ["M0", "M0"]);
}

#[test]
fn an_error_decides_where_the_table_names_it_and_the_site_changes_the_table() {
    let answers = [
        ("UNSUPPORTED", "AR", "203"),
        ("DUPLICATE", "AE", "205"),
        ("BUSY", "AE", "207"),
        ("WRONG", "AE", "101"),
    ];
    let answers = answers.map(|(control_id, code, error)| (control_id, forever(refusing(code, error, control_id))));
    let sink = Sink::scripted(move |number, control_id| {
        let answer = answers.iter().find(|(known, _)| *known == control_id);
        match answer {
            // The second attempt at what was too busy.
            _ if number == 3 => Reply::Accept,
            Some((_, answer)) => Reply::Bytes(answer),
            None => Reply::Accept,
        }
    });
    let sink = sink.expect("a receiver");
    let keys = format!(
        "retry = {{ {QUICK} }}\n[destinations.answers]\n\"AE 205\" = \"delivered\"\n\"AE 207\" = \"retry\"\nCE = \"hold\"\n"
    );
    let feed = Feed::to(sink.address(), &keys);
    feed.send(&["UNSUPPORTED", "DUPLICATE", "BUSY", "WRONG", "LAST"]);
    feed.settled(3, 2);
    assert_eq!(
        sink.control_ids(),
        ["UNSUPPORTED", "DUPLICATE", "BUSY", "BUSY", "WRONG", "LAST"]
    );
    for (control_id, stage, fault) in [
        ("UNSUPPORTED", "quarantined", "the receiver answered AR 203"),
        ("WRONG", "quarantined", "the receiver answered AE 101"),
    ] {
        let delivery = feed.delivery(control_id);
        assert_eq!(
            (&delivery["stage"], &delivery["fault"]["summary"]),
            (&stage.into(), &fault.into())
        );
    }
    let busy = feed.delivery("BUSY");
    assert_eq!(
        (&busy["attempts"], &busy["last_fault"]),
        (&1.into(), &"the receiver answered AE 207".into())
    );
    assert_eq!(feed.delivery("DUPLICATE")["stage"], "delivered");
    // What an answer says where its receiver writes no code is nobody's business.
    assert!(!feed.engine.said().contains("ERR"));
}

#[test]
fn a_receiver_that_is_down_is_tried_at_intervals_told_of_once_and_found_again() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address").to_string();
    drop(free);
    let feed = Feed::to(&address, &format!("retry = {{ {QUICK}, failures_max = 3 }}"));
    feed.send(&["M0", "M1", "M2"]);
    let ehr = feed.wait_for("an open circuit after ten failures", |ehr| {
        ehr["receiver"]["circuit"]["failures"].as_u64() >= Some(10)
    });
    assert_eq!(ehr["receiver"]["last_answer"], "nothing");
    let told = feed.engine.command(&["status"]).expect("a status");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("circuit: lab/ehr: open for"), "{told}");
    let lines = |needle: &str| feed.engine.said().matches(needle).count();
    assert_eq!(
        (lines("not delivered"), lines("the circuit is open")),
        (3, 1),
        "{}",
        feed.engine.said()
    );

    let sink = Sink::listening(&address, |_, _| Reply::Accept).expect("the receiver comes up");
    feed.settled(3, 0);
    assert_eq!(sink.control_ids(), ["M0", "M1", "M2"]);
    let ehr = feed.ehr();
    assert_eq!(
        (&ehr["receiver"]["circuit"], &ehr["receiver"]["last_answer"]),
        (&Value::Null, &"AA".into())
    );
    assert_eq!(lines("the circuit is closed"), 1);
}

#[test]
fn many_connections_try_a_receiver_that_is_down_one_at_a_time_and_a_word_tries_it_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address").to_string();
    drop(free);
    let destination = format!(
        "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{address}\"\nconnections = 8\n\
         retry = {{ first = \"5ms\", ceiling = \"1h\", failures_max = 8 }}\n"
    );
    let interface = InterfaceFile::listening("lab")
        .head("order = \"none\"")
        .section(&destination);
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let feed = Feed { engine, site };
    feed.send(&["M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8"]);
    feed.wait_for("an open circuit", |ehr| {
        ehr["receiver"]["circuit"]["failures"].as_u64() >= Some(8)
    });
    let sink = Sink::listening(&address, |_, _| Reply::Accept).expect("the receiver comes up");
    assert_eq!(sink.count(), 0, "the next attempt is an hour away");
    let said = feed.say("retry", "it is back");
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "lab/ehr: nothing waits for a word; the receiver is tried at once\n"
    );
    feed.settled(9, 0);
    assert_eq!(sink.count(), 9);
}

#[test]
fn no_more_is_sent_in_a_time_than_the_receiver_can_take() {
    let sink = Sink::accepting().expect("a receiver");
    let feed = Feed::to(sink.address(), "rate_max = \"20/s\"");
    let control_ids: Vec<String> = (0..11).map(|number| format!("M{number}")).collect();
    feed.send(&control_ids.iter().map(String::as_str).collect::<Vec<_>>());
    let received = sink.wait_for(11, LIMIT).expect("everything arrives");
    assert_eq!(sink.control_ids(), control_ids);
    // Ten distances of 50 ms, but for what the first one was late.
    let took = received[10].at - received[0].at;
    assert!(took > Duration::from_millis(450), "{took:?}");
    let in_bursts = received
        .windows(4)
        .filter(|four| four[3].at - four[0].at < Duration::from_millis(50));
    assert_eq!(in_bursts.count(), 0, "evenly, and not all at the end");
}

#[test]
fn what_mllp_cannot_carry_goes_to_quarantine_and_holds_nobody_up() {
    let sink = Sink::accepting().expect("a receiver");
    let feed = Feed::to(sink.address(), "");
    let mut connection = feed.engine.connect("lab").expect("a connection");
    let unsendable = observation("M0").replace("PANEL", "PA\u{1c}NEL");
    let answer = connection.ask(unsendable.as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|M0"), "{answer}");
    feed.send(&["M1"]);
    feed.settled(1, 1);
    assert_eq!(sink.control_ids(), ["M1"]);
    assert_eq!(feed.delivery("M0")["fault"]["kind"], "unsendable");
}
