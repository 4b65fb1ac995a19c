//! Paths that lead through groups.

use transfuse_message::{FieldPath, Message, PathError};

use super::{get, message, path, value};

/// Two patients; the first has two orders, of two results and one.
fn results() -> Message {
    message(
        "MSH|^~\\&|||||||ORU^R01^ORU_R01|1|P|2.5.1\r\
         PID|||1||ELSŐ\r\
         OBR|1|A\rOBX|1|NM|a||1\rNTE|1||x\rOBX|2|NM|b||2\r\
         OBR|2|B\rOBX|1|NM|c||3\rNTE|1||y\r\
         PID|||2||MÁSODIK\r\
         OBR|1|C\rOBX|1|ST|d||4\r\
         ZZZ|z\r",
    )
}

#[test]
fn a_path_counts_within_its_groups_and_may_leave_ancestors_out() {
    let message = results();
    let cases = [
        ("ORDER_OBSERVATION[2]/OBX[1]-5", "3"),
        ("ORDER_OBSERVATION[1]/OBX[2]-5", "2"),
        ("ORDER_OBSERVATION/OBX-5", "1"),
        ("ORDER_OBSERVATION[3]/OBX-5", "4"),
        ("PATIENT_RESULT[2]/ORDER_OBSERVATION[1]/OBX-5", "4"),
        ("PATIENT_RESULT[2]/OBX-5", "4"),
        ("PATIENT_RESULT[1]/OBX[3]-5", "3"),
        ("OBSERVATION[3]/NTE-3", "y"),
        ("ORDER_OBSERVATION[1]/OBSERVATION[1]/NTE-3", "x"),
        ("PATIENT_RESULT[2]/PID-5", "MÁSODIK"),
        ("ORDER_OBSERVATION[3]/ZZZ-1", "z"),
    ];
    for (path, expected) in cases {
        assert_eq!(get(&message, path), value(expected), "{path}");
    }
}

#[test]
fn a_group_or_segment_that_the_message_does_not_have_is_absent() {
    let message = results();
    let cases = [
        "ORDER_OBSERVATION[4]/OBX-5",
        "ORDER_OBSERVATION[4294967295]/OBX-5",
        "PATIENT_RESULT[2]/ORDER_OBSERVATION[2]/OBX-5",
        "SPECIMEN/SPM-1",
        "ORDER_OBSERVATION[2]/OBX[2]-5",
        "OBSERVATION[2]/NTE-3",
        "PATIENT_RESULT[1]/ZZZ-1",
        "PATIENT/OBX-5",
    ];
    for path in cases {
        assert_eq!(get(&message, path), Ok(None), "{path}");
    }
}

#[test]
fn a_group_that_the_structure_does_not_have_is_the_plugins_fault_and_names_those_that_it_has() {
    let message = results();
    for unknown in ["ORDER/OBX-5", "PATIENT/ORDER_OBSERVATION/OBX-5", "OBX/OBX-5"] {
        assert_eq!(get(&message, unknown), Err("no-such-group"), "{unknown}");
    }
    let error = message.get(&path("PATIENT/ORDER/PV1-3")).unwrap_err();
    assert!(error.is_plugins_fault());
    let text = "the structure ORU_R01 has no group ORDER there; it has VISIT";
    assert_eq!(error.to_string(), text);
    let error = message.get(&path("ORDER/OBX-5")).unwrap_err().to_string();
    assert!(error.contains("OBSERVATION, ORDER_OBSERVATION, PATIENT, PATIENT_RESULT"), "{error}");
}

#[test]
fn without_a_known_structure_a_path_through_groups_is_not_supported_and_plain_paths_are() {
    let message = message("MSH|^~\\&|||||||XXX^Y01|1|P|2.5.1\rOBX|1|NM|a||1\r");
    for path in ["ORDER_OBSERVATION/OBX-5", "ORDER_OBSERVATION[2]/OBX-5"] {
        assert_eq!(get(&message, path), Err("unsupported"), "{path}");
    }
    let mut copy = message.clone();
    assert_eq!(copy.insert("NTE", Some(&path("ORDER/"))).unwrap_err().code(), "unsupported");
    assert_eq!(get(&message, "OBX-5"), value("1"));
}

#[test]
fn every_operation_reaches_the_segment_that_reading_reaches() {
    let mut message = results();
    let second = path("ORDER_OBSERVATION[2]/OBX-5");
    message.set(&second, "30").unwrap();
    assert_eq!(get(&message, "OBX[3]-5"), value("30"));
    message.set_raw(&second, b"31^x").unwrap();
    assert_eq!(message.get_raw(&path("OBX[3]-5")).unwrap().unwrap(), &b"31^x"[..]);
    message.clear(&second).unwrap();
    assert_eq!(message.get_raw(&path("OBX[3]")).unwrap().unwrap(), &b"OBX|1|NM|c||"[..]);
    let source = message.clone();
    message.copy_from(&source, &path("PATIENT_RESULT[2]/OBX-5"), &second).unwrap();
    assert_eq!(get(&message, "OBX[3]-5"), value("4"));
    message.remove(&path("ORDER_OBSERVATION[1]/OBX[2]")).unwrap();
    assert_eq!(get(&message, "OBX[2]-5"), value("4"));
    assert_eq!(get(&message, "OBX[1]-5"), value("1"));
}

#[test]
fn counting_is_within_the_group_and_counts_groups_too() {
    let message = results();
    let cases = [
        ("ORDER_OBSERVATION[1]/OBX", 2),
        ("PATIENT_RESULT[1]/OBX", 3),
        ("PATIENT_RESULT[2]/NTE", 0),
        ("ORDER_OBSERVATION[2]/OBX[1]", 5),
        ("ORDER_OBSERVATION/", 3),
        ("PATIENT_RESULT[1]/ORDER_OBSERVATION/", 2),
        ("PATIENT_RESULT[3]/ORDER_OBSERVATION/", 0),
        ("ORDER_OBSERVATION[1]/", 4),
        ("ORDER_OBSERVATION[9]/", 0),
    ];
    for (text, expected) in cases {
        assert_eq!(message.count(&path(text)).unwrap(), expected, "{text}");
    }
}

#[test]
fn rows_are_those_of_the_group() {
    let message = results();
    let fields: [FieldPath; 1] = ["5".parse().unwrap()];
    let rows = |segment: &str| -> Result<Vec<_>, PathError> {
        let rows = message.rows(segment, &fields)?;
        Ok(rows.iter().map(|row| row[0].as_option().unwrap().to_owned()).collect())
    };
    assert_eq!(rows("ORDER_OBSERVATION[1]/OBX").unwrap(), ["1", "2"]);
    assert_eq!(rows("PATIENT_RESULT[2]/OBX").unwrap(), ["4"]);
    assert_eq!(rows("ORDER_OBSERVATION[9]/OBX").unwrap(), [""; 0]);
    assert_eq!(rows("ORDER[1]/OBX").unwrap_err().code(), "no-such-group");
    for wrong in ["ORDER_OBSERVATION[1]/OBX-5", "ORDER_OBSERVATION[1]/OBX[2]", "ORDER_OBSERVATION[1]/"] {
        assert_eq!(rows(wrong).unwrap_err().code(), "malformed", "{wrong}");
    }
}

#[test]
fn an_error_in_a_row_names_the_path_through_the_group() {
    let message = message("MSH|^~\\&|||||||ORU^R01|1|P|2.5.1\rPID|1\rOBR|1\rOBX|1|CE|a||1^2\r");
    let error = message.rows("ORDER_OBSERVATION/OBX", &["5".parse().unwrap()]).unwrap_err();
    assert!(error.to_string().starts_with("ORDER_OBSERVATION/OBX[1]-5 has parts"), "{error}");
}

#[test]
fn a_segment_is_inserted_at_the_end_of_a_group_or_after_a_segment_in_it() {
    let mut message = results();
    let inserted = message.insert("NTE", Some(&path("ORDER_OBSERVATION[1]/"))).unwrap();
    assert_eq!(inserted.to_string(), "NTE[2]");
    message.set(&inserted, "2").unwrap_err();
    message.set(&path("NTE[2]-3"), "at the end").unwrap();
    assert_eq!(get(&message, "ORDER_OBSERVATION[1]/NTE[2]-3"), value("at the end"));
    let inserted = message.insert("NTE", Some(&path("ORDER_OBSERVATION[2]/OBX"))).unwrap();
    assert_eq!(inserted.to_string(), "NTE[3]");
    assert_eq!(message.count(&path("ORDER_OBSERVATION[2]/NTE")).unwrap(), 2);
    for absent in ["ORDER_OBSERVATION[9]/", "ORDER_OBSERVATION[2]/OBX[9]"] {
        assert_eq!(message.insert("NTE", Some(&path(absent))).unwrap_err().code(), "not-settable", "{absent}");
    }
}

#[test]
fn a_whole_group_is_read_and_changed_by_its_segments() {
    let mut message = results();
    let group = path("ORDER_OBSERVATION[2]/");
    assert_eq!(message.get(&group).unwrap_err().code(), "not-a-leaf");
    assert_eq!(message.get_raw(&group).unwrap_err().code(), "unsupported");
    assert_eq!(message.set(&group, "x").unwrap_err().code(), "not-settable");
    assert_eq!(message.set_raw(&group, b"x").unwrap_err().code(), "unsupported");
    assert_eq!(message.clear(&group).unwrap_err().code(), "unsupported");
    assert_eq!(message.remove(&group).unwrap_err().code(), "unsupported");
    assert_eq!(message.encode(), results().encode());
}

#[test]
fn the_first_path_through_groups_counts_for_finding_them() {
    let message = results();
    let path = path("ORDER_OBSERVATION[2]/OBX-5");
    let segments = message.segment_count() as u64;
    let content = "OBX|1|NM|c||3".len() as u64;
    assert_eq!(message.touched_bytes(&path), segments * 256 + 2 * 8 + content);
    assert_eq!(message.touched_bytes(&path), 2 * 8 + content);
    let rows = message.touched_bytes_of_rows("ORDER_OBSERVATION[2]/OBX", 3);
    assert_eq!(rows, 3 * 8 + 3 * content);
    assert_eq!(results().touched_bytes_of_rows("ORDER_OBSERVATION[2]/OBX", 3), rows + segments * 256);
}
