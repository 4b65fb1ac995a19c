//! Receivers on a bad day: down, slow, confused, or gone in the middle of an answer. Deliveries are tried again in
//! order, nothing is lost, and nothing is sent again after its AA was read.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::net::TcpListener;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, observation};

const LIMIT: Duration = Duration::from_mins(1);

fn passing_to(address: &str) -> Site {
    Site::with(&InterfaceFile::listening("lab").to("ehr", address)).expect("a site")
}

/// Sends `count` messages, each of which must be accepted.
fn send(engine: &Engine, count: usize) {
    let mut connection = engine.connect("lab").expect("a connection");
    for number in 0..count {
        let answer = connection
            .ask(observation(&format!("M{number}")).as_bytes())
            .expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|M{number}")), "{answer}");
    }
}

/// The first arrival of each message, in order.
fn firsts(control_ids: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    control_ids
        .iter()
        .filter(|one| seen.insert((*one).clone()))
        .cloned()
        .collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("M{number}")).collect()
}

/// Runs ten messages against a receiver with a script that spoils some answers, and gives what arrived.
fn ten_messages_against(
    script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
) -> Vec<transfuse_harness::Delivered> {
    let sink = Sink::scripted(script).expect("a receiver");
    let site = passing_to(sink.address());
    let engine = Engine::start(&site.path()).expect("the engine starts");
    send(&engine, 10);
    let accepted = |sink: &Sink| sink.received().iter().filter(|one| one.reply == Reply::Accept).count();
    transfuse_harness::wait_until("ten accepted deliveries", LIMIT, || {
        (accepted(&sink) >= 10).then_some(())
    })
    .expect("all arrive");
    engine.stop().expect("a clean stop");
    sink.received()
}

#[test]
fn a_receiver_that_is_down_gets_everything_in_order_when_it_comes_up() {
    let reserved = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = reserved.local_addr().expect("an address").to_string();
    drop(reserved);
    let site = passing_to(&address);
    let engine = Engine::start(&site.path()).expect("the engine starts without its receiver");
    send(&engine, 20);
    let sink = Sink::listening(&address, |_, _| Reply::Accept).expect("the receiver comes up");
    sink.wait_for(20, LIMIT).expect("everything arrives");
    engine.stop().expect("a clean stop");
    assert_eq!(sink.control_ids(), expected(20));
}

#[test]
fn an_answer_for_another_control_id_settles_nothing_and_the_connection_is_given_up() {
    let received = ten_messages_against(|number, _| {
        if number == 3 {
            Reply::AnotherControlId
        } else {
            Reply::Accept
        }
    });
    let ids: Vec<String> = received.iter().map(|one| one.control_id.clone()).collect();
    assert_eq!(firsts(&ids), expected(10));
    assert_eq!(ids.len(), 11, "only the spoilt one was sent again");
    let spoilt = received.get(3).expect("the spoilt one");
    let again = received.get(4).expect("its repetition");
    assert_eq!(spoilt.control_id, again.control_id);
    assert_ne!(
        spoilt.connection, again.connection,
        "what that connection says is not to be trusted"
    );
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let received = ten_messages_against(|number, _| {
        if number == 5 {
            Reply::DropMidFrame
        } else {
            Reply::Accept
        }
    });
    let ids: Vec<String> = received.iter().map(|one| one.control_id.clone()).collect();
    assert_eq!(firsts(&ids), expected(10));
    assert_eq!(ids.len(), 11);
}

#[test]
fn a_receiver_that_hangs_is_asked_again_on_a_new_connection_and_its_late_answer_is_never_heard() {
    // Longer than the two seconds that the site waits for an answer, so the late AA comes when nobody listens for it.
    let late = Duration::from_secs(3);
    let received = ten_messages_against(move |number, _| if number == 2 { Reply::Late(late) } else { Reply::Accept });
    let ids: Vec<String> = received.iter().map(|one| one.control_id.clone()).collect();
    assert_eq!(firsts(&ids), expected(10));
    let (slow, again) = (
        received.get(2).expect("the slow one"),
        received.get(3).expect("its repetition"),
    );
    assert_eq!(slow.control_id, again.control_id, "order holds while it is tried again");
    assert_ne!(slow.connection, again.connection);
}

#[test]
fn a_receiver_that_says_ar_is_asked_again_and_one_that_says_ae_is_not() {
    let sink = Sink::scripted(|number, control_id| match (number, control_id) {
        (4 | 5, _) => Reply::Code("AR"),
        (_, "M7") => Reply::Code("AE"),
        _ => Reply::Accept,
    })
    .expect("a receiver");
    let site = passing_to(sink.address());
    let engine = Engine::start(&site.path()).expect("the engine starts");
    send(&engine, 10);
    sink.wait_for(12, LIMIT).expect("everything arrives");
    engine.stop().expect("a clean stop");
    let ids = sink.control_ids();
    assert_eq!(
        ids.get(4..7),
        Some(["M4".to_owned(), "M4".to_owned(), "M4".to_owned()].as_slice())
    );
    assert_eq!(
        ids.iter().filter(|id| *id == "M7").count(),
        1,
        "AE says that sending it again would not help"
    );
    assert_eq!(firsts(&ids), expected(10), "what is behind a refused message goes on");
}

#[test]
fn nothing_is_sent_again_after_a_clean_restart() {
    let sink = Sink::accepting().expect("a receiver");
    let site = passing_to(sink.address());
    let engine = Engine::start(&site.path()).expect("the engine starts");
    send(&engine, 10);
    sink.wait_for(10, LIMIT).expect("everything arrives");
    assert_eq!(engine.stop().expect("a clean stop").code, Some(0));
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    send(&engine, 1);
    sink.wait_for(11, LIMIT).expect("the new message arrives");
    engine.stop().expect("a clean stop");
    assert_eq!(sink.control_ids(), [expected(10), expected(1)].concat());
}

#[test]
fn several_outputs_of_a_message_have_control_ids_of_their_own() {
    let sink = Sink::accepting().expect("a receiver");
    let twice = "[[steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\ngrants = { read = [\"MSH-10\"], write = [\"PID-*\"] }\n";
    let site = Site::new().expect("a site");
    site.add_test_plugins().expect("the plugins are there");
    site.add(&InterfaceFile::listening("lab").section(twice).to("ehr", sink.address()))
        .expect("an interface");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for id in ["TWICE1", "once", "TWICE20261123101500-7"] {
        let answer = connection.ask(observation(id).as_bytes()).expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{id}")), "{answer}");
    }
    sink.wait_for(5, LIMIT).expect("they arrive");
    let ids = sink.control_ids();
    assert_eq!(
        ids.get(..4).unwrap_or_default(),
        ["TWICE1", "TWICE1-2", "once", "TWICE20261123101500-7"]
    );
    let last = ids.last().expect("five of them");
    assert!(
        last.len() == 20 && last.starts_with("TWICE2026112") && last.ends_with("-2"),
        "{last}"
    );
    // Another run gives the same ones.
    engine.verify().expect("nothing comes out differently");
    engine.stop().expect("a clean stop");
}
