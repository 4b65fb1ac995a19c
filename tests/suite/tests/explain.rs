//! Why a value is there: which step made it, of what, and with which row of which table.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation};

const NORMALIZE: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { on_unknown_code = "reject" }
grants = { tables = ["lab-codes"], read = ["*"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

const REDACT: &str = "[[steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\ngrants = { write = [\"PID-11\"] }\n";

const TALLY: &str = r#"[[steps]]
plugin = "test/tally"
version = "^1"
grants = { read = ["MSH-8", "MSH-10"], write = ["MSH-13"], to = ["log"], create = true, state = true }
"#;

const LOG: &str = "[[destinations]]\nname = \"log\"\ntype = \"files\"\nfolder = \"log\"\ntypes = [\"ZZZ^Z99\"]\n";

const PROFILE: &str = "[[rules]]\npath = \"PID-3\"\nrequired = true\n";

struct Bench {
    site: Site,
    engine: Engine,
    _sink: Sink,
}

impl Bench {
    fn open() -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::new().expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        site.write("profiles/lab.toml", PROFILE).expect("a profile");
        std::fs::create_dir(site.path().join("log")).expect("a folder");
        let add = |file: InterfaceFile| site.add(&file.to("ehr", sink.address())).expect("an interface");
        add(InterfaceFile::listening("lab")
            .source("validate = { level = \"profile\", profile = \"profiles/lab.toml\" }")
            .section(REDACT)
            .section(NORMALIZE));
        add(InterfaceFile::listening("counted").section(TALLY).section(LOG));
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self {
            site,
            engine,
            _sink: sink,
        }
    }

    /// Sends a message and gives its id.
    fn id(&self, interface: &str, message: &str) -> String {
        let mut connection = self.engine.connect(interface).expect("a connection");
        connection.ask(message.as_bytes()).expect("an answer");
        let list = self.engine.json(&["messages", "list"]).expect("messages");
        list["messages"][0]["id"].as_str().expect("an id").to_owned()
    }

    fn explained(&self, id: &str, path: &str) -> Value {
        self.engine
            .json(&["messages", "explain", id, path])
            .expect("an explanation")
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self
            .engine
            .command(&[&["messages", "explain"], arguments].concat())
            .expect("it runs");
        assert!(!output.status.success(), "{arguments:?} works");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn add_row(&self, cells: &[&str]) -> Output {
        Command::new(binary().expect("the binary"))
            .args(["tables", "add", "lab-codes", "--reason", "a test", "--site"])
            .arg(self.site.path())
            .args(cells)
            .output()
            .expect("a command runs")
    }
}

/// A result with one code of the test's choice.
fn result(control_id: &str, code: &str) -> String {
    observation(control_id).replace("OBX|4|ST|MEGJ^Megjegyzés^L|", &format!("OBX|4|ST|{code}^próba^L|"))
}

#[test]
fn a_code_is_explained_by_the_step_and_the_row_of_then() {
    let bench = Bench::open();
    let id = bench.id("lab", &result("A", "K"));
    let added = bench.add_row(&["ŐSZ", "1988-5", "Próba", "mg/L"]);
    assert!(added.status.success());
    let told = bench.explained(&id, "OBX-3.1");
    assert_eq!(
        (&told["input"], &told["ended"]),
        (&"GLU".into(), &Value::Null),
        "{told}"
    );
    let steps = told["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (&steps[0]["changed"], &steps[0]["value"]),
        (&false.into(), &"GLU".into())
    );
    assert_eq!(
        (&steps[1]["changed"], &steps[1]["value"]),
        (&true.into(), &"14749-6".into())
    );
    let maker = &told["made_by"];
    assert_eq!(
        (&maker["step"], &maker["plugin"]),
        (&2.into(), &"transfuse/lab-normalize".into())
    );
    let row = &maker["rows"][0];
    assert_eq!((&row["column"], &row["value"]), (&"local".into(), &"GLU".into()));
    assert_eq!((&row["table"], &row["row"]), (&"lab-codes".into(), &1.into()));
    let shown = bench.engine.json(&["messages", "show", &id]).expect("the message");
    assert_eq!(
        row["digest"], shown["decision"]["tables"][0]["digest"],
        "the version of then"
    );
    assert_eq!(told["doubts"], Value::Array(Vec::new()));

    let second = bench.explained(&id, "OBX[2]-3.1");
    assert_eq!(second["made_by"]["rows"][0]["row"], 2, "{second}");
    let name = bench.explained(&id, "OBX-3.2");
    assert_eq!(
        name["made_by"]["rows"][0]["value"], "GLU",
        "a name that no row had before: {name}"
    );
    let address = bench.explained(&id, "PID-11.1");
    assert_eq!(
        (&address["made_by"]["step"], &address["steps"][1]["value"]),
        (&1.into(), &"".into())
    );
    let untouched = bench.explained(&id, "OBX-5");
    assert_eq!(
        (&untouched["made_by"], &untouched["input"]),
        (&Value::Null, &"5.4".into())
    );
    let told = bench
        .engine
        .command(&["messages", "explain", &id, "OBX-5"])
        .expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("no step changed it: it is as it came in"), "{told}");
}

#[test]
fn a_message_that_went_nowhere_is_explained_by_what_ended_it() {
    let bench = Bench::open();
    let told = bench.explained(&bench.id("lab", &result("A", "ŐSZ")), "OBX-3.1");
    let ended = told["ended"].as_str().expect("it ended");
    assert!(
        ended.starts_with("step 2 rejected the message with code 103 at OBX[4]-3"),
        "{told}"
    );
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(1), "{told}");
    let nobody = result("B", "K").replace("90000001^^^PROBA^MR", "");
    let told = bench.explained(&bench.id("lab", &nobody), "PID-3.1");
    let ended = told["ended"].as_str().expect("it ended");
    assert!(ended.starts_with("no step decided about it: "), "{told}");
    assert_eq!(told["steps"], Value::Array(Vec::new()), "its chain is not run now");
}

#[test]
fn outputs_are_told_apart_and_what_cannot_be_known_is_said() {
    let bench = Bench::open();
    let id = bench.id("counted", "MSH|^~\\&|LAB|H|EHR|H|20260301||ORU^R01|A|P|2.5\rPID|1\r");
    let told = bench.refused(&[&id, "MSH-13"]);
    assert!(told.contains("is a document (text/csv), which has no paths"), "{told}");
    let told = bench.refused(&[&id, "MSH-13", "--output", "3"]);
    assert!(told.contains("has 2 outputs, and 3 was asked for"), "{told}");
    let told = bench.refused(&["20200101-000001", "MSH-13"]);
    assert!(told.contains("there is no message 20200101-000001"), "{told}");

    // The plugin numbers messages, and finds the number of now.
    let second = ["messages", "explain", &id, "MSH-13", "--output", "2"];
    let told = bench.engine.json(&second).expect("an explanation");
    assert_eq!(
        (&told["steps"][0]["value"], &told["stored"]),
        (&"2".into(), &"1".into()),
        "{told}"
    );
    let doubts = told["doubts"].to_string();
    assert!(doubts.contains("use what they keep between messages"), "{doubts}");
    assert!(doubts.contains("what is stored is not what this run made"), "{doubts}");
}
