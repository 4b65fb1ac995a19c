//! The laboratory mapping of `plugins/lab-mapping`, natively. The vectors of `lab-normalize` run in the sandbox.

use transfuse_plugin::testing::Input;

use super::{config, map};

const MAPPING: &str = include_str!("../../../../lab-mapping/mapping.toml");

const RESULT: &str = r"
    MSH|^~\&|COBAS|LAB|||20260105090000||ORU^R01^ORU_R01|42|P|2.5.1
    PID|1||4711^^^MRN||PRÓBABETEG-TESZT^ŐRS ÁDÁM^^III^DR.~PRÓBA^Őrs||19800101|M|||Fő utca 1.
    OBR|1|17||CHEM
    OBX|1|NM|GLU^Glükóz^SYNLAB||5,4|mmol/l|3,9-5,8|norm|||F
    OBX|2|NM|K||6.1||3.5-5.1|++~a|||F
    OBX|3|ST|ABO^Blood group||A\T\B|||+|||F
    OBX|4|NM|2951-2^Sodium^LN||140|MMOL/L||n|||F
    ZLB|1|a\T\b||~^&";

#[test]
fn a_result_comes_out_in_the_hospitals_vocabulary() {
    let parameters = r#""application": "EHR", "facility": "SZENT_IMRE", "name_case": "title""#;
    let input = Input::hl7(RESULT).table(
        "lab-codes",
        ["local", "loinc", "display", "unit"],
        &[
            ["GLU", "14749-6", "Glucose [Moles/volume]", "mmol/L"],
            ["K", "2823-3", "Potassium", "mmol/L"],
        ],
    );
    let report = input.config(config(MAPPING, parameters)).run(map);
    insta::assert_snapshot!(report.forwarded_once(), @r"
    MSH|^~\&|COBAS|LAB|EHR|SZENT_IMRE|20260105090000||ORU^R01^ORU_R01|42|P|2.5.1
    PID|1||4711^^^MRN||Próbabeteg-Teszt^Őrs Ádám^^III^DR.~Próba^Őrs||19800101|M|||Fő utca 1.
    OBR|1|17||CHEM
    OBX|1|NM|14749-6^Glucose [Moles/volume]^LN^GLU^Glükóz^SYNLAB||5,4|mmol/L|3,9-5,8|N|||F
    OBX|2|NM|2823-3^Potassium^LN^K^^L||6.1|mmol/L|3.5-5.1|HH~A|||F
    OBX|3|ST|ABO^Blood group||A\T\B|||+|||F
    OBX|4|NM|2951-2^Sodium^LN||140|mmol/L||N|||F
    ZLB|1|a\T\b||~^&
    ");
    let log: Vec<&str> = report.log.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        log,
        [
            "table lab-codes has no LOINC code for ABO",
            "abnormal flags that are not in HL7 table 0078 stay as they came: +",
        ]
    );
}
