//! Times: what a plugin gets for a timestamp, and what it writes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use transfuse_sandbox::{FaultKind, FieldPatterns, Step};

use crate::support::{MESSAGE, MISBEHAVE, chain, fault, forwarded, input, plugin, step};

/// Reads MSH-7 in the interface's zone and writes it into ZPI-2, to the minute and in UTC.
fn in_utc() -> Step {
    step(plugin(
        r#"(data (i32.const 1024) "MSH-7ZPI-2minuteUTC")
        (func $misbehave (param $exchange i32) (result i32)
            (local $message i32)
            (local.set $message (call $message (local.get $exchange)))
            (call $get_time (local.get $message) (i32.const 1024) (i32.const 5)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
            (call $set_time (local.get $message) (i32.const 1029) (i32.const 5) (i64.load (i32.const 80))
                (i32.const 1034) (i32.const 6) (i32.const 1040) (i32.const 3) (i32.const 64))
            (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
            (call $drop_message (local.get $message))
            (call $drop_exchange (local.get $exchange))
            (call $ok))"#,
    ))
}

#[test]
fn a_time_without_an_offset_is_read_in_the_interface_s_zone_and_written_in_the_one_that_is_named() {
    let report = chain(in_utc()).run_blocking(input(MISBEHAVE));
    assert_eq!(forwarded(report), [MESSAGE.replace("SECRET", "202611230700+0000")]);
}

#[test]
fn a_time_is_read_and_written_where_the_grants_allow_it_only() {
    let mut unread = in_utc();
    unread.grants.read = FieldPatterns::parse(&["PID-*"]).unwrap();
    let mut unwritten = in_utc();
    unwritten.grants.write = FieldPatterns::parse(&["PID-*"]).unwrap();
    for denied in [unread, unwritten] {
        assert_eq!(
            fault(chain(denied).run_blocking(input(MISBEHAVE))).kind,
            FaultKind::Denied
        );
    }
}
