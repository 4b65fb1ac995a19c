//! Plugins in Python, as their authors and a hospital meet them: written, built, tested, and run over MLLP. Every language's
//! template builds and passes its tests at once.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation};

const LIMIT: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is where it was built")
}

/// `TARGET`: what one build has prepared, such as a Python compiler, the next one finds below it.
fn target() -> PathBuf {
    let binary = binary().expect("the binary");
    let target = binary.parent().and_then(Path::parent);
    target.expect("a profile's folder lies in the target folder").to_owned()
}

fn transfuse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binary().expect("the binary"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary runs")
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = transfuse(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{printed}\n{said}");
    printed
}

/// How many vectors passed, and how many did not.
fn counted(report: &str) -> (u64, u64) {
    let report: serde_json::Value = serde_json::from_str(report).expect("a report in JSON");
    let count = |key: &str| report.get(key).and_then(serde_json::Value::as_u64).expect("a count");
    (count("passed"), count("failed"))
}

fn begins_builds_and_passes(language: &str) {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    succeeds(
        scratch.path(),
        &["plugin", "new", "acme/no-address", "--lang", language],
    );
    let built = succeeds(
        scratch.path(),
        &["plugin", "build", "no-address", "--out", "packages", "--json"],
    );
    assert!(built.contains("\"name\":\"acme/no-address\""), "{built}");
    let tested = succeeds(scratch.path(), &["plugin", "test", "no-address", "--json"]);
    assert_eq!(counted(&tested), (2, 0), "{tested}");
}

#[test]
fn a_new_plugin_in_rust_builds_and_passes_its_tests() {
    begins_builds_and_passes("rust");
}

#[test]
fn a_new_plugin_in_javascript_builds_and_passes_its_tests() {
    begins_builds_and_passes("js");
}

#[test]
fn a_new_plugin_in_typescript_builds_and_passes_its_tests() {
    begins_builds_and_passes("ts");
}

#[test]
fn a_new_plugin_in_python_builds_and_passes_its_tests() {
    begins_builds_and_passes("python");
}

#[test]
fn a_name_that_is_none_and_a_folder_that_is_used_are_refused() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let refused = |arguments: &[&str]| {
        let output = transfuse(scratch.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&["plugin", "new", "Acme", "--lang", "python"]);
    assert!(said.contains("write vendor/name"), "{said}");
    let said = refused(&["plugin", "new", "acme/own", "--lang", "rust", "--sdk", "nowhere"]);
    assert!(said.contains("--sdk DIR"), "{said}");
    fs::create_dir(scratch.path().join("own")).expect("a folder");
    fs::write(scratch.path().join("own/notes.txt"), "mine").expect("a file");
    let said = refused(&["plugin", "new", "acme/own", "--lang", "python"]);
    assert!(said.contains("is not empty"), "{said}");
    let left: Vec<_> = fs::read_dir(scratch.path().join("own")).expect("the folder").collect();
    assert_eq!(left.len(), 1, "nothing was written");
}

#[test]
fn laboratory_normalisation_in_python_passes_the_shared_vectors() {
    let plugin = root().join("plugin-sdk/python/examples/lab-normalize");
    let vectors = root().join("plugins/lab-normalize/vectors");
    let [plugin, vectors] = [plugin, vectors].map(|path| path.display().to_string());
    let tested = succeeds(&root(), &["plugin", "test", &plugin, "--vectors", &vectors, "--json"]);
    let (passed, failed) = counted(&tested);
    assert!(passed >= 25 && failed == 0, "{tested}");
}

#[test]
fn the_sdk_holds_its_own_tests_without_a_component() {
    let output = Command::new("python3")
        .args(["-m", "unittest", "discover", "tests"])
        .current_dir(root().join("plugin-sdk/python"))
        .env("PYTHONPATH", ".")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A plugin that quotes the patient where it fails, and tells the log besides.
const QUOTING: &str = r#"from transfuse import Exchange, transform


@transform
def quote(exchange: Exchange) -> None:
    message = exchange.message()
    if message.get("MSH-10").startswith("RAISE"):
        raise LookupError("nothing is known of " + message.get("PID-5.1.1"))
    print("seen", message.get("PID-5.1.1"))
    message.set("MSH-5", "EHR")
    exchange.forward(message)
"#;

const QUOTING_MANIFEST: &str = r#"name = "acme/quote"
version = "0.1.0"
description = "Fails with a name on its lips"
licence = "Apache-2.0"
contract = "1.0"
accepts = ["*"]

[requests]
read = ["MSH-10", "PID-5"]
write = ["MSH-5"]

[build]
language = "python"
source = "src/plugin.py"
"#;

/// The deadline leaves time for a fresh interpreter on a machine that is busy: this is not about deadlines.
const STEP: &str = "[[steps]]\nplugin = \"acme/quote\"\nversion = \"*\"\n\
                    grants = { read = [\"MSH-10\", \"PID-5\"], write = [\"MSH-5\"] }\n\
                    limits = { deadline = \"5s\" }\n";

#[test]
fn an_exception_is_a_fault_with_type_and_line_and_its_words_are_in_no_log() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("ward").section(STEP).to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    let source = tempfile::tempdir().expect("a scratch folder");
    fs::create_dir(source.path().join("src")).expect("a folder");
    fs::write(source.path().join("plugin.toml"), QUOTING_MANIFEST).expect("the manifest");
    fs::write(source.path().join("src/plugin.py"), QUOTING).expect("the plugin");
    succeeds(source.path(), &["plugin", "build", ".", "--out", "packages"]);
    site.add_library(&source.path().join("packages"))
        .expect("the site approves what was built");

    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("ward").expect("a connection");
    let mut ask = |control_id: &str| connection.ask(observation(control_id).as_bytes()).expect("an answer");
    let answer = ask("FINE1");
    assert!(answer.contains("MSA|AA|FINE1"), "{answer}");
    let answer = ask("RAISE1");
    assert!(
        answer.contains("MSA|AR|RAISE1") && !answer.contains("LookupError"),
        "{answer}"
    );
    let answer = ask("FINE2");
    let listed = engine.json(&["messages", "list"]).expect("a list").to_string();
    assert!(answer.contains("MSA|AA|FINE2"), "{answer}\n{listed}");
    let delivered = sink.wait_for(2, LIMIT).expect("the good ones are delivered");
    let delivered: Vec<_> = delivered.iter().map(|one| one.control_id.as_str()).collect();
    assert_eq!(delivered, ["FINE1", "FINE2"]);

    assert!(
        listed.contains("of the kind `LookupError` at src/plugin.py:8"),
        "{listed}"
    );
    assert!(!listed.contains("PRÓBABETEG"), "a list shows nobody: {listed}");
    let finished = engine.stop().expect("a clean stop");
    assert!(!finished.said.contains("PRÓBABETEG"), "{}", finished.said);
}
