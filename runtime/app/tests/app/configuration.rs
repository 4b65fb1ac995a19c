//! What `transfuse check` says of site folders: each folder of `tests/configuration/` is a site, and its `expected.txt`
//! holds the exit code and every word. `BLESS=1 cargo test -p transfuse` rewrites what is expected.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use transfuse_harness::Site;

use crate::support::{Transcript, binary, tests_folder};

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(tests_folder().join("configuration")).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// As somebody sees it who stands in the site folder. Cases about approvals have a file of them; the others are copied,
/// and approve the plugins of the build.
fn check(case: &Path) -> Transcript {
    let site = Site::bare().unwrap();
    site.copy_from(case).unwrap();
    let mut command = Command::new(binary());
    command.current_dir(site.path()).args(["check", "."]);
    let plugins = transfuse_harness::plugins().unwrap();
    // Cases about finding plugins bring a library of their own, or say that there is none.
    if !case.join("plugins").exists() && !case.ends_with("no-plugins-folder") {
        command.arg("--plugins").arg(&plugins);
        if !case.join("approved.toml").exists() {
            site.approve_library(&plugins).unwrap();
        }
    }
    Transcript::of(&mut command)
        .replacing(&plugins.display().to_string(), "[PLUGINS]")
        .replacing(&site.path().display().to_string(), "[SITE]")
}

#[test]
fn every_site_is_told_its_faults_or_what_would_run() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| check(case).difference_to(&case.join("expected.txt")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_come_as_json_as_well() {
    let case = tests_folder().join("configuration/values");
    let output = Command::new(binary())
        .current_dir(case)
        .args(["check", ".", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = report["faults"].as_array().unwrap();
    let fault = faults
        .iter()
        .find(|fault| fault["message"] == "`description` is empty")
        .unwrap();
    assert_eq!(fault["file"], "interfaces/lab.toml");
    assert_eq!((&fault["line"], &fault["column"]), (&1.into(), &15.into()));
    assert_eq!(report["interfaces"], serde_json::json!([]));
}

#[test]
fn the_example_is_sound() {
    let site = Site::new().unwrap();
    site.copy_from(&tests_folder().join("../../../examples/lab-results"))
        .unwrap();
    let output = Command::new(binary()).arg("check").arg(site.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
