//! The plugin as a whole; the parts have tables of their own below.

mod flags;
mod names;
mod units;

use transfuse_plugin::Code;
use transfuse_plugin::testing::{End, Input, Report};

use super::lab_normalize;

const RESULT: &str = r"
    MSH|^~\&|COBAS|LAB|||20260105090000||ORU^R01^ORU_R01|42|P|2.5.1
    PID|1||4711^^^MRN||KOVÁCS-NÉMETH^ŐRS ÁDÁM^^III^DR.~SZŰCS^Őrs||19800101|M|||Fő utca 1.
    OBR|1|17||CHEM
    OBX|1|NM|GLU^Glükóz^SYNLAB||5,4|mmol/l|3,9-5,8|norm|||F
    OBX|2|NM|K||6.1||3.5-5.1|++~a|||F
    OBX|3|ST|ABO^Blood group||A\T\B|||+|||F
    OBX|4|NM|2951-2^Sodium^LN||140|MMOL/L||n|||F
    ZLB|1|a\T\b||~^&";

fn input(text: &str) -> Input {
    Input::hl7(text).table(
        "lab-codes",
        ["local", "loinc", "display", "unit"],
        &[
            ["GLU", "14749-6", "Glucose [Moles/volume]", "mmol/L"],
            ["K", "2823-3", "Potassium", "mmol/L"],
        ],
    )
}

fn log_of(report: &Report) -> Vec<String> {
    report
        .log
        .iter()
        .map(|(level, text)| format!("{level:?}: {text}"))
        .collect()
}

/// What becomes of one OBX.
fn observation(segment: &str) -> (String, Vec<String>) {
    let report = input(&format!("MSH|^~\\&|||||||ORU^R01\n{segment}")).run(lab_normalize);
    let text = report.forwarded_once();
    (text.lines().nth(1).unwrap_or_default().to_owned(), log_of(&report))
}

#[test]
fn a_result_comes_out_in_the_hospitals_vocabulary() {
    let config = r#"{"application": "EHR", "facility": "SZENT_IMRE", "name_case": "title"}"#;
    let report = input(RESULT).config(config).run(lab_normalize);
    insta::assert_snapshot!(report.forwarded_once(), @r"
    MSH|^~\&|COBAS|LAB|EHR|SZENT_IMRE|20260105090000||ORU^R01^ORU_R01|42|P|2.5.1
    PID|1||4711^^^MRN||Kovács-Németh^Őrs Ádám^^III^DR.~Szűcs^Őrs||19800101|M|||Fő utca 1.
    OBR|1|17||CHEM
    OBX|1|NM|14749-6^Glucose [Moles/volume]^LN^GLU^Glükóz^SYNLAB||5,4|mmol/L|3,9-5,8|N|||F
    OBX|2|NM|2823-3^Potassium^LN^K^^L||6.1|mmol/L|3.5-5.1|HH~A|||F
    OBX|3|ST|ABO^Blood group||A\T\B|||+|||F
    OBX|4|NM|2951-2^Sodium^LN||140|mmol/L||N|||F
    ZLB|1|a\T\b||~^&
    ");
    insta::assert_debug_snapshot!(log_of(&report), @r#"
    [
        "Warn: table lab-codes has no LOINC code for ABO",
        "Warn: abnormal flags that are not in HL7 table 0078 stay as they came: +",
    ]
    "#);
}

#[test]
fn a_result_that_is_right_already_passes_byte_for_byte() {
    let text = "MSH|^~\\&|||||||ORU^R01\nPID|1||||SZABÓ^ŐRS\nOBX|1|NM|2951-2^Na^LN||140|mmol/L||N|||F\nZZZ|~^\\&|||";
    assert_eq!(input(text).run(lab_normalize).forwarded_once(), text);
}

#[test]
fn an_alternate_code_of_another_system_is_kept_as_the_second_alternate() {
    let (segment, log) = observation("OBX|1|NM|GLU^Glükóz^L^C-100^Glucose^99X");
    insta::assert_snapshot!(segment, @"OBX|1|NM|14749-6^Glucose [Moles/volume]^LN^GLU^Glükóz^L^^^^C-100^Glucose^99X|||mmol/L");
    assert!(log.is_empty());
}

#[test]
fn the_senders_own_loinc_gives_way_to_the_tables_and_is_told() {
    let (segment, log) = observation("OBX|1|NM|GLU^Glükóz^L^2345-7^Glucose^LN");
    insta::assert_snapshot!(segment, @"OBX|1|NM|14749-6^Glucose [Moles/volume]^LN^GLU^Glükóz^L|||mmol/L");
    assert_eq!(
        log,
        ["Warn: OBX[1]-3: the sender's LOINC 2345-7 gave way to the table's 14749-6"]
    );
}

#[test]
fn a_unit_is_filled_in_for_a_number_only_and_never_converted() {
    assert!(observation("OBX|1|NM|GLU||5.4").0.ends_with("||5.4|mmol/L"));
    assert!(observation("OBX|1|ST|GLU||high").0.ends_with("||high"));
    let (segment, log) = observation("OBX|1|NM|GLU||97|MG/DL");
    assert!(segment.ends_with("||97|mg/dL"), "{segment}");
    assert_eq!(log, ["Warn: OBX[1]-6 is mg/dL where the table has mmol/L"]);
}

#[test]
fn delete_markers_are_not_values() {
    let (segment, log) = observation(r#"OBX|1|NM|""||""|""||"""#);
    assert_eq!(segment, r#"OBX|1|NM|""||""|""||"""#);
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn an_unknown_code_is_kept_with_a_warning_or_rejected_as_the_site_asks() {
    let (segment, log) = observation("OBX|1|NM|XYZ");
    assert_eq!(segment, "OBX|1|NM|XYZ");
    assert_eq!(log, ["Warn: table lab-codes has no LOINC code for XYZ"]);

    let text = "MSH|^~\\&|||||||ORU^R01\nOBX|1|NM|GLU\nOBX|2|NM|XYZ";
    let report = input(text)
        .config(r#"{"on_unknown_code": "reject"}"#)
        .run(lab_normalize);
    assert_eq!(report.rejected().code(), &Code::TableValueNotFound);
    assert_eq!(report.rejected().path(), Some("OBX[2]-3"));
}

#[test]
fn another_message_type_is_rejected_unless_the_site_passes_it_on() {
    let text = "MSH|^~\\&|||||||ADT^A01\nPID|1||||SZABÓ^ŐRS\nOBX|1|NM|GLU";
    let rejected = input(text).run(lab_normalize);
    assert_eq!(rejected.rejected().code(), &Code::UnsupportedMessageType);
    assert_eq!(rejected.rejected().path(), Some("MSH-9"));

    let passed = input(text)
        .config(r#"{"pass_others": true, "name_case": "title"}"#)
        .run(lab_normalize);
    assert_eq!(passed.forwarded_once(), text);
}

#[test]
fn a_code_that_is_not_text_in_the_messages_character_set_is_the_senders_fault() {
    let report =
        Input::bytes(&b"MSH|^~\\&|||||||ORU^R01|1|P|2.5|||||||UNICODE UTF-8\rOBX|1|NM|GL\xdc"[..]).run(lab_normalize);
    assert_eq!(report.rejected().code(), &Code::DataTypeError);
}

#[test]
fn a_table_that_is_not_there_is_the_configurations_fault() {
    let report = Input::hl7(RESULT).config(r#"{"table": "codes"}"#).run(lab_normalize);
    let End::Faulted(fault) = report.end else {
        panic!("{report:?}")
    };
    assert_eq!(fault.kind, "table-error");
    assert!(fault.location.file().ends_with("codes.rs"), "{}", fault.location);
}

#[test]
fn a_wrong_configuration_is_told_by_its_key() {
    let complain = |config: &str| match input(RESULT).config(config).run(lab_normalize).end {
        End::Misconfigured(text) => text,
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!(complain(r#"{"name_case": "Title"}"#), @"config.name_case: unknown variant `Title`, expected one of `keep`, `title`, `upper`");
    insta::assert_snapshot!(complain(r#"{"facilty": "X"}"#), @"config.facilty: unknown field `facilty`, expected one of `application`, `facility`, `table`, `on_unknown_code`, `name_case`, `pass_others`");
}
