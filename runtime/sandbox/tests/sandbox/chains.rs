//! Chains: how steps follow each other, and what a report tells.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use transfuse_message::Payload;
use transfuse_sandbox::{FaultKind, FieldPatterns, LinkError, LogLevel, Outcome, Rejection, Step, Table, TableError};

use crate::support::{MESSAGE, MISBEHAVE, chain, fault, forwarded, guest, input, plugin, sandbox, step};

/// A step whose plugin does what the text says on the second attempt.
fn acts(body: &str, data: &str) -> Step {
    step(plugin(&format!(
        "{data}
        (func $misbehave (param $exchange i32) (result i32)
            (local $message i32)
            (local.set $message (call $message (local.get $exchange)))
            {body}
            (call $drop_message (local.get $message))
            (call $drop_exchange (local.get $exchange))
            (call $ok))"
    )))
}

const FORWARD: &str = "(call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))";

/// Forwards the message twice, the second time with its only repetition of PID-5 cleared.
fn splitter() -> Step {
    acts(
        &format!(
            "{FORWARD} (call $clear (local.get $message) (i32.const 1024) (i32.const 5) (i32.const 64)) {FORWARD}"
        ),
        r#"(data (i32.const 1024) "PID-5")"#,
    )
}

/// Filters what has no PID-5 and forwards the rest.
fn sieve() -> Step {
    acts(
        &format!(
            "(call $get (local.get $message) (i32.const 1024) (i32.const 7) (i32.const 64))
            (if (i32.eqz (i32.load (i32.const 76)))
                (then (call $filter (local.get $exchange) (i32.const 1032) (i32.const 9)))
                (else {FORWARD}))"
        ),
        r#"(data (i32.const 1024) "PID-5.1") (data (i32.const 1032) "anonymous")"#,
    )
}

fn cleared() -> String {
    MESSAGE.replace("PROBABETEG^JANOS", "")
}

#[test]
fn a_chain_without_steps_forwards_the_message_untouched() {
    let chain = sandbox().chain(Vec::new()).unwrap();
    let report = chain.run_blocking(input(1));
    assert!(report.steps.is_empty());
    assert_eq!(forwarded(report), [MESSAGE]);
}

#[test]
fn outputs_go_through_the_next_step_in_order() {
    let chain = sandbox().chain(vec![splitter(), splitter()]).unwrap();
    let report = chain.run_blocking(input(MISBEHAVE));
    assert_eq!(report.steps.iter().map(|step| step.runs).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(forwarded(report), [MESSAGE.to_owned(), cleared(), cleared(), cleared()]);
}

#[test]
fn a_filter_ends_its_branch_only() {
    let chain = sandbox().chain(vec![splitter(), sieve()]).unwrap();
    assert_eq!(forwarded(chain.run_blocking(input(MISBEHAVE))), [MESSAGE]);
}

#[test]
fn a_message_whose_branches_are_all_filtered_is_filtered() {
    let clear = acts(
        &format!(
            "(call $clear (local.get $message) (i32.const 1024) (i32.const 5) (i32.const 64)) {FORWARD} {FORWARD}"
        ),
        r#"(data (i32.const 1024) "PID-5")"#,
    );
    let chain = sandbox()
        .chain(vec![clear, sieve(), step(guest("does_nothing"))])
        .unwrap();
    let report = chain.run_blocking(input(MISBEHAVE));
    assert_eq!(report.steps.len(), 2, "no step follows");
    let Outcome::Filtered { reason, step } = report.outcome else {
        unreachable!("{report:?}")
    };
    assert_eq!((reason, step), (Payload::from("anonymous"), 1));
}

#[test]
fn a_fault_at_any_branch_ends_the_chain() {
    let chain = sandbox()
        .chain(vec![splitter(), step(guest("traps")), splitter()])
        .unwrap();
    let report = chain.run_blocking(input(MISBEHAVE));
    assert_eq!(report.steps.len(), 2);
    let fault = fault(report);
    assert_eq!((fault.kind, fault.step), (FaultKind::Trapped, 1));
}

#[test]
fn outputs_of_all_branches_count_against_one_limit() {
    let mut limited = splitter();
    limited.limits.outputs_max = 3;
    let chain = sandbox().chain(vec![splitter(), limited]).unwrap();
    let fault = fault(chain.run_blocking(input(MISBEHAVE)));
    assert_eq!((fault.kind, fault.step), (FaultKind::OutputTooLarge, 1));
}

/// Rejects with the texts at 1024, 1056 and 1088.
fn rejects(code: &str, path: &str, reason: &str) -> Rejection {
    let data = format!(
        "(data (i32.const 1024) \"{code}\") (data (i32.const 1056) \"{path}\") (data (i32.const 1088) \"{reason}\")"
    );
    let fields = format!(
        "{data}
        (func $misbehave (param $exchange i32) (result i32)
            (call $drop_exchange (local.get $exchange))
            (i32.store (i32.const 2048) (i32.const 1))
            (i32.store (i32.const 2052) (i32.const 1024)) (i32.store (i32.const 2056) (i32.const {}))
            (i32.store (i32.const 2060) (i32.const 1))
            (i32.store (i32.const 2064) (i32.const 1056)) (i32.store (i32.const 2068) (i32.const {}))
            (i32.store (i32.const 2072) (i32.const 1088)) (i32.store (i32.const 2076) (i32.const {}))
            (i32.const 2048))",
        code.len(),
        path.len(),
        reason.len()
    );
    let report = chain(step(plugin(&fields))).run_blocking(input(MISBEHAVE));
    let Outcome::Rejected { rejection, step: 0 } = report.outcome else {
        unreachable!("{report:?}")
    };
    rejection
}

#[test]
fn a_rejection_is_what_the_plugin_says() {
    let rejection = rejects("103", "OBX[2]-3.1", "unknown code PROBABETEG");
    assert_eq!(rejection.code, "103");
    assert_eq!(rejection.path.as_deref(), Some("OBX[2]-3.1"));
    assert_eq!(rejection.reason, Payload::from("unknown code PROBABETEG"));
    assert!(!format!("{rejection:?}").contains("PROBABETEG"));
}

#[test]
fn a_rejection_cannot_carry_text_where_a_code_or_path_belongs() {
    let rejection = rejects("PROBABETEG JANOS", "PROBABETEG", "");
    assert_eq!((rejection.code.as_str(), rejection.path), ("207", None));
    assert_eq!(rejects("", "PID-5", "").code, "207");
}

/// Logs what is at a path and forwards.
fn reader(path: &str) -> Step {
    acts(
        &format!(
            "(call $get (local.get $message) (i32.const 1024) (i32.const {}) (i32.const 64))
            (if (i32.load8_u (i32.const 68))
                (then (call $log (i32.const 2) (i32.load (i32.const 72)) (i32.load (i32.const 76))))
                (else (call $log (i32.const 0) (i32.const 0) (i32.const 0))))
            {FORWARD}",
            path.len()
        ),
        &format!("(data (i32.const 1024) \"{path}\")"),
    )
}

#[test]
fn log_lines_come_with_step_and_level_and_print_no_text() {
    let chain = sandbox().chain(vec![reader("PID-5.1"), reader("PID-40")]).unwrap();
    let report = chain.run_blocking(input(MISBEHAVE));
    let lines: Vec<_> = report
        .log
        .iter()
        .map(|line| (line.step, line.level, line.text.lossy_text()))
        .collect();
    assert_eq!(lines[0], (0, LogLevel::Warn, "PROBABETEG".into()));
    assert_eq!(lines[1], (1, LogLevel::Debug, "".into()), "absent");
    assert!(!format!("{report:?}").contains("PROBABETEG"));
}

#[test]
fn attributes_go_from_the_source_through_the_steps_to_the_report() {
    let append = || {
        acts(
            &format!(
                "(call $attribute (local.get $exchange) (i32.const 1024) (i32.const 4) (i32.const 64))
                (i32.store8 (i32.add (i32.load (i32.const 68)) (i32.load (i32.const 72))) (i32.const 33))
                (call $set_attribute (local.get $exchange) (i32.const 1024) (i32.const 4)
                    (i32.load (i32.const 68)) (i32.add (i32.load (i32.const 72)) (i32.const 1)))
                {FORWARD}"
            ),
            r#"(data (i32.const 1024) "ward")"#,
        )
    };
    let chain = sandbox().chain(vec![append(), append()]).unwrap();
    let mut message = input(MISBEHAVE);
    message.context.attributes.push(("ward".to_owned(), "4E".to_owned()));
    let report = chain.run_blocking(message);
    assert_eq!(report.attributes, [("ward".to_owned(), "4E!!".to_owned())]);
}

#[test]
fn a_destination_named_by_a_step_is_kept_by_those_that_name_none() {
    let mut names = acts(
        "(i32.store (i32.const 2048) (i32.const 1024)) (i32.store (i32.const 2052) (i32.const 3))
        (call $forward (local.get $exchange) (local.get $message) (i32.const 2048) (i32.const 1))",
        r#"(data (i32.const 1024) "ehr")"#,
    );
    names.grants.to = Some(vec!["ehr".to_owned()]);
    let chain = sandbox().chain(vec![names, step(guest("remembers"))]).unwrap();
    let Outcome::Forwarded(outputs) = chain.run_blocking(input(MISBEHAVE)).outcome else {
        unreachable!()
    };
    assert_eq!(outputs[0].to, ["ehr"]);
}

/// The codes of a laboratory.
fn codes() -> Arc<Table> {
    let strings = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rows = vec![strings(&["K", "2823-3"]), strings(&["GLU", "14749-6"])];
    Arc::new(Table::new("codes", "sha256:7", strings(&["local", "loinc"]), rows).unwrap())
}

/// Logs the second cell of the row whose first column is `GLU`.
const LOOK_UP: &str = "
    (call $open (i32.const 1024) (i32.const 5) (i32.const 64))
    (call $find (i32.load (i32.const 68)) (i32.const 1032) (i32.const 5) (i32.const 1040) (i32.const 3) (i32.const 80))
    (if (i32.load8_u (i32.const 84))
        (then
            (call $log (i32.const 1)
                (i32.load offset=8 (i32.load (i32.const 88)))
                (i32.load offset=12 (i32.load (i32.const 88))))))";

const LOOK_UP_DATA: &str = r#"
    (data (i32.const 1024) "codes") (data (i32.const 1032) "local") (data (i32.const 1040) "GLU")"#;

fn lookup(body: &str) -> Step {
    let mut step = acts(&format!("{body} {FORWARD}"), LOOK_UP_DATA);
    step.grants.tables = vec!["codes".to_owned()];
    step.tables = vec![codes()];
    step
}

#[test]
fn a_granted_table_is_looked_up_and_its_digest_reported() {
    let report = chain(lookup(LOOK_UP)).run_blocking(input(MISBEHAVE));
    assert_eq!(report.log[0].text, Payload::from("14749-6"));
    assert_eq!(report.tables, [("codes".to_owned(), "sha256:7".to_owned())]);
    assert_eq!(forwarded(report), [MESSAGE]);
}

#[test]
fn a_table_that_was_not_opened_is_not_reported() {
    let chain = chain(lookup(LOOK_UP));
    assert!(chain.run_blocking(input(1)).tables.is_empty());
}

#[test]
fn a_table_that_is_not_granted_is_denied_even_beside_one_that_is() {
    let mut step = lookup(LOOK_UP);
    let other = Table::new("other", "sha256:8", vec!["a".to_owned()], Vec::new()).unwrap();
    step.grants.tables = vec!["other".to_owned()];
    step.tables = vec![codes(), Arc::new(other)];
    let fault = fault(chain(step).run_blocking(input(MISBEHAVE)));
    assert_eq!(fault.kind, FaultKind::Denied);
    assert_eq!(fault.hint.as_deref(), Some("grants = { tables = [\"codes\"] }"));
}

#[test]
fn a_table_of_uneven_rows_is_refused() {
    let table = Table::new("t", "d", vec!["a".to_owned()], vec![Vec::new()]);
    assert!(matches!(table, Err(TableError::UnevenRow { row: 1, .. })));
}

/// Accepts the configuration `{"a":1}` and refuses any other, in words of its own.
fn particular() -> Step {
    step(plugin(
        r#"(data (i32.const 1024) "only\0aone")
        (func $init (param $config i32) (param $length i32) (result i32)
            (if (i32.eq (local.get $length) (i32.const 7)) (then (return (call $ok))))
            (i32.store (i32.const 2048) (i32.const 1))
            (i32.store (i32.const 2052) (i32.const 1024)) (i32.store (i32.const 2056) (i32.const 8))
            (i32.const 2048))
        (func $misbehave (param $exchange i32) (result i32) unreachable)"#,
    ))
}

#[test]
fn a_configuration_that_init_refuses_makes_no_chain() {
    let error = sandbox().chain(vec![particular()]).unwrap_err();
    assert!(matches!(error, LinkError::Misconfigured { step: 0, .. }));
    assert_eq!(
        error.to_string(),
        "step 1 (test/guest 1.2.3) refuses its configuration: only one"
    );
    let mut configured = particular();
    configured.config = br#"{"a":1}"#.to_vec();
    assert_eq!(forwarded(chain(configured).run_blocking(input(1))), [MESSAGE]);
}

#[test]
fn a_chain_lists_its_plugins() {
    let chain = sandbox().chain(vec![splitter(), sieve()]).unwrap();
    assert_eq!(
        chain.steps().map(ToString::to_string).collect::<Vec<_>>(),
        ["test/guest 1.2.3", "test/guest 1.2.3"]
    );
    assert_ne!(
        chain.steps().next().unwrap().component_digest,
        chain.steps().nth(1).unwrap().component_digest
    );
}

#[test]
fn fields_are_granted_for_each_step_apart() {
    let mut blind = reader("PID-5.1");
    blind.grants.read = FieldPatterns::default();
    let chain = sandbox().chain(vec![reader("PID-5.1"), blind]).unwrap();
    let fault = fault(chain.run_blocking(input(MISBEHAVE)));
    assert_eq!((fault.kind, fault.step), (FaultKind::Denied, 1));
}
