//! Interfaces that take messages over HTTP: the status says what the acknowledgement says, a key that comes again gets the same
//! answer, the port stays open whatever changes, and each way in which a client misbehaves has an outcome with a name.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::{Duration, Instant};

use transfuse_harness::{Authority, Client, Engine, InterfaceFile, Sink, Site, Valid, observation, python, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

struct Hospital {
    engine: Engine,
    sink: Sink,
    site: Site,
}

impl Hospital {
    /// An interface that passes everything on, with further lines of its source.
    fn new(source: &[&str]) -> Self {
        Self::with(source, "")
    }

    fn with(source: &[&str], steps: &str) -> Self {
        let sink = Sink::accepting().expect("a receiver");
        let site = Site::new().expect("a site");
        site.add_test_plugins().expect("test plugins");
        let hospital = Self::interface(&sink, source, steps);
        site.add(&hospital).expect("an interface");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { engine, sink, site }
    }

    fn interface(sink: &Sink, source: &[&str], steps: &str) -> InterfaceFile {
        let lines = source
            .iter()
            .fold(InterfaceFile::over_http("lab"), |file, line| file.source(line));
        lines.section(steps).to("ehr", sink.address())
    }

    fn client(&self) -> Client {
        Client::open(&self.engine.address("lab").expect("it listens")).expect("a connection")
    }

    fn say(&self, arguments: &[&str]) {
        self.engine.json(arguments).expect("the command succeeds");
    }

    /// A command about one interface.
    fn order(&self, arguments: &[&str]) {
        let output = self
            .engine
            .command(&[arguments, &["--site"]].concat())
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Waits for a refused message, and gives why it was.
    fn refused(&self) -> String {
        let refused = wait_until("a refused message", LIMIT, || {
            let listed = self.engine.json(&["messages", "list", "--stage", "refused"]).ok()?;
            Some(listed["messages"][0]["fault"]["summary"].as_str()?.to_owned())
        });
        refused.unwrap_or_else(|error| panic!("{error}: {}", self.engine.said()))
    }
}

/// A step that fails for a message called PANIC.
const MISCHIEF: &str =
    "[[steps]]\nplugin = \"test/mischief\"\nversion = \"^1\"\ngrants = { read = [\"MSH-10\"], write = [\"PID-*\"] }\n";

#[test]
fn the_status_says_what_the_acknowledgement_says() {
    let hospital = Hospital::with(&["body_bytes_max = \"4KiB\""], MISCHIEF);
    let mut client = hospital.client();
    let answer = client.post(&[], observation("A1").as_bytes()).expect("a response");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("MSA|AA|A1"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/hl7-v2"));
    let answer = client.post(&[], b"no message").expect("a response");
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("MSA|AR"), "{answer:?}");
    let answer = client.post(&[], observation("PANIC").as_bytes()).expect("a response");
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.body.contains("MSA|AR|PANIC"), "{answer:?}");
    let quiet = observation("Q1").replace("|2.5.1|||||", "|2.5.1|||NE|NE|");
    let answer = client.post(&[], quiet.as_bytes()).expect("a response");
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "nothing is asked for");
    let asking = observation("E1").replace("|2.5.1|||||", "|2.5.1|||AL|AL|");
    let answer = client.post(&[], asking.as_bytes()).expect("a response");
    assert!(answer.body.contains("MSA|AA|E1"), "the application's word: {answer:?}");
    let long = client.post(&[], &[b'A'; 5_000]).expect("a response");
    assert_eq!(long.status, 413, "{long:?}");
    hospital.sink.wait_for(3, LIMIT).expect("the accepted ones arrive");
    assert_eq!(hospital.sink.control_ids(), ["A1", "Q1", "E1"]);
}

#[test]
fn what_is_no_message_is_told_so_and_kept_nowhere() {
    let hospital = Hospital::new(&[]);
    let kind = "Content-Type: application/hl7-v2";
    let message = observation("M1");
    let message = message.as_bytes();
    for (request, head, body, status, header) in [
        ("GET /hl7", &[kind][..], &b""[..], 405, Some(("allow", "POST"))),
        ("POST /", &[kind], message, 404, None),
        ("POST /hl7", &["Content-Type: application/json"], message, 415, None),
        ("POST /hl7", &[], message, 415, None),
        (
            "POST /hl7",
            &[kind, "Content-Encoding: gzip"],
            message,
            415,
            Some(("accept-encoding", "identity")),
        ),
        ("POST /hl7", &[kind, "Idempotency-Key: \"\""], message, 400, None),
        ("POST /hl7", &[kind], b"", 400, None),
    ] {
        let answer = hospital.client().ask(request, head, body).expect("a response");
        assert_eq!(answer.status, status, "{request} {head:?}: {answer:?}");
        if let Some((name, value)) = header {
            assert_eq!(answer.header(name), Some(value), "{request} {head:?}");
        }
    }
    let listed = hospital.engine.json(&["messages", "list"]).expect("a list");
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(0), "{listed}");
}

#[test]
fn a_key_that_comes_again_gets_the_same_answer_and_no_second_delivery() {
    let hospital = Hospital::new(&[]);
    let key = &["Idempotency-Key: \"7c4e\""];
    let first = hospital
        .client()
        .post(key, observation("M1").as_bytes())
        .expect("a response");
    let again = hospital
        .client()
        .post(key, observation("M1").as_bytes())
        .expect("a response");
    assert_eq!((again.status, &again.body), (200, &first.body));
    let other = hospital
        .client()
        .post(key, observation("M2").as_bytes())
        .expect("a response");
    assert_eq!(other.status, 422, "{other:?}");
    let without = hospital
        .client()
        .post(&[], observation("M1").as_bytes())
        .expect("a response");
    assert_ne!(without.body, first.body);
    // What has come is known to the next listener too.
    let changed = Hospital::interface(&hospital.sink, &["body_bytes_max = \"1MiB\""], "");
    hospital.site.add(&changed).expect("it is written");
    hospital.say(&["apply", "--yes", "--reason", "a test"]);
    let later = hospital
        .client()
        .post(key, observation("M1").as_bytes())
        .expect("a response");
    assert_eq!(later.body, first.body);
    hospital
        .client()
        .post(&[], observation("END").as_bytes())
        .expect("a response");
    hospital.sink.wait_for(3, LIMIT).expect("they arrive");
    assert_eq!(hospital.sink.control_ids(), ["M1", "M1", "END"]);
}

#[test]
fn who_waits_in_vain_is_told_to_come_again_and_then_hears_what_became_of_the_message() {
    let hospital = Hospital::new(&["answer_timeout = \"100ms\"", "connections_max = 1"]);
    let key = &["Idempotency-Key: 1"];
    hospital.order(&["pause", "lab", "--reason", "a test"]);
    let late = hospital
        .client()
        .post(key, observation("M1").as_bytes())
        .expect("a response");
    assert_eq!((late.status, late.header("retry-after")), (503, Some("5")), "{late:?}");
    // Its place is taken until it is decided.
    let full = hospital
        .client()
        .post(&[], observation("M2").as_bytes())
        .expect("a response");
    assert_eq!((full.status, full.header("retry-after")), (503, Some("5")), "{full:?}");
    assert!(full.body.contains("too many messages"), "{full:?}");
    hospital.order(&["resume", "lab"]);
    let answer = wait_until("room", LIMIT, || {
        let answer = hospital.client().post(key, observation("M1").as_bytes()).ok()?;
        (answer.status == 200).then_some(answer)
    });
    assert!(answer.expect("an answer").body.contains("MSA|AA|M1"));
    hospital.sink.wait_for(1, LIMIT).expect("it arrives");
    assert_eq!(hospital.sink.control_ids(), ["M1"]);
}

#[test]
fn a_client_has_to_show_the_token_as_it_is_now() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    let asking = "authentication = { bearer = \"secret:lab-token\" }";
    site.add(&Hospital::interface(&sink, &[asking], ""))
        .expect("an interface");
    site.write("secrets/token", "CANARY-ONE\n").expect("a secret");
    let environment = "[secrets]\nlab-token = { file = \"secrets/token\" }\n";
    site.write("environments/test.toml", environment)
        .expect("an environment");
    let engine = Engine::start_with(&site.path(), &["--environment", "test"]).expect("the engine starts");
    let post = |token: &str, id: &str| {
        let mut client = Client::open(&engine.address("lab").expect("it listens")).expect("a connection");
        let head = format!("Authorization: Bearer {token}");
        client.post(&[&head], observation(id).as_bytes()).expect("a response")
    };
    let wrong = post("CANARY", "M1");
    assert_eq!((wrong.status, wrong.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(post("CANARY-ONE", "M2").status, 200);
    let status = engine.json(&["status"]).expect("a status");
    assert_eq!(status["interfaces"][0]["turned_away"]["count"], 1, "{status}");
    site.write("secrets/token", "CANARY-TWO\n").expect("another value");
    engine
        .json(&["apply", "--yes", "--reason", "rotation"])
        .expect("it is applied");
    assert_eq!(post("CANARY-ONE", "M4").status, 401);
    assert_eq!(post("CANARY-TWO", "M5").status, 200);
    assert!(!engine.said().contains("CANARY"), "{}", engine.said());
}

#[test]
fn the_port_stays_open_and_connections_too_unless_their_source_changes() {
    let hospital = Hospital::new(&[]);
    let mut client = hospital.client();
    client.post(&[], observation("M1").as_bytes()).expect("a response");
    let address = hospital.engine.address("lab").expect("it listens");
    hospital
        .site
        .add(&Hospital::interface(&hospital.sink, &[], MISCHIEF))
        .expect("it is written");
    hospital.say(&["apply", "--yes", "--reason", "a step"]);
    let answer = client
        .post(&[], observation("PANIC").as_bytes())
        .expect("the same connection");
    assert_eq!(answer.status, 500, "the next revision answers: {answer:?}");
    let other = Hospital::interface(&hospital.sink, &["body_bytes_max = \"1KiB\""], MISCHIEF);
    hospital.site.add(&other).expect("it is written");
    hospital.say(&["apply", "--yes", "--reason", "a limit"]);
    assert!(
        client.is_closed().expect("an end"),
        "what its connection was told of limits is no longer so"
    );
    let mut next = Client::open(&address).expect("the port is the same, though the system chose it");
    let long = format!("{}NTE|1||{}\r", observation("M2"), "A".repeat(1_000));
    assert_eq!(next.post(&[], long.as_bytes()).expect("a response").status, 413);
}

#[test]
fn half_a_body_and_then_silence_is_refused_and_kept() {
    let hospital = Hospital::new(&["body_timeout = \"300ms\""]);
    let mut silent = hospital.client();
    let head =
        b"POST /hl7 HTTP/1.1\r\nHost: e\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nMSH|^~\\&|LAB";
    silent.write(head).expect("the engine reads");
    // Others do not wait for it.
    let other = hospital
        .client()
        .post(&[], observation("OTHER").as_bytes())
        .expect("a response");
    assert_eq!(other.status, 200);
    assert_eq!(silent.response().expect("a response").status, 408);
    assert!(
        hospital.refused().contains("the sender stopped sending"),
        "{}",
        hospital.refused()
    );
}

#[test]
fn a_client_that_hangs_up_in_the_middle_of_its_body_has_sent_no_message() {
    let hospital = Hospital::new(&[]);
    let mut hasty = hospital.client();
    let head =
        b"POST /hl7 HTTP/1.1\r\nHost: e\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nMSH|^~\\&|LAB";
    hasty.write(head).expect("the engine reads");
    drop(hasty);
    assert!(
        hospital.refused().contains("the connection was closed"),
        "{}",
        hospital.refused()
    );
}

#[test]
fn a_head_of_one_byte_at_a_time_has_no_more_time_than_a_pause() {
    let hospital = Hospital::new(&["idle_timeout = \"1s\""]);
    let mut slow = hospital.client();
    let began = Instant::now();
    let written = b"POST /hl7 HTTP/1.1\r\n"
        .iter()
        .chain([b'A'; 1_000].iter())
        .take_while(|byte| {
            // A client has to write at some pace; what is waited for is that the engine has had enough.
            std::thread::sleep(Duration::from_millis(20));
            slow.write(&[**byte]).is_ok()
        });
    assert!(written.count() < 500, "{:?}", began.elapsed());
    let answer = hospital
        .client()
        .post(&[], observation("OTHER").as_bytes())
        .expect("a response");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_client_of_pythons_own_with_tls_is_let_in_by_its_certificate_and_by_nothing_else() {
    let authority = Authority::new().expect("an authority");
    let host = authority.certify("127.0.0.1", Valid::Now).expect("a certificate");
    let own = authority.certify("lab.hospital.example", Valid::Now).expect("another");
    let sink = Sink::accepting().expect("a receiver");
    let tls = format!(
        "[source.tls]\ncertificate = {:?}\nkey = {:?}\nclient_authorities = {:?}\n",
        host.certificate,
        host.key,
        authority.file()
    );
    let interface = InterfaceFile::over_http("lab").section(&tls).to("ehr", sink.address());
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let address = engine.address("lab").expect("it listens");
    let post = |shown: Option<&str>| {
        let code = "import http.client, ssl, sys\n\
            context = ssl.create_default_context(cafile=sys.argv[2])\n\
            if sys.argv[3]: context.load_cert_chain(sys.argv[3], sys.argv[4])\n\
            connection = http.client.HTTPSConnection(sys.argv[1], context=context, timeout=30)\n\
            connection.request('POST', '/hl7', sys.argv[5].encode(), {'Content-Type': 'application/hl7-v2'})\n\
            answer = connection.getresponse()\nprint(answer.status, answer.read().decode())\n";
        let output = Command::new(python().expect("python"))
            .args(["-c", code, &address])
            .arg(authority.file())
            .arg(shown.unwrap_or_default())
            .arg(&own.key)
            .arg(observation("T1"))
            .output()
            .expect("it runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    assert!(!post(None).0);
    let (_, said) = post(own.certificate.to_str());
    assert!(said.starts_with("200 ") && said.contains("MSA|AA|T1"), "{said}");
    authority
        .certify("lab.hospital.example", Valid::Once)
        .expect("an expired one");
    assert!(!post(own.certificate.to_str()).0);
    sink.wait_for(1, LIMIT).expect("it arrives");
    assert_eq!(sink.control_ids(), ["T1"]);
    let said = engine.said();
    assert!(said.contains("no TLS with this peer"), "{said}");
}
