//! What a mapping can have wrong, each told with its line.

use transfuse_plugin::testing::{End, Input};

use super::{complaint, complaint_about, config, map};

/// The complaint names the line and says these words.
fn tells(mapping: &str, line: usize, words: &str) {
    let told = complaint(mapping);
    let place = format!("config: line {line} of the mapping: ");
    assert!(told.starts_with(&place) && told.contains(words), "{told}");
}

#[test]
fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    tells("[[rules]]\nsett = { \"MSH-5\" = \"EHR\" }\n", 2, "did you mean `set`?");
    tells("[[rule]]\nset = { \"MSH-5\" = \"EHR\" }\n", 1, "did you mean `rules`?");
}

#[test]
fn a_path_that_is_none_is_told() {
    tells("[[rules]]\nset = { \"PID5\" = \"x\" }\n", 2, "PID5");
    tells("[[rules]]\nabout = \"x\"\nclear = [\"PID-0\"]\n", 3, "PID-0");
}

#[test]
fn an_expression_that_cannot_be_read_is_told() {
    tells("[[rules]]\nwhen = 'PID-8 =='\nclear = [\"PID-11\"]\n", 2, "");
    tells("[[rules]]\nset = { \"MSH-5\" = \"{{ nobody }}\" }\n", 2, "nobody");
}

#[test]
fn a_table_or_column_that_is_not_there_is_told() {
    let lookup = |table: &str, column: &str| {
        format!(
            "[[rules]]\nlookup = {{ value = \"{{{{ PID-8 }}}}\", in = \"{table}\", column = \"{column}\", take = {{ x = \"loinc\" }} }}\nset = {{ \"MSH-5\" = \"{{{{ x }}}}\" }}\n"
        )
    };
    tells(&lookup("wards", "local"), 2, "wards");
    tells(&lookup("lab-codes", "locale"), 2, "locale");
}

#[test]
fn a_rule_that_is_never_reached_is_told() {
    let after = "[[rules]]\nfilter = \"all\"\n\n[[rules]]\nset = { \"MSH-5\" = \"EHR\" }\n";
    tells(after, 5, "never reached");
    let same = "[[rules]]\nwhen = 'PID-8 == \"M\"'\nfilter = \"men\"\n\n[[rules]]\nwhen = 'PID-8 == \"M\"'\nclear = [\"PID-11\"]\n";
    tells(same, 6, "never holds");
}

#[test]
fn what_a_site_sets_is_held_against_the_parameters() {
    let mapping = "[parameters]\nmode = { default = \"keep\", one-of = [\"keep\", \"drop\"] }\n\n[[rules]]\nwhen = 'mode == \"drop\"'\nclear = [\"PID-11\"]\n";
    assert!(complaint_about(mapping, r#""mode": "dorp""#).contains("mode"));
    assert!(complaint_about(mapping, r#""mod": "drop""#).contains("mod"));
}

/// What is said of a mapping while its package is built, for messages in which PID and NTE never stand in an order.
fn told_at_build(mapping: &str) -> Option<String> {
    let requests = r#""requests": {"read": ["*"], "write": ["*"], "elsewhere": {"ORDER_OBSERVATION": ["PID", "PV1"]}}"#;
    match Input::hl7("MSH|^~\\&|LAB")
        .config(config(mapping, requests))
        .run(map)
        .end
    {
        End::Misconfigured(text) => Some(text),
        _ => None,
    }
}

#[test]
fn a_segment_that_never_stands_in_the_group_at_hand_is_told_with_its_line() {
    let in_group = |rule: &str| format!("[[rules]]\nfor-each = \"ORDER_OBSERVATION\"\n{rule}\n");
    let told = told_at_build(&in_group("set = { \"OBR-18\" = \"{{ PID-5.1 }}\" }")).unwrap_or_default();
    assert_eq!(
        told,
        "config: line 3 of the mapping: `PID-5.1` leads nowhere: PID never stands in ORDER_OBSERVATION; the message's own is `/PID-5.1`"
    );
    for rule in [
        "when = 'PV1-2 == \"I\"'\nclear = [\"OBR-4\"]",
        "copy = { \"OBR-18\" = \"PID-3\" }",
        "clear = [\"PID-11\"]",
        "[[rules.do]]\nfor-each = \"PID\"\nclear = [\"PID-11\"]",
        "[[rules.do]]\nfor-each = \"OBX\"\nset = { \"OBX-5\" = \"{{ PID-5.1 }}\" }",
    ] {
        let told = told_at_build(&in_group(rule)).unwrap_or_default();
        assert!(told.contains("never stands in ORDER_OBSERVATION"), "{rule}: {told}");
    }
    let outside = "[[rules]]\nset = { \"MSH-5\" = \"{{ ORDER_OBSERVATION/PID-5.1 }}\" }\n";
    assert!(
        told_at_build(outside).is_some_and(|told| told.contains("line 2")),
        "a group of its own"
    );
}

#[test]
fn what_may_stand_there_is_not_told() {
    for mapping in [
        "[[rules]]\nfor-each = \"ORDER_OBSERVATION\"\nset = { \"OBR-18\" = \"{{ /PID-5.1 }} {{ MSH-4 }} {{ ZPI-1 }}\" }\n",
        "[[rules]]\nfor-each = \"ORDER_OBSERVATION\"\n[[rules.do]]\nadd = \"PID\"\nafter = \"OBR\"\nset = { \"PID-1\" = \"1\" }\n",
        "[[rules]]\nfor-each = \"PATIENT_RESULT\"\nclear = [\"PID-11\"]\n",
        "[[rules]]\nfor-each = \"OBX\"\nset = { \"OBX-5\" = \"{{ PID-5.1 }}\" }\n",
        "[[rules]]\nsplit = \"ORDER_OBSERVATION\"\nsegments = [\"OBR\", \"OBX\"]\nclear = [\"PID-11\"]\n",
    ] {
        assert_eq!(told_at_build(mapping), None, "{mapping}");
    }
}
