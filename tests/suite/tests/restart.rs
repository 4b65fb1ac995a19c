//! Stops and starts: clean ones drain, unclean ones are recovered from, and a message that kills the engine does not
//! kill it for ever.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_clean_stop_answers_what_is_in_and_delivers_the_rest_after_the_next_start() {
    let sink = Sink::scripted(|number, _| if number < 3 { Reply::Accept } else { Reply::Hang }).expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    for number in 0..10 {
        let answer = connection
            .ask(observation(&format!("M{number}")).as_bytes())
            .expect("an answer");
        assert!(answer.contains("MSA|AA|"), "{answer}");
    }
    assert_eq!(engine.stop().expect("a clean stop").code, Some(0));

    let second = Sink::accepting().expect("another receiver");
    site.add(&InterfaceFile::listening("lab").to("ehr", second.address()))
        .expect("the receiver has moved");
    let engine = Engine::start_with(&site.path(), &["--apply"]).expect("the engine starts again");
    second.wait_for(7, LIMIT).expect("the rest arrives");
    engine.stop().expect("a clean stop");
    let expected: Vec<String> = (3..10).map(|number| format!("M{number}")).collect();
    assert_eq!(second.control_ids(), expected);
}

#[test]
fn a_second_engine_on_the_same_folder_is_refused() {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", "127.0.0.1:1")).expect("a site");
    let first = Engine::start(&site.path()).expect("the first engine starts");
    let mut second = Engine::spawn(&site.path(), &[]).expect("the second process starts");
    let finished = second.finish().expect("it ends by itself");
    assert_ne!(finished.code, Some(0));
    assert!(finished.said.contains("in use"), "{}", finished.said);
    assert!(
        finished.said.contains(&first.id().to_string()),
        "it says who holds the folder: {}",
        finished.said
    );
    first.stop().expect("the first was not disturbed");
}

#[test]
fn a_live_revision_outlives_a_change_of_the_folder_until_it_is_applied() {
    let before = Sink::accepting().expect("a receiver");
    let after = Sink::accepting().expect("another receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", before.address())).expect("a site");
    Engine::start(&site.path())
        .expect("the engine starts")
        .stop()
        .expect("a clean stop");
    site.add(&InterfaceFile::listening("lab").to("ehr", after.address()))
        .expect("the folder changes");

    let engine = Engine::start(&site.path()).expect("the engine starts");
    assert!(
        engine.said().contains("--apply"),
        "the drift is reported with what to do: {}",
        engine.said()
    );
    engine
        .connect("lab")
        .expect("a connection")
        .ask(observation("OLD").as_bytes())
        .expect("an answer");
    before
        .wait_for(1, LIMIT)
        .expect("the live revision still delivers to the first receiver");
    engine.stop().expect("a clean stop");

    let engine = Engine::start_with(&site.path(), &["--apply"]).expect("the engine starts");
    engine
        .connect("lab")
        .expect("a connection")
        .ask(observation("NEW").as_bytes())
        .expect("an answer");
    after.wait_for(1, LIMIT).expect("the folder is live now");
    engine.stop().expect("a clean stop");
    assert_eq!(
        (before.control_ids(), after.control_ids()),
        (vec!["OLD".to_owned()], vec!["NEW".to_owned()])
    );
}

const SLOW_LOOP: &str = r#"[[steps]]
plugin = "test/mischief"
version = "^1"
grants = { read = ["MSH-10"] }
limits = { deadline = "30s", fuel = 1000000000000 }
"#;

#[test]
fn a_message_whose_chain_was_running_at_two_kills_is_quarantined_and_the_third_start_serves() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .source("ack = \"received\"")
        .section(SLOW_LOOP)
        .to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection.ask(observation("LOOP1").as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|LOOP1"), "{answer}");
    connection
        .write(&frame(observation("AFTER").as_bytes()))
        .expect("the engine reads");
    let answer = connection.answer().expect("it is received as well");
    assert!(answer.contains("MSA|AA|AFTER"), "{answer}");
    engine.kill().expect("the first kill");

    let engine = Engine::start(&site.path()).expect("the second start");
    wait_until("the durable attempt", LIMIT, || {
        engine.said().contains("running again").then_some(())
    })
    .expect("it is run again");
    engine.kill().expect("the second kill");

    let engine = Engine::start(&site.path()).expect("the third start");
    sink.wait_for(1, LIMIT).expect("what was behind it is delivered");
    assert_eq!(sink.control_ids(), ["AFTER"]);
    let quarantined = engine
        .json(&["messages", "list", "--stage", "quarantined"])
        .expect("a list")
        .to_string();
    assert!(
        quarantined.contains("LOOP1") && quarantined.contains("killed-the-engine"),
        "{quarantined}"
    );
    engine.stop().expect("a clean stop");
}
