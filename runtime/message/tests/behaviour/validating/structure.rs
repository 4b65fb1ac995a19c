//! What the level of the structure finds, one segment or message a line.

use transfuse_message::validation::Level;

use super::found;
use crate::{RESULT, message};

/// The findings of a whole message.
fn judged(text: &str) -> String {
    found(&message(text), &Level::Structure)
}

/// The findings of one segment within a sound result of a version; those of other segments are left out.
fn in_version(version: &str, segment: &str) -> String {
    let (name, _) = segment.split_once('|').unwrap();
    let text = format!("MSH|^~\\&|A|B|C|D|2026||ORU^R01^ORU_R01|K|P|{version}\r{segment}\r");
    let judged = judged(&text);
    let own = judged.split(", ").filter(|finding| {
        let is_own = finding.starts_with(name) || finding.contains(&format!("/{name}"));
        is_own && !finding.contains(" 100 ")
    });
    own.collect::<Vec<_>>().join(", ")
}

fn in_2_5(segment: &str) -> String {
    in_version("2.5", segment)
}

#[test]
fn a_sound_message_has_no_findings_nor_has_what_receivers_ignore() {
    assert_eq!(judged(RESULT), "");
    let more = RESULT.replace("ZPI|saját^adat\r", "ZPI|1\rZZ9|a^b~c\r") + "ZPD|x|y\r";
    assert_eq!(judged(&more), "", "segments of a site's own");
    assert_eq!(
        in_2_5("OBX|1|NM|GLU^a^L||5.4||||||F||||||||||||||||||||||x|y^z"),
        "",
        "fields beyond the version's"
    );
    assert_eq!(in_2_5("OBX|1|NM|GLU^a^L^^^^^^^x||5.4||||||F"), "", "components beyond");
}

#[test]
fn the_order_of_segments_and_groups_is_that_of_the_structure() {
    let oru = |segments: &str| {
        judged(&format!(
            "MSH|^~\\&|A|B|C|D|2026||ORU^R01^ORU_R01|K|P|2.5\r{segments}\r"
        ))
    };
    let (pid, obr, obx) = ("PID|1||1||B", "OBR|1|||GLU", "OBX|1|NM|GLU||1||||||F");
    assert_eq!(oru(&format!("{pid}\r{obr}\r{obx}")), "");
    assert_eq!(oru(&format!("{obr}\r{obx}")), "", "the patient is optional");
    assert_eq!(oru(pid), "PATIENT_RESULT[1]/ORC 100 E");
    assert_eq!(
        oru(&format!("{pid}\r{obr}\r{obx}\rPV1[")).split(' ').nth(1),
        Some("100"),
        "what is no segment"
    );
    assert_eq!(
        oru(&format!("{pid}\r{obr}\r{obx}\rAL1|1||PENICILLIN")),
        "AL1[1] 100 W",
        "a segment that the structure does not have is ignored by receivers"
    );
}

#[test]
fn a_message_that_no_structure_describes_is_not_judged_by_one() {
    assert_eq!(
        judged("MSH|^~\\&|A|B|C|D|2026||ZZZ^Z01|K|P|2.5\rOBX|1\rPID|1||1||B\r"),
        "OBX-3 101 E, OBX-11 101 E, MSH-9 200 W"
    );
}

#[test]
fn required_fields_and_repetitions_are_those_of_the_version() {
    assert_eq!(in_2_5("PID|1||||B"), "PID-3 101 E");
    assert_eq!(in_2_5("PID|1||\"\"||\"\""), "", "a request to delete is a value");
    assert_eq!(in_2_5("PID|1||^^~||B"), "PID-3 101 E", "separators are none");
    assert_eq!(in_2_5("PID|1||1||B||1980~1981"), "PID-7 198 E");
    assert_eq!(in_2_5("PID|1||1~2~3||B"), "");
    assert_eq!(in_2_5("PID|1||1||B||1980~"), "", "an empty repetition is none");
    assert_eq!(
        in_2_5("NK1||B"),
        "NK1-1 101 W",
        "a set id is what most receivers do without"
    );
    assert_eq!(
        in_version("2.3", "OBR|1|||GLU"),
        "OBR-27 101 W",
        "no other version asks for it"
    );
    assert_eq!(in_version("2.8", "OBX|1||GLU||||||||F"), "", "OBX-2 and OBX-4 depend");
    assert_eq!(in_2_5("OBX|1||GLU||5||||||F"), "OBX-2 101 W");
    assert_eq!(in_version("2.8", "PID|1||1^^^A||B"), "PID-3.5 101 W");
}

#[test]
fn formats_are_those_of_the_datatype() {
    let of = |value_type: &str, value: &str| in_2_5(&format!("OBX|1|{value_type}|GLU||{value}||||||F"));
    for (value_type, value, is_sound) in [
        ("NM", "5.4", true),
        ("NM", "-5", true),
        ("NM", "+.5", true),
        ("NM", "5.", true),
        ("NM", ".", false),
        ("NM", "5,4", false),
        ("NM", "<5", false),
        ("NM", "5e3", false),
        ("NM", "5.4.1", false),
        ("NM", "\"\"", true),
        ("SI", "12", true),
        ("SI", "-1", false),
        ("DT", "20261123", true),
        ("DT", "2026", true),
        ("DT", "20261301", false),
        ("DT", "20230229", false),
        ("DT", "20240229", true),
        ("DT", "2026-11-23", false),
        ("DT", "20261123143700", false),
        ("TM", "1437", true),
        ("TM", "14:37", false),
        ("TM", "2500", false),
        ("DTM", "20261123143700.0001+0100", true),
        ("DTM", "202611231", false),
        ("TS", "20261123143700-0500", true),
        ("TS", "20261123146000", false),
        ("TS", "23.11.2026", false),
        ("ST", "whatever", true),
        ("FT", "5,4", true),
        ("SN", "^5,4", false),
        ("SN", ">^5.4", true),
    ] {
        let judged = of(value_type, value);
        assert_eq!(judged.is_empty(), is_sound, "{value} as {value_type}: {judged}");
        assert!(judged.is_empty() || judged.contains(" 102 E"), "{judged}");
    }
    assert_eq!(of("SN", "^5,4"), "OBX-5.2 102 E");
    assert_eq!(of("NM", "1~x~3"), "OBX-5[2] 102 E");
    assert_eq!(in_2_5("PID|1||1^^^A^MR^^yesterday||B"), "PID-3.7 102 E");
    assert_eq!(in_2_5("PID|x||1||B"), "PID-1 102 E");
    assert_eq!(
        in_version("2.3", "PID|1||1||B||1980^D"),
        "",
        "TS has a second component"
    );
}

#[test]
fn tables_of_hl7_are_closed_and_those_of_users_are_open() {
    let result = |status: &str| in_2_5(&format!("OBX|1|NM|GLU||5||||||{status}"));
    assert_eq!(result("F"), "");
    assert_eq!(result("FINAL"), "OBX-11 103 E");
    assert_eq!(in_2_5("PID|1||1||B|||X9"), "", "table 0001 was user-defined then");
    assert_eq!(
        in_2_5("PID|1||1^^^A^LOCAL||B"),
        "PID-3.5 103 W",
        "a code of a component"
    );
    assert_eq!(in_2_5("OBX|1|NM|GLU^a^99LAB||5||||||F"), "", "coding systems grow");
    assert_eq!(
        in_2_5("OBX|1|DR|GLU||2026^2027||||||F"),
        "",
        "any datatype is a value type"
    );
    assert_eq!(in_2_5("OBX|1|QQ|GLU||5||||||F"), "OBX-2 103 E");
}

#[test]
fn a_long_value_and_many_segments_are_judged_in_time_that_grows_with_them_alone() {
    let long = "QUJD".repeat(500_000);
    let judged = in_2_5(&format!("OBX|1|ED|PDF||LAB^TEXT^x^Base64^{long}||||||F"));
    assert_eq!(judged, "OBX-5.3 103 W");
    let many = "OBX|1|NM|GLU||x||||||F\r".repeat(50_000);
    let text = format!("MSH|^~\\&|A|B|C|D|2026||ORU^R01^ORU_R01|K|P|2.5\rOBR|1|||GLU\r{many}");
    let findings = transfuse_message::validation::validate(&message(&text), &Level::Structure);
    assert_eq!((findings.errors(), findings.listed().len()), (50_000, 100));
}
