//! `send` and `listen`, against each other.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::{Transcript, binary, tests_folder};

/// A receiver on a free port.
struct Receiver {
    child: Child,
    address: String,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(["listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    fn send(&self, arguments: &[&str], files: &[PathBuf]) -> Output {
        Command::new(binary())
            .arg("send")
            .arg(&self.address)
            .args(files)
            .args(arguments)
            .output()
            .unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn samples() -> Vec<PathBuf> {
    let folder = tests_folder().join("../../../examples/lab-results/messages/lab");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_sent_is_kept_byte_for_byte_with_the_line_ends_of_hl7() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("received");
    let receiver = Receiver::start(&["--out", out.to_str().unwrap()]);
    let output = receiver.send(&[], &samples());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(names(&out).first().unwrap(), "000001-LAB20261123-0001.hl7");
    for (sample, name) in samples().iter().zip(names(&out)) {
        let sent = fs::read(sample).unwrap();
        let expected: Vec<u8> = sent
            .iter()
            .map(|byte| if *byte == b'\n' { b'\r' } else { *byte })
            .collect();
        assert_eq!(fs::read(out.join(name)).unwrap(), expected);
    }
}

#[test]
fn refusals_hang_ups_and_answers_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let refusing = Receiver::start(&["--nak", "AE", "--out", folder.path().to_str().unwrap()]);
    let refused = Transcript::new(&refusing.send(&[], &samples()[..1])).replacing(&refusing.address, "[ADDRESS]");
    let file = tests_folder().join("transcripts/send-refused.txt");
    assert_eq!(refused.difference_to(&file), None);
    assert_eq!(
        names(folder.path()),
        Vec::<String>::new(),
        "what is refused is not kept"
    );

    let moody = Receiver::start(&["--drop-every", "2", "--out", folder.path().to_str().unwrap()]);
    let output = moody.send(&["--json"], &samples()[..3]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<_> = report["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].clone())
        .collect();
    assert_eq!(serde_json::json!(codes), serde_json::json!(["AA", null, "AA"]));
    assert_eq!((&report["sent"], &report["accepted"]), (&3.into(), &2.into()));
}

#[test]
fn trouble_comes_at_the_messages_that_it_was_asked_for() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let line = "--nak AR:203 --nak-every 5 --silent-every 2 --garbage-every 3 --astray-every 4 --out";
    let arguments: Vec<&str> = line.split(' ').chain([out]).collect();
    let moody = Receiver::start(&arguments);
    let output = moody.send(&["--timeout", "300ms", "--json"], &samples());
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = report["messages"].as_array().unwrap().iter();
    let told: Vec<(Option<&str>, String)> = told
        .map(|one| (one["code"].as_str(), one["text"].to_string()))
        .collect();
    assert_eq!(told[0].0, Some("AA"));
    for (number, words) in [
        (2, "no reply from"),
        (3, "the answer is no acknowledgement"),
        (4, "no reply from"),
    ] {
        let (code, text) = &told[number - 1];
        assert!(code.is_none() && text.contains(words), "{number}: {code:?} {text}");
    }
    assert_eq!(told[4].0, Some("AR"));
    assert!(told[4].1.contains("203"), "{}", told[4].1);
    assert_eq!(names(folder.path()).len(), 1, "only what is accepted is kept");

    let astray = Receiver::start(&["--astray-every", "2"]);
    let output = astray.send(&["--timeout", "300ms", "--json"], &samples()[..3]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["sent"], &report["accepted"]), (&3.into(), &2.into()));
}

/// A message that asks for these two acknowledgements.
fn asking(folder: &Path, accept: &str, application: &str) -> PathBuf {
    let file = folder.join(format!("{accept}{application}.hl7"));
    let message = format!(
        "MSH|^~\\&|A|B|C|D|20261123||ADT^A01|{accept}{application}|P|2.5.1|||{accept}|{application}\rEVN|A01\r"
    );
    fs::write(&file, message).unwrap();
    file
}

#[test]
fn both_modes_and_both_releases_are_spoken_as_each_message_asks() {
    let folder = TempDir::new().unwrap();
    let files = [("AL", "AL"), ("AL", "NE"), ("NE", "AL"), ("NE", "NE"), ("SU", "ER")]
        .map(|(accept, application)| asking(folder.path(), accept, application));
    for release in ["1", "2"] {
        for (nak, expected) in [
            (
                None,
                r#"[["CA", "AA"], [null, "CA"], [null, "AA"], [null, null], [null, "CA"]]"#,
            ),
            (
                Some("AE"),
                r#"[["CA", "AE"], [null, "CA"], [null, "AE"], [null, null], [null, "CA"]]"#,
            ),
        ] {
            let refusing = nak.map_or_else(Vec::new, |code| vec!["--nak", code]);
            let receiver = Receiver::start(&[&["--mllp-release", release], &refusing[..]].concat());
            let output = receiver.send(&["--mllp-release", release, "--await", "200ms", "--json"], &files);
            let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let messages = report["messages"].as_array().unwrap();
            let codes: Vec<_> = messages.iter().map(|one| [&one["commit"], &one["code"]]).collect();
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(serde_json::json!(codes), expected, "release {release}, {nak:?}");
            let refused = messages.iter().filter(|one| one["accepted"] == false).count();
            assert_eq!(refused, if nak.is_some() { 2 } else { 0 });
        }
    }
}

#[test]
fn many_connections_send_everything_exactly_once() {
    let folder = TempDir::new().unwrap();
    let receiver = Receiver::start(&["--out", folder.path().to_str().unwrap()]);
    let output = receiver.send(&["--repeat", "20", "--connections", "8", "--json"], &samples());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["accepted"], 100);
    assert_eq!(names(folder.path()).len(), 100);
}

#[test]
fn a_receiver_stops_after_as_many_as_it_was_told() {
    let folder = TempDir::new().unwrap();
    let mut receiver = Receiver::start(&["--count", "3", "--out", folder.path().to_str().unwrap()]);
    assert!(receiver.send(&[], &samples()[..3]).status.success());
    assert!(receiver.child.wait().unwrap().success());
    assert_eq!(names(folder.path()).len(), 3);
}

#[test]
fn a_second_receiver_adds_to_the_folder_of_the_first() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let receiver = Receiver::start(&["--out", folder.path().to_str().unwrap()]);
        assert!(receiver.send(&[], &samples()[..1]).status.success());
    }
    assert_eq!(
        names(folder.path()),
        ["000001-LAB20261123-0001.hl7", "000002-LAB20261123-0001.hl7"]
    );
}

#[test]
fn a_receiver_that_is_not_there_and_a_file_that_is_not_there_are_failures() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let output = Command::new(binary())
        .arg("send")
        .arg(&nobody)
        .args(samples())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot connect to"));
    let output = Command::new(binary())
        .args(["send", &nobody, "no-such-file.hl7"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot read `no-such-file.hl7`"));
}
