//! Why a value is there: which step made it, of what, and with which row of which table.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation, target_folder};

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

/// A mapping in an interface's own file.
const MAPPING: &str = r#"[[steps]]
plugin = "transfuse/map"
version = "^1"
grants = { read = ["PID-5", "OBX-3"], write = ["PID-5", "OBX-3", "ZPI-*"] }

[steps.config]
mapping = """
[[rules]]
set = { "OBX[2]-3.2" = "{{ PID-5.1 }}" }

[[rules]]
add = "ZPI"
set = { "ZPI-1" = "new" }

[[rules]]
copy = { "OBX[3]-3" = "OBX[1]-3" }
clear = "PID-5.2"
"""
"#;

/// The number of the line of a file of the project that holds a text, from 1.
fn line_of(file: &str, text: &str) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let content = std::fs::read_to_string(root.join(file)).expect("a source");
    let mut lines = content.lines();
    lines.position(|line| line.contains(text)).expect("such a line") + 1
}

/// Interfaces with the same mapping in several languages, `lab-mapping` among them.
fn languages() -> Bench {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let languages = target_folder().expect("a target folder").join("language-plugins");
    site.add_library(&languages)
        .expect("the plugins of other languages are built");
    for name in [
        "lab-normalize",
        "lab-normalize-js",
        "lab-normalize-python",
        "lab-mapping",
    ] {
        let step = NORMALIZE.replace("transfuse/lab-normalize", &format!("transfuse/{name}"));
        let step = format!("{step}limits = {{ deadline = \"20s\", fuel = 2_000_000_000, memory = \"256MiB\" }}\n");
        let file = InterfaceFile::listening(name).section(&step);
        site.add(&file.to("ehr", sink.address())).expect("an interface");
    }
    let mapped = InterfaceFile::listening("mapped").section(MAPPING);
    site.add(&mapped.to("ehr", sink.address())).expect("an interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    Bench {
        site,
        engine,
        _sink: sink,
    }
}

impl Bench {
    fn edit(&self, id: &str, path: &str) -> Value {
        let told = self.explained(id, path);
        let edit = told["made_by"]["edit"].clone();
        assert!(edit.is_object(), "{told}");
        edit
    }

    fn told(&self, id: &str, path: &str) -> String {
        let told = self
            .engine
            .command(&["messages", "explain", id, path])
            .expect("it runs");
        String::from_utf8_lossy(&told.stdout).into_owned()
    }
}

#[test]
fn the_line_of_the_source_or_of_the_mapping_is_told_in_every_language() {
    let bench = languages();
    let id = bench.id("lab-normalize", &result("A", "K"));
    let edit = bench.edit(&id, "OBX[2]-3.1");
    let source = "plugins/lab-normalize/src/lib.rs";
    let line = format!("{source}:{}", line_of(source, "message.set_many("));
    assert_eq!(
        (&edit["deed"], &edit["path"]),
        (&"set".into(), &"OBX[2]-3.1".into()),
        "{edit}"
    );
    assert!(
        edit["line"].as_str().is_some_and(|told| told.ends_with(&line)),
        "{edit}"
    );
    let function = edit["function"].as_str().expect("a function");
    assert!(function.contains("lab_normalize"), "{edit}");
    let told = bench.told(&id, "OBX[2]-3.1");
    assert!(
        told.contains("  it set OBX[2]-3.1 in ") && told.contains(&line),
        "{told}"
    );

    let id = bench.id("lab-mapping", &result("A", "K"));
    let line = line_of("plugins/lab-mapping/mapping.toml", "\"OBX-3.1\" = ");
    let told = bench.told(&id, "OBX[2]-3.1");
    let statement = format!("  it set OBX[2]-3.1: line {line} of the mapping\n    \"OBX-3.1\" = \"{{{{ loinc }}}}\"\n");
    assert!(told.contains(&statement), "{told}");

    let id = bench.id("lab-normalize-js", &result("A", "K"));
    let edit = bench.edit(&id, "OBX[2]-3.1");
    let line = line_of("plugin-sdk/js/examples/lab-normalize/src/plugin.js", "message.setMany(");
    let line = format!("src/plugin.js:{line}:");
    assert!(
        edit["line"].as_str().is_some_and(|told| told.starts_with(&line)),
        "{edit}"
    );
    assert_eq!(edit["function"], Value::Null, "one of the interpreter's says nothing");

    let id = bench.id("lab-normalize-python", &result("A", "K"));
    let edit = bench.edit(&id, "OBX[2]-3.1");
    let source = "lab_normalize/__init__.py";
    let line = line_of(
        &format!("plugin-sdk/python/examples/lab-normalize/{source}"),
        "set_many(",
    );
    assert_eq!(edit["line"], format!("{source}:{line}"), "{edit}");
}

#[test]
fn each_statement_of_a_mapping_is_told_apart() {
    let bench = languages();
    let id = bench.id("mapped", &observation("A"));
    let told = |path: &str| {
        let edit = bench.edit(&id, path);
        let text = |key: &str| edit[key].as_str().unwrap_or_default().to_owned();
        (text("deed"), text("path"), text("context"))
    };
    let expected = |deed: &str, path: &str, line: u32| {
        let context = format!("line {line} of the mapping");
        (deed.to_owned(), path.to_owned(), context)
    };
    assert_eq!(told("OBX[2]-3.2"), expected("set", "OBX[2]-3.2", 2));
    assert_eq!(told("ZPI-1"), expected("set", "ZPI[1]-1", 6));
    assert_eq!(told("ZPI"), expected("set", "ZPI[1]-1", 6));
    assert_eq!(told("OBX[3]-3.2"), expected("copy", "OBX[3]-3", 9));
    assert_eq!(told("PID-5.2"), expected("clear", "PID-5.2", 10));
    assert_eq!(bench.explained(&id, "OBX-3.1")["made_by"], Value::Null);
}

#[test]
fn a_value_is_shown_as_text_of_its_character_set() {
    let bench = Bench::open();
    let header = b"MSH|^~\\&|LAB|H|EHR|H|20260301||ORU^R01|A|P|2.5||||||8859/2\r";
    let rest =
        b"PID|1||90000001^^^PROBA^MR||\xD5RSZEM^PR\xD3BA\rOBR|1|||CHEM\rOBX|1|NM|GLU^gl\xFCk\xF3z^L||5.4|mmol/l|||||F\r";
    let mut connection = bench.engine.connect("lab").expect("a connection");
    connection.ask(&[&header[..], &rest[..]].concat()).expect("an answer");
    let list = bench.engine.json(&["messages", "list"]).expect("messages");
    let id = list["messages"][0]["id"].as_str().expect("an id");
    let told = bench.explained(id, "PID-5");
    assert_eq!(
        (&told["input"], &told["stored"]),
        (&"ŐRSZEM^PRÓBA".into(), &"ŐRSZEM^PRÓBA".into()),
        "{told}"
    );
    assert_eq!(told["doubts"], Value::Array(Vec::new()), "{told}");
    let local = bench.explained(id, "OBX-3.5");
    assert_eq!(
        local["steps"][1]["value"], "glükóz",
        "the local name, as the alternate: {local}"
    );
}
