//! A change passes gates before it goes live: what goes wrong is found on stored messages, and nothing of it is delivered.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "how much it took to find something is a result")]

#[path = "gates/replaying.rs"]
mod replaying;

use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, frame, observation, wait_until};
use transfuse_package::Package;

const LIMIT: Duration = Duration::from_mins(1);

/// Enough to see what goes wrong with one in fifty.
const MESSAGES: usize = 200;

const GRANTS: &str = "grants = { read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }\n";
const LIMITS: &str = "limits = { deadline = \"2s\", fuel = 1000000000000 }\n";

const FAULTS: &str = "fault_every = 50";
const SLOW: &str = "rounds = 100000";
const CHANGED: &str = "code = \"2345-7\"";

const REFUSE: &str = "[gates]\ndifferences = \"refuse\"\n";

/// A code that stands in no file of the site.
const CANARY: &str = "KANARI-77";

/// An interface whose plugin goes wrong as `config` says.
fn wayward(config: &str, sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(&format!(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ {config} }}\n{GRANTS}{LIMITS}"
        ))
        .to("ehr", sink.address())
}

/// A site that has stored some messages, with a change of the folder that is not live yet.
struct Bench {
    sink: Sink,
    site: Site,
    engine: Engine,
    sent: usize,
}

impl Bench {
    fn with(changed: &str, settings: &str, messages: usize) -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::with(&wayward("", &sink)).expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        let mut bench = Self {
            sink,
            site,
            engine,
            sent: 0,
        };
        bench.send(messages);
        bench.change(changed);
        bench.settings(settings);
        bench
    }

    fn change(&self, config: &str) {
        self.site
            .add(&wayward(config, &self.sink))
            .expect("the file is changed");
    }

    fn settings(&self, settings: &str) {
        self.site
            .write("transfuse.toml", settings)
            .expect("the settings are changed");
    }

    /// Sends so many messages, and waits until all have arrived.
    fn send(&mut self, count: usize) {
        self.send_as("ORU^R01", count);
    }

    /// The same with messages of another type.
    fn send_as(&mut self, message_type: &str, count: usize) {
        let mut connection = self.engine.connect("lab").expect("a connection");
        let numbers = self.sent + 1..=self.sent + count;
        for number in numbers.clone() {
            let message = observation(&format!("M{number}")).replace("OBX|1|NM|GLU", &format!("OBX|1|NM|{CANARY}"));
            let message = message.replace("ORU^R01^ORU_R01", message_type);
            connection.write(&frame(message.as_bytes())).expect("it is sent");
        }
        for _ in numbers {
            connection.answer().expect("an answer");
        }
        self.sent += count;
        self.sink.wait_for(self.sent, LIMIT).expect("all delivered");
    }

    /// What a dry run of `apply` comes to, and whether its gates let it through.
    fn plan(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.run(&[&["apply", "--dry-run", "--json"], arguments].concat());
        (output.status.success(), json(&output))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let mut command = Command::new(binary().expect("the binary"));
        command.args(arguments);
        // `apply` names the folder as its argument.
        if arguments[0] == "apply" {
            command.arg(folder);
        } else {
            command.arg("--site").arg(folder);
        }
        command.output().expect("a command runs")
    }

    fn apply(&self, arguments: &[&str]) -> Output {
        self.run(&[&["apply", "--yes", "--reason", "a test"], arguments].concat())
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn live(&self) -> Value {
        self.ok(&["history", "lab"])["live"].clone()
    }

    fn evidence(&self) -> Vec<Value> {
        let found = self.ok(&["evidence", "lab"]);
        found["evidence"].as_array().expect("a list").clone()
    }

    /// The newest evidence of one kind.
    fn evidence_of(&self, kind: &str) -> Value {
        let mut found = self.evidence().into_iter();
        found.find(|one| one["kind"] == kind).expect("it is kept")
    }

    /// A refused change leaves everything as it was, and is kept.
    fn assert_refused_by(&self, gate: &str, output: &Output) -> Value {
        assert_eq!(output.status.code(), Some(1), "{}", told(output));
        let said = told(output);
        assert!(said.contains(&format!("does not pass: {gate}")), "{said}");
        assert_eq!(self.live(), 1);
        assert_eq!(self.sink.count(), self.sent, "nothing of it is delivered");
        let kept = self.evidence_of(gate);
        assert_eq!((&kept["verdict"], &kept["revision"]), (&"failed".into(), &Value::Null));
        assert!(kept["author"].as_str().is_some_and(|author| author.contains("uid ")));
        kept
    }
}

fn told(output: &Output) -> String {
    let [out, said] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{out}{said}")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn gate(changed: &Value, name: &str) -> Value {
    let gates = changed["interfaces"][0]["gates"].as_array().expect("gates").iter();
    let mut found = gates.filter(|gate| gate["name"] == name);
    found.next().expect("the gate has run").clone()
}

#[test]
fn a_gate_finds_faults_in_two_of_a_hundred_messages() {
    let bench = Bench::with(FAULTS, "", MESSAGES);
    let kept = bench.assert_refused_by("envelope", &bench.apply(&[]));
    assert!(
        kept["summary"]
            .as_str()
            .is_some_and(|it| it.contains("4 faults in 200")),
        "{kept}"
    );
    println!("a gate that sees faults in 2 %: found on {MESSAGES} stored messages, of which it delivered none");
}

#[test]
fn a_gate_finds_what_is_five_times_slower() {
    let bench = Bench::with(SLOW, "", 40);
    let kept = bench.assert_refused_by("envelope", &bench.apply(&[]));
    assert!(
        kept["summary"].as_str().is_some_and(|it| it.contains("fuel a message")),
        "{kept}"
    );
    println!("a gate that sees what is five times slower: found on 40 stored messages, of which it delivered none");
}

#[test]
fn a_gate_finds_a_field_that_changes_silently() {
    let bench = Bench::with(CHANGED, REFUSE, 40);
    let output = bench.apply(&[]);
    let kept = bench.assert_refused_by("replay", &output);
    let place = &kept["detail"]["differences"]["places"][0];
    assert_eq!((&place["place"], &place["messages"]), (&"OBX-3.1".into(), &40.into()));
    let shown = told(&output);
    assert!(shown.contains("OBX-3.1 changed in 40 of 40"), "{shown}");
    assert!(shown.contains(&format!("{CANARY} -> 2345-7")), "{shown}");
    println!("a gate that sees a changed field: found on 40 stored messages, of which it delivered none");
}

/// Where a site only wants to be told, it goes live with what was found.
#[test]
fn a_difference_that_is_only_reported_goes_live_with_its_evidence() {
    let bench = Bench::with(CHANGED, "", 30);
    let changed = bench.ok(&["apply", "--yes", "--reason", "a test"]);
    let replay = gate(&changed, "replay");
    assert_eq!(replay["verdict"], "passed");
    assert_eq!(replay["detail"]["differences"]["differing"], 30);
    assert_eq!(gate(&changed, "trust")["verdict"], "passed");
    assert_eq!(gate(&changed, "envelope")["verdict"], "passed");
    assert_eq!(bench.live(), 2);
    let of_second = bench.ok(&["evidence", "lab", "--revision", "2"]);
    let kinds: Vec<&str> = of_second["evidence"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["watch", "envelope", "replay", "vectors", "trust"]);
    assert_eq!(of_second["evidence"][1]["revision"], 2);
}

#[test]
fn a_dry_run_stops_after_the_gates_and_leaves_everything_as_it_is() {
    let bench = Bench::with(FAULTS, "", MESSAGES);
    let output = bench.run(&["apply", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1), "the answer is bad");
    let shown = told(&output);
    assert!(shown.contains("would change from revision 1"), "{shown}");
    assert!(shown.contains("gate envelope: failed"), "{shown}");
    bench.change(CHANGED);
    let planned = bench.ok(&["apply", "--dry-run"]);
    assert_eq!(gate(&planned, "envelope")["verdict"], "passed");
    assert_eq!(gate(&planned, "replay")["detail"]["differences"]["compared"], MESSAGES);
    assert_eq!(bench.live(), 1);
    let revisions = bench.ok(&["history", "lab"])["revisions"].clone();
    assert_eq!(revisions.as_array().map(Vec::len), Some(1));
    assert!(bench.evidence().is_empty());
}

#[test]
fn a_gate_that_fails_is_waived_by_name_with_a_reason_that_is_kept() {
    let bench = Bench::with(SLOW, "", 40);
    let unknown = told(&bench.apply(&["--waive", "trust"]));
    assert!(unknown.contains("no gate that can be waived"), "{unknown}");
    bench.assert_refused_by("envelope", &bench.apply(&["--waive", "replay"]));
    bench.settings("[gates]\nwaive = false\n");
    let refused = told(&bench.apply(&["--waive", "envelope"]));
    assert!(refused.contains("lets nobody waive"), "{refused}");
    assert_eq!(bench.live(), 1);
    bench.settings("");
    let output = bench.apply(&["--waive", "envelope"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(bench.live(), 2);
    let kept = bench.evidence_of("envelope");
    assert_eq!((&kept["verdict"], &kept["revision"]), (&"waived".into(), &2.into()));
    assert_eq!(kept["detail"]["reason"], "a test");
}

#[test]
fn what_is_expected_to_differ_is_no_reason_to_refuse() {
    let bench = Bench::with(CHANGED, REFUSE, 30);
    bench.assert_refused_by("replay", &bench.apply(&["--expect", "MSH-7"]));
    let output = bench.apply(&["--expect", "OBX-3", "--json"]);
    assert!(output.status.success(), "{}", told(&output));
    let replay = gate(&json(&output), "replay");
    assert_eq!(replay["detail"]["differences"]["as_expected"], 30);
    assert_eq!(bench.live(), 2);
    bench.change("code = \"1-8\"");
    bench.settings(&format!("{REFUSE}[budget]\nexpect = [\"OBX-3\"]\n"));
    let output = bench.apply(&[]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(bench.live(), 3);
}

/// Gates take their time, and hold up nobody: what somebody else makes live meanwhile stays.
#[test]
fn what_goes_live_while_gates_run_is_a_conflict_for_what_they_let_through() {
    let bench = Bench::with("rounds = 20000000", "", 100);
    let folder = bench.site.path();
    let slow = thread::spawn(move || {
        let mut command = Command::new(binary().expect("the binary"));
        command.args(["apply", "--yes", "--reason", "slowly", "--waive", "envelope"]);
        command.arg(folder).output().expect("a command runs")
    });
    wait_until("the gates", LIMIT, || {
        bench
            .engine
            .said()
            .contains("the gates of a change begin")
            .then_some(())
    })
    .expect("they begin");
    bench.change(CHANGED);
    bench.settings("[gates]\nreplay = 0\n");
    bench.ok(&["apply", "--yes", "--reason", "quickly"]);
    assert!(!slow.is_finished(), "the gates were too quick for this test");
    let slow = slow.join().expect("the command ends");
    let said = told(&slow);
    assert!(
        !slow.status.success() && said.contains("was changed in the meantime"),
        "{said}"
    );
    let history = bench.ok(&["history", "lab"]);
    assert_eq!(history["changes"][0]["reason"], "quickly");
}

#[test]
fn a_rollback_passes_no_gates_and_what_was_never_live_does() {
    let bench = Bench::with(SLOW, "", 40);
    let output = bench.apply(&["--waive", "envelope", "--unwatched"]);
    assert!(output.status.success(), "{}", told(&output));
    let back = bench.ok(&["rollback", "lab", "--yes", "--reason", "a test"]);
    let skipped = gate(&back, "rollback");
    assert_eq!(skipped["verdict"], "skipped");
    assert_eq!(bench.evidence_of("rollback")["revision"], 1);
    let forward = bench.ok(&["rollback", "lab", "--to", "2", "--yes", "--reason", "a test"]);
    assert_eq!(gate(&forward, "rollback")["verdict"], "skipped");
    bench.ok(&["rollback", "lab", "--yes", "--reason", "a test"]);
    bench.change("rounds = 200000");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--shadow"]);
    bench.ok(&["trial", "stop", "lab", "--reason", "a test"]);
    let never = bench.run(&["rollback", "lab", "--to", "3", "--yes", "--reason", "a test"]);
    let never = told(&never);
    assert!(never.contains("does not pass: envelope"), "{never}");
    assert_eq!(bench.live(), 1);
    assert_eq!(bench.evidence_of("shadow")["verdict"], "stopped");
}

#[test]
fn the_first_revision_of_an_interface_has_nothing_to_be_held_against() {
    let bench = Bench::with("", "", 3);
    let other = InterfaceFile::listening("other").to("ehr", bench.sink.address());
    bench.site.add(&other).expect("a file");
    let changed = bench.ok(&["apply", "--yes", "--reason", "a test"]);
    assert_eq!(changed["interfaces"][0]["kind"], "new");
    for name in ["vectors", "replay", "envelope"] {
        assert_eq!(gate(&changed, name)["verdict"], "skipped", "{name}");
    }
}

/// A package whose vectors expect something else than it does.
fn with_a_wrong_vector(site: &Site) -> Package {
    let next = site.add_next_version_with("transfuse/lab-normalize", |contents| {
        let expected = contents.vectors.get_mut("chemistry-panel/expected.hl7");
        expected.expect("the vector").extend_from_slice(b"ZZZ|1\n");
    });
    next.expect("it is written")
}

#[test]
fn a_plugin_that_does_not_do_here_what_its_vectors_say_is_refused_live_and_as_a_shadow() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").normalizing().to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let wrong = with_a_wrong_vector(&site);
    site.approve(&wrong).expect("it is approved");
    let bench = Bench {
        sink,
        site,
        engine,
        sent: 0,
    };
    let deploy = |more: &[&str]| {
        let what = [
            "deploy",
            "lab",
            "transfuse/lab-normalize@1.1.0",
            "--yes",
            "--reason",
            "a test",
        ];
        bench.run(&[&what, more].concat())
    };
    bench.assert_refused_by("vectors", &deploy(&["--shadow"]));
    let output = deploy(&[]);
    let kept = bench.assert_refused_by("vectors", &output);
    assert!(
        kept["summary"].as_str().is_some_and(|it| it.starts_with("1 failed")),
        "{kept}"
    );
    assert!(
        told(&output).contains("`chemistry-panel` differs in output 1"),
        "{}",
        told(&output)
    );
    bench.settings("[gates]\nvectors = false\n");
    let output = deploy(&[]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn what_the_policy_refuses_is_kept_with_who_wanted_it_and_why() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").normalizing().to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let next = site.add_next_version("transfuse/lab-normalize").expect("a package");
    let bench = Bench {
        sink,
        site,
        engine,
        sent: 0,
    };
    let deploy = ["deploy", "lab", "transfuse/lab-normalize@1.1.0"];
    let deploy = |more: &[&str]| bench.run(&[&deploy, more].concat());
    let output = deploy(&["--yes", "--reason", "the new analyser"]);
    let kept = bench.assert_refused_by("trust", &output);
    assert!(
        kept["summary"]
            .as_str()
            .is_some_and(|it| it.contains("lab-normalize 1.1.0` must not be deployed")),
        "{kept}"
    );
    assert_eq!(kept["detail"]["reason"], "the new analyser");
    let said = told(&output);
    assert!(said.contains("plugin approve") && !said.contains("--waive"), "{said}");
    let planned = deploy(&["--dry-run"]);
    assert_eq!(planned.status.code(), Some(1));
    assert!(told(&planned).contains("gate trust: failed"), "{}", told(&planned));
    assert_eq!(bench.evidence().len(), 1, "a dry run refuses nobody anything");

    // The folder asks for the newest version, and its line is kept.
    let kept = bench.assert_refused_by("trust", &bench.apply(&[]));
    assert!(
        kept["summary"]
            .as_str()
            .is_some_and(|it| it.contains("interfaces/lab.toml:")),
        "{kept}"
    );
    let shown = told(&bench.run(&["evidence", "lab"]));
    assert!(
        shown.contains("trust failed") && shown.contains("wanted: the new analyser"),
        "{shown}"
    );

    // What was live before is refused as well where its approval is gone.
    bench.site.approve(&next).expect("it is approved");
    assert!(deploy(&["--yes", "--reason", "a test", "--unwatched"]).status.success());
    bench.site.disapprove().expect("approvals are withdrawn");
    let back = bench.run(&["rollback", "lab", "--yes", "--reason", "a test"]);
    assert!(told(&back).contains("must not be deployed"), "{}", told(&back));
    assert_eq!(bench.live(), 2);
    let kept = bench.evidence_of("trust");
    assert_eq!((&kept["verdict"], &kept["revision"]), (&"failed".into(), &1.into()));
}

/// Prints each table and column of a catalog in which a value stands.
const SEARCH: &str = r#"
import sqlite3, sys
catalog = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
wanted = sys.argv[2].encode()
for (table,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
    for column in [row[1] for row in catalog.execute(f"PRAGMA table_info({table})")]:
        values = catalog.execute(f"SELECT CAST({column} AS BLOB) FROM {table}").fetchall()
        if any(value is not None and wanted in value for (value,) in values):
            print(f"{table}.{column}")
"#;

#[test]
fn values_of_messages_are_in_the_sealed_detail_of_evidence_and_nowhere_else() {
    let bench = Bench::with(CHANGED, REFUSE, 30);
    bench.apply(&[]);
    bench.ok(&["apply", "--yes", "--reason", "a test", "--waive", "replay"]);
    let catalog = bench.site.path().join("data/catalog.sqlite");
    let output = Command::new("python3")
        .args(["-c", SEARCH])
        .arg(catalog)
        .arg(CANARY)
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "evidence.detail\n");
    assert!(!bench.engine.said().contains(CANARY), "nor in the log");
}
