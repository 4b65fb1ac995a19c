//! Which segments stand in which groups.

use transfuse_message::{Group, Message};

use super::message;

/// A message of these segments, whose header names a version and a type such as `ORU^R01`.
fn of_segments(version: &str, message_type: &str, segments: &str) -> Message {
    let lines: Vec<_> = segments.split_whitespace().map(|name| format!("{name}|\r")).collect();
    message(&format!(
        "MSH|^~\\&|||||||{message_type}|1|P|{version}\r{}",
        lines.concat()
    ))
}

/// The segments with groups as brackets around them: `PATIENT(PID PD1)`.
fn grouped(message: &Message) -> String {
    let names: Vec<_> = message.segments().map(|segment| segment.name().to_owned()).collect();
    let mut parts = Vec::new();
    let mut next = 0;
    for group in message.groups().outermost() {
        parts.extend(names[next..group.segments().start].iter().cloned());
        parts.push(bracketed(group, &names));
        next = group.segments().end;
    }
    parts.extend(names[next..].iter().cloned());
    parts.join(" ")
}

fn bracketed(group: Group<'_>, names: &[String]) -> String {
    let range = group.segments();
    let mut parts = Vec::new();
    let mut next = range.start;
    for child in group.children() {
        parts.extend(names[next..child.segments().start].iter().cloned());
        parts.push(bracketed(child, names));
        next = child.segments().end;
    }
    parts.extend(names[next..range.end].iter().cloned());
    format!("{}({})", group.name(), parts.join(" "))
}

/// Code, path and text of what the structure finds.
fn findings(message: &Message) -> Vec<String> {
    let findings = message.groups().findings().iter();
    findings
        .map(|finding| format!("{} {}: {}", finding.code(), finding.path, finding.text()))
        .collect()
}

/// Groups as expected, and nothing to find.
fn check(version: &str, message_type: &str, segments: &str, expected: &str) {
    let message = of_segments(version, message_type, segments);
    assert_eq!(grouped(&message), expected, "{message_type} {version}");
    assert_eq!(findings(&message), [""; 0], "{message_type} {version}");
}

/// Groups as expected, and these findings.
fn check_findings(version: &str, message_type: &str, segments: &str, expected: &str, found: &[&str]) {
    let message = of_segments(version, message_type, segments);
    assert_eq!(grouped(&message), expected, "{message_type} {version}");
    assert_eq!(findings(&message), found, "{message_type} {version}");
}

#[test]
fn results_are_grouped_by_patient_order_and_observation() {
    check(
        "2.5.1",
        "ORU^R01^ORU_R01",
        "PID PD1 NTE PV1 ORC OBR NTE OBX NTE NTE OBX OBR OBX SPM OBX PID OBR OBX DSC",
        "MSH PATIENT_RESULT(PATIENT(PID PD1 NTE VISIT(PV1)) \
         ORDER_OBSERVATION(ORC OBR NTE OBSERVATION(OBX NTE NTE) OBSERVATION(OBX)) \
         ORDER_OBSERVATION(OBR OBSERVATION(OBX) SPECIMEN(SPM OBX))) \
         PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX))) DSC",
    );
    check(
        "2.3",
        "ORU^R01",
        "PID PV1 ORC OBR OBX OBX ORC OBR NTE OBX",
        "MSH RESPONSE(PATIENT(PID VISIT(PV1)) ORDER_OBSERVATION(ORC OBR OBSERVATION(OBX) OBSERVATION(OBX)) \
         ORDER_OBSERVATION(ORC OBR NTE OBSERVATION(OBX)))",
    );
}

#[test]
fn admissions_are_grouped_under_the_structure_that_their_event_shares() {
    check(
        "2.5",
        "ADT^A08",
        "EVN PID PD1 ROL NK1 PV1 PV2 ROL OBX AL1 DG1 PR1 ROL PR1 IN1 IN2 IN3 IN1 ROL ACC",
        "MSH EVN PID PD1 ROL NK1 PV1 PV2 ROL OBX AL1 DG1 PROCEDURE(PR1 ROL) PROCEDURE(PR1) INSURANCE(IN1 IN2 IN3) \
         INSURANCE(IN1 ROL) ACC",
    );
    check(
        "2.4",
        "ADT^A40",
        "EVN PID PD1 MRG PV1 PID MRG",
        "MSH EVN PATIENT(PID PD1 MRG PV1) PATIENT(PID MRG)",
    );
}

#[test]
fn the_next_order_begins_an_order_and_not_a_prior_result_whose_patient_was_left_out() {
    check(
        "2.5",
        "OML^O21^OML_O21",
        "PID PV1 ORC OBR OBX ORC OBR SPM PID ORC OBR OBX OBR OBX",
        "MSH PATIENT(PID PATIENT_VISIT(PV1)) ORDER(ORC OBSERVATION_REQUEST(OBR OBSERVATION(OBX))) \
         ORDER(ORC OBSERVATION_REQUEST(OBR SPECIMEN(SPM) \
         PRIOR_RESULT(PATIENT_PRIOR(PID) ORDER_PRIOR(ORC OBR OBSERVATION_PRIOR(OBX)) ORDER_PRIOR(OBR OBSERVATION_PRIOR(OBX)))))",
    );
}

#[test]
fn one_of_several_segments_fills_a_choice() {
    check(
        "2.3.1",
        "ORM^O01",
        "PID ORC OBR NTE OBX ORC RXO",
        "MSH PATIENT(PID) ORDER(ORC ORDER_DETAIL(CHOICE(OBR) NTE OBSERVATION(OBX))) ORDER(ORC ORDER_DETAIL(CHOICE(RXO)))",
    );
    check_findings(
        "2.3.1",
        "ORM^O01",
        "ORC OBR OBR",
        "MSH ORDER(ORC ORDER_DETAIL(CHOICE(OBR)) ORDER_DETAIL(CHOICE(OBR)))",
        &["198 OBR[2]: ORDER_DETAIL stands more often than the structure allows"],
    );
}

#[test]
fn any_segment_stands_where_the_structure_has_a_place_for_any() {
    check(
        "2.5",
        "MFN^M01^MFN_M01",
        "MFI MFE PRA AFF MFE ZL1 MFE",
        "MSH MFI MF(MFE PRA AFF) MF(MFE ZL1) MF(MFE)",
    );
}

#[test]
fn z_segments_unknown_segments_and_lines_that_are_none_belong_to_the_innermost_open_group() {
    check_findings(
        "2.5.1",
        "ORU^R01",
        "ZMS PID ZPI OBR OBX ZXY OBX QQQ OBR",
        "MSH ZMS PATIENT_RESULT(PATIENT(PID ZPI) ORDER_OBSERVATION(OBR OBSERVATION(OBX ZXY) OBSERVATION(OBX QQQ)) \
         ORDER_OBSERVATION(OBR))",
        &["100 QQQ[1]: the structure of the message has no segment QQQ"],
    );
    let message = message("MSH|^~\\&|||||||ORU^R01|1|P|2.5.1\rPID|\rOBR|\rOBX|1\rnot a segment\rOBX|2\r");
    let ranges: Vec<_> = message
        .groups()
        .iter()
        .map(|group| (group.name(), group.segments()))
        .collect();
    assert_eq!(
        ranges,
        [
            ("PATIENT_RESULT", 1..6),
            ("PATIENT", 1..2),
            ("ORDER_OBSERVATION", 2..6),
            ("OBSERVATION", 3..5),
            ("OBSERVATION", 5..6)
        ]
    );
}

#[test]
fn a_group_opens_by_any_of_its_segments_and_tells_what_is_missing() {
    check_findings(
        "2.5",
        "SIU^S12",
        "SCH PID AIS NTE AIG AIL",
        "MSH SCH PATIENT(PID) RESOURCES(SERVICE(AIS NTE) GENERAL_RESOURCE(AIG) LOCATION_RESOURCE(AIL))",
        &["100 RESOURCES[1]/RGS: the segment RGS is required and missing"],
    );
    check_findings(
        "2.5.1",
        "ORU^R01",
        "PID OBX OBX",
        "MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBSERVATION(OBX) OBSERVATION(OBX)))",
        &["100 PATIENT_RESULT[1]/ORDER_OBSERVATION[1]/OBR: the segment OBR is required and missing"],
    );
}

#[test]
fn what_is_out_of_order_is_attached_and_reported() {
    check_findings(
        "2.5",
        "ADT^A01",
        "EVN PID PV1 PD1 IN1 DG1 IN2 PID",
        "MSH EVN PID PV1 PD1 INSURANCE(IN1) DG1 IN2 PID",
        &[
            "100 PD1[1]: PD1 does not belong here, after the segments before it",
            "100 DG1[1]: DG1 does not belong here, after the segments before it",
            "100 IN2[1]: IN2 does not belong here, after the segments before it",
            "198 PID[2]: PID stands more often than the structure allows",
        ],
    );
    check_findings(
        "2.5.1",
        "ORU^R01",
        "PID OBR OBX FT1 OBX NTE OBX PV1 OBX",
        "MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX) FT1 OBSERVATION(OBX NTE) OBSERVATION(OBX PV1) \
         OBSERVATION(OBX)))",
        &[
            "100 OBX[2]: OBSERVATION does not belong here, after the segments before it",
            "100 PV1[1]: PV1 does not belong here, after the segments before it",
        ],
    );
    check_findings(
        "2.5.1",
        "ORU^R01",
        "PID PV1 PV1 PV2 OBR",
        "MSH PATIENT_RESULT(PATIENT(PID VISIT(PV1) VISIT(PV1 PV2)) ORDER_OBSERVATION(OBR))",
        &["198 PV1[2]: VISIT stands more often than the structure allows"],
    );
}

#[test]
fn missing_segments_and_groups_are_reported_where_they_would_stand() {
    check_findings(
        "2.5.1",
        "ORU^R01",
        "PID",
        "MSH PATIENT_RESULT(PATIENT(PID))",
        &["100 PATIENT_RESULT[1]/ORC: the group ORDER_OBSERVATION is required and missing"],
    );
    check_findings(
        "2.5",
        "ADT^A01",
        "PID IN2",
        "MSH PID INSURANCE(IN2)",
        &[
            "100 INSURANCE[1]/IN1: the segment IN1 is required and missing",
            "100 EVN: the segment EVN is required and missing",
            "100 PV1: the segment PV1 is required and missing",
        ],
    );
}

#[test]
fn a_message_without_a_known_structure_has_no_groups_and_nothing_to_find() {
    for message_type in ["XXX^Y01", "", "ORU"] {
        let message = of_segments("2.5.1", message_type, "PID OBR OBX");
        let groups = message.groups();
        assert!(groups.structure().is_none(), "{message_type}");
        assert_eq!(
            (groups.iter().count(), groups.findings().len()),
            (0, 0),
            "{message_type}"
        );
    }
}

#[test]
fn groups_are_shared_by_clones_and_found_again_when_the_segments_or_the_type_change() {
    let mut message = of_segments("2.5.1", "ORU^R01", "PID OBR OBX");
    let clone = message.clone();
    assert!(std::ptr::eq(message.groups(), clone.groups()));
    message.set(&super::path("OBX-1"), "1").unwrap();
    assert!(std::ptr::eq(message.groups().findings(), clone.groups().findings()));
    message.insert("OBX", None).unwrap();
    assert_eq!(
        grouped(&clone),
        "MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))"
    );
    assert_eq!(
        grouped(&message),
        "MSH PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX) OBSERVATION(OBX)))"
    );
    message.remove(&super::path("OBR")).unwrap();
    assert_eq!(message.groups().findings().len(), 1);
    message.set(&super::path("MSH-9.1"), "XXX").unwrap();
    assert!(message.groups().structure().is_none());
}

#[test]
fn a_groups_path_leads_back_to_it_whatever_its_ancestors() {
    // TIMING stands in two places of this structure.
    let segments =
        "ROL NK1 PID SPM ORC OBR TQ1 TQ1 ORC OBR TQ1 SPM SAC ORC OBR TQ1 NK1 PV1 OBR TQ1 OBX NK1 PID SPM ORC OBR TQ1";
    let message = of_segments("2.6", "OPL^O37^OPL_O37", segments);
    assert_eq!(message.groups().at(&super::path("TIMING/")).unwrap().count(), 6);
    for group in message.groups().iter() {
        let found: Vec<_> = message
            .groups()
            .at(&group.path())
            .unwrap()
            .map(|found| found.segments())
            .collect();
        assert_eq!(found, [group.segments()], "{}", group.path());
    }
}

#[test]
fn findings_are_limited_whatever_the_message_holds() {
    let message = of_segments("2.5", "ADT^A01", &"PID QQQ EVN ".repeat(2_000));
    assert_eq!(message.groups().findings().len(), 1_000);
}
