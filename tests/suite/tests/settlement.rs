//! What settles a delivery: the answer, the accept acknowledgement, the application acknowledgement that follows on the
//! connection or arrives at another interface, or the transport.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, control_id_of, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// An interface that passes everything on to a receiver, whose deliveries are settled as `keys` say.
fn passing(sink: &Sink, keys: &str) -> (Engine, Site) {
    let interface = InterfaceFile::listening("lab").to("ehr", sink.address()).section(keys);
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (engine, site)
}

/// The same, with a second interface at which application acknowledgements arrive; it passes on what is nobody's.
fn acknowledged_elsewhere(sink: &Sink, rest: &Sink) -> (Engine, Site) {
    let keys = "settled_by = \"application\"\nacknowledged_at = \"acks\"\n";
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address()).section(keys)).expect("a site");
    site.add(&InterfaceFile::listening("acks").to("rest", rest.address()))
        .expect("a second interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (engine, site)
}

/// Sends messages whose MSH-15 and 16 ask for `fields`, each on a connection of its own, which ends when the engine has
/// said all that it is asked for.
fn send(engine: &Engine, control_ids: &[&str], fields: &str) {
    for control_id in control_ids {
        let mut connection = engine.connect("lab").expect("a connection");
        let message = observation(control_id).replace("|2.5.1|||||", &format!("|2.5.1|||{fields}|"));
        connection.write(&frame(message.as_bytes())).expect("the engine reads");
        connection.finish().expect("nothing more to say");
        let answers = connection.rest().expect("answers until the end");
        assert!(answers.iter().all(|one| one.contains("A|")), "{answers:?}");
    }
}

/// Waits until so many deliveries to `ehr` are in this stage.
fn settled(engine: &Engine, stage: &str, count: u64) {
    wait_until(&format!("{count} {stage}"), LIMIT, || {
        let status = engine.json(&["status"]).ok()?;
        let interfaces = status.get("interfaces").and_then(Value::as_array)?;
        let destinations = interfaces
            .iter()
            .filter_map(|one| one["destinations"].as_array())
            .flatten();
        let ehr = destinations.into_iter().find(|one| one["name"] == "ehr")?;
        (ehr[stage].as_u64()? >= count).then_some(())
    })
    .expect("the deliveries are settled");
}

fn acknowledgement(code: &str, control_id: &str) -> String {
    format!("MSH|^~\\&|EHR|H|LAB|L|20261123||ACK^R01^ACK|X{control_id}|P|2.5.1\rMSA|{code}|{control_id}\r")
}

/// Hands an acknowledgement in at the second interface; nothing ever answers it.
fn acknowledge(engine: &Engine, code: &str, control_id: &str) {
    let mut connection = engine.connect("acks").expect("a connection");
    let framed = frame(acknowledgement(code, control_id).as_bytes());
    connection.write(&framed).expect("the engine reads");
    connection.finish().expect("nothing more to say");
    assert_eq!(connection.rest().expect("the end"), Vec::<String>::new());
}

#[test]
fn the_application_acknowledgement_after_the_commit_settles_on_the_same_connection() {
    let sink = Sink::scripted(|_, control_id| match control_id {
        "REFUSED" => Reply::Codes(&["CA", "AE"]),
        "NOT-EVEN" => Reply::Code("CE"),
        _ => Reply::Codes(&["CA", "AA"]),
    })
    .expect("a receiver");
    let (engine, _site) = passing(&sink, "settled_by = \"application\"\n");
    send(&engine, &["M0", "REFUSED", "NOT-EVEN", "M1"], "AL|AL");
    settled(&engine, "delivered", 2);
    settled(&engine, "quarantined", 2);
    let received = sink.received();
    assert_eq!(sink.control_ids(), ["M0", "REFUSED", "NOT-EVEN", "M1"]);
    assert!(
        received.iter().all(|one| one.connection == 0),
        "one connection carries it all"
    );
}

#[test]
fn an_application_acknowledgement_that_does_not_come_is_asked_for_again() {
    let sink = Sink::scripted(|number, _| Reply::Codes(if number == 0 { &["CA"] } else { &["CA", "AA"] }));
    let sink = sink.expect("a receiver");
    let (engine, _site) = passing(&sink, "settled_by = \"application\"\napplication_timeout = \"100ms\"\n");
    send(&engine, &["M0", "M1"], "AL|AL");
    settled(&engine, "delivered", 2);
    assert_eq!(sink.control_ids(), ["M0", "M0", "M1"]);
}

#[test]
fn what_msh_16_does_not_ask_for_is_not_waited_for() {
    let sink = Sink::scripted(|_, _| Reply::Code("CA")).expect("a receiver");
    let (engine, _site) = passing(&sink, "settled_by = \"application\"\n");
    send(&engine, &["M0", "M1"], "AL|NE");
    settled(&engine, "delivered", 2);
    assert_eq!(sink.control_ids(), ["M0", "M1"]);
}

#[test]
fn a_commit_settles_and_the_application_acknowledgement_after_it_is_nobody_else_s() {
    let sink = Sink::scripted(|_, _| Reply::Codes(&["CA", "AE"])).expect("a receiver");
    let (engine, _site) = passing(&sink, "settled_by = \"accept\"\n");
    send(&engine, &["M0", "M1", "M2"], "AL|AL");
    settled(&engine, "delivered", 3);
    let received = sink.received();
    assert_eq!(sink.control_ids(), ["M0", "M1", "M2"]);
    assert!(
        received.iter().all(|one| one.connection == 0),
        "nothing is wrong with the connection"
    );
}

#[test]
fn an_application_acknowledgement_may_arrive_at_another_interface() {
    let (sink, rest) = (
        Sink::scripted(|_, _| Reply::Code("CA")).expect("a receiver"),
        Sink::accepting().expect("a receiver"),
    );
    let (engine, _site) = acknowledged_elsewhere(&sink, &rest);
    send(&engine, &["M0", "M1", "M2"], "AL|AL");
    sink.wait_for(1, LIMIT).expect("the first one");

    // One that nobody waits for settles nothing: it is a message like any other, and goes where such go.
    acknowledge(&engine, "AA", "NOBODY-SENT-THIS");
    rest.wait_for(1, LIMIT).expect("it is passed on");
    assert_eq!(sink.count(), 1, "the next delivery waits");

    let before = Instant::now();
    acknowledge(&engine, "AA", "M0");
    let received = sink.wait_for(2, LIMIT).expect("the second one");
    let second = received.get(1).expect("two messages");
    assert!(second.control_id == "M1" && second.at > before);

    // A second one for the same message is nobody's again.
    acknowledge(&engine, "AA", "M0");
    rest.wait_for(2, LIMIT).expect("it is passed on");

    acknowledge(&engine, "AE", "M1");
    sink.wait_for(3, LIMIT).expect("the third one");
    acknowledge(&engine, "AA", "M2");
    settled(&engine, "delivered", 2);
    settled(&engine, "quarantined", 1);
    assert_eq!(sink.control_ids(), ["M0", "M1", "M2"], "nothing was sent twice");
    engine.stop().expect("a clean stop");
    assert_eq!(rest.count(), 2, "what settled a delivery is not passed on");
}

#[test]
fn an_acknowledgement_that_comes_late_settles_the_delivery_all_the_same() {
    let (sink, rest) = (
        Sink::scripted(|_, _| Reply::Hang).expect("a receiver"),
        Sink::accepting().expect("a receiver"),
    );
    let (engine, site) = acknowledged_elsewhere(&sink, &rest);
    drop(engine);
    let keys = "settled_by = \"application\"\nacknowledged_at = \"acks\"\nretry = { first = \"10min\", ceiling = \"10min\" }\n";
    let slow = format!(
        "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\nreply_timeout = \"100ms\"\n{keys}",
        sink.address()
    );
    site.add(&InterfaceFile::listening("lab").section(&slow))
        .expect("another interface");
    let engine = Engine::start_with(&site.path(), &["--apply"]).expect("the engine starts");
    send(&engine, &["M0"], "AL|AL");
    wait_until("the attempt has failed", LIMIT, || {
        engine.said().contains("not delivered").then_some(())
    })
    .expect("no answer came in time");
    acknowledge(&engine, "AA", "M0");
    settled(&engine, "delivered", 1);
    assert_eq!(sink.control_ids(), ["M0"]);
}

#[test]
fn a_restart_while_an_acknowledgement_is_awaited_sends_again() {
    let (sink, rest) = (
        Sink::scripted(|_, _| Reply::Code("CA")).expect("a receiver"),
        Sink::accepting().expect("a receiver"),
    );
    let (engine, site) = acknowledged_elsewhere(&sink, &rest);
    send(&engine, &["M0"], "AL|AL");
    sink.wait_for(1, LIMIT).expect("it is sent");
    engine.kill().expect("SIGKILL");
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    sink.wait_for(2, LIMIT).expect("it is sent again");
    acknowledge(&engine, "AA", "M0");
    settled(&engine, "delivered", 1);
    assert_eq!(sink.control_ids(), ["M0", "M0"]);
}

#[test]
fn release_2_waits_for_the_commit_block_and_commits_the_answer() {
    let sink = Sink::release_2(|number, _| match number {
        0 => Reply::NotStored,
        _ => Reply::Accept,
    })
    .expect("a receiver");
    let (engine, _site) = passing(&sink, "mllp_release = 2\n");
    send(&engine, &["M0", "M1"], "|");
    settled(&engine, "delivered", 2);
    assert_eq!(sink.control_ids(), ["M0", "M0", "M1"]);
    assert_eq!(sink.commits(), 2);
}

#[test]
fn the_transport_settles_where_that_is_configured() {
    let sink = Sink::release_2(|_, _| Reply::Hang).expect("a receiver");
    let (engine, _site) = passing(&sink, "mllp_release = 2\nsettled_by = \"transport\"\n");
    send(&engine, &["M0", "M1"], "NE|NE");
    settled(&engine, "delivered", 2);
    assert_eq!(sink.control_ids(), ["M0", "M1"]);
    let first = sink.received();
    assert_eq!(control_id_of(&first.first().expect("a message").content), "M0");
}
