//! What the host charges for its work on long messages: what it touches, and neither less nor the whole message each time.

use transfuse_sandbox::{FaultKind, Outcome, Report};

use crate::grants::does;
use crate::support::{MESSAGE, MISBEHAVE, chain, fault, input_of, plugin, step};

/// A result with so many more observations than the shared one.
fn long(segments: usize) -> String {
    MESSAGE.to_owned() + &"OBX|3|NM|NA||140|mmol/l\r".repeat(segments)
}

/// A deed done so many times.
fn times(count: usize, deed: &str) -> String {
    format!(
        "(local $left i32)
        (local.set $left (i32.const {count}))
        (loop $more
            {deed}
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $more (local.get $left)))"
    )
}

fn run(deed: &str, texts: &[&str], message: &str) -> Report {
    // Locals are declared before anything is done, so that the loop's comes first.
    let (local, rest) = deed.split_once('\n').unwrap_or(("", deed));
    let text = does(rest, texts).replace("(local $message i32)", &format!("{local} (local $message i32)"));
    let mut step = step(plugin(&text));
    step.limits.outputs_max = 100_000;
    step.limits.handles_max = 100_000;
    chain(step).run_blocking(input_of(message, MISBEHAVE))
}

/// The fuel of a run that goes through.
fn fuel(deed: &str, texts: &[&str], message: &str) -> u64 {
    let report = run(deed, texts, message);
    assert!(matches!(report.outcome, Outcome::Forwarded(_)), "{:?}", report.outcome);
    report.steps.iter().map(|step| step.fuel).sum()
}

/// The fuel of one deed, in a message of so many segments more: without what is used once.
fn of_one(deed: &str, texts: &[&str], segments: usize) -> u64 {
    let message = long(segments);
    (fuel(&times(201, deed), texts, &message) - fuel(&times(1, deed), texts, &message)) / 200
}

const SET: &str = "(call $set (local.get $message) {0} {1} (i32.const 64))";

#[test]
fn an_edit_of_the_last_segment_costs_the_same_in_a_long_message_and_in_a_longer_one() {
    let of_last = |segments: usize| of_one(SET, &[&format!("OBX[{segments}]-8"), "H"], segments);
    assert_eq!(of_last(1_000), of_last(9_000));
    let read = "(call $get (local.get $message) {0} (i32.const 64))";
    let of_last = |segments: usize| of_one(read, &[&format!("OBX[{segments}]-3")], segments);
    assert_eq!(of_last(1_000), of_last(9_000));
    let count = "(call $count (local.get $message) {0} (i32.const 64))";
    let of_last = |segments: usize| of_one(count, &[&format!("OBX[{segments}]-8")], segments);
    assert_eq!(of_last(1_000), of_last(9_000));
    let of_all = |segments: usize| of_one(count, &["OBX"], segments);
    assert!(of_all(9_000) > of_all(1_000) + 60_000, "segments are passed by");
    let within = "(call $copy_from (local.get $message) (local.get $message) {0} {1} (i32.const 64))";
    let of_last = |segments: usize| of_one(within, &[&format!("OBX[{segments}]-3"), "OBX-4"], segments);
    assert_eq!(of_last(1_000), of_last(9_000));
}

#[test]
fn every_segment_of_a_long_message_can_be_changed_within_the_default_limits() {
    // Each time the last of six thousand, which is where walking there would cost most.
    let report = run(&times(20_000, SET), &["OBX[6000]-8", "H"], &long(6_000));
    assert!(matches!(report.outcome, Outcome::Forwarded(_)), "{:?}", report.outcome);
}

/// What the host copies, moves or compares once for every such deed is charged by the segment.
#[test]
fn work_on_the_whole_list_of_segments_is_charged_each_time() {
    let forward = "(call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))";
    let copy = "(call $drop_message (call $copy (local.get $message)))";
    let insert = "(call $insert (local.get $message) {0} {2} (i32.const 64))";
    let remove = "(call $remove (local.get $message) {0} (i32.const 64))";
    let texts = ["OBX", "H", "PID"];
    for (deed, a_segment) in [
        (copy.to_owned(), 8),
        // Compared, shared, and copied by the edit after it.
        (format!("{forward} {SET}"), 16),
        (insert.to_owned(), 2),
        (remove.to_owned(), 2),
    ] {
        let texts = if deed.contains("$set") {
            ["OBX-8", "H", "PID"]
        } else {
            texts
        };
        let more = of_one(&deed, &texts, 4_300).saturating_sub(of_one(&deed, &texts, 300));
        let each = more / 4_000;
        assert!(
            each >= a_segment - 1 && each <= a_segment + 1,
            "{deed}: {each} a segment"
        );
    }
}

#[test]
fn a_loop_over_the_whole_list_ends_at_the_limit() {
    let copies = "(call $drop_message (call $copy (local.get $message)))";
    let fault = fault(run(&times(50_000, copies), &[], &long(9_000)));
    assert_eq!(fault.kind, FaultKind::OutOfFuel, "{fault}");
}
