//! What the contract offers beyond values, used by a plugin in Rust that runs in the engine: groups, the schema, times.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Sink, Site};

const LIMIT: Duration = Duration::from_secs(30);

const ANNOTATE: &str = r#"[[steps]]
plugin = "test/annotate"
version = "^1"
grants = { read = ["OBR-*", "OBX-*"], write = ["OBR-8", "OBX-13"] }
"#;

#[test]
fn a_plugin_walks_groups_and_learns_what_hl7_and_the_clock_say_of_a_field() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab");
    let site = Site::with(&interface.section(ANNOTATE).to("ehr", sink.address())).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let sent = "MSH|^~\\&|LAB|H|EHR|H|20261025||ORU^R01^ORU_R01|C1|P|2.5.1\r\
        PID|1\r\
        OBR|1|||A|||202610250230\rOBX|1|NM|GLU||5.4\rOBX|2|ST|TXT||seen\r\
        OBR|2|||B\rOBX|1|CE|ORG||ECOLI\r";
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection.ask(sent.as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|C1"), "{answer}");
    let delivered = sink.wait_for(1, LIMIT).expect("it arrives");
    let delivered = String::from_utf8(delivered.first().expect("one").content.clone()).expect("text");
    // The hour that the night has twice in Budapest: the later one is winter time, an hour east of Greenwich.
    let expected = "MSH|^~\\&|LAB|H|EHR|H|20261025||ORU^R01^ORU_R01|C1|P|2.5.1\r\
        PID|1\r\
        OBR|1|||A|||202610250230|202610250131+0000\r\
        OBX|1|NM|GLU||5.4||||||||Observation Value/NM/0085\r\
        OBX|2|ST|TXT||seen||||||||Observation Value/ST/0085\r\
        OBR|2|||B\r\
        OBX|1|CE|ORG||ECOLI||||||||Observation Value/CE/0085\r";
    assert_eq!(delivered, expected);
    engine.stop().expect("a clean stop");
}
