//! What a start runs: the catalog's live revisions, and the site folder only where the catalog has none.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation, python, wait_until};
use transfuse_package::{Library, VersionReq};

use crate::support::{binary, tests_folder};

const LIMIT: Duration = Duration::from_secs(30);

fn lab(sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab").normalizing().to("ehr", sink.address())
}

/// Starts and stops the engine once, so that the catalog knows the site.
fn seen_once(site: &Site) {
    let engine = Engine::start(&site.path()).unwrap();
    assert!(engine.said().contains("revision 1\n"), "{}", engine.said());
    assert!(!engine.said().contains("drift"), "{}", engine.said());
    assert_eq!(engine.stop().unwrap().code, Some(0));
}

/// What it says arrives a moment after it was said.
fn wait_for_words(engine: &Engine, words: &str) -> String {
    let said = || Some(engine.said()).filter(|said| said.contains(words));
    wait_until(&format!("`{words}`"), LIMIT, said).unwrap_or_else(|_| panic!("{words:?} is not in:\n{}", engine.said()))
}

/// A start that is meant to fail: its exit code and what it said, once that has some words.
fn failed_start(site: &Site, arguments: &[&str], words: &str) -> (Option<i32>, String) {
    let mut engine = Engine::spawn(&site.path(), arguments).unwrap();
    let code = engine.finish().unwrap().code;
    (code, wait_for_words(&engine, words))
}

fn status_of(engine: &Engine, interface: &str) -> Value {
    let status = engine.json(&["status"]).unwrap();
    let interfaces = status["interfaces"].as_array().unwrap();
    interfaces.iter().find(|one| one["name"] == interface).unwrap().clone()
}

#[test]
fn a_changed_file_is_drift_until_it_is_applied() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    seen_once(&site);
    site.add(&lab(&sink).head("owner = \"laboratory\"")).unwrap();

    let engine = Engine::start(&site.path()).unwrap();
    wait_for_words(
        &engine,
        "drift: lab runs revision 1, and the site folder differs in `owner`",
    );
    wait_for_words(&engine, "--apply");
    let live = status_of(&engine, "lab");
    assert_eq!(
        (&live["revision"], &live["drift"]),
        (&1.into(), &"the site folder differs in `owner`".into())
    );
    engine.stop().unwrap();

    let engine = Engine::start_with(&site.path(), &["--apply"]).unwrap();
    let live = status_of(&engine, "lab");
    assert_eq!((&live["revision"], &live["drift"]), (&2.into(), &Value::Null));
    engine.stop().unwrap();
    let engine = Engine::start_with(&site.path(), &["--apply"]).unwrap();
    assert_eq!(
        status_of(&engine, "lab")["revision"],
        2,
        "nothing has changed, so nothing is made"
    );
}

#[test]
fn a_changed_table_runs_only_once_it_is_applied() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    seen_once(&site);
    site.write(
        "tables/lab-codes.csv",
        "local,loinc,display,unit\nGLU,2345-7,Glucose,mg/dL\n",
    )
    .unwrap();
    for (arguments, code) in [(&[][..], "14749-6"), (&["--apply"], "2345-7")] {
        let engine = Engine::start_with(&site.path(), arguments).unwrap();
        let before = sink.count();
        engine
            .connect("lab")
            .unwrap()
            .ask(observation("T1").as_bytes())
            .unwrap();
        let received = sink.wait_for(before + 1, LIMIT).unwrap();
        let content = String::from_utf8_lossy(&received.last().unwrap().content).into_owned();
        assert!(content.contains(code), "{arguments:?}: {content}");
        engine.stop().unwrap();
    }
}

#[test]
fn a_new_interface_takes_the_live_version_of_a_table_and_changes_it_for_nobody() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    seen_once(&site);
    site.write(
        "tables/lab-codes.csv",
        "local,loinc,display,unit\nGLU,2345-7,Glucose,mg/dL\n",
    )
    .unwrap();
    site.add(
        &InterfaceFile::listening("clinic")
            .normalizing()
            .to("ehr", sink.address()),
    )
    .unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    for (count, interface) in ["lab", "clinic"].iter().enumerate() {
        let mut connection = engine.connect(interface).unwrap();
        connection.ask(observation("N1").as_bytes()).unwrap();
        let received = sink.wait_for(count + 1, LIMIT).unwrap();
        let content = String::from_utf8_lossy(&received.last().unwrap().content).into_owned();
        assert!(content.contains("14749-6"), "{interface}: {content}");
    }
    let drift = "the site folder differs in `steps`";
    assert_eq!(status_of(&engine, "clinic")["drift"], drift);
    assert_eq!(status_of(&engine, "lab")["drift"], drift);
    engine.stop().unwrap();
}

#[test]
fn a_removed_file_does_not_stop_what_is_live() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    site.add(&InterfaceFile::listening("other").to("ehr", sink.address()))
        .unwrap();
    seen_once(&site);
    fs::remove_file(site.path().join("interfaces/other.toml")).unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    engine.connect("other").unwrap();
    assert_eq!(
        status_of(&engine, "other")["drift"],
        "the site folder has no `interfaces/other.toml`"
    );
}

#[test]
fn what_is_live_runs_without_the_plugins_and_tables_of_the_folder_and_despite_faults_in_it() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    seen_once(&site);
    fs::remove_dir_all(site.path().join("plugins")).unwrap();
    fs::remove_dir_all(site.path().join("tables")).unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    wait_for_words(&engine, "running what is live");
    let answer = engine
        .connect("lab")
        .unwrap()
        .ask(observation("F1").as_bytes())
        .unwrap();
    assert!(answer.contains("MSA|AA|F1"), "{answer}");
    assert_eq!(status_of(&engine, "lab")["drift"], "the site folder has 2 faults");
}

#[test]
fn faults_stop_a_start_before_a_port_is_bound_where_nothing_is_live_or_apply_is_asked() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    site.write("interfaces/second.toml", "descripton = \"\"\n").unwrap();
    let fault = "interfaces/second.toml:1:1: unknown key `descripton`";
    let (code, said) = failed_start(&site, &[], fault);
    assert_eq!(code, Some(64), "{said}");
    assert!(!said.contains("listening"), "{said}");

    fs::remove_file(site.path().join("interfaces/second.toml")).unwrap();
    seen_once(&site);
    site.write("interfaces/second.toml", "descripton = \"\"\n").unwrap();
    assert_eq!(failed_start(&site, &["--apply"], fault).0, Some(64));
}

/// What an engine stored that knew no packages runs on under the next one, although nobody can have approved it.
#[test]
fn a_bare_component_of_an_earlier_catalog_runs_on_with_an_alert() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    seen_once(&site);
    let library = Library::open(site.path().join("plugins")).unwrap();
    let package = library.find("transfuse/lab-normalize", &VersionReq::STAR).unwrap();
    site.write("component.wasm", &package.component).unwrap();
    let converted = Command::new(python().unwrap())
        .arg(tests_folder().join("app/earlier_catalog.py"))
        .arg(site.path().join("data/catalog.sqlite"))
        .arg(site.path().join("component.wasm"))
        .output()
        .unwrap();
    assert!(converted.status.success(), "{converted:?}");
    site.disapprove().unwrap();

    let engine = Engine::start(&site.path()).unwrap();
    assert_eq!(status_of(&engine, "lab")["revision"], 2);
    wait_for_words(&engine, "an earlier engine deployed it without a package");
    let answer = engine
        .connect("lab")
        .unwrap()
        .ask(observation("B1").as_bytes())
        .unwrap();
    assert!(answer.contains("MSA|AA|B1"), "{answer}");
    let delivered = sink.wait_for(1, LIMIT).unwrap();
    let content = String::from_utf8_lossy(&delivered[0].content);
    assert!(content.contains("14749-6"), "it was normalised");
    engine.stop().unwrap();

    // The package takes its place once somebody approves it and deploys.
    site.approve(&package).unwrap();
    let engine = Engine::start_with(&site.path(), &["--apply"]).unwrap();
    let live = status_of(&engine, "lab");
    assert_eq!(
        (&live["revision"], &live["alerts"]),
        (&3.into(), &serde_json::json!([]))
    );
}

#[test]
fn a_second_engine_on_the_same_data_is_refused() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    let first = Engine::start(&site.path()).unwrap();
    let (code, said) = failed_start(&site, &[], "hint: ");
    assert_eq!(code, Some(1), "{said}");
    let answer = first.connect("lab").unwrap().ask(observation("A1").as_bytes()).unwrap();
    assert!(answer.contains("MSA|AA|A1"), "{answer}");
    assert!(
        first.json(&["status"]).is_ok(),
        "the first one's control socket is untouched"
    );
}

#[test]
fn an_address_that_is_taken_ends_the_start_cleanly() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    let file = site.path().join("interfaces/lab.toml");
    let text = fs::read_to_string(&file).unwrap().replace("127.0.0.1:0", &address);
    fs::write(&file, text).unwrap();
    let words = format!("`lab` cannot listen: the address `{address}` is in use");
    assert_eq!(failed_start(&site, &[], &words).0, Some(1));
    drop(taken);
    let engine = Engine::start(&site.path()).unwrap();
    assert!(!engine.said().contains("unclean"), "{}", engine.said());
}

#[test]
fn a_second_signal_ends_a_stop_that_takes_too_long() {
    // Nobody answers, so that a stop has to wait for the reply.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::with(&InterfaceFile::listening("lab").section(&format!(
        "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\nreply_timeout = \"10min\"\n",
        silent.local_addr().unwrap()
    )))
    .unwrap();
    let mut engine = Engine::start(&site.path()).unwrap();
    engine
        .connect("lab")
        .unwrap()
        .ask(observation("S1").as_bytes())
        .unwrap();
    let _accepted = silent.accept().unwrap();
    let signal = |engine: &Engine| {
        Command::new("kill")
            .args(["-TERM", &engine.id().to_string()])
            .status()
            .unwrap()
    };
    assert!(signal(&engine).success());
    wait_until("the stop to begin", LIMIT, || {
        engine.said().contains("stopping").then_some(())
    })
    .unwrap();
    assert!(signal(&engine).success());
    assert_eq!(engine.finish().unwrap().code, Some(130));
}

#[test]
fn the_process_cannot_be_dumped() {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&lab(&sink)).unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", engine.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn without_an_engine_the_question_says_how_to_start_one() {
    let site = Site::new().unwrap();
    let output = Command::new(binary()).arg("status").arg(site.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error: no engine is running on `"), "{said}");
    assert!(
        said.contains(&format!(
            "hint: start it with `transfuse run {}`",
            site.path().display()
        )),
        "{said}"
    );
}
