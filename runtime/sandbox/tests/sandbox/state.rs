//! State: what a chain reads, what it leaves, and what becomes of it when something goes wrong.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use transfuse_message::Payload;
use transfuse_sandbox::{FaultKind, Input, LinkError, Outcome, Report, State, StateWrites, Step};

use crate::grants::does;
use crate::support::{CANARY, MISBEHAVE, fault, forwarded, input, plugin, sandbox, step};

const GET: &str = "(call $state_get {0} (i32.const 64))
    (if (i32.load8_u (i32.const 64))
        (then (call $log (i32.const 1) (i32.load (i32.const 68)) (i32.load (i32.const 72)))))";
const SET: &str = "(call $state_set {0} {1} (i32.const 64))
    (if (i32.load8_u (i32.const 64))
        (then (call $log (i32.const 3) (i32.load (i32.const 68)) (i32.load (i32.const 72)))))";
const REMOVE: &str = "(call $state_remove {0})";
/// The second key of a list.
const KEYS: &str = "(call $state_keys {0} {1} (i32.const 9) (i32.const 64))
    (call $log (i32.const 1)
        (i32.load offset=8 (i32.load (i32.const 64)))
        (i32.load offset=12 (i32.load (i32.const 64))))";
const VERSION: &str = "(if (i32.eq (call $state_version) (i32.const 6))
    (then (call $log (i32.const 1) (i32.const 1024) (i32.const 1))))";

/// A plugin of the schema version 7 that does one thing, and is granted state.
fn keeping(deed: &str, texts: &[&str]) -> Step {
    let mut step = step(plugin(&does(deed, texts)));
    step.grants.state = true;
    step.state_schema = 7;
    step
}

fn writes(schema_version: u32, values: &[(&str, Option<&str>)]) -> StateWrites {
    let values = values.iter();
    StateWrites {
        plugin: "test/guest".into(),
        schema_version,
        values: values
            .map(|(key, value)| ((*key).to_owned(), value.map(|value| Payload::from(value.to_owned()))))
            .collect(),
    }
}

fn run(steps: Vec<Step>, before: &[(&str, Option<&str>)]) -> Report {
    let mut state = State::default();
    state.apply(&[writes(6, before)]);
    let chain = sandbox().chain(steps).unwrap();
    chain.run_blocking(Input {
        state,
        ..input(MISBEHAVE)
    })
}

fn said(report: &Report) -> Vec<String> {
    let lines = report.log.iter();
    lines.map(|line| line.text.lossy_text().into_owned()).collect()
}

#[test]
fn a_plugin_that_imports_state_needs_the_grant_for_it() {
    let mut ungranted = keeping(GET, &["k"]);
    ungranted.grants.state = false;
    let error = sandbox().chain(vec![ungranted]).unwrap_err();
    assert!(matches!(error, LinkError::Ungranted { step: 0, .. }));
    let shown = error.to_string();
    assert!(
        shown.contains("imports `state`") && shown.contains("grants = { state = true }"),
        "{shown}"
    );
}

#[test]
fn a_chain_says_whose_state_it_needs() {
    let chain = sandbox().chain(vec![keeping(GET, &["k"])]).unwrap();
    let name: Arc<str> = "test/guest".into();
    assert_eq!(chain.state_schemas().collect::<Vec<_>>(), [(&name, 7)]);
    let mut granted = step(plugin(&does("", &[])));
    granted.grants.state = true;
    let chain = sandbox().chain(vec![granted]).unwrap();
    assert_eq!(chain.state_schemas().count(), 0, "it never asks");
}

#[test]
fn a_plugin_reads_what_was_kept_and_leaves_what_it_wrote() {
    assert_eq!(said(&run(vec![keeping(GET, &["k"])], &[("k", Some("old"))])), ["old"]);
    assert_eq!(
        said(&run(vec![keeping(GET, &["other"])], &[("k", Some("old"))])),
        [""; 0]
    );
    assert_eq!(said(&run(vec![keeping(VERSION, &["y"])], &[("k", Some("old"))])), ["y"]);
    let keys = run(
        vec![keeping(KEYS, &["k/", "k/1"])],
        &[("k/1", Some("")), ("k/2", Some("")), ("k/3", Some(""))],
    );
    assert_eq!(said(&keys), ["k/3"]);

    let report = run(vec![keeping(SET, &["k", "new"])], &[("k", Some("old"))]);
    assert_eq!(report.state, [writes(7, &[("k", Some("new"))])]);
    let report = run(vec![keeping(REMOVE, &["k"])], &[("k", Some("old"))]);
    assert_eq!(report.state, [writes(7, &[("k", None)])]);
    assert!(run(vec![keeping(GET, &["k"])], &[("k", Some("old"))]).state.is_empty());
}

#[test]
fn a_later_step_sees_what_an_earlier_one_wrote() {
    let report = run(vec![keeping(SET, &["k", "new"]), keeping(GET, &["k"])], &[]);
    assert_eq!(said(&report), ["new"]);
    assert_eq!(report.state, [writes(7, &[("k", Some("new"))])]);
    let access: Vec<bool> = report.steps.iter().map(|step| step.access.state).collect();
    assert_eq!(access, [true, true]);
}

#[test]
fn nothing_is_kept_of_a_chain_that_faults_or_rejects() {
    let setting = || keeping(SET, &["k", "new"]);
    let report = run(vec![setting(), step(plugin(&does("unreachable", &[])))], &[]);
    assert!(report.state.is_empty());
    assert_eq!(fault(report).kind, FaultKind::Trapped);

    let rejecting = "(i32.store8 (i32.const 3000) (i32.const 1)) (i32.store (i32.const 3004) (i32.const 1024))
        (i32.store (i32.const 3008) (i32.const 1)) (i32.store (i32.const 3024) (i32.const 1024))
        (i32.store (i32.const 3028) (i32.const 1))
        (call $drop_message (local.get $message)) (call $drop_exchange (local.get $exchange))
        (return (i32.const 3000))";
    let report = run(vec![setting(), step(plugin(&does(rejecting, &["x"])))], &[]);
    assert!(report.state.is_empty());
    assert!(
        matches!(report.outcome, Outcome::Rejected { step: 1, .. }),
        "{report:?}"
    );
}

#[test]
fn a_filter_keeps_what_was_written_before_it() {
    let deed = format!(
        "{SET} (call $filter (local.get $exchange) {{0}})
        (call $drop_message (local.get $message)) (call $drop_exchange (local.get $exchange)) (return (call $ok))"
    );
    let report = run(vec![keeping(&deed, &["k", "v"])], &[]);
    assert_eq!(report.state, [writes(7, &[("k", Some("v"))])]);
    assert!(matches!(report.outcome, Outcome::Filtered { .. }));
}

#[test]
fn what_cannot_be_kept_is_the_plugins_to_handle() {
    for (key, limit, code) in [("", 1 << 20, "bad-key"), ("key", 5, "over-quota")] {
        let mut step = keeping(SET, &[key, "new"]);
        step.limits.state_bytes_max = limit;
        let report = run(vec![step], &[]);
        assert_eq!(said(&report), [code]);
        assert!(report.state.is_empty());
        assert_eq!(forwarded(report).len(), 1);
    }
}

#[test]
fn looking_keys_up_is_charged_for() {
    let many: Vec<(String, Option<&str>)> = (0..5_000).map(|number| (format!("k{number}"), Some(""))).collect();
    let many: Vec<(&str, Option<&str>)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let forever = "(loop $again (call $state_keys {0} {1} (i32.const 1) (i32.const 64))
        (call $state_keys {1} {1} (i32.const -1) (i32.const 64)) (br $again))";
    let mut step = keeping(forever, &["k", ""]);
    step.limits.fuel = 10_000_000;
    step.limits.memory_bytes_max = 512 << 20;
    assert_eq!(fault(run(vec![step], &many)).kind, FaultKind::OutOfFuel);
}

#[test]
fn keys_and_values_are_printed_by_nobody() {
    let report = run(vec![keeping(SET, &[CANARY, CANARY])], &[(CANARY, Some(CANARY))]);
    assert_eq!(report.state[0].values.len(), 1);
    assert!(!format!("{report:?}").contains(CANARY));
}
