//! `transfuse precompile`, and the compiler that the binary is for itself.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site};

use crate::support::binary;

/// Runs a command without the cache that tests share.
fn transfuse(arguments: &[&str], site: &Path) -> Output {
    let mut command = Command::new(binary());
    command.env_remove("TRANSFUSE_CACHE").env("NO_COLOR", "1");
    command.args(arguments).arg(site).output().unwrap()
}

fn precompiled(site: &Path) -> Vec<(String, Option<String>)> {
    let output = transfuse(&["precompile", "--json"], site);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let plugins = report["plugins"].as_array().unwrap().iter();
    plugins
        .map(|one| (text(&one["plugin"]).unwrap(), text(&one["error"])))
        .collect()
}

/// The compiled files of a folder, with the time at which each was made.
fn compiled(folder: &Path) -> Vec<(String, std::time::SystemTime)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap());
    let made = entries.map(|entry| {
        (
            entry.file_name().into_string().unwrap(),
            entry.metadata().unwrap().modified().unwrap(),
        )
    });
    let mut made: Vec<_> = made
        .filter(|(name, _)| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .collect();
    made.sort();
    made
}

fn lab(sink: &Sink) -> Site {
    Site::with(&InterfaceFile::listening("lab").normalizing().to("ehr", sink.address())).unwrap()
}

#[test]
fn all_plugins_of_a_site_are_compiled_once_and_a_start_finds_them() {
    let sink = Sink::accepting().unwrap();
    let site = lab(&sink);
    site.write("transfuse.toml", "[sandbox]\ncache = \"compiled-here\"\n")
        .unwrap();
    let names: Vec<String> = precompiled(&site.path()).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"transfuse/lab-normalize".to_owned()), "{names:?}");
    assert!(!site.path().join("data").exists(), "nothing is started");
    let folder = site.path().join("compiled-here");
    let made = compiled(&folder);
    assert_eq!(made.len(), names.len());
    precompiled(&site.path());
    assert!(transfuse(&["check"], &site.path()).status.success());
    assert_eq!(compiled(&folder), made, "nothing is compiled again");
}

#[test]
fn what_is_live_is_compiled_beside_the_engine_that_runs_it() {
    let sink = Sink::accepting().unwrap();
    let site = lab(&sink);
    let engine = Engine::start(&site.path()).unwrap();
    fs::remove_dir_all(site.path().join("plugins")).unwrap();
    fs::create_dir(site.path().join("plugins")).unwrap();
    assert_eq!(
        precompiled(&site.path()),
        [("transfuse/lab-normalize".to_owned(), None)]
    );
    assert_eq!(compiled(&site.path().join("data/compiled")).len(), 1);
    assert_eq!(engine.stop().unwrap().code, Some(0));
}

#[test]
fn the_compiling_process_takes_nothing_but_an_order() {
    let mut child = Command::new(binary())
        .arg("compile-component")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"\0asm\x0d\0\x01\0 and more")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this is no order to compile"));
    let help = Command::new(binary()).arg("--help").output().unwrap();
    assert!(
        !String::from_utf8_lossy(&help.stdout).contains("compile-component"),
        "nobody is to call it"
    );
}
