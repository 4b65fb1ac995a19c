//! Paths as text.

use transfuse_message::{FieldPath, Path};

#[test]
fn a_path_is_printed_as_it_was_written() {
    for text in [
        "PID",
        "OBX[3]",
        "PID-5",
        "PID-5.1",
        "PID-5.1.2",
        "PID-3[2]",
        "PID-3[2].1",
        "OBX[3]-5[2].1.4",
        "ZA1-4294967295",
        "ORDER_OBSERVATION[2]/OBX[1]-5.1",
        "PATIENT_RESULT/ORDER_OBSERVATION[2]/OBX",
        "ORDER_OBSERVATION[2]/",
        "QBP/QBP/QPD-1",
    ] {
        assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
    }
    for text in ["3", "3.1", "5[2].1", "5[2].1.9"] {
        assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_not_a_path_is_refused_at_the_place_where_it_goes_wrong() {
    let faults = [
        ("", 1),
        ("P", 1),
        ("pid-5", 1),
        ("1ID-5", 1),
        ("PIDX-5", 4),
        ("PID5", 4),
        ("PID-", 5),
        ("PID-0", 5),
        ("PID-05", 5),
        ("PID-x", 5),
        ("PID- 5", 5),
        ("PID--5", 5),
        ("PID-5.", 7),
        ("PID-5.0", 7),
        ("PID-5.1.", 9),
        ("PID-5.1.2.3", 10),
        ("PID-5[", 7),
        ("PID-5[0]", 7),
        ("PID-5[1", 8),
        ("PID-5[1]x", 9),
        ("PID-5.1[2]", 8),
        ("PID[]", 5),
        ("PID[1]5", 7),
        ("PID-4294967296", 14),
        ("PÍD-5", 1),
        ("/OBX", 1),
        ("order/OBX", 1),
        ("ORDER[0]/OBX", 7),
        ("ORDER[1]OBX/", 9),
        ("ORDER//OBX", 7),
        ("ORDER/OBXX", 10),
        ("ORDER/OBX-5/", 10),
    ];
    for (text, expected) in faults {
        let error = text.parse::<Path>().unwrap_err();
        assert_eq!(error.code(), "malformed", "{text}");
        assert!(error.is_plugins_fault());
        assert!(
            error.to_string().contains(&format!("position {expected},")),
            "{text}: {error}"
        );
    }
    assert_eq!("5-1".parse::<FieldPath>().unwrap_err().code(), "malformed");
}

#[test]
fn the_text_of_a_path_that_cannot_be_parsed_is_not_repeated_because_it_may_hold_data() {
    let error = "PRÓBA BETEG".parse::<Path>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("BETEG"));
}

#[test]
fn a_path_tells_its_parts_and_an_omitted_number_is_the_first() {
    let path: Path = "OBX[3]-5.2".parse().unwrap();
    assert_eq!((path.segment(), path.occurrence()), ("OBX", 3));
    let field = path.field().unwrap();
    assert_eq!((field.field(), field.repetition()), (5, 1));
    assert_eq!((field.component(), field.subcomponent()), (Some(2), None));
    let path: Path = "PID".parse().unwrap();
    assert_eq!((path.occurrence(), path.field()), (1, None));
}
