//! Plugins in JavaScript and TypeScript: the reference plugin passes the shared vectors, and what an author's code throws
//! reaches the people it is for, with the author's own line, and nobody else.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation};

const LIMIT: Duration = Duration::from_secs(30);

const STUMBLE: &str = "[[steps]]\nplugin = \"test/stumble\"\nversion = \"^1\"\n\
    grants = { read = [\"MSH-10\", \"PID-5\"], write = [\"MSH-6\"] }\nlimits = { deadline = \"2s\" }\n";

/// What each deed is told as: the kind, and the author's file and line.
const FAULTS: &[(&str, &str, &str)] = &[
    ("THROW1", "RangeError", "src/records.ts:7:"),
    ("OWN1", "no-bed", "src/plugin.ts:11:"),
    ("COMPOSITE1", "path-error", "src/plugin.ts:9:"),
    ("CHANCE1", "Error", "src/plugin.ts:8:"),
];

#[test]
fn the_reference_plugin_passes_the_shared_vectors() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let test = Command::new(binary().expect("a binary"))
        .args(["plugin", "test", "plugin-sdk/js/examples/lab-normalize"])
        .args(["--vectors", "plugins/lab-normalize/vectors"])
        .env(
            "CARGO_TARGET_DIR",
            transfuse_harness::target_folder().expect("a target folder"),
        )
        .current_dir(repository)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&test.stderr);
    assert!(
        test.status.success(),
        "{}\n{said}",
        String::from_utf8_lossy(&test.stdout)
    );
}

#[test]
fn what_a_plugin_throws_is_told_with_its_line_and_a_patients_name_in_it_is_not() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .section(STUMBLE)
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    site.write("transfuse.toml", "[log]\nlevel = \"trace\"\n")
        .expect("a talkative site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    let mut ask = |control_id: &str| {
        let answer = connection.ask(observation(control_id).as_bytes());
        answer.expect("every message is answered")
    };
    for (control_id, ..) in FAULTS {
        let answer = ask(control_id);
        assert!(answer.contains(&format!("MSA|AR|{control_id}")), "{answer}");
        assert!(
            !answer.contains("PRÓBABETEG"),
            "the answer quotes what was thrown: {answer}"
        );
    }
    let rejected = ask("REJECT1");
    assert!(
        rejected.contains("|204^") && rejected.contains("PRÓBABETEG"),
        "{rejected}"
    );
    assert!(ask("FILTER1").contains("MSA|AA|FILTER1"));
    assert!(ask("GOOD1").contains("MSA|AA|GOOD1"));
    let delivered = sink.wait_for(1, LIMIT).expect("the good one is delivered");
    let content = delivered
        .first()
        .map(|one| String::from_utf8_lossy(&one.content).into_owned());
    assert!(
        content.is_some_and(|content| content.contains("|ARRIVED|")),
        "the clock is the message's arrival"
    );

    let refused = engine
        .json(&["messages", "list", "--stage", "refused"])
        .expect("a list")
        .to_string();
    for (_, kind, line) in FAULTS {
        assert!(
            refused.contains(kind) && refused.contains(line),
            "{kind} at {line}: {refused}"
        );
    }
    let said = engine.stop().expect("a clean stop").said;
    for place in [&said, &refused] {
        assert!(!place.contains("PRÓBABETEG"), "{place}");
    }
}
