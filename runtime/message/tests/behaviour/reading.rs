//! Reading leaves, raw nodes, rows and counts.

use transfuse_message::{Message, ParseOptions, Value};

use super::{get, message, path, result, value, with_segment};

#[test]
fn a_leaf_is_found_by_field_repetition_component_and_subcomponent() {
    let message = result();
    for (text, expected) in [
        ("MSH-3", "LABOR"),
        ("MSH-9.2", "R01"),
        ("MSH-12", "2.5.1"),
        ("PID-1", "1"),
        ("PID-3.1", "12345"),
        ("PID-3[1].1", "12345"),
        ("PID-3[2].1", "67890"),
        ("PID-3[2].4", "TAJ"),
        ("PID-5.1", "PRÓBA"),
        ("PID-5.2.1", "BETEG"),
        ("PID-5.2.2", "ÖRÖKŐS"),
        ("PID-11.3", "Mintaváros"),
        ("OBX-5", "5.4"),
        ("OBX[1]-6", "mmol/L"),
        ("OBX[3]-1", "3"),
        ("ZPI-1.2", "adat"),
    ] {
        assert_eq!(get(&message, text), value(expected), "{text}");
    }
}

#[test]
fn a_field_is_found_wherever_it_lies_in_a_long_segment() {
    // Lengths from none to beyond anything that is looked at in one step.
    let field = |number: usize| format!("{number}{}", "x".repeat(number * 7 % 90)).repeat(number % 3);
    let fields: Vec<_> = (1..=400).map(field).collect();
    let message = with_segment(&format!("OBX|{}", fields.join("|")));
    for (number, expected) in (1..).zip(&fields) {
        assert_eq!(get(&message, &format!("OBX-{number}")), value(expected), "{number}");
    }
    assert_eq!(get(&message, "OBX-401"), Ok(None));
    let empty = with_segment(&format!("OBX{}end", "|".repeat(400)));
    assert_eq!(
        (get(&empty, "OBX-399"), get(&empty, "OBX-400"), get(&empty, "OBX-401")),
        (value(""), value("end"), Ok(None))
    );
}

#[test]
fn absent_and_empty_and_delete_are_three_things() {
    let message = result();
    for text in ["PID-4", "PID-2", "PID-3.2", "PID-17"] {
        assert_eq!(message.get(&path(text)), Ok(Value::Empty), "{text}");
        assert_eq!(get(&message, text), value(""));
    }
    for text in [
        "PID-18",
        "PID-3[3]",
        "PID-3.5",
        "PID-1.2",
        "PID-1[2]",
        "PID-5.1.2",
        "PID-4.2",
        "OBX[4]-1",
        "NTE-1",
    ] {
        assert_eq!(message.get(&path(text)), Ok(Value::Absent), "{text}");
        assert_eq!(get(&message, text), Ok(None));
    }
    assert_eq!(message.get(&path("OBX[2]-5")), Ok(Value::Delete));
    assert_eq!(get(&message, "OBX[2]-5"), value("\"\""));
}

#[test]
fn a_node_with_parts_is_not_a_leaf() {
    let message = result();
    for text in ["PID", "PID-5", "PID-5.2", "PID-3", "PID-3[2]", "OBX[2]-3", "MSH-9"] {
        assert_eq!(get(&message, text), Err("not-a-leaf"), "{text}");
    }
    assert_eq!(get(&with_segment("PID|A^"), "PID-1"), Err("not-a-leaf"));
}

#[test]
fn a_single_value_is_one_leaf_however_deep_it_is_asked_for() {
    let message = with_segment("PID|A~B|C&D|");
    for text in ["PID-1", "PID-1.1", "PID-1.1.1", "PID-1[1]", "PID-1[1].1.1"] {
        assert_eq!(get(&message, text), value("A"), "{text}");
    }
    assert_eq!(get(&message, "PID-2.1"), Err("not-a-leaf"));
    assert_eq!(get(&message, "PID-2.1.2"), value("D"));
    assert_eq!(get(&message, "PID-3.1.1"), value(""));
}

#[test]
fn the_header_counts_its_separator_as_its_first_field() {
    let message = message("MSH|^~\\&|A^B&C|\r");
    for text in ["MSH-1", "MSH-1.1", "MSH-1[1].1.1"] {
        assert_eq!(get(&message, text), value("|"), "{text}");
    }
    assert_eq!(get(&message, "MSH-2"), value("^~\\&"));
    assert_eq!(get(&message, "MSH-2.1.1"), value("^~\\&"));
    for text in ["MSH-1.2", "MSH-2.2", "MSH-2[2]", "MSH-5"] {
        assert_eq!(get(&message, text), Ok(None), "{text}");
    }
    assert_eq!(get(&message, "MSH-3.2.2"), value("C"));
    assert_eq!(get(&message, "MSH-4"), value(""));
}

#[test]
fn raw_access_gives_any_node_as_it_stands() {
    let message = result();
    for (text, expected) in [
        ("OBR", Some("OBR|1|R1|L1|2345-7^Glucose^LN")),
        ("OBX[3]-5", Some("első sor\\.br\\második \\T\\ utolsó")),
        ("PID-3", Some("12345^^^MRN~67890^^^TAJ")),
        ("PID-3[1]", Some("12345^^^MRN")),
        ("PID-3[2]", Some("67890^^^TAJ")),
        ("PID-3.4", Some("MRN")),
        ("PID-5.2", Some("BETEG&ÖRÖKŐS")),
        ("PID-4", Some("")),
        ("OBX[2]-5", Some("\"\"")),
        ("MSH-1", Some("|")),
        ("MSH-2", Some("^~\\&")),
        ("PID-40", None),
        ("NTE", None),
    ] {
        let raw = message.get_raw(&path(text)).unwrap();
        assert_eq!(raw.as_deref(), expected.map(str::as_bytes), "{text}");
    }
}

#[test]
fn rows_give_the_leaves_of_every_segment_of_a_name() {
    let message = result();
    let fields = ["3.1", "5", "5[2]", "20"].map(|field| field.parse().unwrap());
    let rows = message.rows("OBX", &fields).unwrap();
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().map(|value| value.as_option()).collect())
        .collect();
    assert_eq!(
        rows,
        [
            [Some("GLU"), Some("5.4"), None, None],
            [Some("MEGJ"), Some("\"\""), None, None],
            [Some("SZÖV"), Some("első sor\\.br\\második & utolsó"), None, None],
        ]
    );
    assert!(message.rows("NTE", &fields).unwrap().is_empty());
    assert_eq!(message.rows("obx", &fields).unwrap_err().code(), "malformed");
    let error = message
        .rows("OBX", &["1".parse().unwrap(), "3".parse().unwrap()])
        .unwrap_err();
    assert_eq!(error.code(), "not-a-leaf");
    assert!(error.to_string().contains("OBX[1]-3"), "{error}");
}

#[test]
fn counting_gives_the_parts_of_the_node_that_is_named() {
    let message = message("MSH|^~\\&|A~B||X\rPID|1||A^B~C~|D&E^F\rOBX|1~2\rOBX|2\rZZZ\r");
    for (text, expected) in [
        ("OBX", 2),
        ("NTE", 0),
        ("PID[1]", 4),
        ("OBX[2]", 1),
        ("OBX[3]", 0),
        ("ZZZ[1]", 0),
        ("MSH[1]", 5),
        ("PID-1", 1),
        ("PID-2", 0),
        ("PID-3", 3),
        ("PID-3[1]", 2),
        ("PID-3[2]", 1),
        ("PID-3[3]", 0),
        ("PID-3[4]", 0),
        ("PID-4.1", 2),
        ("PID-4.2", 1),
        ("PID-4.3", 0),
        ("PID-9", 0),
        ("MSH-2", 1),
        ("MSH-3", 2),
        ("OBX-1", 2),
        ("MSH-1", 1),
        ("NTE-3", 0),
    ] {
        assert_eq!(message.count(&path(text)), Ok(expected), "{text}");
    }
    assert_eq!(message.count(&path("PID-4.1.1")).unwrap_err().code(), "unsupported");
}

#[test]
fn without_a_subcomponent_separator_an_ampersand_is_text() {
    let message = message("MSH|^~|A\rPID|1||A&B^C\r");
    assert_eq!(get(&message, "PID-3.1"), value("A&B"));
    assert_eq!(get(&message, "PID-3.1.2"), Ok(None));
}

#[test]
fn bytes_that_are_not_text_spoil_only_the_leaf_that_holds_them() {
    let raw = b"MSH|^~\\&|A\rPID|1||\xc1^B|C\r".to_vec();
    let message = Message::parse(raw.clone(), &ParseOptions::default()).unwrap();
    assert_eq!(get(&message, "PID-3.1"), Err("undecodable"));
    assert!(!message.get(&path("PID-3.1")).unwrap_err().is_plugins_fault());
    assert_eq!(get(&message, "PID-3.2"), value("B"));
    assert_eq!(get(&message, "PID-4"), value("C"));
    assert_eq!(
        message.get_raw(&path("PID-3.1")).unwrap().as_deref(),
        Some(&b"\xc1"[..])
    );
    assert_eq!(message.encode(), raw);
}
