//! What each statement does to a message.

use transfuse_plugin::testing::{End, Input};

use super::{mapped, run};

const MESSAGE: &str = r"
    MSH|^~\&|LAB|H|EHR|H|20260301120000||ORU^R01^ORU_R01|1|P|2.5.1
    PID|1||4711^^^MRN||PRÓBABETEG^ŐRS||19800101|M|||Fő utca 1.
    OBX|1|NM|GLU||5.4|mmol/l|||||F
    OBX|2|NM|K||6.1||||||F";

/// The segments of a name in what comes out.
fn segments(mapping: &str, name: &str) -> Vec<String> {
    let output = mapped(mapping, MESSAGE);
    output
        .lines()
        .filter(|line| line.starts_with(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn fields_are_set_copied_changed_and_cleared() {
    let mapping = r#"
[[rules]]
set = { "MSH-5" = "{{ MSH-3 }}-{{ interface }}" }
copy = { "PID-2" = "PID-3" }
change = { "PID-5.1" = "title" }
clear = ["PID-11"]
"#;
    assert!(segments(mapping, "MSH").concat().contains("|LAB-test|"));
    assert_eq!(
        segments(mapping, "PID"),
        ["PID|1|4711^^^MRN|4711^^^MRN||Próbabeteg^ŐRS||19800101|M|||"]
    );
}

#[test]
fn a_condition_decides_and_has_an_other_case() {
    let mapping = r#"
[[rules]]
when = 'PID-8 == "F"'
set = { "MSH-5" = "WOMEN" }

  [[rules.else]]
  set = { "MSH-5" = "OTHERS" }
"#;
    assert!(segments(mapping, "MSH").concat().contains("|OTHERS|"));
}

#[test]
fn a_rule_is_done_on_each_segment_with_paths_inside_it() {
    let mapping = r#"
[[rules]]
for-each = "OBX"

  [[rules.do]]
  when = 'OBX-6 == ""'
  set = { "OBX-6" = "n{{ number }}" }
"#;
    assert_eq!(
        segments(mapping, "OBX"),
        ["OBX|1|NM|GLU||5.4|mmol/l|||||F", "OBX|2|NM|K||6.1|n2|||||F"]
    );
}

#[test]
fn a_table_is_looked_up_and_a_miss_can_have_a_value() {
    let mapping = r#"
[[rules]]
for-each = "OBX"
lookup = { value = "{{ OBX-3 }}", in = "lab-codes", column = "local", take = { loinc = "loinc" } }

  [[rules.do]]
  when = 'loinc != ""'
  set = { "OBX-3" = "{{ loinc }}" }
"#;
    let input = Input::hl7(MESSAGE).table("lab-codes", ["local", "loinc"], &[["GLU", "14749-6"]]);
    let output = run(mapping, input).forwarded_once();
    assert!(
        output.contains("OBX|1|NM|14749-6|") && output.contains("OBX|2|NM|K|"),
        "{output}"
    );
}

#[test]
fn a_message_is_filtered_or_rejected_with_code_place_and_reason() {
    let filtered = run(
        "[[rules]]\nwhen = 'PID-8 == \"M\"'\nfilter = \"not for us\"\n",
        Input::hl7(MESSAGE),
    );
    assert!(
        matches!(&filtered.end, End::Filtered(reason) if reason == "not for us"),
        "{:?}",
        filtered.end
    );
    let mapping = "[[rules]]\nreject = { code = \"101\", at = \"PID-3\", reason = \"no number for {{ PID-8 }}\" }\n";
    let rejected = run(mapping, Input::hl7(MESSAGE));
    assert!(
        format!("{:?}", rejected.end).contains("no number for M"),
        "{:?}",
        rejected.end
    );
}
