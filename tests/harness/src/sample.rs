//! Messages of the suite's own writing; the patients are plainly fictitious.

/// A laboratory result of about a kilobyte, in UTF-8.
#[must_use]
pub fn observation(control_id: &str) -> String {
    [
        &format!("MSH|^~\\&|ANALYSER|LAB|TRANSFUSE|HOSPITAL|20261123101500+0100||ORU^R01^ORU_R01|{control_id}|P|2.5.1|||||HUN|UNICODE UTF-8"),
        "PID|1||90000001^^^PROBA^MR||PRÓBABETEG^GŐZŐ^ŰRHAJÓS||19700101|M|||1 Teszt utca^^Budapest^^1000^HUN||+36 1 000 0000",
        "PV1|1|I|4EAST^401^1^PROBA||||900^TESZTORVOS^ÖDÖN",
        "ORC|RE|ORD-1|LAB-1||CM",
        "OBR|1|ORD-1|LAB-1|PANEL^Rutin panel^L|||20261123100000+0100|||||||||900^TESZTORVOS^ÖDÖN||||||20261123101400+0100||LAB|F",
        "OBX|1|NM|GLU^Glükóz^L||5.4|mmol/l|3.9-5.8||||F|||20261123101200+0100",
        "OBX|2|NM|K^Kálium^L||5.9|mmol/l|3.5-5.1|h|||F|||20261123101200+0100",
        "OBX|3|NM|HGB^Hemoglobin^L||141|g/l|130-170|norm|||F|||20261123101200+0100",
        "OBX|4|ST|MEGJ^Megjegyzés^L||A minta \\T\\ a kísérőlap egyezik||||||F",
        "NTE|1||Próbaüzenet, nem valódi beteg adata",
        "ZLB|1|SZENT_IMRE|belső^mező~második|változatlan",
        "",
    ]
    .join("\r")
}

/// MSH-10 of a message, by the plainest reading that can be written.
#[must_use]
pub fn control_id_of(message: &[u8]) -> String {
    let header = message.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let control_id = header.split(|byte| *byte == b'|').nth(9).unwrap_or_default();
    String::from_utf8_lossy(control_id).into_owned()
}
