//! The data steward's day, over sockets: what tables lack is told, a row is added in the file's own dialect while messages
//! pass, what rests is run once more, and no missed value is in any log, figure or sum.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A name where a code belongs.
const CANARY: &str = "PRÓBABETEG-KÓD";

/// As a spreadsheet saves it in Hungary: windows-1250, semicolons, the line ends of Windows.
const CODES: &[u8] =
    b"local;loinc;display;unit\r\nGLU;14749-6;V\xE9rcukor;mmol/L\r\nK;2823-3;K\xE1lium;mmol/L\r\nHGB;718-7;Hb;g/L\r\n";

const NEW_ROW: [&str; 4] = ["ŐSZ", "1988-5", "Gőzérték; új", "mg/L"];

/// The same in the file's dialect.
const NEW_LINE: &[u8] = b"\xD5SZ;1988-5;\"G\xF5z\xE9rt\xE9k; \xFAj\";mg/L\r\n";

const REASON: &str = "the new analyser sends it";

const STRICT: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { on_unknown_code = "reject" }
grants = { tables = ["lab-codes"], read = ["*"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

fn site(sink: &Sink) -> Site {
    let lab = InterfaceFile::listening("lab")
        .source("ack = \"received\"")
        .section(STRICT);
    let site = Site::with(&lab.to("ehr", sink.address())).expect("a site");
    site.write("tables/lab-codes.csv", CODES).expect("a table");
    site.write("transfuse.toml", "[log]\nlevel = \"trace\"\n")
        .expect("a talkative site");
    site
}

/// A result with one code of the test's choice.
fn result(control_id: &str, code: &str) -> Vec<u8> {
    let text = observation(control_id);
    let before = "OBX|4|ST|MEGJ^Megjegyzés^L||A minta \\T\\ a kísérőlap egyezik";
    assert!(text.contains(before), "the sample is another one");
    text.replace(before, &format!("OBX|4|NM|{code}^próba^L||5"))
        .into_bytes()
}

fn add(site: &Site, cells: &[&str], flags: &[&str]) -> Output {
    let folder = site.path();
    Command::new(binary().expect("the binary"))
        .args(["tables", "add", "--site"])
        .arg(folder)
        .args(["--reason", REASON])
        .args(flags)
        .arg("lab-codes")
        .args(cells)
        .output()
        .expect("the binary runs")
}

fn added(site: &Site, cells: &[&str], flags: &[&str]) -> Value {
    let output = add(site, cells, &[flags, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refused(site: &Site, cells: &[&str], words: &str) {
    let output = add(site, cells, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{words:?} is not in: {said}");
}

fn table_file(site: &Site) -> Vec<u8> {
    fs::read(site.path().join("tables/lab-codes.csv")).expect("the table's file")
}

fn wait_for_quarantined(engine: &Engine, count: usize) -> Vec<String> {
    wait_until("messages in quarantine", LIMIT, || {
        let list = engine.json(&["messages", "list", "--stage", "quarantined"]).ok()?;
        let ids: Vec<String> = list["messages"]
            .as_array()?
            .iter()
            .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
            .collect();
        (ids.len() == count).then_some(ids)
    })
    .expect("they rest")
}

fn values(misses: &Value) -> Vec<(String, u64)> {
    let listed = misses["misses"].as_array().expect("a list");
    let value = |miss: &Value| {
        let value = miss["value"].as_str().unwrap_or_default().to_owned();
        (value, miss["messages"].as_u64().unwrap_or_default())
    };
    listed.iter().map(value).collect()
}

/// The digest of the table's version that the newest message with this control id was processed with.
fn version_used(engine: &Engine, control_id: &str) -> String {
    let list = engine.json(&["messages", "list", "--limit", "1000"]).expect("a list");
    let found = list["messages"].as_array().expect("messages").iter();
    let id = found
        .filter(|one| one["control_id"] == control_id)
        .find_map(|one| one["id"].as_str())
        .expect("the message")
        .to_owned();
    let shown = engine.json(&["messages", "show", &id]).expect("a message");
    shown["decision"]["tables"][0]["digest"]
        .as_str()
        .expect("a version")
        .to_owned()
}

#[test]
fn a_miss_becomes_a_row_that_is_in_force_at_once_and_after_a_kill() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for (control_id, code) in [("A1", "ŐSZ"), ("A2", CANARY), ("A3", "ŐSZ")] {
        let answer = connection.ask(&result(control_id, code)).expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
    }
    wait_for_quarantined(&engine, 3);
    let misses = engine.json(&["tables", "misses"]).expect("misses");
    assert_eq!(values(&misses), [("ŐSZ".to_owned(), 2), (CANARY.to_owned(), 1)]);
    assert_eq!(misses["misses"][0]["column"], "local");
    assert_eq!(misses["misses"][0]["interfaces"], serde_json::json!(["lab"]));
    for filter in [
        &["--table", "other"][..],
        &["--interface", "other"],
        &["--since", "2099-01-01"],
    ] {
        let arguments = [&["tables", "misses"], filter].concat();
        assert_eq!(values(&engine.json(&arguments).expect("misses")), [], "{filter:?}");
    }

    let expected = refusals_and_a_trial(&engine, &site);

    let before = version_used(&engine, "A1");
    let change = added(&site, &NEW_ROW, &[]);
    assert_eq!(change["before"], before.as_str());
    assert_eq!(change["rehearsed"][0]["quarantined"], expected, "{change}");
    assert_eq!(table_file(&site), [CODES, NEW_LINE].concat());
    connection.ask(&result("A4", "ŐSZ")).expect("an answer");
    let arrived = sink.wait_for(1, LIMIT).expect("the next message passes");
    let content = String::from_utf8_lossy(&arrived[0].content).into_owned();
    assert!(content.contains("1988-5^Gőzérték; új^LN"), "{content}");
    assert_eq!(version_used(&engine, "A4"), change["after"].as_str().expect("a digest"));
    assert_eq!(version_used(&engine, "A1"), before, "what was recorded stays");
    let misses = engine.json(&["tables", "misses"]).expect("misses");
    assert_eq!(values(&misses), [(CANARY.to_owned(), 1)]);
    assert_eq!(misses["added_since"], 1);
    refused(&site, &NEW_ROW, "already, in line 5");
    tells_no_value(&engine, &site);
    engine.kill().expect("SIGKILL");

    let engine = Engine::start(&site.path()).expect("the engine starts");
    assert!(!engine.said().contains("drift"), "{}", engine.said());
    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(&result("A5", "ŐSZ")).expect("an answer");
    sink.wait_for(2, LIMIT).expect("it passes after a kill too");
    let ids = sink.control_ids();
    assert!(
        ids.iter().all(|id| id == "A4" || id == "A5"),
        "rehearsals deliver: {ids:?}"
    );
    let listed = engine.json(&["tables", "list"]).expect("a list");
    assert_eq!(listed["tables"][0]["digest"], change["after"]);
    assert_eq!(listed["tables"][0]["rows"], 4);
    assert_eq!(listed["tables"][0]["drift"], Value::Null);
    tells_who_changed_it(&engine, &change);
    let said = engine.stop().expect("a clean stop").said;
    assert!(!said.contains(CANARY), "{said}");
}

/// The version that came with the interface, and the one with the row.
fn tells_who_changed_it(engine: &Engine, change: &Value) {
    let history = engine.json(&["tables", "history", "lab-codes"]).expect("a history");
    let changes = history["changes"].as_array().expect("changes");
    let told: Vec<_> = changes
        .iter()
        .map(|one| (&one["digest"], one["rows"].as_u64(), one["reason"].as_str()))
        .collect();
    assert_eq!(told.len(), 2, "{history}");
    assert_eq!(told[0], (&change["after"], Some(4), Some(REASON)));
    assert_eq!((told[1].0, told[1].1), (&change["before"], Some(3)));
    for one in changes {
        assert!(one["author"].as_str().expect("a name").contains("uid "), "{history}");
    }
    let output = engine.command(&["tables", "history", "nothing"]).expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no version of a table `nothing` was ever live"), "{said}");
}

/// Nothing of this changes anything. Gives the figures of the trial.
fn refusals_and_a_trial(engine: &Engine, site: &Site) -> Value {
    refused(
        site,
        &["ŐSZ", "1988-5"],
        "the table has 4 columns, and the row has 2 cells",
    );
    refused(site, &["GLU", "1", "2", "3"], "already, in line 2");
    refused(site, &["ŐSZ", "1988-5", "血", ""], "`display` holds `血`");
    refused(site, &["", "1988-5", "", ""], "the cell of `local`");
    let trial = added(site, &NEW_ROW, &["--dry-run"]);
    let expected = serde_json::json!({ "run": 3, "pass": 2, "not_run": 0 });
    assert_eq!(trial["rehearsed"][0]["quarantined"], expected, "{trial}");
    assert_eq!(table_file(site), CODES, "a trial writes nothing");
    assert_eq!(values(&engine.json(&["tables", "misses"]).expect("misses")).len(), 2);
    expected
}

/// The missed value is where a steward asks for it, and nowhere else.
fn tells_no_value(engine: &Engine, site: &Site) {
    let output = |arguments: &[&str]| {
        let output = engine.command(arguments).expect("an answer");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    assert!(output(&["tables", "misses"]).contains(CANARY), "the value is lost");
    let said = engine.said();
    assert!(said.len() > 500, "the log is too short to mean anything: {said}");
    assert!(!said.contains(CANARY), "the log holds it:\n{said}");
    for arguments in [
        &["status"][..],
        &["messages", "list"],
        &["tables", "list"],
        &["plugin", "access", "transfuse/lab-normalize"],
    ] {
        assert!(!output(arguments).contains(CANARY), "{arguments:?} tells it");
    }
    let sums = ["usage.sqlite", "usage.sqlite-wal"].map(|file| fs::read(site.path().join("data").join(file)));
    let sums: Vec<u8> = sums.into_iter().flatten().flatten().collect();
    assert!(find(&sums, b"lab-codes"), "the sums are somewhere else");
    assert!(!find(&sums, CANARY.as_bytes()), "the sums hold it");
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn messages_pass_in_order_while_a_table_changes_and_each_records_its_version() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    let first = connection.ask(&result("L0", "GLU")).expect("an answer");
    assert!(first.contains("MSA|AA|L0"), "{first}");
    for number in 1..=300 {
        let message = frame(&result(&format!("L{number}"), "GLU"));
        connection.write(&message).expect("the engine reads");
        if number == 100 {
            added(&site, &NEW_ROW, &[]);
        }
    }
    for number in 1..=300 {
        let answer = connection.answer().expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|L{number}")), "{answer}");
    }
    sink.wait_for(301, LIMIT).expect("all of them arrive");
    let expected: Vec<String> = (0..=300).map(|number| format!("L{number}")).collect();
    assert_eq!(sink.control_ids(), expected);
    assert_ne!(version_used(&engine, "L0"), version_used(&engine, "L300"));
    engine.stop().expect("a clean stop");
}

#[test]
fn a_file_that_somebody_changed_is_made_live_only_where_that_is_asked_for() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let edited = [CODES, b"X1;718-7;a;b\r\n"].concat();
    site.write("tables/lab-codes.csv", &edited).expect("an edit");
    refused(&site, &NEW_ROW, "`tables/lab-codes.csv` is not what is live");
    refused(&site, &NEW_ROW, "hint: `transfuse tables apply lab-codes`");
    assert_eq!(table_file(&site), edited);

    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(&result("B1", "X1")).expect("an answer");
    wait_for_quarantined(&engine, 1);
    let listed = engine.json(&["tables", "list"]).expect("a list");
    assert_eq!(listed["tables"][0]["drift"], "the file differs from what is live");
    let output = engine.command(&["tables", "apply", "lab-codes"]).expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("a change needs a reason"), "{said}");
    let apply = |table| ["tables", "apply", table, "--reason", "checked with the laboratory"];
    let applied = engine.json(&apply("lab-codes")).expect("it is applied");
    assert_eq!(applied["rehearsed"][0]["quarantined"]["pass"], 1);
    connection.ask(&result("B2", "X1")).expect("an answer");
    sink.wait_for(1, LIMIT).expect("it passes");

    let output = engine.command(&apply("nothing")).expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the site has no file `tables/nothing.csv`"), "{said}");
    site.write("tables/lab-codes.csv", b"local;loinc\r\nX1\r\n")
        .expect("a table with a fault");
    let output = engine.command(&apply("lab-codes")).expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("this row has 1 cell, and the header has 2"), "{said}");
    connection.ask(&result("B3", "X1")).expect("an answer");
    sink.wait_for(2, LIMIT).expect("what was live still is");
    engine.stop().expect("a clean stop");
}

#[test]
fn every_interface_takes_the_new_version_and_refused_messages_are_rehearsed_too() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    let clinic = InterfaceFile::listening("clinic").section(STRICT);
    site.add(&clinic.to("ehr", sink.address()))
        .expect("an interface whose senders keep what it refuses");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    for interface in ["lab", "clinic"] {
        let mut connection = engine.connect(interface).expect("a connection");
        connection.ask(&result("C1", "ŐSZ")).expect("an answer");
    }
    wait_for_quarantined(&engine, 1);
    let change = added(&site, &NEW_ROW, &[]);
    let rehearsed = change["rehearsed"].as_array().expect("interfaces").iter();
    let passing: Vec<String> = rehearsed
        .map(|one| {
            let [quarantined, refused] = ["quarantined", "refused"].map(|stage| &one[stage]["pass"]);
            format!("{} {quarantined} {refused}", one["interface"])
        })
        .collect();
    assert_eq!(passing, ["\"clinic\" 0 1", "\"lab\" 1 0"], "{change}");
    for interface in ["lab", "clinic"] {
        let mut connection = engine.connect(interface).expect("a connection");
        connection.ask(&result("C2", "ŐSZ")).expect("an answer");
    }
    sink.wait_for(2, LIMIT).expect("both pass");
    let misses = engine.json(&["tables", "misses"]).expect("misses");
    assert_eq!(misses["added_since"], 1, "{misses}");
    engine.stop().expect("a clean stop");
}

#[test]
fn what_status_tells_of_drift_ends_with_the_change_that_ends_it() {
    let sink = Sink::accepting().expect("a receiver");
    let site = site(&sink);
    drop(Engine::start(&site.path()).expect("the engine starts").stop());
    let edited = [CODES, b"X1;718-7;a;b\r\n"].concat();
    site.write("tables/lab-codes.csv", &edited).expect("an edit");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let drift = || engine.json(&["status"]).expect("a status")["interfaces"][0]["drift"].clone();
    assert_eq!(drift(), "the site folder differs in `steps`");
    let apply = [
        "tables",
        "apply",
        "lab-codes",
        "--reason",
        "checked with the laboratory",
    ];
    engine.json(&apply).expect("it is applied");
    assert_eq!(drift(), Value::Null);
    engine.stop().expect("a clean stop");
}
