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
    let attributes: Arc<[(String, String)]> = Arc::new([("ward".to_owned(), "4EAST".to_owned())]);
    Facts::of(Some(&message), &attributes)
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
        (r#"value("PV1-3.1") == "4EAST""#, true),
        (r#"value("PV1-3.3") == "" && value("ZZZ-1") == """#, true),
        (r#"value("OBX[2]-5") == "\"\"""#, true),
        (r#"message_type.startsWith("ORU")"#, true),
        (r#"message_type in ["ADT^A01", "ADT^A08"]"#, false),
        (r#"values("PID-3.4") == ["MRN", "NI"]"#, true),
        (r#""GLU" in values("OBX-3.1") && size(values("OBX-3.1")) == 2"#, true),
        (r#"values("OBX-8").exists(flag, flag in ["H", "HH"])"#, true),
        (r#"values("OBX-3.1").all(code, code.matches("^[A-Z]+$"))"#, true),
        (r#"attribute("ward") == "4EAST" && attribute("floor") == """#, true),
        (r#"double(value("OBX-5")) > 5.4 ? true : false"#, true),
        ("false", false),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_answer_is_told_without_a_value() {
    for (text, expected) in [
        (r#"value("PID-5") == "x""#, "PID-5"),
        (r#"int(value("PID-5.1")) > 1"#, "cannot"),
        (r#"value("PV1-3.1") > 1"#, "no matching overload"),
        (r#"values("OBX-3.1")[7] == "x""#, "cannot be computed"),
        (r#"message_type == "" || value("PV1-2")"#, "overload"),
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
    let many = [b"MSH|^~\\&|||||||ADT^A01|1|P|2.5\rPID|1||".as_slice(), &b"1~".repeat(17)].concat();
    let message = Message::parse(many, &ParseOptions::default()).unwrap();
    let condition: Condition = r#""1" in values("PID-3.1")"#.parse().unwrap();
    let undecided = condition.holds(&Facts::of(Some(&message), &Arc::default()));
    assert!(undecided.unwrap_err().0.contains("16 times"));
}

#[test]
fn a_document_has_attributes_and_nothing_else() {
    let facts = Facts::of(None, &facts().attributes);
    let condition: Condition = r#"attribute("ward") == "4EAST" && message_type == "" && values("OBX-3") == []"#
        .parse()
        .unwrap();
    assert_eq!(condition.holds(&facts), Ok(true));
}

#[test]
fn what_is_no_condition_is_found_when_it_is_read() {
    for (text, expected) in [
        ("", "cannot be read"),
        (r#"value("PV1-2") = "I""#, "cannot be read"),
        (r#"values("PV1-2""#, "cannot be read"),
        ("ward == 1", "`ward` is unknown"),
        (r#"now() > 1"#, "`now` is unknown"),
        (r#"timestamp("2026-11-28T00:00:00Z") < 1"#, "`timestamp` is unknown"),
        (r#"{"a": 1}.a == 1"#, "is unknown"),
        (r#"value(message_type) == """#, "takes one text in quotes"),
        (r#""PV1-2".value() == "I""#, "takes one text in quotes"),
        (r#"value("PV1-2", "PV1-3") == "I""#, "takes one text in quotes"),
        (r#"value("PV1.2") == "I""#, "`PV1.2` is no path"),
        (r#"values("OBX[2]-3.1") == []"#, "not a field in all segments"),
        (r#"value("PV1-2")"#, "a text, and not to true or false"),
        (
            r#"values("OBX-3.1").exists(a, values("OBX-3.1").exists(b, a == b))"#,
            "within another",
        ),
    ] {
        let said = wrong(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn however_deep_or_long_it_is_reading_ends() {
    let deep = format!("{}true{}", "(".repeat(10_000), ")".repeat(10_000));
    let negated = format!("{}true", "!".repeat(10_000));
    let long = vec!["true"; 10_000].join(" && ");
    for text in [deep, negated, long] {
        assert!(wrong(&text).contains("cannot be read"), "{}", wrong(&text));
    }
    let within_bounds = vec!["true"; 60].join(" && ");
    assert_eq!(holds(&within_bounds), Ok(true));
}
