//! What all listeners take in together is bounded: bytes that wait for their answers, and connections.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::thread;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Connection, Engine, InterfaceFile, Site, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// The least that `in_flight` takes.
const IN_FLIGHT_BYTES_MAX: u64 = 16 << 20;

/// Three of them are more than may be in flight, and none of them is alone.
const LARGE_BYTES: usize = 7 << 20;

/// Of so many senders, each with a large message, none can be read to its end while all are.
const SENDERS: usize = 8;

/// What a connection reads at once, its framing included: it may be in memory before it is counted.
const READ_BYTES: u64 = 64 << 10;

/// Nobody receives: what is queued is no longer in flight.
fn start(intake: &str) -> (Site, Engine) {
    let to_nobody = |interface: InterfaceFile| interface.to("ehr", "127.0.0.1:1");
    let site = Site::with(&to_nobody(InterfaceFile::listening("lab"))).expect("a site");
    site.write("transfuse.toml", format!("[intake]\n{intake}\n"))
        .expect("the settings");
    let second = to_nobody(InterfaceFile::over_http("web"));
    site.add(&second).expect("a second interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

fn room(engine: &Engine) -> Value {
    let status = engine.json(&["status"]).expect("a status");
    status.get("room").cloned().expect("what is left of the limits")
}

/// A message with a document in it.
fn large(control_id: &str) -> Vec<u8> {
    let document = "QUJD".repeat(LARGE_BYTES / 4);
    let message = format!(
        "{}OBX|2|ED|18842-5^Discharge summary^LN||^application^pdf^Base64^{document}||||||F\r",
        observation(control_id)
    );
    message.into_bytes()
}

#[test]
fn more_bytes_than_may_be_in_flight_wait_and_each_message_is_answered() {
    let (_site, engine) = start("in_flight = \"16MiB\"");
    let connections: Vec<Connection> = (0..SENDERS)
        .map(|_| engine.connect("lab").expect("a connection"))
        .collect();
    // All of them have sent most of their message, or wait to.
    let (begun, ends): (Vec<_>, Vec<_>) = connections
        .into_iter()
        .enumerate()
        .map(|(number, mut connection)| {
            let (end, told) = std::sync::mpsc::channel::<()>();
            let sending = thread::spawn(move || {
                let framed = frame(&large(&format!("M{number}")));
                let (most, rest) = framed.split_at(framed.len() - 1);
                connection.write(most).expect("most of it");
                told.recv().expect("a word");
                connection.write(rest).expect("the rest");
                connection.answer().expect("an answer")
            });
            (sending, end)
        })
        .unzip();
    let full = wait_until("connections that wait", LIMIT, || {
        let room = room(&engine);
        (room["waits"].as_u64()? >= 3 && room["in_flight_bytes"].as_u64()? > IN_FLIGHT_BYTES_MAX / 2).then_some(room)
    })
    .expect("more than may be in flight");
    let most = IN_FLIGHT_BYTES_MAX + SENDERS as u64 * READ_BYTES;
    assert!(full["in_flight_bytes"].as_u64().expect("a number") <= most, "{full}");
    // A small message finds its way meanwhile, and so does everything once it may end.
    for end in &ends {
        end.send(()).expect("a sender");
    }
    for sending in begun {
        let answer = sending.join().expect("a sender");
        assert!(answer.contains("MSA|AA|M"), "{answer}");
    }
    let empty = wait_until("nothing in flight", LIMIT, || {
        let room = room(&engine);
        (room["in_flight_bytes"] == 0).then_some(())
    });
    empty.expect("everything that was answered is given back");
    assert!(
        engine.said().contains("as many bytes as may be are in flight"),
        "{}",
        engine.said()
    );
}

#[test]
fn connections_are_counted_over_all_listeners() {
    let (_site, engine) = start("connections = 3");
    let mut open: Vec<Connection> = (0..2).map(|_| engine.connect("lab").expect("a connection")).collect();
    open.push(engine.connect("web").expect("a connection"));
    for connection in open.iter_mut().take(2) {
        let answer = connection.ask(observation("A").as_bytes()).expect("an answer");
        assert!(answer.contains("MSA|AA|A"), "{answer}");
    }
    let counted = wait_until("three connections", LIMIT, || {
        (room(&engine)["connections"] == 3).then_some(())
    });
    counted.expect("three connections");
    for interface in ["lab", "web"] {
        let mut one_more = engine.connect(interface).expect("a connection");
        assert!(one_more.is_closed().expect("an end"), "{interface}");
    }
    let told = engine.command(&["status"]).expect("a status");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("3 connections are open, as many as `connections` allows"),
        "{told}"
    );
    drop(open.pop());
    let again = wait_until("a place", LIMIT, || {
        let mut connection = engine.connect("lab").ok()?;
        connection.ask(observation("B").as_bytes()).ok()
    });
    assert!(again.expect("a place").contains("MSA|AA|B"));
}
