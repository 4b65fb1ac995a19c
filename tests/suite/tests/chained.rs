//! Interfaces that feed each other: what one hands over is a message of the other, once and never lost.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// Hands everything over to another interface.
fn handing_over(name: &str, to: &str) -> InterfaceFile {
    InterfaceFile::listening(name).section(&format!(
        "[[destinations]]\nname = \"next\"\ntype = \"interface\"\nto = \"{to}\"\n"
    ))
}

/// Gets everything from others. Its steps fail where the control id says so.
fn fed(ack: &str, address: &str) -> InterfaceFile {
    InterfaceFile::fed_by_others("register")
        .source(&format!("ack = \"{ack}\""))
        .section("[[steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\ngrants = { read = [\"MSH-10\"] }\n")
        .to("out", address)
}

struct Bench {
    site: Site,
    sink: Sink,
    engine: Option<Engine>,
}

impl Bench {
    fn with(ack: &str) -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::new().expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        site.add(&handing_over("lab", "register")).expect("a file");
        site.add(&fed(ack, sink.address())).expect("a file");
        let mut bench = Self {
            site,
            sink,
            engine: None,
        };
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.engine = Some(Engine::start(&self.site.path()).expect("the engine starts"));
    }

    fn kill(&mut self) {
        let engine = self.engine.take().expect("the engine runs");
        engine.kill().expect("the engine is killed");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let folder = folder.to_str().expect("a path");
        let site: &[&str] = match arguments {
            ["apply" | "status" | "check", ..] | ["messages", "list" | "show", ..] => &[folder],
            _ => &["--site", folder],
        };
        let mut command = Command::new(binary().expect("the binary"));
        command.env("NO_COLOR", "1").args(arguments).args(site);
        command.output().expect("a command runs")
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn send(&self, control_ids: &[&str]) {
        let engine = self.engine.as_ref().expect("the engine runs");
        let mut connection = engine.connect("lab").expect("a connection");
        for id in control_ids {
            let answer = connection.ask(observation(id).as_bytes()).expect("an answer");
            assert!(answer.contains(&format!("MSA|AA|{id}")), "{answer}");
        }
    }

    /// The figures of the destination that hands over.
    fn next(&self) -> Value {
        let status = self.ok(&["status"]);
        let interfaces = status["interfaces"].as_array().expect("a list");
        let lab = interfaces
            .iter()
            .find(|one| one["name"] == "lab")
            .expect("the interface");
        lab["destinations"][0].clone()
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let found = wait_until(what, LIMIT, || is_so(&self.next()).then_some(()));
        found.unwrap_or_else(|error| panic!("{error}: {:#}", self.next()));
    }

    /// The messages of an interface, the oldest first.
    fn messages(&self, interface: &str) -> Vec<Value> {
        let list = self.ok(&["messages", "list", "--interface", interface, "--limit", "1000"]);
        let mut messages = list["messages"].as_array().expect("a list").clone();
        messages.reverse();
        messages
    }

    fn show(&self, message: &Value) -> Value {
        self.ok(&["messages", "show", message["id"].as_str().expect("an id")])
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn what_is_handed_over_is_a_message_of_the_other_interface_and_names_where_it_came_from() {
    let bench = Bench::with("processed");
    bench.send(&["M1", "M2", "M3"]);
    bench.sink.wait_for(3, LIMIT).expect("they arrive at the end");
    assert_eq!(bench.sink.control_ids(), ["M1", "M2", "M3"]);
    let (here, there) = (bench.messages("lab"), bench.messages("register"));
    assert_eq!((here.len(), there.len()), (3, 3));
    for (before, after) in here.iter().zip(&there) {
        let (before, after) = (bench.show(before), bench.show(after));
        assert_eq!(after["origin"]["interface"], "lab");
        assert_eq!(after["origin"]["message"], before["id"]);
        assert_eq!(after["origin"]["delivery"], before["deliveries"][0]["id"]);
        assert_eq!(before["deliveries"][0]["stage"], "delivered");
    }
    let told = said(&bench.run(&["messages", "show", there[0]["id"].as_str().expect("an id")]));
    assert!(told.contains("from the interface lab, message "), "{told}");
}

#[test]
fn what_the_other_interface_refuses_stays_with_the_one_that_hands_over_and_what_it_owns_does_not() {
    // A plugin that fails is about the moment: it is tried again, and held in the end.
    let bench = Bench::with("processed");
    bench.send(&["PANIC1", "M2"]);
    bench.wait_for("a refusal", |next| {
        next["last_fault"].as_str().is_some_and(|fault| fault.contains("AR"))
    });
    assert_eq!(
        (&bench.next()["pending"], &bench.next()["delivered"]),
        (&2.into(), &0.into())
    );
    assert!(bench.messages("register").iter().all(|one| one["stage"] == "refused"));
    drop(bench);

    // Where the acknowledgement comes first, the other interface owns it, and what is behind it goes on.
    let bench = Bench::with("received");
    bench.send(&["PANIC1", "M2"]);
    bench.sink.wait_for(1, LIMIT).expect("the second one arrives");
    bench.wait_for("both are handed over", |next| next["delivered"] == 2);
    let stages: Vec<Value> = bench
        .messages("register")
        .iter()
        .map(|one| one["stage"].clone())
        .collect();
    assert_eq!(stages, ["quarantined", "processed"]);
}

#[test]
fn a_target_that_is_paused_leaves_deliveries_queued_with_the_reason_also_over_a_kill() {
    let mut bench = Bench::with("processed");
    bench.ok(&["pause", "register", "--reason", "the register is moved"]);
    bench.send(&["M1", "M2"]);
    let waits = |next: &Value| {
        let fault = next["last_fault"].as_str().unwrap_or_default();
        next["pending"] == 2 && fault.contains("`register` is paused")
    };
    bench.wait_for("the reason", waits);
    bench.kill();
    bench.start();
    bench.wait_for("they still wait", |next| next["pending"] == 2);
    assert!(bench.messages("register").is_empty());
    bench.ok(&["resume", "register"]);
    bench.sink.wait_for(2, LIMIT).expect("they arrive");
    assert_eq!(bench.sink.control_ids(), ["M1", "M2"]);
    assert_eq!(bench.messages("register").len(), 2);
}

#[test]
fn kills_in_the_middle_of_handing_over_lose_nothing_and_double_nothing() {
    const EACH: usize = 150;
    let mut bench = Bench::with("processed");
    for round in 0..3 {
        let ids: Vec<String> = (0..EACH).map(|number| format!("R{round}N{number}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        bench.send(&ids);
        bench.kill();
        bench.start();
    }
    bench.wait_for("all are handed over", |next| next["pending"] == 0);
    let sources: Vec<Value> = bench
        .messages("register")
        .iter()
        .map(|one| one["source"].clone())
        .collect();
    let mut once = sources.clone();
    once.sort_by_key(ToString::to_string);
    once.dedup();
    assert_eq!(
        (sources.len(), once.len()),
        (3 * EACH, 3 * EACH),
        "each delivery is one message"
    );
    // The last receiver may get one again: it is told apart by its control id.
    let arrived = wait_until("all to arrive", LIMIT, || {
        let mut ids = bench.sink.control_ids();
        ids.sort();
        ids.dedup();
        (ids.len() == 3 * EACH).then_some(())
    });
    arrived.expect("all arrive");
}

#[test]
fn a_cycle_is_refused_with_the_way_that_it_takes_and_so_is_an_interface_that_is_nowhere() {
    let bench = Bench::with("processed");
    let round = InterfaceFile::fed_by_others("register")
        .section("[[destinations]]\nname = \"back\"\ntype = \"interface\"\nto = \"lab\"\n");
    bench.site.add(&round).expect("a file");
    let check = bench.run(&["check"]);
    assert!(!check.status.success());
    assert!(
        said(&check).contains("messages would go round: lab -> register -> lab"),
        "{}",
        said(&check)
    );
    let apply = bench.run(&["apply", "--yes", "--reason", "a test"]);
    assert!(!apply.status.success());
    assert!(said(&apply).contains("lab -> register -> lab"), "{}", said(&apply));
    bench.site.add(&handing_over("register", "regster")).expect("a file");
    let check = said(&bench.run(&["check"]));
    assert!(check.contains("there is no interface `regster`"), "{check}");
}

#[test]
fn a_rollback_that_would_close_a_cycle_is_refused() {
    let (first, second) = (
        Sink::accepting().expect("a receiver"),
        Sink::accepting().expect("a receiver"),
    );
    let site = Site::new().expect("a site");
    site.add(&handing_over("lab", "register")).expect("a file");
    site.add(&InterfaceFile::listening("register").to("out", first.address()))
        .expect("a file");
    let sink = second;
    let mut bench = Bench {
        site,
        sink,
        engine: None,
    };
    bench.start();
    // They change places, one after the other.
    bench
        .site
        .add(&InterfaceFile::listening("lab").to("out", bench.sink.address()))
        .expect("a file");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    bench.site.add(&handing_over("register", "lab")).expect("a file");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    let back = bench.run(&["rollback", "lab", "--yes", "--reason", "a test"]);
    assert!(!back.status.success(), "{}", said(&back));
    assert!(said(&back).contains("messages would go round: "), "{}", said(&back));
}
