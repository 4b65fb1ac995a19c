//! Planned downtime: deliveries wait, over restarts too, and go out at a limited rate afterwards.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs a command of `downtime`, with the site behind it.
fn downtime(engine: &Engine, arguments: &[&str]) -> serde_json::Value {
    let arguments = [&["downtime"], arguments, &["--json", "--site"]].concat();
    let output = engine.command(&arguments).expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

fn send(engine: &Engine, interface: &str, ids: &[&str]) {
    let mut connection = engine.connect(interface).expect("a connection");
    for id in ids {
        let answer = connection.ask(observation(id).as_bytes()).expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{id}")), "{answer}");
    }
}

/// What the list says of the newest downtime, once it is in a stage.
fn once(engine: &Engine, stage: &str) -> serde_json::Value {
    wait_until(&format!("a downtime that is {stage}"), LIMIT, || {
        let listed = engine.json(&["downtime", "list"]).ok()?;
        let newest = listed["downtimes"][0].clone();
        (newest["stage"] == stage).then_some(newest)
    })
    .expect("it comes to that")
}

#[test]
fn what_is_for_a_receiver_waits_over_a_kill_and_catches_up_at_its_rate() {
    let (ehr, archive) = (
        Sink::accepting().expect("a receiver"),
        Sink::accepting().expect("another"),
    );
    let to_both = |name: &str| InterfaceFile::listening(name).to("ehr", ehr.address());
    let site = Site::with(&to_both("lab").to("archive", archive.address())).expect("a site");
    site.add(&to_both("adt")).expect("another interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    send(&engine, "lab", &["L0"]);
    ehr.wait_for(1, LIMIT).expect("it is up");

    let started = downtime(
        &engine,
        &[
            "start",
            "ehr",
            "--until",
            "8h",
            "--rate",
            "10/s",
            "--reason",
            "an upgrade",
        ],
    );
    assert_eq!(
        (&started["stage"], &started["rate_max"]),
        (&"down".into(), &"10/s".into())
    );
    send(&engine, "lab", &["L1", "L2", "L3", "L4", "L5", "L6", "L7"]);
    send(&engine, "adt", &["A1"]);
    archive.wait_for(8, LIMIT).expect("other receivers go on");
    assert_eq!(ehr.count(), 1);
    let status = engine.command(&["status"]).expect("a status");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(
        status.contains("8 deliveries wait, which take about 1 s at 10/s"),
        "{status}"
    );
    engine.kill().expect("a kill");

    let engine = Engine::start(&site.path()).expect("the engine starts again");
    send(&engine, "lab", &["L8"]);
    archive.wait_for(9, LIMIT).expect("it runs");
    assert_eq!(ehr.count(), 1, "nothing is sent from the very start");
    let began = Instant::now();
    let ended = downtime(&engine, &["end", "ehr"]);
    assert_eq!((&ended["stage"], &ended["waited"]), (&"catching-up".into(), &9.into()));
    let arrived = ehr.wait_for(10, LIMIT).expect("what waited arrives");
    assert!(
        began.elapsed() >= Duration::from_millis(800),
        "nine at ten a second, over both interfaces"
    );
    let of_lab: Vec<&str> = arrived
        .iter()
        .map(|one| one.control_id.as_str())
        .filter(|id| id.starts_with('L'))
        .collect();
    assert_eq!(of_lab, ["L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"]);
    let over = once(&engine, "over");
    assert_eq!((&over["waited"], &over["reason"]), (&9.into(), &"an upgrade".into()));
    engine.stop().expect("a clean stop");
}

#[test]
fn a_downtime_ends_by_itself_and_a_delivery_under_way_is_finished() {
    let slow = Sink::scripted(|_, _| Reply::Late(Duration::from_millis(500))).expect("a slow receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", slow.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    send(&engine, "lab", &["M0"]);
    slow.wait_for(1, LIMIT).expect("it is being delivered");
    downtime(
        &engine,
        &["start", "ehr", "--until", "2s", "--reason", "a restart of the EHR"],
    );
    send(&engine, "lab", &["M1"]);
    let over = once(&engine, "over");
    assert_eq!(over["ended_by"], "the plan");
    assert_eq!(slow.control_ids(), ["M0", "M1"], "each once");
    engine.stop().expect("a clean stop");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1")).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let said = |arguments: &[&str]| {
        let output = engine.command(&[arguments, &["--site"]].concat()).expect("it runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let unknown = said(&["downtime", "start", "her", "--reason", "x"]);
    assert!(
        unknown.contains("no interface that runs has a destination `her`"),
        "{unknown}"
    );
    let silent = said(&["downtime", "start", "ehr"]);
    assert!(silent.contains("--reason"), "{silent}");
    let past = said(&[
        "downtime",
        "start",
        "ehr",
        "--until",
        "2020-01-01T00:00:00Z",
        "--reason",
        "x",
    ]);
    assert!(past.contains("that is past"), "{past}");
    let not_down = said(&["downtime", "end", "ehr"]);
    assert!(
        not_down.contains("`ehr` is not down") && not_down.contains("downtime list"),
        "{not_down}"
    );
    downtime(&engine, &["start", "ehr", "--reason", "x"]);
    let twice = said(&["downtime", "start", "ehr", "--reason", "y"]);
    assert!(twice.contains("`ehr` is down already"), "{twice}");
    engine.stop().expect("a clean stop");
}
