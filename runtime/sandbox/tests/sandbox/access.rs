//! What a run tells of the grants that a plugin made use of, and of the values that its tables lack.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use transfuse_message::Payload;
use transfuse_sandbox::{Access, Grants, Report, Step, Table, TableMiss};

use crate::grants::does;
use crate::support::{CANARY, MESSAGE, MISBEHAVE, chain, fault, forwarded, input, plugin, step};

/// A step that may do anything.
fn free(deed: &str, texts: &[&str]) -> Step {
    let mut step = step(plugin(&does(deed, texts)));
    step.grants.create = true;
    step.grants.to = Some(vec!["*".to_owned()]);
    step
}

fn access(deed: &str, texts: &[&str]) -> Access {
    chain(free(deed, texts))
        .run_blocking(input(MISBEHAVE))
        .steps
        .remove(0)
        .access
}

const GET: &str = "(call $get (local.get $message) {0} (i32.const 64))";
const SET: &str = "(call $set (local.get $message) {1} {1} (i32.const 64))";
const COUNT: &str = "(call $count (local.get $message) {2} (i32.const 64))";

#[test]
fn a_run_tells_the_smallest_grants_that_it_needs() {
    assert_eq!(access("", &[]), Access::default());
    let deed = format!("{GET} {SET} {COUNT} {GET}");
    let texts = ["PATIENT_RESULT/PID-5.1", "MSH-5", "OBX"];
    let told = access(&deed, &texts);
    let expected = Access {
        read: vec!["OBX-1".to_owned(), "PID-5".to_owned()],
        written: vec!["MSH-5".to_owned()],
        ..Access::default()
    };
    assert_eq!(told, expected);

    let patterns = |list: &[String]| transfuse_sandbox::FieldPatterns::parse(list).unwrap();
    let mut minimal = free(&deed, &texts);
    minimal.grants = Grants {
        read: patterns(&told.read),
        write: patterns(&told.written),
        ..Grants::default()
    };
    let report = chain(minimal).run_blocking(input(MISBEHAVE));
    assert_eq!(forwarded(report), [MESSAGE.replacen("|EHR|", "|MSH-5|", 1)]);
}

#[test]
fn reading_a_message_whole_is_told() {
    let told = access("(call $encode (local.get $message) (i32.const 64))", &[]);
    assert!(told.everything && told.read.is_empty());
}

#[test]
fn what_was_touched_before_a_fault_is_told_as_well() {
    let report = chain(free(&format!("{GET} unreachable"), &["PID-3.1"])).run_blocking(input(MISBEHAVE));
    assert_eq!(report.steps[0].access.read, ["PID-3"]);
    fault(report);
}

/// Looks for two texts of three letters in a table, the first one twice.
fn searching(first: &str, second: &str) -> Report {
    let find = |at: u32| {
        format!(
            "(call $find (local.get $other) (i32.const 1280) (i32.const 5) (i32.const {at}) (i32.const {}) (i32.const 80))",
            first.len()
        )
    };
    let deed = format!(
        "(call $open {{0}} (i32.const 64)) (local.set $other (i32.load (i32.const 68))) {}{}{}",
        find(1536),
        find(1792),
        find(1536)
    );
    let strings = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    let table = Table::new("codes", "sha256:7", strings(&["local"]), vec![strings(&["GLU"])]).unwrap();
    let mut step = free(&deed, &["codes", "local", first, second]);
    step.grants.tables = vec!["codes".to_owned()];
    step.tables = vec![Arc::new(table)];
    chain(step).run_blocking(input(MISBEHAVE))
}

#[test]
fn values_that_a_table_lacks_are_listed_once() {
    let report = searching("XYZ", "GLU");
    let expected = TableMiss {
        step: 0,
        table: "codes".to_owned(),
        column: "local".to_owned(),
        value: Payload::from("XYZ"),
    };
    assert_eq!(report.table_misses, [expected]);
    assert_eq!(report.table_misses_unlisted, 0);
    assert_eq!(report.steps[0].access.tables, ["codes"]);
    assert!(searching("GLU", "GLU").table_misses.is_empty());
    assert!(searching("GLU", "GLU").trace.is_none(), "nobody wants to know");
    assert!(searching("", "").table_misses.is_empty(), "an empty value is no code");
}

#[test]
fn a_value_that_is_too_long_for_a_code_is_counted_only_and_none_is_printed() {
    let long = format!("{CANARY}{}", "x".repeat(200));
    let report = searching(&long, &long);
    assert_eq!((report.table_misses.len(), report.table_misses_unlisted), (0, 3));
    let report = searching(CANARY, CANARY);
    assert_eq!(report.table_misses.len(), 1);
    assert!(!format!("{report:?}").contains(CANARY));
}
