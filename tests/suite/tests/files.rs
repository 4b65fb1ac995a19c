//! A folder as a source and a folder as a destination: the example's research interface, as a hospital would run it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use transfuse_harness::{Clock, Engine, InterfaceFile, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

const RESEARCH: &str = r#"description = "Results to the biobank, without addresses"

[source]
type = "files"
folder = "inbox"
pattern = "*.hl7"
stable_for = "50ms"

[[steps]]
plugin = "transfuse/redact"
version = "^1"
grants = { read = ["MSH-*"], write = ["PID-11"] }

[[destinations]]
name = "biobank"
type = "files"
folder = "out"
file = "{control_id}.hl7"
"#;

fn site() -> Site {
    let site = Site::new().expect("a site");
    site.write("interfaces/research.toml", RESEARCH).expect("an interface");
    for folder in ["inbox", "out"] {
        fs::create_dir_all(site.path().join(folder)).expect("a folder");
    }
    site
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_goes_through_the_plugin_and_into_the_archive() {
    let site = site();
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.write("inbox/result.hl7", observation("F1"))
        .expect("a file is dropped");
    wait_until("the file at the biobank", LIMIT, || {
        site.path().join("out/F1.hl7").exists().then_some(())
    })
    .expect("it arrives");
    wait_until("the empty inbox", LIMIT, || {
        names(&site.path().join("inbox")).is_empty().then_some(())
    })
    .expect("it is taken away");
    engine.stop().expect("a clean stop");
    let came_out = fs::read_to_string(site.path().join("out/F1.hl7")).expect("the output");
    let expected = observation("F1").replace("1 Teszt utca^^Budapest^^1000^HUN", "");
    assert_eq!(came_out, expected, "the address is gone, and nothing else has changed");
    assert_eq!(names(&site.path().join("inbox/archive")), ["result.hl7"]);
}

/// A kill may come between the entry of the journal and the move of the file. Here the engine's clock is ahead of the disk's, so that a
/// file which is back where it was has not changed since it was taken.
#[test]
fn a_file_that_was_taken_before_a_stop_is_put_away_and_not_taken_again() {
    const AN_HOUR_SECONDS: i64 = 3_600;
    let (site, clock) = (site(), Clock::new().expect("a clock"));
    let inbox = site.path().join("inbox");
    let (file, archived) = (inbox.join("result.hl7"), inbox.join("archive/result.hl7"));
    let is_archived = || wait_until("the archived file", LIMIT, || archived.exists().then_some(()));
    let is_there = |name: &str| {
        let out = site.path().join("out").join(name);
        wait_until("the file at the biobank", LIMIT, || out.exists().then_some(()))
    };
    clock.jump_to(AN_HOUR_SECONDS).expect("the clock jumps");
    let engine = Engine::start_by(&clock, &site.path()).expect("the engine starts");
    site.write("inbox/result.hl7", observation("F1")).expect("a file");
    is_archived().expect("it is taken");
    engine.stop().expect("a clean stop");

    fs::rename(&archived, &file).expect("it is back");
    let engine = Engine::start_by(&clock, &site.path()).expect("it starts again");
    is_archived().expect("it is put away");
    site.write("inbox/other.hl7", observation("F2")).expect("another file");
    is_there("F2.hl7").expect("it goes on");
    let status = engine.json(&["status"]).expect("a status");
    let taken = status["interfaces"][0]["processed"].as_u64();
    assert_eq!(taken, Some(2), "the first file is no second message: {status}");
    engine.stop().expect("a clean stop");

    // Other bytes under the same name are another message.
    fs::remove_file(&archived).expect("it is taken out");
    site.write("inbox/result.hl7", observation("F3")).expect("a third file");
    let engine = Engine::start_by(&clock, &site.path()).expect("it starts again");
    is_there("F3.hl7").expect("it is taken");
    engine.stop().expect("a clean stop");
}

#[test]
fn a_file_that_is_no_message_goes_to_the_error_folder_and_the_next_is_taken() {
    let site = site();
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.write("inbox/a.hl7", "this is not HL7")
        .expect("a bad file is dropped");
    site.write("inbox/b.hl7", observation("F2"))
        .expect("a good file is dropped");
    wait_until("the good file at the biobank", LIMIT, || {
        site.path().join("out/F2.hl7").exists().then_some(())
    })
    .expect("it arrives");
    let errors = site.path().join("inbox/errors");
    wait_until("the bad file in the error folder", LIMIT, || {
        names(&errors).contains(&"a.hl7".to_owned()).then_some(())
    })
    .expect("it is kept");
    engine.stop().expect("a clean stop");
}

#[test]
fn an_output_whose_name_comes_from_the_message_cannot_leave_its_folder() {
    let site = Site::new().expect("a site");
    fs::create_dir_all(site.path().join("out")).expect("a folder");
    let section = "[[destinations]]\nname = \"files\"\ntype = \"files\"\nfolder = \"out\"\nfile = \"{control_id}\"\n";
    let sink = Sink::accepting().expect("a receiver");
    site.add(
        &InterfaceFile::listening("lab")
            .section(section)
            .to("ehr", sink.address()),
    )
    .expect("an interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let answer = engine
        .connect("lab")
        .expect("a connection")
        .ask(observation("../../../escaped").as_bytes())
        .expect("an answer");
    assert!(answer.contains("MSA|AA|"), "{answer}");
    wait_until("the file", LIMIT, || {
        (names(&site.path().join("out")).len() == 1).then_some(())
    })
    .expect("it is written");
    engine.stop().expect("a clean stop");
    let outside = site.path().parent().map(|parent| parent.join("escaped").exists());
    assert_eq!(outside, Some(false));
}
