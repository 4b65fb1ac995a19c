use transfuse_plugin::testing::Input;

use crate::lab_normalize;
use crate::names::{title, upper};

#[test]
fn capitals_become_names() {
    let cases = [
        ("SZABÓ", "Szabó"),
        ("KOVÁCS-NÉMETH", "Kovács-Németh"),
        ("ŐRSI", "Őrsi"),
        ("ŰRHIDAI", "Űrhidai"),
        ("TŐKÉS BŰVÖS", "Tőkés Bűvös"),
        ("O'BRIEN", "O'Brien"),
        ("D’ARTAGNAN", "D’Artagnan"),
        ("szabó jános", "Szabó János"),
        ("KOVÁCS B.", "Kovács B."),
        ("DR.KISS", "Dr.Kiss"),
        ("O\u{30b}RSI", "O\u{30b}rsi"),
        ("  KISS  ANNA ", "  Kiss  Anna "),
        ("", ""),
        ("\"\"", "\"\""),
    ];
    for (name, expected) in cases {
        assert_eq!(title(name), expected, "{name}");
    }
}

#[test]
fn a_name_that_somebody_wrote_with_care_stays() {
    for name in ["McDonald", "von Neumann", "Kovács B.", "Szabó-Nagy", "de la Cruz Ömer"] {
        assert_eq!(title(name), name);
    }
    assert_eq!(title("KISS Jánosné"), "Kiss Jánosné");
}

#[test]
fn names_become_capitals() {
    assert_eq!(upper("Szűcs-Tőkés"), "SZŰCS-TŐKÉS");
}

#[test]
fn every_repetition_of_every_patient_is_written_alike() {
    let text = "MSH|^~\\&|||||||ORU^R01\nPID|1||||KISS&&VON^ANNA^ÉVA^III~NAGY^ANNA\nPID|2||||TÓTH^BÉLA";
    let report = Input::hl7(text).config(r#"{"name_case": "title"}"#).run(lab_normalize);
    insta::assert_snapshot!(report.forwarded_once(), @r"
    MSH|^~\&|||||||ORU^R01
    PID|1||||Kiss&&VON^Anna^Éva^III~Nagy^Anna
    PID|2||||Tóth^Béla
    ");
}
