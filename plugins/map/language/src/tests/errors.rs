//! What a mapping can have wrong, each told with its line.

use super::{complaint, complaint_about};

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
