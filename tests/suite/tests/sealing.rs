//! The data folder holds nothing of a patient that could be read without the master key, which lies elsewhere.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, binary, observation};

const LIMIT: Duration = Duration::from_secs(30);

/// The family name that every message of the suite carries, in the spellings that a plugin makes of it.
const CANARY: &[&str] = &["PRÓBABETEG", "Próbabeteg", "próbabeteg"];

const MISCHIEF: &str = "[[steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\n\
    grants = { read = [\"MSH-10\"], write = [\"PID-*\"] }\nlimits = { deadline = \"200ms\" }\n";

fn transfuse(site: &Site, arguments: &[&str]) -> Output {
    Command::new(binary().expect("the binary"))
        .args(arguments)
        .arg(site.path())
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

/// What the command says, which has to work.
fn done(site: &Site, arguments: &[&str]) -> String {
    let output = transfuse(site, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// What the command says, which must not work.
fn refused(site: &Site, arguments: &[&str]) -> String {
    let output = transfuse(site, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn master_key(site: &Site) -> PathBuf {
    site.path().join("data.key")
}

/// Files below a folder that hold one of the spellings.
fn files_with(folder: &Path, spellings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let path = entry.path();
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            found.extend(files_with(&path, spellings));
        } else if kind.is_file() && !entry.file_name().to_string_lossy().starts_with("catalog.sqlite") {
            // The catalog has the plugin that panics with a name in its words.
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = |needle: &&str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
            if spellings.iter().any(|spelling| holds(&spelling)) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn no_file_of_the_data_folder_holds_a_patients_name_and_the_engine_shows_it_all_the_same() {
    let sink = Sink::scripted(|_, control_id| match control_id {
        "AE1" => Reply::Code("AE"),
        _ => Reply::Accept,
    })
    .expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .section(MISCHIEF)
        .to("ehr", sink.address())
        .to("nobody", "127.0.0.1:1");
    let site = Site::with(&interface).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for control_id in ["GOOD1", "PANIC1", "LOOP1", "AE1", "GOOD2"] {
        connection.ask(observation(control_id).as_bytes()).expect("an answer");
    }
    sink.wait_for(3, LIMIT).expect("those that were processed arrive");
    let data = site.path().join("data");
    let listed = engine.json(&["messages", "list"]).expect("a list");
    let nowhere: [PathBuf; 0] = [];
    assert_eq!(files_with(&data, CANARY), nowhere, "while the engine runs");
    engine.kill().expect("it is gone");
    assert_eq!(files_with(&data, CANARY), nowhere, "as a killed engine leaves it");
    // The search finds what is there.
    assert!(!files_with(&data, &["GOOD1"]).is_empty());

    let engine = Engine::start(&site.path()).expect("the engine starts again");
    let ids = listed["messages"].as_array().expect("messages").iter();
    let ids: Vec<&str> = ids.filter_map(|message| message["id"].as_str()).collect();
    assert_eq!(ids.len(), 5);
    for id in ids {
        let shown = said(&engine.command(&["messages", "show", "--content", id]).expect("it runs"));
        assert!(CANARY.iter().any(|name| shown.contains(name)), "{id}: {shown}");
    }
    engine.stop().expect("a clean stop");
    assert_eq!(files_with(&data, CANARY), nowhere, "as a stopped engine leaves it");
}

#[test]
fn the_master_key_is_made_once_is_needed_and_can_be_changed_while_the_engine_runs() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(observation("BEFORE").as_bytes()).expect("an answer");
    let before = fs::read(master_key(&site)).expect("the master key lies beside the folder");
    assert!(done(&site, &["keys", "show"]).contains("lab"));
    let rotated = done(&site, &["keys", "rotate"]);
    assert!(rotated.contains("holds the new master key"), "{rotated}");
    connection.ask(observation("AFTER").as_bytes()).expect("an answer");
    sink.wait_for(2, LIMIT).expect("they arrive");
    let told = engine.stop().expect("a clean stop").said;
    assert!(told.contains("made the master key"), "{told}");

    let after = fs::read(master_key(&site)).expect("the new master key");
    assert_ne!(before, after);
    for (content, expected) in [(None, "there is no master key"), (Some(before), "holds the master key")] {
        match content {
            None => fs::rename(master_key(&site), site.path().join("elsewhere")).expect("it is gone"),
            Some(content) => {
                fs::write(master_key(&site), content).expect("another one");
                fs::set_permissions(master_key(&site), Permissions::from_mode(0o600)).expect("for its owner");
            }
        }
        for command in [&["run"] as &[&str], &["store", "check"], &["keys", "show"]] {
            let refused = refused(&site, command);
            assert!(refused.contains(expected), "{refused}");
            assert!(refused.contains("hint:"), "{refused}");
        }
    }
    fs::rename(site.path().join("elsewhere"), master_key(&site)).expect("it is back");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let listed = engine.json(&["messages", "list"]).expect("a list");
    for index in 0..2 {
        let id = listed["messages"][index]["id"].as_str().unwrap_or_default().to_owned();
        let shown = said(
            &engine
                .command(&["messages", "show", "--content", &id])
                .expect("it runs"),
        );
        assert!(CANARY.iter().any(|name| shown.contains(name)), "{shown}");
    }
    let told = engine.stop().expect("a clean stop").said;
    assert!(!told.contains("made the master key"), "{told}");
}

#[test]
fn a_bit_that_has_changed_within_a_message_is_found_and_the_rest_is_served() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    connection.ask(observation("ONE").as_bytes()).expect("an answer");
    connection.ask(observation("TWO").as_bytes()).expect("an answer");
    sink.wait_for(2, LIMIT).expect("they arrive");
    engine.stop().expect("a clean stop");
    assert!(done(&site, &["store", "check"]).contains("entries"));

    let segment = site.path().join("data/journal/000001.sqlite");
    let journal = rusqlite::Connection::open(segment).expect("the journal");
    let select = "SELECT position, raw FROM entries WHERE raw IS NOT NULL ORDER BY position LIMIT 1";
    let (position, mut raw): (i64, Vec<u8>) = journal
        .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("a message");
    raw[20] ^= 1;
    let update = "UPDATE entries SET raw = ?1 WHERE position = ?2";
    journal.execute(update, (&raw, position)).expect("a bit changes");
    drop(journal);
    let found = refused(&site, &["store", "check"]);
    assert!(found.contains("does not open: it was changed"), "{found}");

    let engine = Engine::start(&site.path()).expect("the engine starts all the same");
    let listed = engine.json(&["messages", "list"]).expect("a list");
    let show = |index: usize| {
        let id = listed["messages"][index]["id"].as_str().unwrap_or_default().to_owned();
        said(
            &engine
                .command(&["messages", "show", "--content", &id])
                .expect("it runs"),
        )
    };
    assert!(show(0).contains("TWO"), "{}", show(0));
    assert!(show(1).contains("does not open"), "{}", show(1));
    engine.stop().expect("a clean stop");
}

#[test]
fn a_master_key_elsewhere_is_made_first_and_is_for_its_owner_alone() {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1")).expect("a site");
    let settings = fs::read_to_string(site.path().join("transfuse.toml")).unwrap_or_default();
    site.write(
        "transfuse.toml",
        format!("{settings}\n[store]\nmaster_key = \"vault/master.key\"\n"),
    )
    .expect("the settings are written");
    let missing = refused(&site, &["run"]);
    assert!(missing.contains("transfuse keys make"), "{missing}");
    fs::create_dir(site.path().join("vault")).expect("a folder");
    let file = site.path().join("vault/master.key");
    let made = Command::new(binary().expect("the binary"))
        .args(["keys", "make"])
        .arg(&file)
        .output()
        .expect("it runs");
    assert!(made.status.success(), "{}", said(&made));
    let engine = Engine::start(&site.path()).expect("the engine starts");
    engine.stop().expect("a clean stop");
    assert!(!master_key(&site).exists());
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("others can read it");
    let open = refused(&site, &["run"]);
    assert!(open.contains("chmod 600"), "{open}");
}
