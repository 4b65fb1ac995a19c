//! Stored messages are run again as they were run then, whatever has changed since: the same comes out, or it is said why that
//! cannot be told.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

const STRICT: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { on_unknown_code = "reject" }
grants = { tables = ["lab-codes"], read = ["*"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

const REUSED: &str = "instances = { reuse = 10 }\n";

const TALLY: &str = r#"[[steps]]
plugin = "test/tally"
version = "^1"
grants = { read = ["MSH-8", "MSH-10"], write = ["MSH-13"], to = ["log"], create = true, state = true }
"#;

const LOG: &str = "[[destinations]]\nname = \"log\"\ntype = \"files\"\nfolder = \"log\"\ntypes = [\"ZZZ^Z99\"]\n";

/// More fuel than the deadline leaves time for.
const MISCHIEF: &str = r#"[[steps]]
plugin = "test/mischief"
version = "^1"
grants = { read = ["MSH-10"], write = ["PID-*"] }
limits = { deadline = "500ms", fuel = 1_000_000_000_000 }
"#;

const PROFILE: &str =
    "[[rules]]\npath = \"OBX-6.1\"\ntable = \"units\"\ncolumn = \"unit\"\ntext = \"not one of ours\"\n";

/// Several interfaces of all kinds, and an engine that runs them.
struct Hospital {
    sink: Sink,
    site: Site,
    engine: Engine,
}

impl Hospital {
    fn open() -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::new().expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        site.write("profiles/lab.toml", PROFILE).expect("a profile");
        site.write("tables/units.csv", "unit\nmmol/l\ng/l\n").expect("a table");
        std::fs::create_dir(site.path().join("log")).expect("a folder");
        let add = |file: InterfaceFile| site.add(&file.to("ehr", sink.address())).expect("an interface");
        add(InterfaceFile::listening("lab").section(STRICT));
        add(InterfaceFile::listening("reused").section(&format!("{STRICT}{REUSED}")));
        add(InterfaceFile::listening("counted").section(TALLY).section(LOG));
        add(InterfaceFile::listening("bad").section(MISCHIEF));
        add(InterfaceFile::listening("checked")
            .source("validate = { level = \"profile\", profile = \"profiles/lab.toml\" }"));
        site.add(&wayward("fault_every = 5", &sink)).expect("an interface");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { sink, site, engine }
    }

    /// Sends one message and says how it was answered.
    fn ask(&self, interface: &str, message: &str) -> String {
        let mut connection = self.engine.connect(interface).expect("a connection");
        let answer = connection.ask(message.as_bytes()).expect("an answer");
        answer.split("MSA|").nth(1).unwrap_or_default()[..2].to_owned()
    }

    /// Sends results with control ids of their own.
    fn results(&self, interface: &str, letter: char, count: usize) -> Vec<String> {
        (1..=count)
            .map(|number| self.ask(interface, &result(&format!("{letter}{number}"), "K")))
            .collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary().expect("the binary"))
            .args(arguments)
            .arg("--site")
            .arg(self.site.path())
            .output()
            .expect("a command runs")
    }

    fn ok(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }

    fn apply(&self) {
        let arguments = ["apply", "--yes", "--unwatched", "--reason", "a test"];
        self.engine.json(&arguments).expect("the folder is applied");
    }

    /// How many messages the store has.
    fn stored(&self) -> usize {
        let list = self
            .engine
            .json(&["messages", "list", "--limit", "1000"])
            .expect("a list");
        list["messages"].as_array().map_or(0, Vec::len)
    }
}

fn wayward(config: &str, sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("wayward")
        .section(&format!(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ {config} }}\n\
             grants = {{ read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }}\n"
        ))
        .to("ehr", sink.address())
}

/// A result with one code of the test's choice.
fn result(control_id: &str, code: &str) -> String {
    observation(control_id).replace("OBX|4|ST|MEGJ^Megjegyzés^L|", &format!("OBX|4|ST|{code}^próba^L|"))
}

/// What the plugin that counts is asked for in MSH-8.
fn counted(control_id: &str, asked: &str) -> String {
    format!("MSH|^~\\&|LAB|H|EHR|H|20260301|{asked}|ORU^R01|{control_id}|P|2.5\rPID|1\r")
}

/// Traffic of all kinds, with changes in between. Gives how many messages there were.
fn traffic(hospital: &Hospital) -> usize {
    assert_eq!(hospital.results("lab", 'A', 5), ["AA"; 5]);
    assert_eq!(hospital.ask("lab", &result("A6", "ŐSZ")), "AE", "an unknown code");
    let row = [
        "tables",
        "add",
        "lab-codes",
        "ŐSZ",
        "1988-5",
        "Próba",
        "mg/L",
        "--reason",
        "a test",
    ];
    hospital.ok(&row);
    assert_eq!(hospital.ask("lab", &result("A7", "ŐSZ")), "AA", "a known one");
    let next = hospital
        .site
        .add_next_version("transfuse/lab-normalize")
        .expect("a package");
    hospital.site.approve(&next).expect("it is approved");
    hospital.ok(&[
        "deploy",
        "lab",
        "transfuse/lab-normalize@1.1.0",
        "--yes",
        "--unwatched",
        "--reason",
        "a test",
    ]);
    assert_eq!(hospital.results("lab", 'B', 5), ["AA"; 5]);

    assert_eq!(hospital.results("wayward", 'A', 5), ["AA", "AA", "AA", "AA", "AR"]);
    hospital
        .site
        .add(&wayward("code = \"2345-7\"", &hospital.sink))
        .expect("the file is changed");
    hospital.apply();
    assert_eq!(hospital.results("wayward", 'B', 5), ["AA"; 5]);

    assert_eq!(hospital.ask("checked", &observation("A1")), "AA");
    assert_eq!(
        hospital.ask("checked", &observation("A2").replace("|mmol/l|", "|mg|")),
        "AE"
    );
    hospital.ok(&["tables", "add", "units", "mg", "--reason", "a test"]);
    assert_eq!(
        hospital.ask("checked", &observation("A3").replace("|mmol/l|", "|mg|")),
        "AA"
    );

    assert_eq!(hospital.results("reused", 'A', 3), ["AA"; 3]);
    for (asked, code) in [("", "AA"), ("FILTER", "AA"), ("REJECT", "AE"), ("FAULT", "AR")] {
        let control_id = format!("A{asked}");
        assert_eq!(hospital.ask("counted", &counted(&control_id, asked)), code, "{asked}");
    }
    for deed in ["PANIC", "PEEK", "STRAY", "LOOP"] {
        assert_eq!(hospital.ask("bad", &observation(deed)), "AR", "{deed}");
    }
    assert_eq!(hospital.ask("lab", "PID|1||no header"), "AR");
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    connection.write(b"\x0bMSH|^~\\&|cut off").expect("a part of a frame");
    connection.finish().expect("it is closed");
    12 + 10 + 3 + 3 + 4 + 4 + 2
}

/// The reasons, and how many messages each has.
fn reasons(verified: &Value) -> BTreeMap<String, u64> {
    let listed = verified["not_verifiable"].as_array().expect("reasons").iter();
    let reason = |one: &Value| Some((one["why"].as_str()?.to_owned(), one["messages"].as_u64()?));
    listed.filter_map(reason).collect()
}

#[test]
fn everything_comes_out_as_it_did_and_what_cannot_be_told_is_named() {
    let mut hospital = Hospital::open();
    let count = traffic(&hospital);
    wait_until("the cut-off frame", LIMIT, || {
        (hospital.stored() == count).then_some(())
    })
    .expect("it is stored");
    let verified = hospital.engine.verify().expect("nothing differs");
    let expected = BTreeMap::from([
        ("`deadline` depends on the machine".to_owned(), 1),
        ("a step of its revision uses instances again".to_owned(), 3),
        ("its plugins use what they keep between messages".to_owned(), 4),
        ("only a part of it was received".to_owned(), 1),
    ]);
    assert_eq!(reasons(&verified), expected, "{verified}");
    assert_eq!(verified["other_fuel"], 0, "{verified}");
    assert_eq!(verified["identical"], count - 9, "{verified}");

    // The same from the disk, on plugins that are compiled anew for it.
    hospital.engine.stop().expect("a clean stop");
    hospital.engine = Engine::start(&hospital.site.path()).expect("it starts again");
    assert_eq!(hospital.engine.verify().expect("nothing differs"), verified);
    let some = hospital
        .engine
        .json(&["messages", "verify", "--interface", "wayward", "--last", "7"]);
    assert_eq!(some.expect("some of it")["identical"], 7);
    let told = hospital.engine.command(&["messages", "verify"]).expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let summary = format!("{count} messages run again: {} identical, 0 different", count - 9);
    assert!(told.starts_with(&summary), "{told}");
    assert!(
        told.contains("3 not verifiable: a step of its revision uses instances again ("),
        "{told}"
    );
}

/// Makes a catalog say something else about the past, which no engine does: the first revision of one interface has another
/// configuration, and a table was always as it is now.
const FORGE: &str = r#"
import sqlite3, sys
catalog = sqlite3.connect(sys.argv[1])
for (name,) in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    catalog.execute(f"DROP TRIGGER {name}")
of_then = "interface = 'wayward' AND number = 1"
(content,) = catalog.execute(f"SELECT content FROM revisions WHERE {of_then}").fetchone()
forged = content.replace('"fault_every":5', '"fault_every":2')
assert forged != content
catalog.execute(f"UPDATE revisions SET content = ? WHERE {of_then}", (forged,))
catalog.execute("UPDATE table_changes SET at_ms = 0 WHERE name = 'units'")
catalog.commit()
"#;

#[test]
fn what_is_run_with_another_configuration_or_table_than_then_comes_out_differently() {
    let mut hospital = Hospital::open();
    traffic(&hospital);
    hospital.engine.stop().expect("a clean stop");
    let catalog = hospital.site.path().join("data/catalog.sqlite");
    let forged = Command::new("python3").arg("-c").arg(FORGE).arg(catalog).status();
    assert!(forged.expect("Python runs").success());
    hospital.engine = Engine::start(&hospital.site.path()).expect("it starts again");
    let output = hospital
        .engine
        .command(&["messages", "verify", "--json"])
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let verified: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let listed = verified["listed"].as_array().expect("a list").iter();
    let places = listed.map(|one| (one["interface"].as_str(), one["differences"][0]["path"].as_str()));
    let expected = ["checked", "wayward", "wayward", "wayward"].map(|name| (Some(name), Some("outcome")));
    assert_eq!(places.collect::<Vec<_>>(), expected, "{verified}");
    hospital.engine.kill().expect("it is killed");
}

/// A message is not held against what is not decided yet.
#[test]
fn a_message_that_is_under_way_is_named_and_not_run_beside_itself() {
    let sink = Sink::accepting().expect("a receiver");
    let slow = MISCHIEF.replace("500ms", "20s");
    let interface = InterfaceFile::listening("bad")
        .source("ack = \"received\"")
        .section(&slow);
    let site = Site::with(&interface.to("ehr", sink.address())).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("bad").expect("a connection");
    connection.ask(observation("LOOP").as_bytes()).expect("an answer");
    let verified = engine.verify().expect("nothing differs");
    assert_eq!(
        reasons(&verified),
        BTreeMap::from([("it is not decided yet".to_owned(), 1)])
    );
    engine.kill().expect("it is killed");
}

/// A site with two interfaces, and messages of two types in one of them.
fn searched() -> (Sink, Site, Engine) {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    site.add(&InterfaceFile::listening("ward").to("ehr", sink.address()))
        .expect("another interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let send = |interface: &str, control_id: &str, message_type: &str| {
        let mut connection = engine.connect(interface).expect("a connection");
        let message = observation(control_id).replace("ORU^R01^ORU_R01", message_type);
        connection.ask(message.as_bytes()).expect("an answer");
    };
    for control_id in ["A", "B", "C"] {
        send("lab", control_id, "ORU^R01");
    }
    send("lab", "D", "ORU^R03");
    send("ward", "E", "ORU^R01");
    (sink, site, engine)
}

#[test]
fn some_messages_are_verified_and_listed_by_what_is_looked_for() {
    let (_sink, _site, engine) = searched();
    let listed = |search: &[&str]| {
        let list = engine.json(&[&["messages", "list"], search].concat()).expect("a list");
        let messages = list["messages"].as_array().expect("messages").clone();
        let verified = engine
            .json(&[&["messages", "verify"], search].concat())
            .expect("none differs");
        assert_eq!(verified["identical"], messages.len(), "{search:?}: {verified}");
        let told = |name: &str| {
            messages
                .iter()
                .map(|one| one[name].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let (control_ids, ids): (Vec<String>, Vec<String>) = (told("control_id"), told("id"));
        (control_ids.concat(), ids)
    };
    assert_eq!(listed(&["--type", "ORU^R03"]).0, "D");
    assert_eq!(listed(&["--type", "ORU", "--interface", "lab"]).0, "DCBA");
    assert_eq!(listed(&["--since", "1h", "--control-id", "E"]).0, "E");
    assert_eq!(listed(&["--decided-by", "1", "--stage", "processed"]).0, "EDCBA");
    let (_, all) = listed(&["--interface", "lab"]);
    let two = format!("{},{}", all[0], all[3]);
    assert_eq!(listed(&["--id", &two]).0, "DA");
    assert_eq!(listed(&["--id", &all[1], "--id", &all[2]]).0, "CB");
}

#[test]
fn a_search_that_cannot_match_or_does_not_is_told_with_what_to_do() {
    let (_sink, _site, engine) = searched();
    let list = engine
        .json(&["messages", "list", "--interface", "ward"])
        .expect("a list");
    let of_ward = list["messages"][0]["id"].as_str().expect("an id").to_owned();
    let says = |search: &[&str], words: &str, hint: &str| {
        let output = engine
            .command(&[&["messages", "verify"], search].concat())
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{search:?}: {said}");
        assert!(said.contains(words) && said.contains(hint), "{search:?}: {said}");
    };
    let matches = "no stored message matches: nothing was verified";
    says(&["--until", "2020-01-01"], matches, "takes the same search");
    says(&["--type", "ADT^A01"], matches, "takes the same search");
    says(
        &["--type", "ORU_R01"],
        "`ORU_R01` is not a message type",
        "`ORU^R01`, or `ORU`",
    );
    says(
        &["--interface", "labor"],
        "there is no interface `labor`",
        "transfuse status",
    );
    says(
        &["--id", "20200101-000001"],
        "there is no message 20200101-000001",
        "messages list",
    );
    let elsewhere = format!("message {of_ward} is of `ward`, and not of `lab`");
    says(
        &["--interface", "lab", "--id", &of_ward],
        &elsewhere,
        "ask about `ward`",
    );
    says(
        &["--type", "ORU", "--id", &of_ward],
        "are named, and looked for as well",
        "and not both",
    );
    says(
        &["--since", "2026-11-21", "--until", "2026-11-20"],
        "that is not later",
        "the earlier one",
    );
    let list = engine.command(&["messages", "list", "--type", "ADT"]).expect("it runs");
    let said = String::from_utf8_lossy(&list.stderr).into_owned();
    assert!(
        list.status.success() && list.stdout.is_empty() && said.contains("no stored message matches"),
        "{said}"
    );
}
