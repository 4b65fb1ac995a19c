//! Steps of a destination: what they make goes there and nowhere else, and where they fail nobody else waits.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

const MISCHIEF: &str = "[[destinations.steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\n\
                        grants = { read = [\"MSH-10\"] }\n";

const REDACT: &str = "[[destinations.steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\n\
                      grants = { read = [\"PID-11\"], write = [\"PID-11\"] }\n";

/// What `observation` has in PID-11.
const STREET: &str = "1 Teszt utca";

/// A hospital that gets everything as it is, and a register behind steps of its own.
struct Bench {
    site: Site,
    ehr: Sink,
    register: Sink,
    engine: Option<Engine>,
}

impl Bench {
    fn with(steps: &str) -> Self {
        Self::with_head("", steps)
    }

    fn with_head(head: &str, steps: &str) -> Self {
        let (ehr, register) = (accepting(), accepting());
        let site = Site::new().expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let mut bench = Self {
            site,
            ehr,
            register,
            engine: None,
        };
        bench.write(head, steps);
        bench.start();
        bench
    }

    /// The register first: what stops there is before what goes to the hospital.
    fn write(&self, head: &str, steps: &str) {
        let file = InterfaceFile::listening("lab")
            .head(head)
            .to("register", self.register.address())
            .section(steps)
            .to("ehr", self.ehr.address());
        self.site.add(&file).expect("the file is written");
    }

    fn apply(&self, steps: &str) {
        self.write("", steps);
        self.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
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
            ["apply" | "status" | "check" | "store", ..] | ["messages", "list" | "show" | "explain", ..] => &[folder],
            _ => &["--site", folder],
        };
        let mut command = Command::new(binary().expect("the binary"));
        command.env("NO_COLOR", "1").args(arguments).args(site);
        command.output().expect("a command runs")
    }

    fn json(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let read = serde_json::from_slice(&output.stdout);
        let read = read.unwrap_or_else(|_| panic!("{arguments:?}: {}", said(&output)));
        (output.status.success(), read)
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let (success, read) = self.json(arguments);
        assert!(success, "{arguments:?}: {read}");
        read
    }

    /// Sends messages that must be accepted.
    fn send(&self, control_ids: &[&str]) {
        let engine = self.engine.as_ref().expect("the engine runs");
        let mut connection = engine.connect("lab").expect("a connection");
        for id in control_ids {
            let answer = connection.ask(observation(id).as_bytes()).expect("an answer");
            assert!(answer.contains(&format!("MSA|AA|{id}")), "{answer}");
        }
    }

    /// The figures of a destination.
    fn status(&self, destination: &str) -> Value {
        let status = self.ok(&["status"]);
        let destinations = status["interfaces"][0]["destinations"].as_array().expect("a list");
        let found = destinations.iter().find(|one| one["name"] == destination);
        found.expect("the destination").clone()
    }

    fn wait_for(&self, destination: &str, figure: &str, count: u64) {
        let found = wait_until(&format!("{count} {figure} of {destination}"), LIMIT, || {
            (self.status(destination)[figure] == count).then_some(())
        });
        found.unwrap_or_else(|error| panic!("{error}: {:#}", self.status(destination)));
    }

    /// The id of the message with a control id.
    fn id_of(&self, control_id: &str) -> String {
        let list = self.ok(&["messages", "list", "--limit", "100"]);
        let messages = list["messages"].as_array().expect("a list");
        let found = messages.iter().find(|one| one["control_id"] == control_id);
        found.expect("the message")["id"].as_str().expect("an id").to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.ok(&["messages", "show", id])
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

fn delivery_to<'s>(shown: &'s Value, destination: &str) -> Vec<&'s Value> {
    let deliveries = shown["deliveries"].as_array().expect("a list");
    deliveries
        .iter()
        .filter(|one| one["destination"] == destination)
        .collect()
}

fn accepting() -> Sink {
    Sink::accepting().expect("a receiver")
}

fn contents(sink: &Sink) -> Vec<String> {
    let received = sink.received();
    received
        .iter()
        .map(|one| String::from_utf8_lossy(&one.content).into_owned())
        .collect()
}

#[test]
fn a_fault_for_one_receiver_never_stops_another_and_is_replayed_to_that_one_alone() {
    let mut bench = Bench::with(MISCHIEF);
    bench.send(&["M1", "PANIC2", "M3"]);
    bench.ehr.wait_for(3, LIMIT).expect("the hospital gets all of them");
    bench.register.wait_for(2, LIMIT).expect("the register gets two");
    assert_eq!(bench.ehr.control_ids(), ["M1", "PANIC2", "M3"]);
    assert_eq!(bench.register.control_ids(), ["M1", "M3"]);
    bench.wait_for("register", "quarantined", 1);
    assert_eq!(bench.status("register")["pending"], 0);

    // It is visible, and stays so whatever happens to the engine and to what it has added up.
    let id = bench.id_of("PANIC2");
    let is_shown = |bench: &Bench| {
        let shown = bench.show(&id);
        assert_eq!(shown["stage"], "processed");
        let [delivery] = delivery_to(&shown, "register")[..] else {
            panic!("{shown:#}");
        };
        assert_eq!(
            (&delivery["stage"], &delivery["fault"]["kind"]),
            (&"quarantined".into(), &"trapped".into())
        );
        let summary = delivery["fault"]["summary"].as_str().expect("a summary");
        assert!(summary.starts_with("stopped by the steps of `register`: "), "{summary}");
        assert_eq!(delivery_to(&shown, "ehr")[0]["stage"], "delivered");
        assert_eq!(shown["decision"]["steps"][0]["destination"], "register");
    };
    is_shown(&bench);
    let told = said(&bench.run(&["messages", "show", &id]));
    assert!(told.contains("stopped by its steps"), "{told}");
    bench.kill();
    let rebuilt = bench.run(&["store", "rebuild"]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    bench.start();
    is_shown(&bench);
    assert_eq!(bench.status("register")["quarantined"], 1);

    // While the cause is there it stays, and once that is gone it goes to the register alone.
    let replay = [
        "messages", "replay", &id, "--to", "register", "--yes", "--reason", "a test",
    ];
    let (is_sent, still) = bench.json(&replay);
    assert!(!is_sent, "{still}");
    let why = still["left"][0]["reason"].as_str().expect("a reason");
    assert!(why.starts_with("stopped by the steps of `register`: "), "{why}");
    bench.apply(REDACT);
    bench.ok(&replay);
    bench.register.wait_for(3, LIMIT).expect("the replayed one");
    assert_eq!(bench.register.control_ids(), ["M1", "M3", "PANIC2"]);
    assert!(!contents(&bench.register)[2].contains(STREET));
    assert_eq!(bench.ehr.control_ids(), ["M1", "PANIC2", "M3"]);
    assert!(contents(&bench.ehr).iter().all(|content| content.contains(STREET)));
    let verified = bench
        .engine
        .as_ref()
        .expect("the engine runs")
        .verify()
        .expect("all come out alike");
    assert_eq!(verified["different"], 0, "{verified}");
}

#[test]
fn a_plugin_of_a_destination_is_deployed_diffed_and_explained_like_any_other() {
    let bench = Bench::with(REDACT);
    bench.send(&["M1"]);
    bench.register.wait_for(1, LIMIT).expect("the first one");
    assert!(!contents(&bench.register)[0].contains(STREET));
    // The journal holds what went out.
    let id = bench.id_of("M1");
    let shown = bench.show(&id);
    let outputs = shown["decision"]["outputs"].as_array().expect("a list");
    assert_eq!(outputs.len(), 2, "{shown:#}");
    let ours = outputs.iter().position(|one| one["destinations"][0] == "register");
    let number = (ours.expect("the register's") + 1).to_string();
    let explained = bench.ok(&["messages", "explain", &id, "PID-11.1", "--output", &number]);
    assert_eq!(explained["made_by"]["plugin"], "transfuse/redact", "{explained:#}");

    // Nobody has approved the next version: the policy knows this step.
    let next = bench.site.add_next_version("transfuse/redact").expect("a next version");
    let deploy = [
        "deploy",
        "lab",
        "transfuse/redact@1.1.0",
        "--yes",
        "--reason",
        "a test",
        "--unwatched",
    ];
    let refused = bench.run(&deploy);
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(said(&refused).contains("transfuse/redact 1.1.0"), "{}", said(&refused));
    bench.site.approve(&next).expect("it is approved");
    let deployed = bench.ok(&deploy);
    let places = deployed["interfaces"][0]["differences"].as_array().expect("a list");
    let place = "destinations[register].steps[transfuse/redact].version";
    assert!(places.iter().any(|one| one["place"] == place), "{deployed:#}");
    bench.send(&["M2"]);
    bench.register.wait_for(2, LIMIT).expect("the second one");
    let shown = bench.show(&bench.id_of("M2"));
    assert_eq!(shown["decision"]["steps"][0]["version"], "1.1.0");
}

#[test]
fn what_is_behind_a_stopped_delivery_waits_at_its_receiver_alone_where_the_interface_says_so() {
    let mut bench = Bench::with_head("order = [\"PID-3\"]\non_fault = \"hold-key\"", MISCHIEF);
    bench.send(&["M1", "PANIC2", "M3", "M4"]);
    bench.ehr.wait_for(4, LIMIT).expect("the hospital gets all of them");
    bench.wait_for("register", "pending", 2);
    bench.kill();
    bench.start();
    assert_eq!(bench.register.control_ids(), ["M1"]);
    let released = bench.run(&["lanes", "release", "lab", "--all", "--yes", "--reason", "a test"]);
    assert!(released.status.success(), "{}", said(&released));
    bench.register.wait_for(3, LIMIT).expect("what waited");
    assert_eq!(bench.register.control_ids(), ["M1", "M3", "M4"]);
}

#[test]
fn what_a_destination_keeps_between_messages_is_dropped_where_it_is_stopped() {
    let ehr = accepting();
    let site = Site::new().expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let tally = "[[destinations.steps]]\nplugin = \"test/tally\"\nversion = \"^1\"\n\
                 grants = { read = [\"MSH-*\"], write = [\"MSH-13\"], to = [\"log\"], create = true, state = true }\n";
    // The file in which it counts is the destination's own too.
    site.write("out/.keep", "").expect("a folder");
    let folder =
        "[[destinations]]\nname = \"log\"\ntype = \"files\"\nfolder = \"out\"\nfile = \"{delivery}.{extension}\"\n";
    let file = InterfaceFile::listening("lab")
        .to("ehr", ehr.address())
        .section(folder)
        .section(tally);
    site.add(&file).expect("the file is written");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for (id, asked) in [("M1", ""), ("M2", "FAULT"), ("M3", "FILTER"), ("M4", "")] {
        let message = observation(id).replace("||ORU^R01^ORU_R01", &format!("|{asked}|ORU^R01^ORU_R01"));
        let answer = connection.ask(message.as_bytes()).expect("an answer");
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    ehr.wait_for(4, LIMIT).expect("the hospital gets all of them");
    let written = || {
        let files = std::fs::read_dir(site.path().join("out")).expect("the folder");
        let names = files.map(|file| file.expect("a file").path());
        let mut lines: Vec<String> = names
            .filter(|name| name.extension().is_some_and(|extension| extension == "csv"))
            .map(|name| std::fs::read_to_string(name).expect("a file"))
            .collect();
        lines.sort();
        lines
    };
    wait_until("two lines", LIMIT, || (written().len() == 2).then_some(())).expect("two lines");
    // The fault's count is dropped, and the filter's is kept.
    assert_eq!(written(), ["1;M1\n", "3;M4\n"]);
    engine.stop().expect("a clean stop");
}

#[test]
fn a_check_says_what_steps_of_a_destination_cannot_be() {
    let site = Site::new().expect("a site");
    let steps = "[[destinations.steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\nconfig = { keep = 1 }\n\
                 grants = { to = [\"ehr\"] }\n";
    let file = InterfaceFile::listening("lab")
        .to("ehr", "127.0.0.1:9")
        .to("register", "127.0.0.1:9")
        .section(steps);
    site.add(&file).expect("the file is written");
    let check = |site: &Site| {
        let mut command = Command::new(binary().expect("the binary"));
        let output = command.arg("check").arg(site.path()).output().expect("a command runs");
        said(&output)
    };
    let told = check(&site);
    assert!(
        told.contains("all that a step of `register` forwards goes to `register`"),
        "{told}"
    );
    let file = InterfaceFile::listening("lab")
        .to("ehr", "127.0.0.1:9")
        .to("register", "127.0.0.1:9")
        .section(&steps.replace("grants = { to = [\"ehr\"] }\n", ""));
    site.add(&file).expect("the file is written");
    let told = check(&site);
    assert!(told.contains("the configuration of `transfuse/redact`"), "{told}");
    let file = InterfaceFile::listening("lab")
        .to("register", "127.0.0.1:9")
        .section(REDACT);
    site.add(&file).expect("the file is written");
    let told = check(&site);
    assert!(told.contains("1 interface, 1 step"), "{told}");
}
