//! Request and reply: what a destination answers is what the sender hears, within its time, and nothing of it is queued.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use transfuse_harness::{
    Client, Engine, HttpSink, InterfaceFile, Sink, Site, Told, binary, control_id_of, frame, wait_until,
};

const LIMIT: Duration = Duration::from_secs(30);

/// Who is in bed 7?
fn query(control_id: &str) -> String {
    format!(
        "MSH|^~\\&|PORTAL|H|EHR|H|20260301||QBP^Q22^QBP_Q21|{control_id}|P|2.5\rQPD|Q22^Find Candidates^HL7|T1|@PID.3.1^7\r\
         RCP|I\r"
    )
}

/// One patient, found for this query.
fn response(code: &str, control_id: &str) -> String {
    format!(
        "MSH|^~\\&|EHR|H|PORTAL|H|20260301||RSP^K22^RSP_K21|R{control_id}|P|2.5\rMSA|{code}|{control_id}\rQAK|T1|OK\r\
         QPD|Q22^Find Candidates^HL7|T1|@PID.3.1^7\rPID|1||7^^^H||PRÓBA^BETEG||||||1 Teszt utca\r"
    )
}

/// A system that is asked: `answer` says what, frame by frame. Where that is nothing, the connection stays silent.
struct Registry {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    fn answering(answer: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (known, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, answer) = (Arc::clone(&known), Arc::clone(&answer));
                std::thread::spawn(move || answer_all(&stream, &known, &*answer));
            }
        });
        Self { address, asked }
    }

    /// The control ids of what it was asked.
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("nobody panicked");
        asked.iter().map(|one| control_id_of(one.as_bytes())).collect()
    }
}

fn answer_all(stream: &TcpStream, known: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> Vec<String>) {
    let (mut reading, mut writing) = (BufReader::new(stream), stream);
    let mut framed = Vec::new();
    // The test may have ended.
    while reading.read_until(0x1c, &mut framed).is_ok() && framed.ends_with(b"\x1c") {
        let question = String::from_utf8_lossy(&framed);
        let question = question.trim_matches(['\x0b', '\x1c', '\r']).to_owned() + "\r";
        known.lock().expect("nobody panicked").push(question.clone());
        for one in answer(&question) {
            drop(writing.write_all(&frame(one.as_bytes())));
        }
        framed.clear();
    }
}

/// What the harness' own parser needs: without what surrounds it.
fn control_id(question: &str) -> String {
    control_id_of(question.as_bytes())
}

/// An interface that passes queries on to `registry`, and tells an archive of them.
fn portal(registry: &str, head: &str) -> InterfaceFile {
    InterfaceFile::listening("portal")
        .head("reply = \"destination:registry\"")
        .head(head)
        .to("registry", registry)
}

fn start(interface: &InterfaceFile) -> (Site, Engine) {
    let site = Site::with(interface).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

/// Asks over a connection of its own.
fn ask(engine: &Engine, message: &str) -> String {
    let mut connection = engine.connect("portal").expect("a connection");
    connection.ask(message.as_bytes()).expect("an answer")
}

fn shown(engine: &Engine, control_id: &str) -> Value {
    let listed = engine.json(&["messages", "list"]).expect("a list");
    let messages = listed["messages"].as_array().expect("messages");
    let message = messages.iter().find(|one| one["control_id"] == control_id);
    let id = message.and_then(|one| one["id"].as_str()).expect("the message");
    engine.json(&["messages", "show", id]).expect("the message")
}

fn told(engine: &Engine, arguments: &[&str]) -> String {
    let output = engine.command(arguments).expect("it runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn the_answer_of_a_destination_is_the_reply_and_nothing_is_queued_for_it() {
    let registry = Registry::answering(|question| vec![response("AA", &control_id(question))]);
    let archive = Sink::accepting().expect("a receiver");
    let (site, engine) = start(&portal(&registry.address, "").to("archive", archive.address()));
    assert_eq!(ask(&engine, &query("Q1")), response("AA", "Q1"));
    archive.wait_for(1, LIMIT).expect("it gets the query as ever");
    assert_eq!(registry.asked(), ["Q1"]);

    let message = shown(&engine, "Q1");
    assert_eq!(message["stage"], "processed", "{message}");
    let deliveries = message["deliveries"].as_array().expect("deliveries");
    assert_eq!(deliveries.len(), 1, "{message}");
    assert_eq!(deliveries[0]["destination"], "archive");
    let exchange = &message["decision"]["exchange"];
    assert_eq!(exchange["destination"], "registry", "{message}");
    let id = message["id"].as_str().expect("an id");
    let story = told(&engine, &["messages", "show", id]);
    assert!(
        story.contains("asked: registry, answered AA") && story.contains("to registry, as a question"),
        "{story}"
    );
    // To run it again is not to ask again, and its answer is nothing that could be held against another run.
    let verified = engine.verify().expect("nothing differs");
    assert_eq!(
        verified["not_verifiable"][0]["why"], "the answer of `registry` went into it",
        "{verified}"
    );
    let mut replay = Command::new(binary().expect("the binary"));
    let replay = replay.args(["messages", "replay", id, "--yes", "--reason", "a test", "--site"]);
    let replayed = replay.arg(site.path()).output().expect("it runs");
    let said = String::from_utf8_lossy(&replayed.stderr);
    let arrived = archive.wait_for(2, LIMIT);
    arrived.unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(registry.asked(), ["Q1"], "nobody is asked again");
}

#[test]
fn a_sender_is_told_no_by_whoever_is_asked_and_keeps_its_message() {
    let registry = Registry::answering(|question| vec![response("AE", &control_id(question))]);
    let archive = Sink::accepting().expect("a receiver");
    let (_site, engine) = start(&portal(&registry.address, "").to("archive", archive.address()));
    assert_eq!(ask(&engine, &query("Q1")), response("AE", "Q1"));
    let message = shown(&engine, "Q1");
    assert_eq!(message["stage"], "refused", "{message}");
    assert_eq!(message["decision"]["fault"]["kind"], "refused-by-destination");
    assert_eq!(archive.count(), 0, "the sender has it, and nobody else hears of it");
}

#[test]
fn without_an_answer_in_time_the_sender_hears_what_is_configured_and_the_next_one_is_asked_again() {
    // The first question is not answered in its time, and its answer must not be taken for that of the second one.
    let registry = Registry::answering(|question| match control_id(question).as_str() {
        "Q1" => Vec::new(),
        "Q2" => vec![response("AA", "Q1")],
        "Q3" => vec!["MSH|^~\\&|EHR|||||||X|P|2.5\rZZZ|no answer\r".to_owned()],
        id => vec![response("AA", id)],
    });
    let head = "reply_timeout = \"300ms\"\nno_reply = { code = \"AE\", text = \"the registry sleeps\" }";
    let (_site, engine) = start(&portal(&registry.address, head));
    for (control_id, why) in [
        ("Q1", "did not answer within 300 ms"),
        ("Q2", "did not answer within 300 ms"),
        ("Q3", "says nothing"),
    ] {
        let began = Instant::now();
        let answer = ask(&engine, &query(control_id));
        assert!(answer.contains(&format!("MSA|AE|{control_id}")), "{answer}");
        assert!(answer.contains("the registry sleeps"), "{answer}");
        assert!(began.elapsed() < LIMIT, "it took {:?}", began.elapsed());
        let message = shown(&engine, control_id);
        assert_eq!(message["stage"], "refused", "{message}");
        let fault = &message["decision"]["fault"];
        assert_eq!(fault["kind"], "no-reply", "{message}");
        assert!(
            fault["summary"].as_str().is_some_and(|summary| summary.contains(why)),
            "{control_id}: {fault}"
        );
    }
    assert_eq!(ask(&engine, &query("Q4")), response("AA", "Q4"));
    assert_eq!(registry.asked(), ["Q1", "Q2", "Q3", "Q4"]);
}

#[test]
fn an_accept_acknowledgement_in_front_of_the_answer_is_not_the_answer() {
    let registry = Registry::answering(|question| {
        let id = control_id(question);
        let accept = format!("MSH|^~\\&|EHR|||||||C1|P|2.5\rMSA|CA|{id}\r");
        vec![accept, response("AA", &id)]
    });
    let (_site, engine) = start(&portal(&registry.address, ""));
    assert_eq!(ask(&engine, &query("Q1")), response("AA", "Q1"));
    assert_eq!(ask(&engine, &query("Q2")), response("AA", "Q2"));
}

const REDACTED: &str = "[[reply_steps]]\nplugin = \"transfuse/redact\"\nversion = \"^1\"\n\
    grants = { read = [\"PID-11\"], write = [\"PID-11\"] }\n";

const MISCHIEF: &str = "[[reply_steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\n\
    grants = { read = [\"MSH-10\"] }\n";

#[test]
fn steps_of_the_reply_change_the_answer_and_nothing_else() {
    let registry = Registry::answering(|question| vec![response("AA", &control_id(question))]);
    let (_site, engine) = start(&portal(&registry.address, "").section(REDACTED));
    let answer = ask(&engine, &query("Q1"));
    assert!(
        answer.contains("MSA|AA|Q1") && answer.contains("PRÓBA^BETEG"),
        "{answer}"
    );
    assert!(!answer.contains("Teszt utca"), "{answer}");
    let message = shown(&engine, "Q1");
    let steps = message["decision"]["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 1, "{message}");
    assert_eq!(steps[0]["destination"], "reply of registry");
    let received = registry.asked.lock().expect("nobody panicked").clone();
    assert_eq!(received, [query("Q1")], "the question is as it came");
}

#[test]
fn a_reply_whose_steps_fail_is_none() {
    // The plugin panics at a control id that says so.
    let registry = Registry::answering(|question| {
        let id = control_id(question);
        vec![response("AA", &id).replace(&format!("|R{id}|"), "|PANIC|")]
    });
    let (_site, engine) = start(&portal(&registry.address, "").section(MISCHIEF));
    let answer = ask(&engine, &query("Q1"));
    assert!(answer.contains("MSA|AR|Q1"), "{answer}");
    let message = shown(&engine, "Q1");
    assert_eq!(message["stage"], "refused", "{message}");
    assert_eq!(message["decision"]["fault"]["kind"], "trapped", "{message}");
}

#[test]
fn many_senders_share_the_connections_and_wait_no_longer_than_they_may() {
    const SENDERS: usize = 8;
    let registry = Registry::answering(|question| vec![response("AA", &control_id(question))]);
    let interface = portal(&registry.address, "")
        .section("connections = 2\n")
        .head("order = \"none\"");
    let (_site, engine) = start(&interface);
    let engine = &engine;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || {
                let mut connection = engine.connect("portal").expect("a connection");
                for number in 0..20 {
                    let id = format!("S{sender}-{number}");
                    let answer = connection.ask(query(&id).as_bytes()).expect("an answer");
                    assert_eq!(answer, response("AA", &id));
                }
            });
        }
    });
    assert_eq!(registry.asked().len(), SENDERS * 20);
}

#[test]
fn a_request_over_http_is_answered_with_what_another_system_responds_over_http() {
    let registry = HttpSink::scripted(|_, posted| match posted.control_id.as_str() {
        "Q2" => Told::status(503),
        id => Told::status(200).body(response("AA", id)),
    })
    .expect("a receiver");
    let interface = InterfaceFile::over_http("portal")
        .head("reply = \"destination:registry\"")
        .section(&format!(
            "[[destinations]]\nname = \"registry\"\ntype = \"http\"\nurl = \"{}\"\n",
            registry.url("/query")
        ));
    let (_site, engine) = start(&interface);
    let address = engine.address("portal").expect("it listens");
    let mut client = Client::open(&address).expect("a connection");
    let found = client.post(&[], query("Q1").as_bytes()).expect("a response");
    assert_eq!((found.status, found.body), (200, response("AA", "Q1")));
    let none = client.post(&[], query("Q2").as_bytes()).expect("a response");
    assert_eq!(none.status, 500, "{}", none.body);
    assert!(none.body.contains("MSA|AR|Q2"), "{}", none.body);
}

/// Its sender has the accept acknowledgement, so that the message is the engine's, and nobody waits for the answer any more.
#[test]
fn what_a_stop_cut_short_is_not_asked_again_and_rests_where_it_had_been_accepted() {
    let registry = Registry::answering(|_| Vec::new());
    let interface = portal(&registry.address, "");
    let (site, engine) = start(&interface);
    let mut connection = engine.connect("portal").expect("a connection");
    let accepted = connection.ask(query("Q1").replace("|P|2.5", "|P|2.5|||AL|AL").as_bytes());
    let accepted = accepted.expect("the accept acknowledgement");
    assert!(accepted.contains("MSA|CA|Q1"), "{accepted}");
    wait_until("the question", LIMIT, || (!registry.asked().is_empty()).then_some(())).expect("it is asked");
    engine.kill().expect("it is killed");
    let engine = Engine::start(&site.path()).expect("it starts again");
    let decided = wait_until("the end of it", LIMIT, || {
        Some(shown(&engine, "Q1")).filter(|message| message["stage"] == "quarantined")
    });
    let message = decided.expect("it rests");
    assert_eq!(message["decision"]["fault"]["kind"], "no-reply", "{message}");
    assert_eq!(registry.asked(), ["Q1"], "nobody is asked again");
}

#[test]
fn a_reply_that_cannot_be_is_told_with_its_line() {
    let sink = Sink::accepting().expect("a receiver");
    let check = |interface: &InterfaceFile| {
        let site = Site::with(interface).expect("a site");
        let mut check = Command::new(binary().expect("the binary"));
        let output = check.arg("check").arg(site.path()).output().expect("it runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let listening = || InterfaceFile::listening("portal");
    let asking = |interface: InterfaceFile| interface.head("reply = \"destination:ehr\"").to("ehr", sink.address());
    for (interface, expected) in [
        (
            listening()
                .head("reply = \"destination:her\"")
                .to("ehr", sink.address()),
            "there is no destination `her`",
        ),
        (
            listening().head("reply = \"ehr\"").to("ehr", sink.address()),
            "which names no destination",
        ),
        (
            listening().head("reply_timeout = \"5s\"").to("ehr", sink.address()),
            "`reply` is missing",
        ),
        (asking(listening()).head("no_reply = { code = \"AA\" }"), "`code`"),
        (
            asking(listening().source("ack = \"received\"")),
            "the sender is answered before anybody is asked",
        ),
        (
            asking(InterfaceFile::fed_by_others("portal")),
            "nobody waits for a reply at this source",
        ),
        (
            asking(listening().section("[duplicates]\nwindow = \"1h\"\n")),
            "a message that comes again has to be answered again",
        ),
        (
            asking(listening()).section("settled_by = \"transport\"\n"),
            "gives no answer that could be the reply",
        ),
    ] {
        let (is_sound, said) = check(&interface);
        assert!(!is_sound && said.contains(expected), "{expected}: {said}");
    }
    let (is_sound, said) = check(&asking(listening()));
    assert!(
        is_sound && said.contains("what ehr answers within 10s, else AR"),
        "{said}"
    );
}
