#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Contract, Language, Manifest};

const WHOLE: &str = r#"name = "transfuse/redact"
version = "1.0.0"
description = "Drops the address"
licence = "Apache-2.0"
contract = "1.0"
accepts = ["ADT^A08", "*"]

[requests]
write = ["PID-11"]
"#;

/// What is said about the whole manifest with one line written differently.
fn complaint(line: &str, instead: &str) -> String {
    assert!(WHOLE.contains(line), "there is no {line}");
    Manifest::parse(&WHOLE.replace(line, instead)).unwrap_err().to_string()
}

#[test]
fn a_manifest_is_read() {
    let manifest = Manifest::parse(WHOLE).unwrap();
    assert_eq!((manifest.name.vendor(), manifest.name.name()), ("transfuse", "redact"));
    assert_eq!(manifest.version.to_string(), "1.0.0");
    assert_eq!(manifest.contract, Contract { major: 1, minor: 0 });
    assert_eq!(manifest.requests.write, ["PID-11"]);
    assert!(!manifest.requests.create);
}

#[test]
fn a_complaint_names_line_and_key() {
    insta::assert_snapshot!(complaint("licence", "license"), @"line 4: `license`: unknown field `license`, expected one of `name`, `version`, `description`, `licence`, `contract`, `accepts`, `requests`, `build`");
    insta::assert_snapshot!(complaint("write", "writes"), @"line 9: `requests.writes`: unknown field `writes`, expected one of `read`, `write`, `tables`, `create`");
    insta::assert_snapshot!(complaint("[\"PID-11\"]", "[\"PID-11\", 5]"), @"line 9: `requests.write[1]`: invalid type: integer `5`, expected a string");
    insta::assert_snapshot!(complaint("version = \"1.0.0\"", "version = \"1.0\""), @"line 2: `version`: unexpected end of input while parsing minor version number");
    insta::assert_snapshot!(complaint("\"1.0\"", "\"one\""), @"line 5: `contract`: `one` is not a version of the contract: write 1.0");
    insta::assert_snapshot!(complaint("\"1.0\"", "1.0"), @"line 5: `contract`: invalid type: floating point `1.0`, expected a string");
    insta::assert_snapshot!(complaint("ADT^A08", "ADT"), @"line 6: `accepts[0]`: `ADT` is not a message type: write ORU^R01, or * for all");
    insta::assert_snapshot!(complaint("contract = \"1.0\"\n", ""), @"missing field `contract`");
    insta::assert_snapshot!(complaint("Drops the address", " "), @"line 3: `description`: is empty");
    insta::assert_snapshot!(complaint("[requests]", "[requests"), @"line 8: unclosed table, expected `]`");
}

#[test]
fn a_name_cannot_leave_its_folder() {
    for name in [
        "../redact",
        "transfuse/../redact",
        "transfuse/",
        "/redact",
        "Transfuse/redact",
        "transfuse/1st",
        "transfuse",
        "a/b/c",
        "a/.b",
    ] {
        let complaint = complaint("transfuse/redact", name);
        assert!(
            complaint.starts_with(&format!("line 1: `name`: `{name}` is not a plugin's name")),
            "{complaint}"
        );
    }
}

#[test]
fn a_plugin_says_what_it_is_built_from() {
    assert_eq!(Manifest::parse(WHOLE).unwrap().build.language, Language::Rust);
    let with = |build: &str| Manifest::parse(&format!("{WHOLE}\n[build]\n{build}"));
    let cobol = with("language = \"cobol\"").unwrap_err().to_string();
    assert!(
        cobol.starts_with("line 12: `build.language`: unknown variant `cobol`, expected "),
        "{cobol}"
    );
    let main = with("main = \"plugin.js\"").unwrap_err().to_string();
    assert_eq!(
        main,
        "line 12: `build.main`: unknown field `main`, expected `language` or `source`"
    );
}
