//! What is asked of messages before the chain sees them: each level, each policy, over a socket.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// One interface for each way to deal with what is found, all with the same receiver.
struct Hospital {
    engine: Engine,
    sink: Sink,
    _site: Site,
}

const PROFILE: &str = r#"
[[rules]]
path = "PID-3"
required = true

[[rules]]
path = "OBX-6.1"
table = "units"
column = "unit"
text = "the unit is not one of ours"

[[rules]]
path = "OBX-14"
required = true
severity = "warning"
"#;

fn hospital() -> Hospital {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    site.write("profiles/lab.toml", PROFILE).expect("a profile");
    site.write("tables/units.csv", "unit\nmmol/L\n").expect("a table");
    let add = |name: &str, ack: &str, validate: &str| {
        let interface = InterfaceFile::listening(name)
            .source(&format!("ack = \"{ack}\""))
            .source(&format!("validate = {{ {validate} }}"))
            .to("ehr", sink.address());
        site.add(&interface).expect("an interface");
    };
    let profile = "level = \"profile\", profile = \"profiles/lab.toml\"";
    add("readable", "processed", "level = \"readable\"");
    add("structure", "processed", "level = \"structure\"");
    add("refuse", "processed", profile);
    add(
        "quarantine",
        "processed",
        &format!("{profile}, on_error = \"quarantine\""),
    );
    add("pass", "processed", &format!("{profile}, on_error = \"pass\""));
    add("strict", "processed", &format!("{profile}, on_warning = \"refuse\""));
    add("received", "received", profile);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    Hospital {
        engine,
        sink,
        _site: site,
    }
}

/// A result of a version, sound but for what is replaced in it.
fn result(control_id: &str, version: &str, patient: &str, observation: &str) -> String {
    format!(
        "MSH|^~\\&|LAB|A|EHR|B|20261123143700+0100||ORU^R01^ORU_R01|{control_id}|P|{version}\r\
         PID|1||{patient}||PRÓBA^BETEG\r\
         OBR|1|||GLU^Glükóz^L\r\
         OBX|1|NM|GLU^Glükóz^L||{observation}||||F|||20261123143000\r"
    )
}

const SOUND: &str = "5.4|mmol/L|3.9-6.1";

impl Hospital {
    fn ask(&self, interface: &str, message: &str) -> String {
        let mut connection = self.engine.connect(interface).expect("a connection");
        connection.ask(message.as_bytes()).expect("an answer")
    }

    /// The record of the interface's only message in a stage.
    fn record(&self, interface: &str, stage: &str) -> Value {
        let listed = wait_until(&format!("a {stage} message of {interface}"), LIMIT, || {
            let arguments = ["messages", "list", "--interface", interface, "--stage", stage];
            let listed = self.engine.json(&arguments).ok()?;
            let messages = listed.get("messages")?.as_array()?.clone();
            messages.first().cloned()
        })
        .expect("the message is listed");
        let id = listed.get("id").and_then(Value::as_str).expect("an id").to_owned();
        self.engine
            .json(&["messages", "show", &id])
            .expect("the message is shown")
    }
}

/// The findings of a record as `path code severity`.
fn findings(record: &Value) -> Vec<String> {
    let found = record.pointer("/decision/findings").and_then(Value::as_array);
    let part = |finding: &Value, name: &str| finding.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let written = found.into_iter().flatten().map(|finding| {
        let parts = ["path", "code", "severity"].map(|name| part(finding, name));
        parts.join(" ")
    });
    written.collect()
}

/// The ERR segments of an answer.
fn errors(answer: &str) -> Vec<&str> {
    answer.split('\r').filter(|line| line.starts_with("ERR")).collect()
}

#[test]
fn each_level_asks_more_than_the_one_before() {
    let hospital = hospital();
    let unreadable = result("R1", "2.5.1", "1", SOUND).replace("ORU^R01^ORU_R01", "");
    for interface in ["readable", "structure", "refuse"] {
        let answer = hospital.ask(interface, &unreadable);
        assert!(answer.contains("MSA|AE|R1"), "{interface}: {answer}");
        assert!(
            errors(&answer)
                .iter()
                .any(|error| error.starts_with("ERR||MSH^1^9^1|101^")),
            "{answer}"
        );
    }
    let misshapen = result("R2", "2.5.1", "1", "<5|mmol/L|3.9-6.1");
    assert!(hospital.ask("readable", &misshapen).contains("MSA|AA|R2"));
    assert!(hospital.ask("structure", &misshapen).contains("MSA|AE|R2"));
    let undue = result("R3", "2.5.1", "1", "5.4|mg/dL|3.9-6.1");
    assert!(hospital.ask("structure", &undue).contains("MSA|AA|R3"));
    assert!(hospital.ask("refuse", &undue).contains("MSA|AE|R3"));
    assert!(
        hospital
            .ask("refuse", &result("R4", "2.5.1", "1", SOUND))
            .contains("MSA|AA|R4")
    );
}

#[test]
fn a_refusal_names_every_finding_in_the_form_of_the_senders_version() {
    let hospital = hospital();
    let answer = hospital.ask("refuse", &result("NEW", "2.5.1", "", "<5|mg/dL|"));
    assert!(answer.contains("MSA|AE|NEW"), "{answer}");
    let errors_of_2_5 = [
        "ERR||PID^1^3^1|101^Required field missing^HL70357|E||||Patient Identifier List is required",
        "ERR||OBX^1^5^1|102^Data type error^HL70357|E||||Observation Value is not a number such as 4.2",
        "ERR||PID^1^3^1|101^Required field missing^HL70357|E||||PID-3 is required (profiles/lab.toml line 2)",
        "ERR||OBX^1^6^1^1|103^Table value not found^HL70357|E||||the unit is not one of ours",
    ];
    assert_eq!(errors(&answer), errors_of_2_5);
    let answer = hospital.ask("refuse", &result("OLD", "2.3", "1", "<5|mg/dL|"));
    assert_eq!(
        errors(&answer),
        [
            "ERR|OBX^1^5^102&Data type error&HL70357~OBX^1^6^103&Table value not found&HL70357\
             ~OBR^1^27^101&Required field missing&HL70357"
        ]
    );
    let record = hospital.record("refuse", "refused");
    let fault = record.pointer("/decision/fault/summary").and_then(Value::as_str);
    let summary = "2 errors and 1 warning: 102 at OBX-5, 103 at OBX-6.1, 101 at OBR-27";
    assert_eq!(fault, Some(summary));
    assert_eq!(
        findings(&record),
        ["OBX-5 102 error", "OBX-6.1 103 error", "OBR-27 101 warning"]
    );
}

#[test]
fn the_policy_says_what_becomes_of_a_message() {
    let hospital = hospital();
    let undue = |control_id: &str| result(control_id, "2.5.1", "1", "5.4|mg/dL|");
    assert!(hospital.ask("pass", &undue("PASSED")).contains("MSA|AA|PASSED"));
    assert!(hospital.ask("quarantine", &undue("KEPT")).contains("MSA|AA|KEPT"));
    // AA is given before anybody looks; what is found then cannot be refused any more.
    assert!(hospital.ask("received", &undue("TAKEN")).contains("MSA|AA|TAKEN"));
    let late = result("LATE", "2.5.1", "1", SOUND).replace("|||20261123143000", "");
    assert!(
        hospital.ask("pass", &late).contains("MSA|AA|LATE"),
        "a warning is no error"
    );
    assert!(hospital.ask("strict", &late).contains("MSA|AE|LATE"));

    for interface in ["quarantine", "received"] {
        let record = hospital.record(interface, "quarantined");
        assert_eq!(findings(&record), ["OBX-6.1 103 error"], "{interface}");
        let kind = record.pointer("/decision/fault/kind").and_then(Value::as_str);
        assert_eq!(kind, Some("invalid"));
    }
    assert_eq!(
        findings(&hospital.record("pass", "processed")),
        ["OBX-14 101 warning"],
        "the newest one"
    );
    hospital.sink.wait_for(2, LIMIT).expect("what passes is delivered");
    assert_eq!(hospital.sink.control_ids(), ["PASSED", "LATE"]);
}

#[test]
fn a_person_reads_what_was_found_and_no_log_does() {
    let hospital = hospital();
    hospital.ask("pass", &result("SHOWN", "2.5.1", "1", "KANÁRI|mg/dL|"));
    let record = hospital.record("pass", "processed");
    let id = record.get("id").and_then(Value::as_str).expect("an id");
    let shown = hospital
        .engine
        .command(&["messages", "show", id])
        .expect("the message is shown");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("error 102 OBX-5: Observation Value is not a number"),
        "{shown}"
    );
    assert!(
        shown.contains("error 103 OBX-6.1: the unit is not one of ours"),
        "{shown}"
    );
    assert!(!hospital.engine.said().contains("KANÁRI"));
}

#[test]
fn a_long_message_is_judged_as_a_short_one_is() {
    let hospital = hospital();
    let long = result("LONG", "2.5.1", "1", SOUND)
        + &format!(
            "OBX|2|ED|PDF^Lelet^L||^TEXT^^Base64^{}||||||F\r",
            "QUJD".repeat(100_000)
        )
        + "OBX|3|NM|GLU^Glükóz^L||x|mmol/L|||||F\r";
    let answer = hospital.ask("refuse", &long);
    assert!(answer.contains("MSA|AE|LONG"), "{answer}");
    assert!(
        errors(&answer)
            .iter()
            .any(|error| error.starts_with("ERR||OBX^3^5^1|102^")),
        "{answer}"
    );
}

#[test]
fn a_live_revision_keeps_the_profile_that_it_was_made_with() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    let interface = InterfaceFile::listening("lab")
        .source("validate = { level = \"profile\", profile = \"profiles/lab.toml\" }")
        .to("ehr", sink.address());
    site.add(&interface).expect("an interface");
    site.write("profiles/lab.toml", "[[rules]]\npath = \"NK1\"\nrequired = true\n")
        .expect("a profile");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    engine.stop().expect("the engine stops");

    site.write("profiles/lab.toml", "[[rules]]\npath = \"PID\"\nrequired = true\n")
        .expect("another profile");
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    assert!(engine.said().contains("differs in `source`"), "{}", engine.said());
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection
        .ask(result("OLD", "2.5.1", "1", SOUND).as_bytes())
        .expect("an answer");
    assert!(
        answer.contains("NK1 is required (profiles/lab.toml line 1)"),
        "{answer}"
    );
    engine.stop().expect("the engine stops");

    let engine = Engine::start_with(&site.path(), &["--apply"]).expect("the engine takes the new profile");
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection
        .ask(result("NEW", "2.5.1", "1", SOUND).as_bytes())
        .expect("an answer");
    assert!(answer.contains("MSA|AA|NEW"), "{answer}");
}

#[test]
fn the_example_refuses_what_breaks_its_profile_and_nothing_else_for_it() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/lab-results");
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    site.copy_from(&example).expect("the example");
    let file = site.path().join("interfaces/lab-results.toml");
    let text = std::fs::read_to_string(file).expect("the example's interface");
    let text = text
        .replace("127.0.0.1:2575", "127.0.0.1:0")
        .replace("127.0.0.1:2576", sink.address());
    site.write("interfaces/lab-results.toml", text).expect("its addresses");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let ask = |folder: &str, name: &str| {
        let sample = std::fs::read(example.join(folder).join(name)).expect("a sample");
        let mut connection = engine.connect("lab-results").expect("a connection");
        connection.ask(&with_returns(&sample)).expect("an answer")
    };
    for name in names(&example.join("messages/lab")) {
        let answer = ask("messages/lab", &name);
        let is_unknown_code = name.starts_with("04");
        assert_eq!(answer.contains("MSA|AA"), !is_unknown_code, "{name}: {answer}");
    }
    let answer = ask("refused", "06-no-unit.hl7");
    let places: Vec<&str> = errors(&answer)
        .iter()
        .filter_map(|error| error.split('|').nth(2))
        .collect();
    assert_eq!(places, ["OBX^2^5^1", "PID^1^3^1^1", "OBX^2^6^1"], "{answer}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the samples");
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    names
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "hl7"))
        .collect()
}

/// The samples end their segments in line feeds, so that people can read them.
fn with_returns(sample: &[u8]) -> Vec<u8> {
    sample
        .iter()
        .map(|byte| if *byte == b'\n' { b'\r' } else { *byte })
        .collect()
}
