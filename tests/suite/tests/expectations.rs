//! Traffic that does not come: silence and orders without results are told, and no longer once they are over.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// The alerts of the interface, once they are as they should be.
fn once(engine: &Engine, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
    wait_until(what, LIMIT, || {
        let status = engine.json(&["status"]).ok()?;
        let interfaces = status["interfaces"].as_array()?;
        let lab = interfaces.iter().find(|one| one["name"] == "lab")?;
        let alerts = lab["alerts"].as_array()?.iter();
        let alerts: Vec<String> = alerts.filter_map(|one| one.as_str().map(str::to_owned)).collect();
        is_so(&alerts).then_some(alerts)
    })
    .expect("it comes to that")
}

fn send(engine: &Engine, message: &str) {
    let answer = engine.connect("lab").expect("a connection").ask(message.as_bytes());
    assert!(answer.expect("an answer").contains("MSA|AA|"));
}

fn order(control_id: &str, number: &str) -> String {
    format!(
        "MSH|^~\\&|HIS|WARD|TRANSFUSE|HOSPITAL|20261123101500+0100||ORM^O01^ORM_O01|{control_id}|P|2.5.1\r\
         PID|1||90000001^^^PROBA^MR||PRÓBABETEG^GŐZŐ\rORC|NW|{number}\rOBR|1|{number}||PANEL^Rutin panel^L\r"
    )
}

#[test]
fn silence_is_told_until_it_is_broken_and_a_downtime_of_the_sender_mutes_it() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .to("ehr", sink.address())
        .section("[[expectations]]\nname = \"results\"\ntypes = [\"ORU^R01\"]\nevery = \"2s\"\nmuted_by = [\"ehr\"]\n");
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let alerts = once(&engine, "an alert of silence", |alerts| !alerts.is_empty());
    assert!(alerts[0].starts_with("results: no ORU^R01 for "), "{alerts:?}");
    // An order is no result.
    send(&engine, &order("O1", "ORD-1"));
    once(&engine, "the alert again", |alerts| !alerts.is_empty());
    send(&engine, &observation("R1"));
    once(&engine, "no alert", <[String]>::is_empty);
    once(&engine, "silence again", |alerts| !alerts.is_empty());

    let down = ["downtime", "start", "ehr", "--reason", "an upgrade", "--site"];
    assert!(engine.command(&down).expect("it runs").status.success());
    once(&engine, "a muted alert", <[String]>::is_empty);
    let finished = engine.stop().expect("a clean stop");
    assert!(finished.said.contains("no ORU^R01 for"), "it is in the log");
    assert!(finished.said.contains("what was missing came"));
}

#[test]
fn an_order_without_its_result_is_told_over_a_restart_until_the_result_comes() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab").to("ehr", sink.address()).section(
        "[[expectations]]\nname = \"orders\"\ntypes = [\"ORM^O01\"]\nanswered_by = [\"ORU^R01\"]\nwithin = \"5s\"\n\
         key = \"ORC-2.1\"\n",
    );
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    // The result of the first comes, that of the second does not.
    send(&engine, &order("O1", "ORD-1"));
    send(&engine, &order("O2", "ORD-2"));
    send(&engine, &observation("R1"));
    engine.kill().expect("a kill");
    let engine = Engine::start(&site.path()).expect("the engine starts again");
    let alerts = once(&engine, "an order that is late", |alerts| !alerts.is_empty());
    assert!(
        alerts[0].starts_with("orders: 1 message without ORU^R01 for more than 5 s: "),
        "{alerts:?}"
    );
    let listed = engine.json(&["messages", "list"]).expect("a list");
    let orders = listed["messages"].as_array().expect("messages").iter();
    let second = orders
        .filter(|one| one["control_id"] == "O2")
        .find_map(|one| one["id"].as_str());
    assert!(alerts[0].ends_with(second.expect("the second order")), "{alerts:?}");
    send(&engine, &observation("R2").replace("ORD-1", "ORD-2"));
    once(&engine, "no alert", <[String]>::is_empty);
    engine.stop().expect("a clean stop");
}

#[test]
fn what_is_written_wrong_is_told_with_its_line() {
    let interface = InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1").section(
        "[[expectations]]\nname = \"a b\"\nevery = \"15min\"\ndays = [\"someday\"]\nfrom = \"noon\"\n\
         [[expectations]]\nname = \"orders\"\nanswered_by = [\"result\"]\nkey = \"ORC-\"\n",
    );
    let site = Site::with(&interface).expect("a site");
    let checked = Engine::spawn(&site.path(), &[])
        .expect("it starts")
        .finish()
        .expect("it ends by itself");
    for told in [
        "`a b` cannot name an expectation",
        "`someday` is no day of the week",
        "`from` is no time of day",
        "needs `within`",
        "`result` is not a message type",
        "which messages are answered",
    ] {
        assert!(checked.said.contains(told), "{told}: {}", checked.said);
    }
}
