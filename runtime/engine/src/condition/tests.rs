#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use transfuse_message::ParseOptions;

use super::*;

const MESSAGE: &[u8] = b"MSH|^~\\&|LAB|H|EHR|H|20261128||ORU^R01^ORU_R01|1|P|2.5.1\r\
    PID|1||1^^^MRN~2^^^NI||Probe^Zoe\r\
    PV1|1|I|4EAST^12\r\
    OBX|1|NM|GLU^Glucose||5.5|||H\r\
    OBX|2|ST|NOTE||\"\"\r";

fn facts() -> Facts {
    let message = Message::parse(MESSAGE.to_vec(), &ParseOptions::default()).unwrap();
    Facts::of(Some(&message), &[("ward".to_owned(), "4EAST".to_owned())])
}

fn holds(text: &str) -> Result<bool, Undecided> {
    text.parse::<Condition>().unwrap().holds(&facts())
}

fn wrong(text: &str) -> String {
    text.parse::<Condition>().unwrap_err().to_string()
}

#[test]
fn a_condition_asks_for_values_lists_types_and_attributes() {
    for (text, expected) in [
        (r#"field("PV1-3.1") == "4EAST""#, true),
        (r#"field("PV1-3.3") == "" && field("ZZZ-1") == """#, true),
        (r#"field("OBX[2]-5") == "\"\"""#, true),
        (r#"message_type.startsWith("ORU")"#, true),
        (r#"message_type in ["ADT^A01", "ADT^A08"]"#, false),
        (r#"fields("PID-3.4") == ["MRN", "NI"]"#, true),
        (r#""GLU" in fields("OBX-3.1") && size(fields("OBX-3.1")) == 2"#, true),
        (r#"fields("OBX-8").exists(flag, flag in ["H", "HH"])"#, true),
        (r#"fields("OBX-3.1").all(code, code.matches("^[A-Z]+$"))"#, true),
        (r#"attribute("ward") == "4EAST" && attribute("floor") == """#, true),
        (r#"double(field("OBX-5")) > 5.4 ? true : false"#, true),
        ("false", false),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_answer_is_told_without_a_value() {
    for (text, expected) in [
        (r#"field("PID-5") == "x""#, "PID-5"),
        (r#"int(field("PID-5.1")) > 1"#, "cannot"),
        (r#"field("PV1-3.1") > 1"#, "no matching overload"),
        (r#"fields("OBX-3.1")[7] == "x""#, "cannot be computed"),
        (r#"message_type == "" || field("PV1-2")"#, "overload"),
    ] {
        let Err(Undecided(reason)) = holds(text) else {
            panic!("{text} has an answer")
        };
        assert!(reason.contains(expected), "{text}: {reason}");
        for value in ["Probe", "Zoe", "4EAST", "GLU", "NOTE"] {
            assert!(!reason.contains(value), "{text}: {reason}");
        }
    }
}

#[test]
fn a_field_that_repeats_beyond_all_measure_decides_nothing() {
    let many = [
        b"MSH|^~\\&|||||||ADT^A01|1|P|2.5\rPID|1||".as_slice(),
        &b"1~".repeat(17),
    ]
    .concat();
    let message = Message::parse(many, &ParseOptions::default()).unwrap();
    let condition: Condition = r#""1" in fields("PID-3.1")"#.parse().unwrap();
    let undecided = condition.holds(&Facts::of(Some(&message), &[]));
    assert!(undecided.unwrap_err().0.contains("16 times"));
}

#[test]
fn a_document_has_attributes_and_nothing_else() {
    let facts = Facts::of(None, &facts().attributes);
    let condition: Condition = r#"attribute("ward") == "4EAST" && message_type == "" && fields("OBX-3") == []"#
        .parse()
        .unwrap();
    assert_eq!(condition.holds(&facts), Ok(true));
}

#[test]
fn what_is_no_condition_is_found_when_it_is_read() {
    for (text, expected) in [
        ("", "cannot be read"),
        (r#"field("PV1-2") = "I""#, "cannot be read"),
        (r#"fields("PV1-2""#, "cannot be read"),
        ("ward == 1", "`ward` is unknown"),
        ("now() > 1", "`now` is unknown"),
        (r#"timestamp("2026-11-28T00:00:00Z") < 1"#, "`timestamp` is unknown"),
        (r#"{"a": 1}.a == 1"#, "is unknown"),
        (r#"field(message_type) == """#, "takes one text in quotes"),
        (r#""PV1-2".field() == "I""#, "takes one text in quotes"),
        (r#"field("PV1-2", "PV1-3") == "I""#, "takes one text in quotes"),
        (r#"field("PV1.2") == "I""#, "`PV1.2` is no path"),
        (r#"fields("OBX[2]-3.1") == []"#, "not a field in all segments"),
        (r#"field("PV1-2")"#, "a text, and not to true or false"),
        (
            r#"fields("OBX-3.1").exists(a, fields("OBX-3.1").exists(b, a == b))"#,
            "within another",
        ),
    ] {
        let said = wrong(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn however_deep_or_long_it_is_reading_ends() {
    let around = |count: usize, open: &str, close: &str| format!("{}1{} == 1", open.repeat(count), close.repeat(count));
    for text in [
        around(100, "size([", "])"),
        around(100, "[", "][0]"),
        around(100, "true?2:(", ")"),
        around(100, "-(1+", ")"),
        around(1, &"1+".repeat(400), ""),
        vec!["true"; 10_000].join(" && "),
    ] {
        let said = wrong(&text);
        assert!(
            said.contains("within each other") || said.contains("recursion limit"),
            "{said}"
        );
    }
    // Neither adds anything to what is computed.
    for text in [
        format!("{}true{}", "(".repeat(490), ")".repeat(490)),
        format!("{}true", "!".repeat(900)),
    ] {
        if let Ok(condition) = text.parse::<Condition>() {
            assert_eq!(condition.holds(&facts()), Ok(true));
        }
    }
    let within_bounds = vec!["true"; 60].join(" && ");
    assert_eq!(holds(&within_bounds), Ok(true));
}
