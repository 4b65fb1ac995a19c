//! What the schema says about the nodes of a message.

use transfuse_message::{Message, Schema};

use super::{message, path, result};

/// Name and datatype of a node.
fn named(message: &Message, text: &str) -> Option<(&'static str, &'static str)> {
    message
        .definition(&path(text))
        .map(|definition| (definition.name, definition.datatype))
}

fn of_version(version: &str, segments: &str) -> Message {
    message(&format!("MSH|^~\\&|||||||ORU^R01|1|P|{version}\r{segments}\r"))
}

#[test]
fn nodes_have_names_and_datatypes_down_to_the_subcomponent() {
    let message = result();
    let cases = [
        ("PID-3", ("Patient Identifier List", "CX")),
        ("PID-3[2]", ("Patient Identifier List", "CX")),
        ("PID-3.4", ("Assigning Authority", "HD")),
        ("PID-3.4.2", ("Universal ID", "ST")),
        ("PID-5.1", ("Family Name", "FN")),
        ("PID-5.1.1", ("Surname", "ST")),
        ("MSH-9.2", ("Trigger Event", "ID")),
        ("PID-1", ("Set ID - PID", "SI")),
        ("PID-1.1.1", ("Set ID - PID", "SI")),
        ("PID-6", ("Mother's Maiden Name", "XPN")),
    ];
    for (path, expected) in cases {
        assert_eq!(named(&message, path), Some(expected), "{path}");
    }
    let definition = message.definition(&path("PID-8")).unwrap();
    assert_eq!(definition.table, Some("0001"));
    assert!(message.schema().table("0001").unwrap().contains("F"));
    assert!(!definition.cardinality.is_required() && !definition.cardinality.may_repeat());
}

#[test]
fn what_the_version_does_not_define_has_no_definition_and_no_error() {
    let message = result();
    for text in [
        "PID",
        "PID-99",
        "PID-1.2",
        "PID-5.1.9",
        "PID-3.99",
        "ZPI-1",
        "QQQ-1",
        "PID-3.1.2",
    ] {
        assert_eq!(named(&message, text), None, "{text}");
    }
}

#[test]
fn positions_are_the_standards_own_where_a_version_leaves_gaps() {
    let message = of_version("2.8", "OBR|1\rERR|1");
    assert_eq!(named(&message, "OBR-16"), Some(("Ordering Provider", "XCN")));
    assert_eq!(named(&message, "OBR-15"), None);
    assert_eq!(named(&message, "ERR-3"), Some(("HL7 Error Code", "CWE")));
}

#[test]
fn a_message_is_read_by_the_version_that_it_declares() {
    assert_eq!(
        named(&of_version("2.3", "PID|"), "PID-3"),
        Some(("Patient ID Internal ID", "CX"))
    );
    assert_eq!(
        named(&of_version("2.7", "DG1|"), "DG1-3"),
        Some(("Diagnosis Code - DG1", "CWE"))
    );
    assert_eq!(
        named(&of_version("2.3.1", "DG1|"), "DG1-3"),
        Some(("Diagnosis Code - DG1", "CE"))
    );
    assert_eq!(of_version("2.7.1", "PID|").schema().version(), "2.7");
    assert_eq!(of_version("2.5^HUN", "PID|").schema().version(), "2.5");
    assert_eq!(of_version("", "PID|").schema().version(), "2.8.2");
    assert!(
        of_version("2.7", "PID|")
            .definition(&path("PID-2"))
            .unwrap()
            .cardinality
            .is_withdrawn()
    );
}

#[test]
fn an_observation_has_the_datatype_that_its_second_field_names() {
    let message = of_version(
        "2.5.1",
        "OBX|1|NM|a||1\rOBX|2|CE|b||c^d\rOBX|3|CWE|b||c^d\rOBX|4||b||c\rOBX|5|QQ|b||c\rOBX|6|ED|d||^^^^e\rOBX|7|TX|a",
    );
    let cases = [
        ("OBX-5", Some(("Observation Value", "NM"))),
        ("OBX-5.1", Some(("Observation Value", "NM"))),
        ("OBX-5.2", None),
        ("OBX[2]-5.2", Some(("Text", "ST"))),
        ("OBX[3]-5[2].9", Some(("Original Text", "ST"))),
        ("OBX[4]-5", Some(("Observation Value", "varies"))),
        ("OBX[4]-5.1", None),
        ("OBX[5]-5", Some(("Observation Value", "varies"))),
        ("OBX[6]-5.5", Some(("Data", "TX"))),
        ("OBX[7]-5", Some(("Observation Value", "TX"))),
        ("OBX[8]-5", Some(("Observation Value", "varies"))),
    ];
    for (path, expected) in cases {
        assert_eq!(named(&message, path), expected, "{path}");
    }
    let withdrawn = of_version("2.7", "OBX|1|CE|b||c^d\rOBX|2|TS|b||2026");
    assert_eq!(named(&withdrawn, "OBX-5.2"), Some(("Text", "ST")));
    assert_eq!(named(&withdrawn, "OBX[2]-5"), Some(("Observation Value", "TS")));
}

#[test]
fn a_key_of_a_master_file_has_the_datatype_that_stands_beside_it() {
    let message = of_version("2.5", "MFE|MAD||||CE~ST\rMFA|MAD||||a^b|CE\rQPD|a|b|c");
    assert_eq!(named(&message, "MFE-4.2"), Some(("Text", "ST")));
    assert_eq!(named(&message, "MFE-4[2]"), Some(("Primary Key Value - MFE", "ST")));
    assert_eq!(named(&message, "MFE-4[3].3"), Some(("Name of Coding System", "ID")));
    assert_eq!(named(&message, "MFA-5.1"), Some(("Identifier", "ST")));
    assert_eq!(
        named(&message, "QPD-3"),
        Some(("User Parameters in Successive Fields", "varies"))
    );
}

#[test]
fn the_structure_is_the_one_that_msh_9_names_or_that_its_event_shares() {
    let cases = [
        ("2.5.1", "ADT^A01^ADT_A01", Some("ADT_A01")),
        ("2.5.1", "ADT^A04", Some("ADT_A01")),
        ("2.5.1", "ADT^A08^ADT_A01", Some("ADT_A01")),
        ("2.5.1", "ADT^A08^ADT_A08", Some("ADT_A01")),
        ("2.5", "ADT^A28", Some("ADT_A05")),
        ("2.3.1", "ADT^A31", Some("ADT_A01")),
        ("2.5", "ACK^A01^ACK", Some("ACK")),
        ("2.5", "ACK", Some("ACK")),
        ("2.5", "REF^I14", Some("REF_I12")),
        ("2.5", "MDM^T10", Some("MDM_T02")),
        ("2.8", "ORM^O01^ORM_O01", Some("ORM_O01")),
        ("2.5", "ORU^R01^NONSENSE", Some("ORU_R01")),
        ("2.5", "ORU^^ORU_R01", Some("ORU_R01")),
        ("2.5", "XYZ^A01", None),
        ("2.5", "", None),
    ];
    for (version, message_type, expected) in cases {
        let message = message(&format!("MSH|^~\\&|||||||{message_type}|1|P|{version}\r"));
        assert_eq!(
            message.structure().map(|structure| structure.name),
            expected,
            "{version} {message_type}"
        );
    }
}

#[test]
fn a_schema_lists_what_it_knows_in_order() {
    let schema = Schema::of("2.5.1");
    let segments: Vec<_> = schema.segments().collect();
    assert!(segments.is_sorted() && segments.contains(&"PID") && !segments.contains(&"ARV"));
    let groups: Vec<_> = schema
        .structure("SIU_S12")
        .unwrap()
        .groups()
        .map(|group| group.name)
        .collect();
    let expected = [
        "PATIENT",
        "RESOURCES",
        "SERVICE",
        "GENERAL_RESOURCE",
        "LOCATION_RESOURCE",
        "PERSONNEL_RESOURCE",
    ];
    assert_eq!(groups, expected);
    assert_eq!(Schema::all().map(Schema::version).next_back(), Some("2.8.2"));
}
