//! What validation finds, rule by rule: each line is a message, or a part of one, and the findings that it gets.

mod structure;

use std::collections::BTreeSet;
use std::sync::Arc;

use transfuse_message::validation::{Check, Condition, Level, Profile, Rule, Test, Tolerance, ValuePattern, validate};
use transfuse_message::{Charset, Message, ParseOptions, Severity};

use crate::{RESULT, message, path};

/// The findings as `path code severity`, joined by a comma.
pub(crate) fn found(message: &Message, level: &Level) -> String {
    let findings = validate(message, level);
    let lines = findings.listed().iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "E",
            Severity::Warning => "W",
            Severity::Information => "I",
        };
        format!("{} {} {severity}", finding.path.as_deref().unwrap_or("-"), finding.code)
    });
    lines.collect::<Vec<_>>().join(", ")
}

fn readable(text: &str) -> String {
    found(&message(text), &Level::Readable)
}

fn rule(path_text: &str, checks: &[Check]) -> Rule {
    Rule {
        path: path(path_text),
        types: Vec::new(),
        when: Vec::new(),
        checks: checks.to_vec(),
        severity: Severity::Error,
        code: None,
        text: None,
        line: 7,
    }
}

fn tolerating(rules: Vec<Rule>, tolerances: Vec<Tolerance>) -> Level {
    Level::Profile(Arc::new(Profile::new("lab".to_owned(), rules, tolerances).unwrap()))
}

/// What one rule finds in segments below a sound header. What the levels below the profile find there is tolerated.
fn judged(rule: &Rule, segments: &str) -> String {
    let text = format!("MSH|^~\\&|A|B|C|D|2026||ORU^R01|K|P|2.5\r{segments}\r");
    let names = ["MSH", "PID", "PV1", "NK1", "OBR", "OBX", "NTE", "ORC"].map(|name| tolerance(name, &[]));
    found(&message(&text), &tolerating(vec![rule.clone()], names.to_vec()))
}

fn tolerance(place: &str, codes: &[&str]) -> Tolerance {
    Tolerance {
        path: path(place),
        codes: words(codes),
        line: 3,
    }
}

fn one_of(values: &[&str]) -> Check {
    Check::OneOf {
        description: format!("one of {}", values.join(", ")),
        values: values.iter().map(|&value| value.to_owned()).collect::<BTreeSet<_>>(),
    }
}

fn matches(pattern: &str) -> Check {
    Check::Matches(ValuePattern::parse(pattern).unwrap())
}

fn when(condition: &str, test: Test) -> Vec<Condition> {
    vec![Condition {
        path: path(condition),
        test,
    }]
}

fn words(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

#[test]
fn a_good_message_is_readable_and_without_findings() {
    assert_eq!(readable(RESULT), "");
}

#[test]
fn a_header_must_say_what_the_message_is() {
    assert_eq!(
        readable("MSH|^~\\&|A\r"),
        "MSH-9 101 E, MSH-10 101 E, MSH-11 101 W, MSH-12 101 W"
    );
    assert_eq!(readable("MSH|^~\\&|||||||ACK|K|P|2.5\r"), "", "an ACK has no event");
    assert_eq!(readable("MSH|^~\\&|||||||^R01|K|P|2.5\r"), "MSH-9 101 E");
}

#[test]
fn oddities_of_the_encoding_characters_are_warnings() {
    let judged = |characters: &str| readable(&format!("MSH|{characters}|||||||ACK|K|P|2.5\r"));
    for (characters, expected) in [
        ("^~\\&", ""),
        ("^~\\&#", ""),
        ("$%\\&", ""),
        ("^~\\", ""),
        ("^~&", "MSH-2 102 W"),
        ("^~", "MSH-2 102 W"),
        ("^~\\&#!", "MSH-2 102 W"),
    ] {
        assert_eq!(judged(characters), expected, "{characters}");
    }
}

#[test]
fn a_set_that_is_not_known_is_a_warning_unless_the_interface_names_the_true_one() {
    let text = "MSH|^~\\&|||||||ACK|K|P|2.5||||||KLINGON\r";
    assert_eq!(readable(text), "MSH-18 103 W");
    let options = ParseOptions {
        charset: Charset::from_label("windows-1250"),
        ..ParseOptions::default()
    };
    let message = Message::parse(text.as_bytes().to_vec(), &options).unwrap();
    assert_eq!(found(&message, &Level::Readable), "");
}

#[test]
fn text_that_cannot_be_decoded_is_found_at_its_own_place() {
    let judged = |segments: &[u8]| {
        let head = b"MSH|^~\\&|||||||ACK|K|P|2.5\r";
        let message = Message::parse([head, segments].concat(), &ParseOptions::default()).unwrap();
        found(&message, &Level::Readable)
    };
    assert_eq!(judged(b"PID|||1~2||PR\xd3BA^BETEG\r"), "PID-5.1 102 E");
    assert_eq!(judged(b"PID|||1~\xff\r"), "PID-3[2] 102 E");
    assert_eq!(judged(b"OBX|1\rOBX|2||a^\\XFF\\\r"), "OBX[2]-3.2 102 E");
    assert_eq!(judged("PID|||1||PRÓBA\r".as_bytes()), "");
}

#[test]
fn lines_that_are_no_segments_and_bytes_that_frame_messages_are_found() {
    assert_eq!(
        readable("MSH|^~\\&|||||||ACK|K|P|2.5\rNTE|1||első\rmásodik sor\r"),
        "- 100 E"
    );
    assert_eq!(readable("MSH|^~\\&|||||||ACK|K|P|2.5\rNTE|1||a\x0bb\r"), "NTE 102 W");
}

#[test]
fn a_required_node_must_hold_something_in_every_segment_and_repetition() {
    for (place, segments, expected) in [
        ("PID-3", "PID|||1", ""),
        ("PID-3", "PID|||\"\"", ""),
        ("PID-3", "PID|1", "PID-3 101 E"),
        ("PID-3", "PID|||^^~&", "PID-3 101 E"),
        ("PID-3.1", "PID|||1~2", ""),
        ("PID-3.1", "PID|||1~^^^A~3", "PID-3[2].1 101 E"),
        ("PID-3.1", "PID|||~2", ""),
        ("PID-3.1", "PID|1", "PID-3.1 101 E"),
        ("PID-3[2].1", "PID|||1", "PID-3[2].1 101 E"),
        ("PID-5.1.2", "PID|||||A^B", "PID-5.1.2 101 E"),
        ("OBX-3", "OBX|1||A\rOBX|2\rOBX|3", "OBX[2]-3 101 E, OBX[3]-3 101 E"),
        ("OBX[2]-3", "OBX|1\rOBX|2\rOBX|3", "OBX[2]-3 101 E"),
        ("OBX-3", "PID|1", ""),
        ("OBX", "PID|1", "OBX 101 E"),
        ("OBX", "OBX|1", ""),
        ("OBX[2]", "OBX|1", "OBX[2] 101 E"),
        ("MSH-2", "PID|1", ""),
        ("MSH-8", "PID|1", "MSH-8 101 E"),
    ] {
        let judged = judged(&rule(place, &[Check::Required]), segments);
        assert_eq!(judged, expected, "{place} in {segments}");
    }
}

#[test]
fn a_value_is_judged_where_there_is_one_and_never_a_request_to_delete() {
    for (check, value, expected) in [
        (one_of(&["F", "M"]), "F", ""),
        (one_of(&["F", "M"]), "X", "PID-8 103 E"),
        (one_of(&["F", "M"]), "F~X", "PID-8[2] 103 E"),
        (one_of(&["F", "M"]), "X&Y^Z", "PID-8 103 E"),
        (one_of(&["F", "M"]), "F^female", ""),
        (one_of(&["F", "M"]), "", ""),
        (one_of(&["F", "M"]), "\"\"", ""),
        (one_of(&["A&B"]), "A\\T\\B", ""),
        (Check::InTable("0001".to_owned()), "F", ""),
        (Check::InTable("0001".to_owned()), "Y", "PID-8 103 E"),
        (Check::InTable("9999".to_owned()), "Y", ""),
        (Check::Datatype("NM".to_owned()), "-1.5", ""),
        (Check::Datatype("NM".to_owned()), "<5", "PID-8 102 E"),
        (matches("[0-9]{9}"), "123456789", ""),
        (matches("[0-9]{9}"), "1234567890", "PID-8 102 E"),
        (matches("a|b"), "ab", "PID-8 102 E"),
        (matches("\\p{Lu}+"), "PRÓBA", ""),
        (Check::LengthMax(5), "PRÓBA", ""),
        (Check::LengthMax(5), "BETEG1", "PID-8 104 E"),
        (Check::LengthMax(5), "A^B^C^", "PID-8 104 E"),
    ] {
        let judged = judged(
            &rule("PID-8", std::slice::from_ref(&check)),
            &format!("PID||||||||{value}"),
        );
        assert_eq!(judged, expected, "{check:?} of {value}");
    }
}

#[test]
fn repetitions_and_segments_are_counted() {
    let count = |least, most| Check::Count { least, most };
    for (place, check, segments, expected) in [
        ("PID-3", count(1, Some(2)), "PID|||1~2", ""),
        ("PID-3", count(1, Some(2)), "PID|||1~~2", ""),
        ("PID-3", count(1, Some(2)), "PID|||1~2~3", "PID-3 198 E"),
        ("PID-3", count(1, None), "PID|1", "PID-3 198 E"),
        ("PID-3", count(0, Some(0)), "PID|||1", "PID-3 198 E"),
        ("NK1", count(0, Some(1)), "NK1|1\rNK1|2", "NK1 198 E"),
        ("NK1", count(2, None), "NK1|1\rNK1|2", ""),
        ("NK1", count(0, None), "PID|1", ""),
    ] {
        assert_eq!(
            judged(&rule(place, &[check]), segments),
            expected,
            "{place} in {segments}"
        );
    }
}

#[test]
fn a_condition_looks_at_the_same_segment_or_at_the_nearest_one_above() {
    let judged = |place: &str, when: Vec<Condition>, segments: &str| {
        let rule = Rule {
            when,
            ..rule(place, &[Check::Required])
        };
        judged(&rule, segments)
    };
    let in_ = |values: &[&str]| Test::In(words(values));
    let results = "OBX|1||A||||||||F\rOBX|2||B||||||||X";
    assert_eq!(judged("OBX-5", when("OBX-11", in_(&["F"])), results), "OBX-5 101 E");
    assert_eq!(
        judged("OBX-5", when("OBX-11", Test::NotIn(words(&["F"]))), results),
        "OBX[2]-5 101 E"
    );
    let orders = "OBR|1|||GLU\rOBX|1\rOBR|2|||HGB\rOBX|2\rOBX|3";
    assert_eq!(
        judged("OBX-5", when("OBR-4", in_(&["HGB"])), orders),
        "OBX[2]-5 101 E, OBX[3]-5 101 E"
    );
    assert_eq!(judged("OBX-5", when("OBR[1]-4", in_(&["HGB"])), orders), "");
    assert_eq!(
        judged("PID-8", when("PV1-2", in_(&["I"])), "PID|1\rPV1||I"),
        "PID-8 101 E"
    );
    assert_eq!(judged("PID-8", when("PV1-2", Test::Absent), "PID|1"), "PID-8 101 E");
    assert_eq!(judged("PID-8", when("PV1", Test::Absent), "PID|1\rPV1"), "");
    assert_eq!(judged("PID-8", when("PV1", Test::Present), "PID|1\rPV1"), "PID-8 101 E");
    assert_eq!(
        judged("PID-8", when("PID-3.4", in_(&["TAJ"])), "PID|||1~2^^^TAJ"),
        "PID-8 101 E"
    );
    assert_eq!(judged("OBX", when("MSH-9.1", in_(&["ORU"])), "PID|1"), "OBX 101 E");
}

#[test]
fn a_condition_on_the_same_field_looks_at_the_same_repetition() {
    let numbers = "PID|||12^^^A^MR~AB^^^B^SS~34^^^A^MR";
    let of = |checks: &[Check], kind: &str| Rule {
        when: when("PID-3.5", Test::In(words(&[kind]))),
        ..rule("PID-3.1", checks)
    };
    assert_eq!(judged(&of(&[matches("[0-9]+")], "MR"), numbers), "");
    assert_eq!(judged(&of(&[matches("[0-9]+")], "SS"), numbers), "PID-3[2].1 102 E");
    assert_eq!(judged(&of(&[matches("x")], "XX"), numbers), "");
    let one = |kind: &str| Rule {
        path: path("PID-3"),
        ..of(
            &[Check::Count {
                least: 1,
                most: Some(1),
            }],
            kind,
        )
    };
    assert_eq!(judged(&one("SS"), numbers), "");
    assert_eq!(judged(&one("MR"), numbers), "PID-3 198 E");
    assert_eq!(judged(&one("XX"), numbers), "PID-3 198 E");
}

#[test]
fn a_rule_may_look_into_groups() {
    let orders = "PID|1\rOBR|1|||GLU\rOBX|1||A\rOBX|2\rOBR|2|||HGB\rNTE|1\rOBR|3\rOBX|3";
    for (place, checks, expected) in [
        (
            "ORDER_OBSERVATION/OBX-3",
            vec![Check::Required],
            "OBX[2]-3 101 E, OBX[3]-3 101 E",
        ),
        ("ORDER_OBSERVATION[3]/OBX-3", vec![Check::Required], "OBX[3]-3 101 E"),
        ("ORDER_OBSERVATION/OBX[2]-3", vec![Check::Required], "OBX[2]-3 101 E"),
        ("PATIENT/OBX-3", vec![Check::Required], ""),
        ("NO_SUCH_GROUP/OBX-3", vec![Check::Required], ""),
        (
            "ORDER_OBSERVATION/OBX",
            vec![Check::Required],
            "PATIENT_RESULT[1]/ORDER_OBSERVATION[2]/OBX 101 E",
        ),
        (
            "ORDER_OBSERVATION/NTE",
            vec![Check::Count {
                least: 0,
                most: Some(0),
            }],
            "PATIENT_RESULT[1]/ORDER_OBSERVATION[2]/NTE 198 E",
        ),
        (
            "PATIENT_RESULT/ORDER_OBSERVATION/",
            vec![Check::Count {
                least: 1,
                most: Some(2),
            }],
            "PATIENT_RESULT[1]/ORDER_OBSERVATION/ 198 E",
        ),
        ("ORDER_OBSERVATION/", vec![Check::Required], ""),
        ("SPECIMEN/", vec![Check::Required], "SPECIMEN/ 101 E"),
    ] {
        assert_eq!(judged(&rule(place, &checks), orders), expected, "{place}");
    }
    let conditional = Rule {
        when: when("OBR-4", Test::In(words(&["HGB"]))),
        ..rule("ORDER_OBSERVATION/OBX", &[Check::Required])
    };
    assert_eq!(
        judged(&conditional, orders),
        "PATIENT_RESULT[1]/ORDER_OBSERVATION[2]/OBX 101 E"
    );
}

#[test]
fn a_rule_holds_for_its_types_and_says_what_its_author_wrote() {
    let mut rule = Rule {
        types: words(&["ADT", "ORU^R30"]),
        ..rule("PID-3", &[Check::Required])
    };
    assert_eq!(judged(&rule, "PID|1"), "");
    rule.types.push("ORU^R01".to_owned());
    rule.severity = Severity::Warning;
    rule.code = Some("204".to_owned());
    assert_eq!(judged(&rule, "PID|1"), "PID-3 204 W");
    let text = |rule: &Rule| {
        let message = message("MSH|^~\\&|A|B|C|D|2026||ORU^R01|K|P|2.5\rPID|1\r");
        let findings = validate(&message, &tolerating(vec![rule.clone()], vec![tolerance("PID", &[])]));
        findings.listed().last().unwrap().text.lossy_text().into_owned()
    };
    assert_eq!(text(&rule), "PID-3 is required (lab line 7)");
    rule.text = Some("the patient has no number".to_owned());
    assert_eq!(text(&rule), "the patient has no number");
}

#[test]
fn a_profile_may_tolerate_what_the_levels_below_it_do_not() {
    let judged = |tolerance| {
        let text = "MSH|^~\\&|A|B|C|D|2026||ORU^R01|K||2.5\rOBR|1|||GLU\rOBX|x|NM|GLU||<5||||||F\r";
        found(&message(text), &tolerating(Vec::new(), vec![tolerance]))
    };
    assert_eq!(judged(tolerance("PID", &[])), "OBX-1 102 E, OBX-5 102 E, MSH-11 101 W");
    assert_eq!(judged(tolerance("OBX-5", &["102"])), "OBX-1 102 E, MSH-11 101 W");
    assert_eq!(judged(tolerance("OBX", &[])), "MSH-11 101 W");
    assert_eq!(
        judged(tolerance("OBX", &["103"])),
        "OBX-1 102 E, OBX-5 102 E, MSH-11 101 W"
    );
    assert_eq!(
        judged(tolerance("OBX[2]", &[])),
        "OBX-1 102 E, OBX-5 102 E, MSH-11 101 W"
    );
}

#[test]
fn rules_that_cannot_be_kept_are_faults_of_the_profile() {
    let at = |line, rule: Rule| Rule { line, ..rule };
    let count = |least, most| Check::Count {
        least,
        most: Some(most),
    };
    for (rules, expected) in [
        (
            vec![rule("PID", &[one_of(&["A"])])],
            "7: `PID` is a segment, and has no value: name a field of it",
        ),
        (vec![rule("PID-8", &[one_of(&[])])], "7: no value at all is allowed"),
        (
            vec![rule("PID-3", &[count(2, 1)])],
            "7: at least 2 and at most 1 cannot both be",
        ),
        (
            vec![rule("PID-3.1", &[count(1, 2)])],
            "7: `PID-3.1` is part of a repetition, and cannot repeat",
        ),
        (
            vec![rule("PID-3", &[Check::Required, count(0, 0)])],
            "7: it is required, and may not stand at all",
        ),
        (
            vec![
                at(2, rule("PID-8", &[one_of(&["A"])])),
                at(9, rule("PID-8", &[one_of(&["B"])])),
            ],
            "9: no value fits, which contradicts line 2",
        ),
        (
            vec![
                at(2, rule("PID-8", &[Check::Required])),
                at(9, rule("PID-8", &[count(0, 0)])),
            ],
            "9: it may not stand at all, which contradicts line 2",
        ),
        (
            vec![
                at(2, rule("PID-8", &[one_of(&["A"])])),
                at(9, rule("PID-8", &[one_of(&["A", "B"])])),
            ],
            "",
        ),
    ] {
        let faults = Profile::new("lab".to_owned(), rules, Vec::new())
            .err()
            .unwrap_or_default();
        let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {fault}", fault.line)).collect();
        assert_eq!(faults.join(", "), expected);
    }
}

#[test]
fn a_pattern_is_whole_and_of_bounded_size() {
    assert!(ValuePattern::parse("a)|(b").is_err());
    assert!(ValuePattern::parse("[0-9").unwrap_err().contains("unclosed"));
    assert!(ValuePattern::parse("\\w{5000}").unwrap_err().contains("too large"));
}

#[test]
fn the_worst_findings_are_listed_and_the_rest_is_counted() {
    let rules = vec![
        Rule {
            severity: Severity::Warning,
            ..rule("OBX-3", &[Check::Required])
        },
        rule("ZZZ-1", &[Check::Required]),
    ];
    let obxs = "OBX|1\r".repeat(500);
    let text = format!("MSH|^~\\&|A|B|C|D|2026||ORU^R01|K|P|2.5\rOBR|1|||GLU\r{obxs}ZZZ|\r");
    let findings = validate(&message(&text), &tolerating(rules, vec![tolerance("OBX", &[])]));
    assert_eq!(
        (
            findings.listed().len(),
            findings.errors(),
            findings.warnings(),
            findings.unlisted()
        ),
        (100, 1, 500, 401)
    );
    assert_eq!(findings.listed()[0].path.as_deref(), Some("ZZZ-1"));
}

/// Read once for each of the segments below it, the long one would take hours.
#[test]
fn a_long_segment_above_many_is_read_once() {
    let long = "x".repeat(5_000_000);
    let many = "OBX|1|NM|GLU||5||||||F\r".repeat(50_000);
    let text = format!("MSH|^~\\&|A|B|C|D|2026||ORU^R01|K|P|2.5\rOBR|1|||GLU|{long}\r{many}");
    let rule = Rule {
        when: when("OBR-24", Test::Absent),
        ..rule("OBX-6", &[Check::Required])
    };
    let findings = validate(&message(&text), &tolerating(vec![rule], Vec::new()));
    assert_eq!(findings.errors(), 50_000);
}

#[test]
fn a_finding_prints_its_size_only() {
    let findings = validate(&message("MSH|^~\\&|A\r"), &Level::Readable);
    assert!(!format!("{findings:?}").contains("required"));
}
