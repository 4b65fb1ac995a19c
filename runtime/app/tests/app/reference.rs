//! `examples/README.md` shows every key with its default, and `runtime/PROFILES.md` those of a profile: held to what the
//! engine makes of them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use transfuse_harness::{InterfaceFile, Site};

use crate::support::{binary, tests_folder};

/// The files that the page shows: each block begins with the file's name.
fn shown() -> Vec<(String, String)> {
    let page = fs::read_to_string(tests_folder().join("../../../examples/README.md")).unwrap();
    let blocks = page.split("```toml\n# ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let (text, _) = rest.split_once("```").unwrap();
            (name.to_owned(), text.to_owned())
        })
        .collect()
}

/// Only what a file needs: the lines that are marked as required or as examples, and the tables around them.
fn minimal(text: &str) -> String {
    let is_needed = |line: &&str| line.starts_with('[') || line.contains("# required") || line.contains("# example");
    let always = |line: &&str| {
        ["name =", "type =", "folder =", "address =", "description ="]
            .iter()
            .any(|key| line.starts_with(key))
    };
    text.lines()
        .filter(|line| is_needed(line) || always(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What would run, as JSON.
fn resolved(files: &[(String, String)]) -> Value {
    let site = Site::new().unwrap();
    for folder in ["inbox", "out"] {
        fs::create_dir_all(site.path().join(folder)).unwrap();
    }
    site.write("profiles/lab.toml", "[[rules]]\npath = \"PID\"\nrequired = true\n")
        .unwrap();
    for (name, text) in files {
        site.write(name, text).unwrap();
    }
    let output = Command::new(binary())
        .args(["check", "--json"])
        .arg(site.path())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["faults"], serde_json::json!([]), "{report:#}");
    report["interfaces"].clone()
}

#[test]
fn the_page_of_all_keys_shows_the_defaults() {
    let shown = shown();
    assert_eq!(shown.len(), 3, "the page shows a site and two interfaces");
    let minimal: Vec<(String, String)> = shown.iter().map(|(name, text)| (name.clone(), minimal(text))).collect();
    assert_eq!(resolved(&shown), resolved(&minimal));
}

#[test]
fn a_key_that_the_page_leaves_in_a_comment_is_a_key_as_well() {
    let uncommented: Vec<(String, String)> = shown()
        .into_iter()
        .map(|(name, text)| {
            (
                name,
                text.replace("\n# ", "\n")
                    .replace("stable_for", "# stable_for")
                    .replace("revocations =", "# revocations ="),
            )
        })
        .collect();
    let interfaces = resolved(&uncommented);
    assert_eq!(
        interfaces[0]["source"]["ready"],
        serde_json::json!({ "marker": ".done" })
    );
    assert_eq!(interfaces[1]["source"]["charset"], "windows-1250");
    assert_eq!(interfaces[1]["source"]["idle_timeout_ms"], 7_200_000);
    assert_eq!(
        interfaces[1]["source"]["validate"]["profile"]["name"],
        "profiles/lab.toml"
    );
    assert_eq!(interfaces[1]["steps"][0]["grants"]["to"], serde_json::json!(["ehr"]));
    assert_eq!(
        interfaces[1]["steps"][0]["instances"],
        serde_json::json!({ "reuse": 100 })
    );
}

/// The examples of a page of profiles: each block that begins with a file's name.
fn profiles() -> Vec<String> {
    let page = fs::read_to_string(tests_folder().join("../../PROFILES.md")).unwrap();
    let blocks = page.split("```toml\n# profiles/").skip(1);
    blocks
        .map(|block| {
            block
                .split_once("```")
                .unwrap()
                .0
                .split_once('\n')
                .unwrap()
                .1
                .to_owned()
        })
        .collect()
}

#[test]
fn the_profile_on_its_page_is_sound_and_shows_every_key() {
    let profiles = profiles();
    assert_eq!(profiles.len(), 1);
    let profile = &profiles[0];
    let site = Site::new().unwrap();
    site.write("profiles/lab.toml", profile).unwrap();
    let interface = InterfaceFile::listening("lab")
        .to("ehr", "127.0.0.1:1")
        .section("[source.validate]\nlevel = \"profile\"\nprofile = \"profiles/lab.toml\"\n");
    site.add(&interface).unwrap();
    let output = Command::new(binary()).arg("check").arg(site.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // What `check` says of the keys that there are, where it knows none like the one that was written.
    site.write(
        "profiles/lab.toml",
        "[[rules]]\nxxxx = 1\nwhen = { xxxx = 1 }\n[[tolerances]]\nxxxx = 1\n",
    )
    .unwrap();
    let output = Command::new(binary()).arg("check").arg(site.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let listed = told.lines().filter_map(|line| line.split_once("the keys are "));
    let listed: BTreeSet<&str> = listed
        .flat_map(|(_, keys)| keys.split('`').skip(1).step_by(2))
        .collect();
    // Those of rules, of conditions and of tolerances.
    assert!(
        ["length_max", "not_in", "codes"].iter().all(|key| listed.contains(key)),
        "{told}"
    );
    for key in listed {
        assert!(profile.contains(&format!("{key} =")), "the page does not show `{key}`");
    }
}
