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
    insta::assert_snapshot!(complaint("licence", "license"), @"line 4: `license`: unknown field `license`, expected one of `name`, `version`, `description`, `licence`, `contract`, `accepts`, `produces`, `state_schema`, `requests`, `limits`, `config`, `build`");
    insta::assert_snapshot!(complaint("write", "writes"), @"line 9: `requests.writes`: unknown field `writes`, expected one of `read`, `write`, `tables`, `state`, `create`");
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

#[test]
fn limits_are_written_as_an_interface_writes_them() {
    let with = |limits: &str| Manifest::parse(&format!("{WHOLE}\n[limits]\n{limits}"));
    let limits = with("fuel = 5000000\nmemory = \"64MiB\"\ndeadline = \"2s\"")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.fuel, limits.memory_bytes, limits.deadline_ms),
        (Some(5_000_000), Some(64 << 20), Some(2000))
    );
    insta::assert_snapshot!(with("memory = \"64\"").unwrap_err(), @"line 12: `limits.memory`: `64` is not a size: write a whole number and a unit, such as `64MiB`");
    insta::assert_snapshot!(with("deadline = \"2 days\"").unwrap_err(), @"line 12: `limits.deadline`: `2 days` is not a duration: write a whole number and a unit, such as `500ms` or `2s`");
}

#[test]
fn what_the_site_configures_takes_the_place_of_what_the_package_brings() {
    let manifest = Manifest::parse(&format!(
        "{WHOLE}\n[config]\nfacility = \"A\"\nsince = 2026-03-01\n[config.units]\na = 1\nb = 2"
    ))
    .unwrap();
    let site = serde_json::json!({ "facility": "B", "units": { "a": 3 } });
    let merged = serde_json::Value::Object(manifest.merged_config(site.as_object().unwrap()));
    assert_eq!(
        merged,
        serde_json::json!({ "facility": "B", "since": "2026-03-01", "units": { "a": 3 } })
    );
}

#[test]
fn a_source_lies_in_the_plugins_own_folder() {
    for elsewhere in ["../plugin.js", "/etc/passwd", "a/../../b.js"] {
        let text = format!("{WHOLE}\n[build]\nsource = \"{elsewhere}\"");
        let complaint = Manifest::parse(&text).unwrap_err().to_string();
        assert!(complaint.starts_with("line 12: `build.source`: "), "{complaint}");
    }
}
