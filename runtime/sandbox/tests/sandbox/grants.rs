//! Grants: what is denied whatever it is called, and the line that would allow it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use transfuse_sandbox::{FaultKind, FieldPatterns, Grants, Outcome, Report};

use crate::support::{CANARY, MESSAGE, MISBEHAVE, chain, fault, forwarded, input, plugin, sandbox, step};

/// A plugin that does one thing to the message and forwards it. The thing is said in WebAssembly, with `$message` and
/// `$exchange` at hand, `{0}`, `{1}`, ... for pointer and length of the texts.
pub(crate) fn does(deed: &str, texts: &[&str]) -> String {
    let mut deed = deed.to_owned();
    let mut data = String::new();
    for (index, text) in texts.iter().enumerate() {
        let at = 1024 + index * 256;
        let text_in_wat = text.replace('\\', "\\\\").replace('"', "\\22");
        writeln!(data, "(data (i32.const {at}) \"{text_in_wat}\")").unwrap();
        deed = deed.replace(
            &format!("{{{index}}}"),
            &format!("(i32.const {at}) (i32.const {})", text.len()),
        );
    }
    format!(
        "{data}
        (func $misbehave (param $exchange i32) (result i32)
            (local $message i32) (local $other i32)
            (local.set $message (call $message (local.get $exchange)))
            {deed}
            (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
            (call $drop_message (local.get $message))
            (call $drop_exchange (local.get $exchange))
            (call $ok))"
    )
}

pub(crate) fn patterns(patterns: &[&str]) -> FieldPatterns {
    FieldPatterns::parse(patterns).unwrap()
}

fn run(fields: &str, grants: Grants) -> Report {
    let mut step = step(plugin(fields));
    step.grants = grants;
    chain(step).run_blocking(input(MISBEHAVE))
}

/// The hint of the fault that a deed ends in.
fn denied(deed: &str, texts: &[&str], grants: Grants) -> String {
    let fault = fault(run(&does(deed, texts), grants));
    assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
    assert!(!format!("{fault}{fault:?}").contains(CANARY));
    fault.hint.unwrap()
}

fn allowed(deed: &str, texts: &[&str], grants: Grants) -> String {
    forwarded(run(&does(deed, texts), grants)).remove(0)
}

fn reading(fields: &[&str]) -> Grants {
    Grants {
        read: patterns(fields),
        ..Grants::default()
    }
}

fn writing(fields: &[&str]) -> Grants {
    Grants {
        write: patterns(fields),
        ..Grants::default()
    }
}

const GET: &str = "(call $get (local.get $message) {0} (i32.const 64))";
const GET_RAW: &str = "(call $get_raw (local.get $message) {0} (i32.const 64))";
const SET: &str = "(call $set (local.get $message) {0} {1} (i32.const 64))";
const CLEAR: &str = "(call $clear (local.get $message) {0} (i32.const 64))";
const REMOVE: &str = "(call $remove (local.get $message) {0} (i32.const 64))";
const COUNT: &str = "(call $count (local.get $message) {0} (i32.const 64))";
const GROUPS: &str = "(call $groups (local.get $message) {0} (i32.const 64))";
const NAME_OF: &str = "(call $name_of (local.get $message) {0} (i32.const 64))";
const DATATYPE_OF: &str = "(call $datatype_of (local.get $message) {0} (i32.const 64))";
const TABLE_OF: &str = "(call $table_of (local.get $message) {0} (i32.const 64))";
const ENCODE: &str = "(call $encode (local.get $message) (i32.const 64))";
const COPY_FROM: &str = "(call $copy_from (local.get $message) (local.get $message) {0} {1} (i32.const 64))";
/// One text: its pointer and length are a list's only element at 2048.
const ELEMENT: &str = "(i32.store (i32.const 2048) (i32.const 1024)) (i32.store (i32.const 2052) (i32.const {LENGTH}))";

#[test]
fn a_field_that_is_granted_is_read_under_each_of_its_names() {
    for path in ["PID-5", "PID-5.1", "PID-5[1].1.1", "PID[1]-5.2"] {
        assert_eq!(allowed(GET, &[path], reading(&["PID-5"])), MESSAGE);
    }
}

#[test]
fn a_field_that_is_not_granted_is_denied_under_each_of_its_names() {
    for path in ["PID-5", "PID-5.1", "PID-5[1].1", "PID[1]-5.1.1", "PID-5[2]"] {
        let hint = denied(GET, &[path], reading(&["PID-3", "MSH-*", "OBX-5"]));
        assert_eq!(hint, "grants = { read = [\"PID-5\"] }", "{path}");
        assert_eq!(
            denied(GET_RAW, &[path], reading(&["PID-3"])),
            "grants = { read = [\"PID-5\"] }",
            "{path}"
        );
        assert_eq!(
            denied(COUNT, &[path], reading(&["PID-3"])),
            "grants = { read = [\"PID-5\"] }",
            "{path}"
        );
    }
}

#[test]
fn nothing_is_granted_without_a_grant_but_passing_the_message_on() {
    assert_eq!(allowed("", &[], Grants::default()), MESSAGE);
    denied(GET, &["MSH-9"], Grants::default());
    denied(SET, &["MSH-5", "X"], Grants::default());
}

#[test]
fn a_whole_segment_needs_all_its_fields() {
    assert_eq!(
        denied(GET_RAW, &["PID"], reading(&["PID-3", "PID-5"])),
        "grants = { read = [\"PID-*\"] }"
    );
    assert_eq!(
        denied(GET_RAW, &["ZPI[1]"], reading(&["PID-*"])),
        "grants = { read = [\"ZPI-*\"] }"
    );
    assert_eq!(allowed(GET_RAW, &["PID"], reading(&["PID-*"])), MESSAGE);
    assert_eq!(allowed(GET_RAW, &["ZPI"], reading(&["Z*-*"])), MESSAGE);
}

#[test]
fn a_whole_message_needs_everything() {
    assert_eq!(
        denied(ENCODE, &[], reading(&["MSH-*", "PID-*", "OBR-*", "OBX-*", "ZPI-*"])),
        "grants = { read = [\"*\"] }"
    );
    assert_eq!(allowed(ENCODE, &[], reading(&["*"])), MESSAGE);
}

#[test]
fn rows_need_each_of_their_fields() {
    let rows = "(call $rows (local.get $message) {0} (i32.const 2048) (i32.const 1) (i32.const 64))";
    let element = "(i32.store (i32.const 2048) (i32.const 1280)) (i32.store (i32.const 2052) (i32.const 1))";
    let deed = format!("{element} {rows}");
    assert_eq!(
        denied(&deed, &["OBX", "5"], reading(&["OBX-3"])),
        "grants = { read = [\"OBX-5\"] }"
    );
    assert_eq!(allowed(&deed, &["OBX", "5"], reading(&["OBX-5"])), MESSAGE);
}

#[test]
fn many_fields_are_checked_one_by_one() {
    let get_many = "(call $get_many (local.get $message) (i32.const 2048) (i32.const 1) (i32.const 64))";
    let deed = format!("{} {get_many}", ELEMENT.replace("{LENGTH}", "7"));
    assert_eq!(
        denied(&deed, &["PID-5.1"], reading(&["PID-3"])),
        "grants = { read = [\"PID-5\"] }"
    );
    assert_eq!(allowed(&deed, &["PID-5.1"], reading(&["PID-5"])), MESSAGE);
}

#[test]
fn a_field_that_may_not_be_written_stays_as_it_is() {
    for path in ["PID-5", "PID-5.1", "PID-5[2].1", "PID[1]-5.1.1"] {
        assert_eq!(
            denied(SET, &[path, "X"], writing(&["PID-3"])),
            "grants = { write = [\"PID-5\"] }",
            "{path}"
        );
        assert_eq!(
            denied(CLEAR, &[path], writing(&["PID-3"])),
            "grants = { write = [\"PID-5\"] }",
            "{path}"
        );
    }
    assert_eq!(
        denied(REMOVE, &["PID-3[2]"], writing(&["PID-5"])),
        "grants = { write = [\"PID-3\"] }"
    );
    assert_eq!(
        denied(REMOVE, &["OBX[2]"], writing(&["OBX-3"])),
        "grants = { write = [\"OBX-*\"] }"
    );
    assert_eq!(
        denied(CLEAR, &["ZPI"], writing(&["ZPI-2"])),
        "grants = { write = [\"ZPI-*\"] }"
    );
}

#[test]
fn a_field_that_may_be_written_is_changed_and_nothing_else() {
    let changed = allowed(SET, &["PID-5.1", "NAGY"], writing(&["PID-5"]));
    assert_eq!(changed, MESSAGE.replace("PROBABETEG^JANOS", "NAGY^JANOS"));
    let cleared = allowed(CLEAR, &["PID-11"], writing(&["PID-11"]));
    assert_eq!(cleared, MESSAGE.replace("FO UTCA 1^^BUDAPEST", ""));
    let removed = allowed(REMOVE, &["OBX[2]"], writing(&["OBX-*"]));
    assert_eq!(removed, MESSAGE.replace("OBX|2|NM|K||4.1|mmol/l\r", ""));
}

#[test]
fn a_copy_needs_reading_at_its_source_and_writing_at_its_end() {
    let both = |read: &str, write: &str| Grants {
        read: patterns(&[read]),
        ..writing(&[write])
    };
    assert_eq!(
        denied(COPY_FROM, &["PID-5", "PID-9"], both("PID-3", "PID-9")),
        "grants = { read = [\"PID-5\"] }"
    );
    assert_eq!(
        denied(COPY_FROM, &["PID-5", "PID-9"], both("PID-5", "PID-3")),
        "grants = { write = [\"PID-9\"] }"
    );
    let copied = allowed(COPY_FROM, &["PID-5", "PID-9"], both("PID-5", "PID-9"));
    assert_eq!(copied, MESSAGE.replace("|M|||FO", "|M|PROBABETEG^JANOS||FO"));
}

#[test]
fn a_segment_is_inserted_by_whoever_may_write_one_of_its_fields() {
    let insert = "(call $insert (local.get $message) {0} {1} (i32.const 64))";
    assert_eq!(
        denied(insert, &["NTE", "PID"], writing(&["OBX-3"])),
        "grants = { write = [\"NTE-*\"] }"
    );
    let inserted = allowed(insert, &["NTE", "PID"], writing(&["NTE-3"]));
    assert_eq!(inserted, MESSAGE.replace("BUDAPEST\r", "BUDAPEST\rNTE\r"));
}

/// A step's input holds what the one before it inserted: it is compared with that, segment by segment.
#[test]
fn what_an_earlier_step_inserted_is_changed_with_the_grant_for_the_field_alone() {
    let insert = "(call $insert (local.get $message) {0} {1} (i32.const 64))";
    let set = "(call $set (local.get $message) {2} {3} (i32.const 64))";
    let deed = format!("{insert} {set}");
    let first = step(plugin(&does(&deed, &["NTE", "PID", "NTE-1", "1"])));
    let then = |write: &str| {
        let mut second = step(plugin(&does(&deed, &["NTE", "PID", "NTE[2]-3", "x"])));
        second.grants = writing(&[write]);
        let chain = sandbox().chain(vec![first.clone(), second]).unwrap();
        chain.run_blocking(input(MISBEHAVE))
    };
    let both = MESSAGE.replace("BUDAPEST\r", "BUDAPEST\rNTE\rNTE|1||x\r");
    assert_eq!(forwarded(then("NTE-3")), [both]);
    assert_eq!(fault(then("NTE-2")).hint.unwrap(), "grants = { write = [\"NTE-3\"] }");
}

#[test]
fn segments_are_counted_by_whoever_may_touch_them() {
    allowed(COUNT, &["OBX"], reading(&["OBX-3"]));
    allowed(COUNT, &["OBX"], writing(&["OBX-3"]));
    assert_eq!(
        denied(COUNT, &["OBX"], reading(&["PID-3"])),
        "grants = { read = [\"OBX-*\"] }"
    );
}

#[test]
fn a_path_through_groups_reaches_no_field_that_its_plain_form_does_not() {
    let group = "PATIENT_RESULT[1]/ORDER_OBSERVATION[1]";
    for (path, field) in [
        ("OBX-5", "OBX-5"),
        ("OBX[2]-5.1", "OBX-5"),
        ("OBX[1]-3[1].1.1", "OBX-3"),
    ] {
        let path = format!("{group}/{path}");
        let hint = format!("grants = {{ read = [\"{field}\"] }}");
        for reading_deed in [GET, GET_RAW, COUNT] {
            assert_eq!(
                denied(reading_deed, &[&path], reading(&["PID-*", "OBX-1", "O*-2", "P*-*"])),
                hint,
                "{path}"
            );
        }
        assert_eq!(allowed(GET, &[&path], reading(&[field])), MESSAGE);
        let hint = format!("grants = {{ write = [\"{field}\"] }}");
        assert_eq!(
            denied(SET, &[&path, "X"], writing(&["PID-*", "OBX-1", "P*-*"])),
            hint,
            "{path}"
        );
    }
    let changed = allowed(SET, &["ORDER_OBSERVATION/OBX[2]-5", "9"], writing(&["OBX-5"]));
    assert_eq!(changed, MESSAGE.replace("4.1", "9"));
}

#[test]
fn rows_of_a_group_need_the_fields_of_the_segment_whatever_the_group_is_called() {
    let rows = "(call $rows (local.get $message) {0} (i32.const 2048) (i32.const 1) (i32.const 64))";
    let element = "(i32.store (i32.const 2048) (i32.const 1280)) (i32.store (i32.const 2052) (i32.const 1))";
    let deed = format!("{element} {rows}");
    let hint = "grants = { read = [\"OBX-5\"] }";
    assert_eq!(
        denied(&deed, &["ORDER_OBSERVATION/OBX", "5"], reading(&["OR*-*", "O*-3"])),
        hint
    );
    assert_eq!(denied(&deed, &["PATIENT_RESULT/OBX", "5"], reading(&["P*-*"])), hint);
    assert_eq!(
        allowed(&deed, &["ORDER_OBSERVATION/OBX", "5"], reading(&["OBX-5"])),
        MESSAGE
    );
}

#[test]
fn groups_are_listed_and_counted_by_whoever_may_touch_a_segment_in_them() {
    for deed in [GROUPS, COUNT] {
        for group in ["ORDER_OBSERVATION/", "PATIENT_RESULT/OBSERVATION/", "OBSERVATION[1]/"] {
            allowed(deed, &[group], reading(&["OBX-3"]));
            allowed(deed, &[group], writing(&["NTE-3"]));
        }
        assert_eq!(
            denied(deed, &["OBSERVATION/"], reading(&["PID-3"])),
            "grants = { read = [\"OBX-*\"] }"
        );
    }
    for nothing in ["ORDER", "nonsense", "OBX", "PATIENT/ORDER_OBSERVATION"] {
        allowed(GROUPS, &[nothing], reading(&["OBX-3"]));
    }
}

#[test]
fn what_the_schema_says_of_a_field_is_told_to_whoever_may_read_it_and_what_names_its_type() {
    for deed in [NAME_OF, DATATYPE_OF, TABLE_OF] {
        assert_eq!(
            denied(deed, &["PID-5.1"], reading(&["PID-3"])),
            "grants = { read = [\"PID-5\"] }"
        );
        assert_eq!(allowed(deed, &["PID-5.1"], reading(&["PID-5"])), MESSAGE);
    }
    assert_eq!(
        denied(DATATYPE_OF, &["OBX-5"], reading(&["OBX-5"])),
        "grants = { read = [\"OBX-2\"] }"
    );
    assert_eq!(allowed(DATATYPE_OF, &["OBX-5"], reading(&["OBX-2", "OBX-5"])), MESSAGE);
    assert_eq!(allowed(NAME_OF, &["OBX-5"], reading(&["OBX-5"])), MESSAGE);
}

#[test]
fn what_groups_and_schema_say_arrives_at_the_guest() {
    let all = || Grants {
        read: patterns(&["*"]),
        ..writing(&["PID-9"])
    };
    let set = "(call $set (local.get $message) {1} (i32.load {AT}) (i32.load offset=4 {AT}) (i32.const 64))";
    let first_of_list = set.replace("{AT}", "(i32.load (i32.const 68))");
    let optional = set.replace("{AT}", "(i32.const 72)");
    let answers = [
        (
            GROUPS,
            &first_of_list,
            "PATIENT_RESULT/ORDER_OBSERVATION",
            "PATIENT_RESULT[1]/ORDER_OBSERVATION[1]/",
        ),
        (NAME_OF, &optional, "PID-3.4", "Assigning Authority"),
        (DATATYPE_OF, &optional, "OBSERVATION[2]/OBX-5", "NM"),
        (TABLE_OF, &optional, "PID-8", "0001"),
    ];
    for (deed, keep, path, expected) in answers {
        let changed = allowed(&format!("{deed} {keep}"), &[path, "PID-9"], all());
        assert_eq!(
            changed,
            MESSAGE.replace("|M|||FO", &format!("|M|{expected}||FO")),
            "{path}"
        );
    }
}

/// Forwards to the destination that is the only text.
const FORWARD_TO: &str = "(call $forward (local.get $exchange) (local.get $message) (i32.const 2048) (i32.const 1))";

#[test]
fn a_destination_is_named_only_with_the_grant() {
    let deed = format!("{} {FORWARD_TO}", ELEMENT.replace("{LENGTH}", "3"));
    assert_eq!(
        denied(&deed, &["ehr"], Grants::default()),
        "grants = { to = [\"ehr\"] }"
    );
    let research = Grants {
        to: Some(vec!["research".to_owned()]),
        ..Grants::default()
    };
    assert_eq!(denied(&deed, &["ehr"], research), "grants = { to = [\"ehr\"] }");
    for name in ["ehr", "*"] {
        let report = run(
            &does(&deed, &["ehr"]),
            Grants {
                to: Some(vec![name.to_owned()]),
                ..Grants::default()
            },
        );
        let Outcome::Forwarded(outputs) = report.outcome else {
            unreachable!("{report:?}")
        };
        let named: Vec<&[String]> = outputs.iter().map(|output| &*output.to).collect();
        assert_eq!(named, [&["ehr".to_owned()][..], &[]]);
    }
}

#[test]
fn a_name_that_is_none_is_not_repeated_in_the_fault() {
    let deed = format!("{} {FORWARD_TO}", ELEMENT.replace("{LENGTH}", "16"));
    let hint = denied(&deed, &["PROBABETEG^JANOS"], Grants::default());
    assert_eq!(hint, "grants = { to = [\"NAME\"] }");
}

#[test]
fn a_message_of_the_plugins_own_is_forwarded_only_with_the_grant() {
    let deed = "
        (call $parse {0} (i32.const 64))
        (local.set $other (i32.load (i32.const 72)))
        (call $forward (local.get $exchange) (local.get $other) (i32.const 0) (i32.const 0))
        (call $drop_message (local.get $other))";
    let raw = "MSH|^~\\&|A|B|C|D|20261123||ADT^A01|1|P|2.5\u{1}";
    let raw = raw.replace('\u{1}', "");
    assert_eq!(denied(deed, &[&raw], Grants::default()), "grants = { create = true }");
    let report = run(
        &does(deed, &[&raw]),
        Grants {
            create: true,
            ..Grants::default()
        },
    );
    assert_eq!(forwarded(report), [raw.as_str(), MESSAGE]);
    let copied = deed.replace("(i32.load (i32.const 72))", "(call $copy (i32.load (i32.const 72)))");
    assert_eq!(
        denied(&copied, &[&raw], Grants::default()),
        "grants = { create = true }"
    );
}

#[test]
fn what_a_plugin_made_itself_is_its_own_to_read_and_to_change() {
    let deed = "
        (call $parse {0} (i32.const 64))
        (local.set $other (i32.load (i32.const 72)))
        (call $get (local.get $other) {1} (i32.const 64))
        (call $set (local.get $other) {1} {1} (i32.const 64))
        (call $rows (local.get $other) {2} (i32.const 2048) (i32.const 0) (i32.const 64))
        (call $count (local.get $other) {1} (i32.const 64))
        (call $encode (local.get $other) (i32.const 64))
        (call $drop_message (local.get $other))";
    let raw = "MSH|^~\\&|A|B|C|D|20261123||ADT^A01|1|P|2.5";
    assert_eq!(allowed(deed, &[raw, "MSH-5", "MSH"], Grants::default()), MESSAGE);
}

/// Whatever is copied into a message of the plugin's own was readable before.
#[test]
fn a_field_that_is_denied_cannot_be_read_by_way_of_a_message_of_the_plugins_own() {
    let deed = "
        (call $parse {0} (i32.const 64))
        (local.set $other (i32.load (i32.const 72)))
        (call $copy_from (local.get $other) (local.get $message) {1} {2} (i32.const 64))";
    let raw = "MSH|^~\\&|A|B|C|D|20261123||ADT^A01|1|P|2.5";
    for source in ["PID-5", "PID", "PATIENT_RESULT/PID-5"] {
        let target = if source == "PID" { "MSH" } else { "MSH-5" };
        let hint = denied(deed, &[raw, source, target], reading(&["PID-3"]));
        assert!(hint.starts_with("grants = { read = [\"PID-"), "{source}: {hint}");
    }
}

#[test]
fn how_many_fields_a_segment_has_is_told_to_whoever_may_read_them_all() {
    allowed(COUNT, &["PID"], reading(&["PID-3"]));
    for path in ["PID[1]", "PATIENT_RESULT/PID[1]"] {
        let hint = denied(COUNT, &[path], reading(&["PID-3"]));
        assert_eq!(hint, "grants = { read = [\"PID-*\"] }", "{path}");
        allowed(COUNT, &[path], reading(&["PID-*"]));
    }
}

#[test]
fn a_time_is_a_field_like_any_other() {
    let get_time = "(call $get_time (local.get $message) {0} {1} {1} (i32.const 64))";
    let hint = denied(get_time, &["PID-7", ""], reading(&["PID-3"]));
    assert_eq!(hint, "grants = { read = [\"PID-7\"] }");
    let set_time = "(call $set_time (local.get $message) {0} (i64.const 0) {1} {2} (i32.const 64))";
    let hint = denied(set_time, &["PID-7", "day", "UTC"], writing(&["PID-3"]));
    assert_eq!(hint, "grants = { write = [\"PID-7\"] }");
}

/// An edited copy is what it differs in, however many copies were made on the way.
#[test]
fn a_copy_of_the_input_is_compared_with_it() {
    let deed = "
        (local.set $other (call $copy (local.get $message)))
        (call $set (local.get $other) {0} {1} (i32.const 64))
        (call $forward (local.get $exchange) (local.get $other) (i32.const 0) (i32.const 0))
        (call $drop_message (local.get $other))";
    let changed = allowed(deed, &["PID-8", "F"], writing(&["PID-8"]));
    assert_eq!(changed, MESSAGE.replace("|M|||FO", "|F|||FO"));
    assert_eq!(
        denied(deed, &["PID-8", "F"], writing(&["PID-9"])),
        "grants = { write = [\"PID-8\"] }"
    );
}

#[test]
fn a_path_that_is_wrong_is_the_plugins_to_handle() {
    for path in ["PID-0", "pid-5", "PID-5..1", "", "order/PID-5"] {
        assert_eq!(allowed(GET, &[path], Grants::default()), MESSAGE, "{path}");
    }
}
