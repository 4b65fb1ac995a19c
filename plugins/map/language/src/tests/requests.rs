//! What a mapping touches, and what the manifest of its package has to request for it.

use transfuse_plugin::testing::{End, Input};

use super::{config, map};

const MAPPING: &str = r#"
[parameters]
table = { about = "the site has to say" }

[[rules]]
when = 'MSH-9.1 == "ORU" and exists(NTE)'
set = { "MSH-5" = "EHR" }
copy = { "PID-4" = "PID-3" }

[[rules]]
for-each = "OBX"
lookup = { value = "{{ OBX-3.1 }}", in = "lab-codes", take = { "OBX-3.1" = "loinc" } }
remove = "OBX"
"#;

/// What the mapping says of these requests; nothing where it is content.
fn judged(requests: &str) -> Option<String> {
    let input = Input::hl7("MSH|^~\\&|LAB").config(config(MAPPING, &format!(r#""requests": {requests}"#)));
    match input.run(map).end {
        End::Misconfigured(text) => Some(text),
        _ => None,
    }
}

#[test]
fn what_is_missing_is_told_with_the_lines_that_would_do() {
    let told = judged(r#"{"read": ["MSH-9"], "tables": ["lab-codes"]}"#);
    insta::assert_snapshot!(told.unwrap_or_default(), @r#"
    config: the mapping touches more than plugin.toml requests; it needs

    [requests]
    read = ["MSH-9", "NTE-*", "OBX-3", "PID-3"]
    write = ["MSH-5", "OBX-*", "PID-4"]
    tables = ["lab-codes"]
    "#);
}

#[test]
fn requests_that_fit_and_wider_ones_are_content() {
    let fitting = r#"{"read": ["MSH-9", "NTE-*", "OBX-3", "PID-3"], "write": ["MSH-5", "OBX-*", "PID-4"], "tables": ["lab-codes"]}"#;
    assert_eq!(judged(fitting), None);
    assert_eq!(judged(&fitting.replace('}', r#", "exactly": true}"#)), None);
    assert_eq!(
        judged(r#"{"read": ["*"], "write": ["MSH-*", "O*-*", "PID-4"], "tables": ["lab-codes"]}"#),
        None
    );
}

#[test]
fn what_is_requested_for_nothing_is_told_where_that_is_asked() {
    let more = r#"{"read": ["MSH-9", "NTE-*", "OBX-3", "PID-3", "PV1-2"], "write": ["MSH-5", "OBX-*", "PID-4"], "tables": ["lab-codes", "wards"], "exactly": true}"#;
    insta::assert_snapshot!(
        judged(more).unwrap_or_default(),
        @"config: plugin.toml requests more than the mapping touches: read PV1-2 tables wards"
    );
    assert_eq!(judged(&more.replace(r#", "exactly": true"#, "")), None);
}
