//! Files of the store that are damaged, built anew, or that nothing can be written to.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Messages of a run, each with a segment of so many bytes, so that they fill several segments of the journal.
const MESSAGES: usize = 200;
const PADDING_BYTES: usize = 12_000;

/// A site whose journal changes segments after few messages, with a backlog in it. What listens at the destination is nobody.
fn with_backlog() -> Site {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1")).expect("a site");
    let settings = std::fs::read_to_string(site.path().join("transfuse.toml")).unwrap_or_default();
    site.write("transfuse.toml", format!("{settings}\n[store]\nsegment = \"1MiB\"\n"))
        .expect("the settings are written");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for number in 0..MESSAGES {
        let message = format!(
            "{}ZPD|{}\r",
            observation(&format!("M{number}")),
            "x".repeat(PADDING_BYTES)
        );
        let answer = connection.ask(message.as_bytes());
        assert!(answer.expect("an answer").contains("MSA|AA|"));
    }
    engine.stop().expect("a clean stop");
    site
}

fn store(site: &Site, command: &str) -> Output {
    Command::new(binary().expect("the binary"))
        .args(["store", command])
        .arg(site.path())
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

fn segment(site: &Site, number: u32) -> PathBuf {
    site.path().join(format!("data/journal/{number:06}.sqlite"))
}

#[test]
fn a_damaged_segment_is_reported_the_rest_is_delivered_and_what_can_be_saved_is() {
    let site = with_backlog();
    let sound = store(&site, "check");
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    let damaged = segment(&site, 2);
    let bytes = std::fs::read(&damaged).expect("there is a second segment");
    // The tables stay, and the second half of their content does not.
    let half = bytes.len() / 2;
    let ruined = [&bytes[..half], &vec![0xA5; bytes.len() - half]].concat();
    std::fs::write(&damaged, ruined).expect("it is damaged");

    let checked = store(&site, "check");
    assert_eq!(checked.status.code(), Some(1));
    assert!(said(&checked).contains("that cannot be read"), "{}", said(&checked));
    assert!(said(&checked).contains("transfuse store repair"), "{}", said(&checked));
    let refused = store(&site, "rebuild");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("000002.sqlite is damaged"),
        "{}",
        said(&refused)
    );

    let sink = Sink::accepting().expect("a receiver");
    site.add(&InterfaceFile::listening("lab").to("ehr", sink.address()))
        .expect("the receiver is there");
    let engine = Engine::start_with(&site.path(), &["--apply"]).expect("the engine starts all the same");
    let held_back = wait_until("what cannot be read to be put aside", LIMIT, || {
        let status = engine.json(&["status"]).ok()?;
        let ehr = &status["interfaces"][0]["destinations"][0];
        (ehr["pending"] == 0).then(|| ehr["quarantined"].as_u64().unwrap_or_default())
    });
    let put_aside = usize::try_from(held_back.expect("nothing blocks the queue")).expect("a small number");
    assert!(put_aside > 0);
    assert_eq!(sink.count() + put_aside, MESSAGES, "each is delivered or in quarantine");
    let status = said(&engine.command(&["status"]).expect("a status"));
    assert!(status.contains("000002.sqlite is damaged"), "{status}");
    let alone = store(&site, "repair");
    assert!(said(&alone).contains("in use"), "{}", said(&alone));
    engine.stop().expect("a clean stop");

    let repaired = store(&site, "repair");
    assert_eq!(
        repaired.status.code(),
        Some(1),
        "something is lost: {}",
        said(&repaired)
    );
    assert!(said(&repaired).contains("000002.damaged"), "{}", said(&repaired));
    let checked = store(&site, "check");
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
}

#[test]
fn a_rebuilt_projection_says_the_same_and_a_changed_one_is_found_out() {
    let site = with_backlog();
    let same = store(&site, "rebuild");
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    assert!(said(&same).contains("said the same"), "{}", said(&same));
    let live = site.path().join("data/live.sqlite");
    let changed = rusqlite::Connection::open(live).expect("the projection");
    changed
        .execute("DELETE FROM deliveries WHERE id = 7", [])
        .expect("somebody takes a delivery out");
    drop(changed);
    let different = store(&site, "rebuild");
    assert_eq!(different.status.code(), Some(1));
    assert!(
        said(&different).contains("deliveries: 1 rows were missing, 0 were too many"),
        "{}",
        said(&different)
    );
    assert_eq!(store(&site, "rebuild").status.code(), Some(0), "and it is in order now");
}

#[test]
fn commands_about_files_say_where_they_looked() {
    let site = Site::bare().expect("a site");
    let none = store(&site, "check");
    assert_eq!(none.status.code(), Some(1));
    assert!(said(&none).contains("data` holds no journal"), "{}", said(&none));
    assert!(said(&none).contains("--data DIR"), "{}", said(&none));
}
