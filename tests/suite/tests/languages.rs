//! What authors in JavaScript, TypeScript and Python are promised: all of the contract works in real components, alike in both
//! languages, and their own test runners run their plugins.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use transfuse_harness::{binary, compiled, target_folder, test_plugins};

/// The things that the plugins do, each with what is to come of it.
const VECTORS: &str = "tests/guests/contract-vectors";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program that finds this build's `transfuse`, and what was built and compiled before.
fn program(name: impl AsRef<Path>, folder: &Path) -> Command {
    let transfuse = binary().expect("a binary");
    let own = transfuse.parent().expect("a program lies in a folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let paths = env::join_paths([own].into_iter().chain(env::split_paths(&path))).expect("a path");
    let mut program = Command::new(name.as_ref());
    program
        .current_dir(folder)
        .env("PATH", paths)
        .env("TRANSFUSE", transfuse)
        .env("TRANSFUSE_CACHE", compiled().expect("a cache"))
        .env("CARGO_TARGET_DIR", target_folder().expect("a target folder"))
        .env("NO_COLOR", "1");
    program
}

#[track_caller]
fn succeeds(program: &mut Command) -> String {
    let output = program.output().expect("the program runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}\n{printed}\n{said}");
    printed
}

fn uses_all_of_the_contract(plugin: &str) {
    let printed = succeeds(
        program(binary().expect("a binary"), &root())
            .args(["plugin", "test", plugin, "--vectors", VECTORS])
            .arg("--json"),
    );
    let report: Value = serde_json::from_str(&printed).expect("a report");
    let passed = report.get("passed").and_then(Value::as_u64);
    assert!(passed.is_some_and(|passed| passed >= 21), "{printed}");
}

#[test]
fn all_of_the_contract_works_in_javascript() {
    uses_all_of_the_contract("tests/guests/contract-js");
}

#[test]
fn all_of_the_contract_works_in_python() {
    uses_all_of_the_contract("tests/guests/contract-python");
}

/// Its collector lets go of handles whenever it likes, and an instance that keeps one is not used again.
#[test]
fn an_instance_of_javascript_is_used_again() {
    let package = test_plugins().expect("built test plugins");
    let printed = succeeds(
        program(binary().expect("a binary"), &root())
            .args([
                "plugin",
                "bench",
                "--json",
                "--vectors",
                "plugins/lab-normalize/vectors",
            ])
            // One that is forwarded, and one that is rejected.
            .args(["--filter", "codes-unknown"])
            .arg(package.join("transfuse/lab-normalize-js/1.0.0.oci")),
    );
    let reports: Value = serde_json::from_str(&printed).expect("a report");
    let messages = reports.pointer("/0/messages").and_then(Value::as_array);
    let messages = messages.expect("messages");
    assert_eq!(messages.len(), 2, "{printed}");
    for message in messages {
        let number = |key| message.get(key).and_then(Value::as_u64);
        assert!(number("reused_rounds") >= Some(5), "{message}");
        assert_eq!(number("remade"), Some(0), "{message}");
    }
}

#[test]
fn a_new_plugin_in_typescript_passes_npm_test_at_once() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    succeeds(program(binary().expect("a binary"), scratch.path()).args([
        "plugin",
        "new",
        "acme/tested",
        "--lang",
        "ts",
    ]));
    let folder = scratch.path().join("tested");
    let told = succeeds(program("npm", &folder).args(["test", "--", "--test-reporter=tap"]));
    assert!(told.contains("# pass 4") && told.contains("# fail 0"), "{told}");

    // A test that should fail does, and says what the plugin did.
    let file = folder.join("test/plugin.test.js");
    let text = std::fs::read_to_string(&file).expect("the test");
    std::fs::write(&file, text.replace("||EHR\\nPID", "||OTHER\\nPID")).expect("a wrong test");
    let failing = program("npm", &folder)
        .args(["test", "--", "--test-reporter=tap"])
        .output();
    let failing = failing.expect("npm runs");
    let told = String::from_utf8_lossy(&failing.stdout);
    assert!(!failing.status.success() && told.contains("# fail 1"), "{told}");

    // So does a vector that expects something else.
    let expected = folder.join("vectors/drops-the-address/expected.hl7");
    let text = std::fs::read_to_string(&expected).expect("what the vector expects");
    std::fs::write(&expected, text.replacen("PID|", "PID|9", 1)).expect("a wrong vector");
    let failing = program("npm", &folder)
        .args(["test", "--", "--test-reporter=tap"])
        .output();
    let told = String::from_utf8_lossy(&failing.expect("npm runs").stdout).into_owned();
    assert!(told.contains("# fail 2") && told.contains("PID"), "{told}");
}

/// Everything that surrounds a message, and every way to end, from JavaScript.
const IN_JAVASCRIPT: &str = r#"
import assert from "node:assert/strict";
import { run as runWith } from "transfuse/testing";
import { Code, reject } from "transfuse";

const plugin = process.argv[2];
const message = (deed) => `MSH|^~\\&|A|||||||${deed}
    PID|1||PRB-0001`;
const rows = [["theirs", "ours"], ["4E", "4 \"EAST\""], ["5W", "x"]];
// The manifest requests the table, so that no run is without it.
const run = (folder, text, given) => runWith(folder, text, { tables: { wards: rows }, ...given });
const state = run(plugin, message("STATE"), { state: { count: "6" } });
assert.equal(state.outcome, "forwarded");
assert.deepEqual(state.state, { count: "7", "patient/1": "one", "patient/2": "two" });
assert.match(run(plugin, message("TABLES")).forwardedOnce(), /ZNO\|cell\|4 "EAST"/);
const context = { attempt: 3, attributes: { ward: "4E" }, interface: "lab", receivedAt: "1970-01-01T00:00:01Z", timeZone: "Asia/Tokyo" };
const told = run(plugin, message("CONTEXT"), context).forwardedOnce();
for (const line of ["interface|lab", "arrived|1000", "zone|Asia/Tokyo", "attempt|3", "ward|4E"]) {
  assert.ok(told.includes(`ZNO|${line}`), told);
}
const documents = run(plugin, new TextEncoder().encode(message("DOCUMENT").replace(/\n +/, "\r")), { grants: { to: ["*"] } });
assert.equal(documents.outputs[0].contentType, "text/csv");
assert.match(documents.outputs[0].text, /^PRB-0001;[0-9]+\n$/);
assert.deepEqual(documents.outputs[1].to, ["ehr", "archive"]);
const rejected = run(plugin, message("REJECT"));
assert.deepEqual([rejected.code, rejected.path, rejected.reason], ["204", "PID-3", "nobody has this number"]);
assert.throws(() => rejected.forwardedOnce(), /nobody has this number/);
assert.equal(run(plugin, message("FILTER")).reason, "not wanted");
const thrown = run(plugin, message("THROW")).fault;
assert.equal(thrown.kind, "trapped");
assert.match(thrown.detail, /SyntaxError/);
assert.match(thrown.location, /^src\/plugin\.js:\d+:\d+$/);
assert.throws(() => runWith(plugin, message("LOG")), /there is no table `wards`/);
assert.deepEqual(run(plugin, message("LOG")).log.slice(0, 2), ["debug: begun", "info: filed"]);
assert.throws(() => run(plugin, message("LOG"), { tabels: {} }), /takes no `tabels`/);
assert.throws(() => run("nowhere", message("LOG")), /nowhere/);
// A plugin's own functions can be tried where there is no engine.
assert.throws(() => reject(Code.DataTypeError, { at: "PID-7" }, "no"), { code: "102", path: "PID-7" });
"#;

#[test]
fn the_testing_helper_of_javascript_gives_what_surrounds_a_message_and_tells_what_came_of_it() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let plugin = root()
        .join("tests/guests/contract-js")
        .canonicalize()
        .expect("the plugin");
    succeeds(program(binary().expect("a binary"), scratch.path()).args([
        "plugin",
        "new",
        "acme/tried",
        "--lang",
        "js",
    ]));
    let folder = scratch.path().join("tried");
    succeeds(program(binary().expect("a binary"), &folder).args(["plugin", "sdk", "."]));
    std::fs::write(folder.join("tries.js"), IN_JAVASCRIPT).expect("a file");
    succeeds(program("node", &folder).arg("tries.js").arg(plugin));
}

/// The same from Python, as far as it differs.
const IN_PYTHON: &str = r#"
import sys
from functools import partial
from transfuse import testing
from transfuse.testing import TestFailed

plugin = sys.argv[1]
# The manifest requests the table, so that no run is without it.
run = partial(testing.run, tables={"wards": [["theirs", "ours"], ["4E", '4 "EAST"'], ["5W", "x"]]})

def message(deed):
    return "MSH|^~\\&|A|||||||" + deed + "\n    PID|1||PRB-0001"

state = run(plugin, message("STATE"), state={"count": "6"})
assert state.state == {"count": "7", "patient/1": "one", "patient/2": "two"}, state
told = run(plugin, message("TABLES"))
assert 'ZNO|cell|4 "EAST"' in told.forwarded_once(), told
told = run(plugin, message("CONTEXT"), attempt=3, attributes={"ward": "4E"}, received_at="1970-01-01T00:00:01Z")
assert "ZNO|arrived|1000" in told.forwarded_once() and "ZNO|ward|4E" in told.forwarded_once(), told
documents = run(plugin, message("DOCUMENT"), grants={"to": ["*"]})
assert documents.outputs[0].content_type == "text/csv" and documents.outputs[1].to == ["ehr", "archive"], documents
rejected = run(plugin, message("REJECT"))
assert (rejected.outcome, rejected.code, rejected.path) == ("rejected", "204", "PID-3"), rejected
thrown = run(plugin, message("THROW")).fault
assert thrown["kind"] == "trapped" and "JSONDecodeError" in thrown["detail"], thrown
assert thrown["location"].startswith("src/plugin.py:"), thrown
try:
    run("nowhere", message("LOG"))
    raise SystemExit("a plugin that is not there was run")
except TestFailed as error:
    assert "nowhere" in str(error), error
"#;

#[test]
fn the_testing_helper_of_python_gives_what_surrounds_a_message_and_tells_what_came_of_it() {
    let plugin = root()
        .join("tests/guests/contract-python")
        .canonicalize()
        .expect("the plugin");
    let sdk = root().join("plugin-sdk/python").canonicalize().expect("the SDK");
    succeeds(
        program("python3", &root())
            .env("PYTHONPATH", sdk)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-c", IN_PYTHON])
            .arg(plugin),
    );
}
