//! What is live changes while messages pass: no connection is refused or closed, nothing is lost, doubled or reordered, and what was
//! live last is live after a kill.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// How often the engine is killed during a change, each time a little later.
const KILLS: usize = 12;

const MORE_GRANTS: &str = "grants = { tables = [\"lab-codes\"], read = [\"*\"], write = [\"PID-5\", \"OBX-3\", \"OBX-6\", \"OBX-8\", \"MSH-5\", \"MSH-6\"] }\n";

/// An interface that writes `facility` into MSH-6 of what it forwards.
fn interface(facility: &str, sink: &Sink) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(&format!(
            "[[steps]]\nplugin = \"transfuse/lab-normalize\"\nversion = \"^1\"\nconfig = {{ facility = \"{facility}\" }}\n{MORE_GRANTS}"
        ))
        .to("ehr", sink.address())
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    let folder = site.path();
    Command::new(binary().expect("the binary"))
        .args(arguments)
        .args(["--site", folder.to_str().expect("a path")])
        .output()
        .expect("a command runs")
}

fn ok(site: &Site, arguments: &[&str]) -> Value {
    let output = run(site, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refused(site: &Site, arguments: &[&str]) -> String {
    let output = run(site, arguments);
    assert!(!output.status.success(), "{arguments:?} works");
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `apply` of what the site's folder says now.
fn apply(engine: &Engine) -> Value {
    let arguments = ["apply", "--yes", "--reason", "a test"];
    engine.json(&arguments).expect("the folder is applied")
}

fn rollback(site: &Site) -> Value {
    ok(site, &["rollback", "lab", "--yes", "--reason", "a test"])
}

fn send(connection: &mut Connection, control_id: &str) {
    let answer = connection.ask(observation(control_id).as_bytes()).expect("an answer");
    assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
}

#[test]
fn a_rollback_is_live_after_a_kill_and_everything_says_which_revision_it_was() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&interface("TWO", &sink)).expect("the file is changed");
    let planned = engine.json(&["apply", "--dry-run"]).expect("a plan");
    let difference = &planned["interfaces"][0]["differences"][0];
    assert_eq!(difference["place"], "steps[transfuse/lab-normalize].config.facility");
    assert_eq!(
        (&difference["before"], &difference["after"]),
        (&"ONE".into(), &"TWO".into())
    );
    assert_eq!(ok(&site, &["history", "lab"])["live"], 1, "a plan changes nothing");
    apply(&engine);
    let mut connection = engine.connect("lab").expect("a connection");
    send(&mut connection, "A");
    assert_eq!(
        engine.json(&["status"]).expect("the status")["interfaces"][0]["drift"],
        Value::Null
    );
    rollback(&site);
    send(&mut connection, "B");
    let status = engine.json(&["status"]).expect("the status");
    assert_eq!(status["interfaces"][0]["drift"], "the site folder differs in `steps`");
    engine.kill().expect("it is killed");

    let engine = Engine::start(&site.path()).expect("it starts again");
    let history = ok(&site, &["history", "lab"]);
    assert_eq!(history["live"], 1);
    let numbers = history["changes"].as_array().expect("changes").iter();
    let numbers: Vec<u64> = numbers.filter_map(|change| change["number"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 1]);
    let status = engine.json(&["status"]).expect("the status");
    assert_eq!(status["interfaces"][0]["revision"], 1);
    assert!(
        status["interfaces"][0]["drift"]
            .as_str()
            .is_some_and(|drift| drift.contains("steps")),
        "{status}"
    );
    let messages = engine.json(&["messages", "list"]).expect("messages");
    let revision = |id: &str| {
        let mut all = messages["messages"].as_array().expect("a list").iter();
        all.find(|one| one["control_id"] == id).expect("it is there")["revision"].clone()
    };
    assert_eq!((revision("A"), revision("B")), (2.into(), 1.into()));
    let both = ok(&site, &["diff", "lab", "1", "2"]);
    assert_eq!(both["differences"].as_array().map(Vec::len), Some(1));
    engine.stop().expect("a clean stop");
}

/// A step that takes two seconds for a message called LOOP, and then fails.
const SLOW: &str = r#"[[steps]]
plugin = "test/mischief"
version = "^1"
grants = { read = ["MSH-10"] }
limits = { deadline = "2s", fuel = 1000000000000 }
"#;

/// What arrives after a change waits for what arrived before it, although another revision is at work.
#[test]
fn order_holds_between_a_slow_message_of_the_old_revision_and_a_quick_one_of_the_new() {
    let sink = Sink::accepting().expect("a receiver");
    let slow = InterfaceFile::listening("lab").section(SLOW).to("ehr", sink.address());
    let site = Site::with(&slow).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&InterfaceFile::listening("lab").to("ehr", sink.address()))
        .expect("the file is changed");
    let (mut first, mut second) = (
        engine.connect("lab").expect("a connection"),
        engine.connect("lab").expect("a connection"),
    );
    let started = Instant::now();
    first
        .write(&transfuse_harness::frame(observation("LOOP").as_bytes()))
        .expect("it is sent");
    wait_until("the slow message", LIMIT, || {
        let listed = engine.json(&["messages", "list"]).expect("messages");
        let is_there = !listed["messages"].as_array().expect("a list").is_empty();
        is_there.then_some(())
    })
    .expect("it is received");
    apply(&engine);
    send(&mut second, "QUICK");
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "it has overtaken the slow one"
    );
    let answer = first.answer().expect("an answer");
    assert!(answer.contains("MSA|AR|LOOP"), "{answer}");
    engine.stop().expect("a clean stop");
}

/// The engine is killed at moments spread over a change, from before its first step to after its last one.
#[test]
fn a_kill_during_a_change_leaves_the_old_or_the_new_revision_live_and_whole() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let mut engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&interface("TWO", &sink)).expect("the file is changed");
    apply(&engine);
    let started = Instant::now();
    rollback(&site);
    let change = started.elapsed();
    let mut live = 1;
    for kill in 0..KILLS {
        let folder = site.path();
        let changing = thread::spawn(move || {
            let mut command = Command::new(binary().expect("the binary"));
            command
                .args(["rollback", "lab", "--yes", "--reason", "x", "--site"])
                .arg(folder);
            command.output().expect("it runs").status.success()
        });
        thread::sleep(change * u32::try_from(kill).expect("a few") / u32::try_from(KILLS).expect("a few") * 3 / 2);
        engine.kill().expect("it is killed");
        let was_told = changing.join().expect("the command ends");
        engine = Engine::start(&site.path()).expect("it starts again");
        let now = ok(&site, &["history", "lab"])["live"]
            .as_u64()
            .expect("a revision is live");
        let (before, after) = (live, 3 - live);
        assert!(now == before || now == after, "revision {now}");
        assert!(!was_told || now == after, "what was told holds");
        live = now;
        let status = engine.json(&["status"]).expect("the status");
        assert_eq!(status["interfaces"][0]["revision"], live);
        send(&mut engine.connect("lab").expect("a connection"), &format!("K{kill}"));
    }
    engine.stop().expect("a clean stop");
}

/// From the command to the first message on the other revision, with connections that stay open.
#[test]
fn a_rollback_takes_effect_within_a_second_with_a_hundred_connections_open() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&interface("TWO", &sink)).expect("the file is changed");
    apply(&engine);
    let mut connections: Vec<Connection> = (0..100).map(|_| engine.connect("lab").expect("a connection")).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        send(connection, &format!("B{number}"));
    }
    let started = Instant::now();
    rollback(&site);
    send(&mut connections[0], "FIRST");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    for (number, connection) in connections.iter_mut().enumerate() {
        send(connection, &format!("A{number}"));
    }
    let delivered = sink.wait_for(201, LIMIT).expect("everything arrives");
    engine.stop().expect("a clean stop");
    let facility = |id: &str| {
        let one = delivered.iter().find(|one| one.control_id == id).expect("it arrived");
        let text = String::from_utf8_lossy(&one.content).into_owned();
        text.split('|').nth(5).unwrap_or_default().to_owned()
    };
    assert_eq!(
        (facility("B99"), facility("FIRST"), facility("A99")),
        ("TWO".into(), "ONE".into(), "ONE".into())
    );
}

#[test]
fn another_version_is_deployed_from_the_library_and_one_that_is_not_approved_is_not() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let next = site.add_next_version("transfuse/lab-normalize").expect("a package");
    let deploy = [
        "deploy",
        "lab",
        "transfuse/lab-normalize@1.1.0",
        "--yes",
        "--reason",
        "a test",
    ];
    let told = refused(&site, &deploy);
    assert!(
        told.contains("must not be deployed") && told.contains("plugin approve"),
        "{told}"
    );
    site.approve(&next).expect("it is approved");
    let changed = ok(&site, &deploy);
    assert_eq!(changed["interfaces"][0]["after"], 2);
    let mut connection = engine.connect("lab").expect("a connection");
    send(&mut connection, "A");
    let messages = engine.json(&["messages", "list"]).expect("messages");
    let id = messages["messages"][0]["id"].as_str().expect("an id").to_owned();
    let shown = engine.json(&["messages", "show", &id]).expect("the message");
    assert_eq!(shown["decision"]["steps"][0]["version"], "1.1.0");
    let told = refused(
        &site,
        &["deploy", "lab", "transfuse/redact@1.0.0", "--yes", "--reason", "x"],
    );
    assert!(told.contains("no step of the plugin"), "{told}");
    let told = refused(
        &site,
        &[
            "deploy",
            "lab",
            "transfuse/lab-normalize@7.0.0",
            "--yes",
            "--reason",
            "x",
        ],
    );
    assert!(told.contains("7.0.0"), "{told}");
    engine.stop().expect("a clean stop");
}

/// What the control socket answers to a request, headers included.
fn post(site: &Site, path: &str, body: &str) -> String {
    let mut socket = UnixStream::connect(site.path().join("data/control.sock")).expect("the socket");
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: transfuse\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).expect("it is asked");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn who_plans_on_what_somebody_else_has_changed_gets_a_conflict() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    site.add(&interface("TWO", &sink)).expect("the file is changed");
    apply(&engine);
    let body = "{ \"reason\": \"late\", \"expected\": { \"lab\": 1 } }";
    let told = post(&site, "/v1/interfaces/lab/rollback", body);
    assert!(told.starts_with("HTTP/1.1 409 "), "{told}");
    assert!(told.contains("changed in the meantime: revision 2 is live"), "{told}");
    assert_eq!(ok(&site, &["history", "lab"])["live"], 2);
    let told = refused(&site, &["rollback", "lab"]);
    assert!(told.contains("--yes") && told.contains("--dry-run"), "{told}");
    let told = refused(&site, &["rollback", "lab", "--to", "9", "--yes", "--reason", "x"]);
    assert!(told.contains("`lab` has no revision 9"), "{told}");
    engine.stop().expect("a clean stop");
}

#[test]
fn interfaces_come_and_go_and_a_listener_moves_while_the_others_run_on() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    send(&mut connection, "A");
    site.add(&InterfaceFile::listening("ward").to("ehr", sink.address()))
        .expect("another interface");
    let changed = apply(&engine);
    assert_eq!(changed["interfaces"][0]["kind"], "new");
    let address = source(&engine, "ward");
    send(&mut Connection::open(&address).expect("the new one listens"), "W1");

    let moved = InterfaceFile::listening("ward").source("idle_timeout = \"1h\"");
    site.add(&moved.to("ehr", sink.address())).expect("the file is changed");
    apply(&engine);
    send(
        &mut Connection::open(&source(&engine, "ward")).expect("it listens again"),
        "W2",
    );

    std::fs::remove_file(site.path().join("interfaces/ward.toml")).expect("the file is there");
    let changed = apply(&engine);
    assert_eq!(changed["interfaces"][0]["kind"], "retired");
    assert!(Connection::open(&address).is_err(), "nobody listens there any more");
    send(&mut connection, "B");
    sink.wait_for(4, LIMIT).expect("everything arrives");
    engine.stop().expect("a clean stop");
    let engine = Engine::start(&site.path()).expect("it starts again");
    let status = engine.json(&["status"]).expect("the status");
    let running = status["interfaces"].as_array().expect("interfaces").iter();
    let running: Vec<_> = running
        .filter(|one| !one["revision"].is_null())
        .map(|one| &one["name"])
        .collect();
    assert_eq!(running, ["lab"]);
    engine.stop().expect("a clean stop");
}

fn source(engine: &Engine, interface: &str) -> String {
    let status = engine.json(&["status"]).expect("the status");
    let mut interfaces = status["interfaces"].as_array().expect("interfaces").iter();
    let found = interfaces.find(|one| one["name"] == interface).expect("it runs");
    found["source"].as_str().expect("an address").to_owned()
}

#[test]
fn destinations_change_drained_and_one_with_deliveries_is_not_taken_away() {
    let (first, second) = (
        Sink::accepting().expect("a receiver"),
        Sink::accepting().expect("a receiver"),
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = nobody.local_addr().expect("an address").to_string();
    drop(nobody);
    let site = Site::with(&interface("ONE", &first)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    send(&mut connection, "A");
    site.add(&interface("ONE", &first).to("archive", &closed))
        .expect("another destination");
    apply(&engine);
    send(&mut connection, "B");
    // A destination that goes while something waits for it.
    site.add(&interface("ONE", &first)).expect("the destination is gone");
    let output = engine.command(&["apply", "--yes", "--reason", "x"]).expect("it runs");
    assert!(!output.status.success());
    assert!(
        said(&output).contains("to `archive`, which is to go, have not been made"),
        "{}",
        said(&output)
    );
    send(&mut connection, "C");
    // One that moves takes what waits with it.
    site.add(&interface("ONE", &first).to("archive", second.address()))
        .expect("it moves");
    apply(&engine);
    second.wait_for(2, LIMIT).expect("what waited arrives");
    site.add(&interface("ONE", &first)).expect("the destination is gone");
    apply(&engine);
    send(&mut connection, "D");
    first.wait_for(4, LIMIT).expect("everything arrives");
    engine.stop().expect("a clean stop");
    assert_eq!(first.control_ids(), ["A", "B", "C", "D"]);
    assert_eq!(second.control_ids(), ["B", "C"]);
}

#[test]
fn a_paused_interface_keeps_its_senders_waiting_over_a_restart_and_takes_them_in_order() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&interface("ONE", &sink)).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let told = refused(&site, &["pause", "lab"]);
    assert!(told.contains("a pause needs a reason"), "{told}");
    assert_eq!(
        ok(&site, &["pause", "lab", "--reason", "the EHR moves"])["is_paused"],
        true
    );
    engine.stop().expect("a clean stop");
    let engine = Engine::start(&site.path()).expect("it starts again");
    let status = engine.json(&["status"]).expect("the status");
    let paused = status["interfaces"][0]["paused"].as_str().unwrap_or_default();
    assert!(paused.starts_with("the EHR moves, by "), "{status}");
    let mut connection = engine.connect("lab").expect("a connection");
    for control_id in ["A", "B", "C"] {
        let frame = transfuse_harness::frame(observation(control_id).as_bytes());
        connection.write(&frame).expect("it is sent");
    }
    assert_eq!(ok(&site, &["resume", "lab"])["was_paused"], true);
    for control_id in ["A", "B", "C"] {
        let answer = connection.answer().expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
    }
    wait_until("the deliveries", LIMIT, || (sink.count() == 3).then_some(())).expect("everything arrives");
    engine.stop().expect("a clean stop");
    assert_eq!(sink.control_ids(), ["A", "B", "C"]);
}
