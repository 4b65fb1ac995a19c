//! The control API as another program meets it: HTTP over the socket, and nothing else.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

struct Hospital {
    site: Site,
    engine: Engine,
    sink: Sink,
}

fn hospital() -> Hospital {
    let sink = Sink::accepting().unwrap();
    let site = Site::with(&InterfaceFile::listening("lab").normalizing().to("ehr", sink.address())).unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    Hospital { site, engine, sink }
}

impl Hospital {
    fn socket(&self) -> PathBuf {
        self.site.path().join("data/control.sock")
    }

    /// Status code and JSON body.
    fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: transfuse\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(body).unwrap())
    }

    fn send(&self, message: &[u8]) -> String {
        self.engine.connect("lab").unwrap().ask(message).unwrap()
    }

    /// The newest messages, once there are so many that are decided.
    fn messages(&self, count: usize) -> Vec<Value> {
        wait_until("the messages in the list", LIMIT, || {
            let (_, listed) = self.ask("GET", "/v1/messages");
            let messages = listed["messages"].as_array().unwrap().clone();
            let decided = messages.iter().filter(|message| message["stage"] != "received").count();
            (decided >= count).then_some(messages)
        })
        .unwrap()
    }
}

#[test]
fn a_message_can_be_read_back_byte_for_byte_whatever_its_character_set() {
    let hospital = hospital();
    let mut sent = observation("LATIN2").into_bytes();
    sent.extend_from_slice(b"NTE|1||K\xF5r\xF5s \xDB\r");
    assert!(hospital.send(&sent).contains("MSA|AA|LATIN2"));
    hospital.sink.wait_for(1, LIMIT).unwrap();
    let listed = hospital.messages(1);
    let id = listed[0]["id"].as_str().unwrap();
    let (code, message) = hospital.ask("GET", &format!("/v1/messages/{id}"));
    assert_eq!(code, 200);
    let raw = &message["raw"];
    assert_eq!(raw["encoding"], "latin-1");
    let bytes: Vec<u8> = raw["text"]
        .as_str()
        .unwrap()
        .chars()
        .map(|one| u8::try_from(one).unwrap())
        .collect();
    assert_eq!(bytes, sent);
    assert_eq!(raw["bytes"], sent.len());
    let changed = message["decision"]["outputs"][0]["differences"].as_array().unwrap();
    assert!(
        changed
            .iter()
            .any(|one| one["path"] == "MSH-5" && one["after"] == "EHR"),
        "{changed:?}"
    );
    assert_eq!(message["decision"]["steps"][0]["plugin"], "transfuse/lab-normalize");
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let hospital = hospital();
    for number in 1..=5 {
        hospital.send(observation(&format!("P{number}")).as_bytes());
    }
    hospital.messages(5);
    let mut seen = Vec::new();
    let mut path = "/v1/messages?limit=2&interface=lab&stage=processed".to_owned();
    loop {
        let (code, page) = hospital.ask("GET", &path);
        assert_eq!(code, 200, "{page}");
        seen.extend(
            page["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["control_id"].clone()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/messages?limit=2&interface=lab&stage=processed&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["P5", "P4", "P3", "P2", "P1"]);
    let (_, none) = hospital.ask("GET", "/v1/messages?interface=lab&stage=quarantined");
    assert_eq!(none["messages"], serde_json::json!([]));
}

#[test]
fn every_mistake_gets_a_message_and_a_status_of_its_own() {
    let hospital = hospital();
    let mistakes = [
        ("GET", "/v1/message", 404, "there is no such address"),
        ("POST", "/v1/status", 405, "this address does not take that method"),
        ("GET", "/v1/messages/7", 400, "`7` is not a message id"),
        (
            "GET",
            "/v1/messages/20200101-000001",
            404,
            "there is no message 20200101-000001",
        ),
        ("GET", "/v1/messages?stage=done", 400, "`done` is not a stage"),
        (
            "GET",
            "/v1/messages?interface=other",
            404,
            "there is no interface `other`",
        ),
        (
            "GET",
            "/v1/messages?message_type=oru",
            400,
            "`oru` is not a message type",
        ),
        ("GET", "/v1/messages?limit=0", 400, "`limit` must be from 1 to 1000"),
        ("GET", "/v1/messages?before=x", 400, "`x` is not a message id"),
    ];
    for (method, path, code, message) in mistakes {
        let (answered, body) = hospital.ask(method, path);
        assert_eq!(
            (answered, body["error"]["message"].as_str()),
            (code, Some(message)),
            "{method} {path}"
        );
    }
    let (code, body) = hospital.ask("GET", "/v1/messages?interfce=lab");
    assert_eq!(code, 400);
    assert!(
        body["error"]["message"].as_str().unwrap().contains("interfce"),
        "{body}"
    );
}

#[test]
fn the_socket_is_the_owners_alone_and_a_leftover_is_replaced() {
    let hospital = hospital();
    let mode = std::fs::metadata(hospital.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let Hospital { site, engine, .. } = hospital;
    engine.kill().unwrap();
    assert!(
        site.path().join("data/control.sock").exists(),
        "a kill leaves the socket file"
    );
    let engine = Engine::start(&site.path()).unwrap();
    assert!(engine.json(&["status"]).is_ok());
}

#[test]
fn a_stop_over_the_socket_is_a_clean_one() {
    let mut hospital = hospital();
    assert_eq!(
        hospital.ask("POST", "/v1/shutdown"),
        (200, serde_json::json!({ "stopping": true }))
    );
    let finished = hospital.engine.finish().unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.said);
    wait_until("its last word", LIMIT, || {
        hospital
            .engine
            .said()
            .ends_with(
                "stopped
",
            )
            .then_some(())
    })
    .unwrap();
}
