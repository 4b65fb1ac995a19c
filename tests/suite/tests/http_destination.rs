//! Interfaces that deliver over HTTP: the response is the acknowledgement, a delivery has one key over all its attempts, tokens are
//! fetched and fetched again, and each way in which a receiver misbehaves has an outcome with a name.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{
    Authority, Engine, HttpSink, InterfaceFile, Posted, Sink, Site, Told, Valid, binary, observation, wait_until,
};

const LIMIT: Duration = Duration::from_secs(30);

const QUICK: &str = "retry = { first = \"5ms\", ceiling = \"20ms\", rejects_max = 2 }";

/// An interface `lab` that passes everything on to `ehr`.
struct Feed {
    engine: Engine,
    site: Site,
}

/// An interface whose one destination has these keys.
fn lab(url: &str, keys: &str) -> InterfaceFile {
    let destination = format!("[[destinations]]\nname = \"ehr\"\ntype = \"http\"\nurl = \"{url}\"\n{QUICK}\n{keys}\n");
    InterfaceFile::listening("lab").section(&destination)
}

/// A site whose environment has these secrets.
fn site(interface: &InterfaceFile, secrets: &[(&str, &str)]) -> Site {
    let site = Site::with(interface).expect("a site");
    let mut environment = "[secrets]\n".to_owned();
    for (name, value) in secrets {
        site.write(&format!("secrets/{name}"), value).expect("a secret");
        environment = environment + name + " = { file = \"secrets/" + name + "\" }\n";
    }
    site.write("environments/test.toml", environment)
        .expect("an environment");
    site
}

impl Feed {
    fn to(url: &str, keys: &str) -> Self {
        Self::with(&lab(url, keys), &[])
    }

    fn with(interface: &InterfaceFile, secrets: &[(&str, &str)]) -> Self {
        let site = site(interface, secrets);
        let engine = Engine::start_with(&site.path(), &["--environment", "test"]).expect("the engine starts");
        Self { engine, site }
    }

    fn send(&self, control_ids: &[&str]) {
        let mut connection = self.engine.connect("lab").expect("a connection");
        for control_id in control_ids {
            let answer = connection.ask(observation(control_id).as_bytes()).expect("an answer");
            assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
        }
    }

    fn ehr(&self) -> Value {
        let status = self.engine.json(&["status"]).expect("a status");
        status["interfaces"][0]["destinations"][0].clone()
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let waited = wait_until(what, LIMIT, || Some(()).filter(|()| is_so(&self.ehr())));
        waited.unwrap_or_else(|error| panic!("{error}: {:#}\n{}", self.ehr(), self.engine.said()));
    }

    fn settled(&self, delivered: u64, quarantined: u64) {
        self.wait_for(&format!("{delivered} delivered, {quarantined} quarantined"), |ehr| {
            (&ehr["delivered"], &ehr["quarantined"]) == (&delivered.into(), &quarantined.into())
        });
    }

    /// The one delivery of a message, as `messages show` has it.
    fn delivery(&self, control_id: &str) -> Value {
        let listed = self.engine.json(&["messages", "list"]).expect("a list");
        let messages = listed["messages"].as_array().expect("messages");
        let message = messages.iter().find(|one| one["control_id"] == control_id);
        let id = message.and_then(|one| one["id"].as_str()).expect("the message");
        let shown = self.engine.json(&["messages", "show", id]).expect("the message");
        shown["deliveries"][0].clone()
    }
}

/// An acknowledgement, and an error in it where one is named.
fn acknowledging(code: &str, error: &str, control_id: &str) -> String {
    let error = if error.is_empty() {
        String::new()
    } else {
        format!("ERR|||{error}\r")
    };
    format!("MSH|^~\\&|SINK|TEST|||20261128||ACK|S1|P|2.5.1\rMSA|{code}|{control_id}\r{error}")
}

#[test]
fn a_message_is_a_post_with_what_the_site_says_of_it_over_one_connection() {
    let sink = HttpSink::scripted(|number, posted| match number {
        0 => Told::status(204),
        1 => Told::status(200).body("{\"stored\":true}"),
        _ => Told::status(202).body(acknowledging("AA", "", &posted.control_id)),
    });
    let sink = sink.expect("a receiver");
    let keys = "content_type = \"x-application/hl7-v2+er7; charset=utf-8\"\n\
                headers = { X-Tenant = \"north\", X-Key = \"secret:key\" }\n\
                authentication = { user = \"lab\", password = \"secret:password\" }";
    let interface = lab(&sink.url("/hl7?site=1"), keys);
    let feed = Feed::with(&interface, &[("key", "CANARY-1"), ("password", "CANARY-2")]);
    feed.send(&["M0", "M1", "M2"]);
    feed.settled(3, 0);
    let received = sink.received();
    assert_eq!(sink.control_ids(), ["M0", "M1", "M2"]);
    assert!(
        received.iter().all(|posted| posted.connection == 0),
        "one connection for all"
    );
    let first = &received[0];
    assert_eq!(first.line, "POST /hl7?site=1");
    assert_eq!(first.body, observation("M0").as_bytes());
    let shown = ["content-type", "x-tenant", "x-key", "authorization", "content-length"].map(|name| first.header(name));
    let length = observation("M0").len().to_string();
    // `lab:CANARY-2`
    let basic = "Basic bGFiOkNBTkFSWS0y";
    assert_eq!(
        shown,
        [
            "x-application/hl7-v2+er7; charset=utf-8",
            "north",
            "CANARY-1",
            basic,
            &length
        ]
    );
    let keys: BTreeSet<&str> = received.iter().map(|posted| posted.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 3, "each delivery has a key of its own: {keys:?}");
    assert!(!feed.engine.said().contains("CANARY"), "{}", feed.engine.said());
    assert_eq!(feed.delivery("M1")["stage"], "delivered");
}

#[test]
fn what_a_status_and_an_acknowledgement_mean_is_a_table_that_the_site_can_change() {
    let sink = HttpSink::scripted(|number, posted| {
        let acknowledging = |code, error| acknowledging(code, error, &posted.control_id);
        match posted.control_id.as_str() {
            "BAD" => Told::status(400).body("CANARY"),
            "GONE" => Told::status(410),
            "BLAMED" => Told::status(200).body(acknowledging("AE", "101")),
            "DUPLICATE" => Told::status(422).body(acknowledging("AE", "205")),
            "BROKEN" if number < 6 => Told::status(500).body(acknowledging("AR", "207")),
            "TEAPOT" => Told::status(418).body(acknowledging("AA", "")),
            _ => Told::status(200),
        }
    });
    let sink = sink.expect("a receiver");
    let keys = "[destinations.answers]\n\"AE 205\" = \"delivered\"\n\"410\" = \"delivered\"\n";
    let feed = Feed::to(&sink.url("/"), keys);
    feed.send(&["BAD", "GONE", "BLAMED", "DUPLICATE", "BROKEN", "TEAPOT", "LAST"]);
    feed.settled(4, 3);
    assert_eq!(
        sink.control_ids(),
        [
            "BAD",
            "GONE",
            "BLAMED",
            "DUPLICATE",
            "BROKEN",
            "BROKEN",
            "BROKEN",
            "TEAPOT",
            "LAST"
        ]
    );
    for (control_id, stage, fault) in [
        ("BAD", "quarantined", Some("the receiver answered HTTP 400")),
        ("BLAMED", "quarantined", Some("the receiver answered AE 101")),
        ("TEAPOT", "quarantined", Some("the receiver answered HTTP 418")),
        ("GONE", "delivered", None),
        ("DUPLICATE", "delivered", None),
    ] {
        let delivery = feed.delivery(control_id);
        assert_eq!(
            (&delivery["stage"], &delivery["fault"]["summary"]),
            (&stage.into(), &fault.into()),
            "{control_id}"
        );
    }
    assert_eq!(feed.delivery("BROKEN")["last_fault"], "the receiver answered AR 207");
    assert!(!feed.engine.said().contains("CANARY"), "{}", feed.engine.said());
}

#[test]
fn a_redirect_and_a_refused_password_hold_everything_and_are_followed_nowhere() {
    let elsewhere = HttpSink::scripted(|_, _| Told::status(200)).expect("another receiver");
    let location = format!("Location: {}", elsewhere.url("/new"));
    let sink = HttpSink::scripted(move |number, _| match number {
        0 => Told::status(307).header(&location),
        1 => Told::status(403),
        _ => Told::status(200),
    });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(&sink.url("/"), "");
    feed.send(&["M0", "M1"]);
    for why in ["the receiver answered HTTP 307", "the receiver answered HTTP 403"] {
        feed.wait_for(why, |ehr| ehr["receiver"]["waiting_for_a_word"][0]["why"] == why);
        assert!(sink.control_ids().iter().all(|id| id == "M0"), "nothing overtakes it");
        let said = feed
            .engine
            .command(&["deliveries", "retry", "lab", "ehr", "--reason", "a test", "--site"]);
        assert!(said.expect("a command runs").status.success());
    }
    feed.settled(2, 0);
    assert_eq!(elsewhere.received().len(), 0);
}

#[test]
fn what_is_about_the_moment_is_tried_again_without_end_with_the_same_key_over_a_restart() {
    let sink = HttpSink::scripted(|number, posted| match number {
        0 => Told::status(503).closing(),
        1 => Told::status(429),
        2 => Told::status(408),
        3 => Told::status(200).body("half of it").missing(5),
        4 => Told::status(200).body(acknowledging("AA", "", "ANOTHER")),
        5..=9 => Told::status(502),
        _ if posted.header("x-again") == "1" => Told::status(200),
        _ => Told::status(504),
    });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(&sink.url("/"), "");
    feed.send(&["M0"]);
    sink.wait_for(12, LIMIT).expect("attempts");
    let Feed { engine, site } = feed;
    assert_eq!(engine.stop().expect("a clean stop").code, Some(0));
    let interface = lab(&sink.url("/"), "headers = { X-Again = \"1\" }");
    site.add(&interface).expect("the file is changed");
    let engine = Engine::start_with(&site.path(), &["--environment", "test", "--apply"]).expect("it starts again");
    let feed = Feed { engine, site };
    feed.settled(1, 0);
    let received = sink.received();
    let keys: BTreeSet<&str> = received.iter().map(|posted| posted.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let key = keys.first().expect("a key");
    assert!(key.len() == 38 && key.starts_with('"') && key.ends_with('"'), "{key}");
}

#[test]
fn the_pause_that_a_receiver_asks_for_is_kept() {
    let sink = HttpSink::scripted(|number, _| match number {
        0 => Told::status(503).header("Retry-After: 1"),
        _ => Told::status(200),
    });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(&sink.url("/"), "");
    feed.send(&["M0"]);
    let received = sink.wait_for(2, LIMIT).expect("two attempts");
    let pause = received[1].at - received[0].at;
    assert!(
        pause >= Duration::from_millis(990),
        "{pause:?}, where 20 ms are the ceiling of the engine's own"
    );
}

#[test]
fn a_response_that_is_too_long_counts_by_its_status_and_one_that_never_comes_is_given_up() {
    let sink = HttpSink::scripted(|number, _| match number {
        0 => Told::status(200).body("x".repeat(5_000)),
        1 => Told::status(200).body("short").missing(0),
        _ => Told::status(200),
    });
    let sink = sink.expect("a receiver");
    let feed = Feed::to(&sink.url("/"), "reply_bytes_max = \"4KiB\"");
    feed.send(&["M0", "M1"]);
    feed.settled(2, 0);
    assert_eq!(sink.control_ids(), ["M0", "M1"]);

    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", mute.local_addr().expect("its address"));
    let feed = Feed::to(&url, "reply_timeout = \"50ms\"");
    feed.send(&["M2"]);
    feed.wait_for("an attempt that was given up", |ehr| {
        ehr["receiver"]["last_answer"] == "nothing"
    });
    let fault = wait_until("the reason", LIMIT, || {
        feed.delivery("M2")["last_fault"].as_str().map(str::to_owned)
    });
    let fault = fault.expect("it is told");
    assert!(
        fault.starts_with("no reply from `127.0.0.1:") && fault.ends_with("within 50ms"),
        "{fault}"
    );
}

/// What a token endpoint gives that counts its tokens, and lets them live for so many seconds.
fn endpoint(seconds: u32, failures: usize) -> HttpSink {
    let endpoint = HttpSink::scripted(move |number, _| {
        if number < failures {
            return Told::status(503);
        }
        let token = format!("{{\"access_token\":\"T{number}\",\"token_type\":\"Bearer\",\"expires_in\":{seconds}}}");
        Told::status(200).header("Content-Type: application/json").body(token)
    });
    endpoint.expect("an endpoint")
}

fn with_tokens(sink: &HttpSink, endpoint: &HttpSink, keys: &str) -> Feed {
    let authentication = format!(
        "authentication = {{ token_url = \"{}\", client_id = \"lab\", client_secret = \"secret:client\", \
         scopes = [\"results.write\"] }}\n{keys}",
        endpoint.url("/token")
    );
    Feed::with(&lab(&sink.url("/"), &authentication), &[("client", "CANARY")])
}

fn shown(posted: &[Posted]) -> Vec<&str> {
    posted.iter().map(|one| one.header("authorization")).collect()
}

#[test]
fn a_token_is_fetched_once_for_its_life_and_once_more_where_it_is_refused() {
    let endpoint = endpoint(3600, 2);
    let sink = HttpSink::scripted(|number, posted| {
        let is_refused = number >= 2 && posted.header("authorization") == "Bearer T2";
        Told::status(if is_refused { 401 } else { 200 })
    });
    let sink = sink.expect("a receiver");
    let feed = with_tokens(&sink, &endpoint, "");
    feed.send(&["M0", "M1", "M2", "M3"]);
    feed.settled(4, 0);
    let tokens = ["Bearer T2", "Bearer T2", "Bearer T2", "Bearer T3", "Bearer T3"];
    assert_eq!(
        shown(&sink.received()),
        tokens,
        "two failures of the endpoint, and M2 twice"
    );
    let asked = endpoint.received();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[3].line, "POST /token");
    assert_eq!(asked[3].body, b"grant_type=client_credentials&scope=results.write");
    // `lab:CANARY`
    assert_eq!(asked[3].header("authorization"), "Basic bGFiOkNBTkFSWQ==");
    let said = feed.engine.said();
    assert!(said.contains("no token from") && !said.contains("CANARY"), "{said}");
}

#[test]
fn a_token_that_is_refused_twice_holds_the_delivery_and_one_that_has_ended_is_not_shown() {
    let endpoint = endpoint(0, 0);
    let sink = HttpSink::scripted(|number, _| Told::status(if number < 2 { 401 } else { 200 }));
    let sink = sink.expect("a receiver");
    let feed = with_tokens(&sink, &endpoint, "");
    feed.send(&["M0", "M1"]);
    feed.wait_for("a delivery that waits for a word", |ehr| {
        ehr["receiver"]["waiting_for_a_word"][0]["why"] == "the receiver answered HTTP 401"
    });
    assert_eq!(shown(&sink.received()), ["Bearer T0", "Bearer T1"]);
    let said = feed
        .engine
        .command(&["deliveries", "retry", "lab", "ehr", "--reason", "a test", "--site"]);
    assert!(said.expect("a command runs").status.success());
    feed.settled(2, 0);
    assert_eq!(shown(&sink.received())[2..], ["Bearer T2", "Bearer T3"]);
}

#[test]
fn several_connections_share_one_token_and_keep_open() {
    let endpoint = endpoint(3600, 0);
    let sink = HttpSink::scripted(|_, _| Told::status(204)).expect("a receiver");
    let authentication = format!(
        "connections = 4\nauthentication = {{ token_url = \"{}\", client_id = \"lab\", client_secret = \"secret:client\" }}",
        endpoint.url("/token")
    );
    let interface = lab(&sink.url("/"), &authentication).head("order = \"none\"");
    let feed = Feed::with(&interface, &[("client", "one")]);
    let control_ids: Vec<String> = (0..40).map(|number| format!("M{number}")).collect();
    feed.send(&control_ids.iter().map(String::as_str).collect::<Vec<_>>());
    feed.settled(40, 0);
    let received = sink.received();
    assert_eq!(endpoint.received().len(), 1);
    let connections: BTreeSet<usize> = received.iter().map(|posted| posted.connection).collect();
    assert!(connections.len() <= 4, "{connections:?}");
    let arrived: BTreeSet<String> = sink.control_ids().into_iter().collect();
    assert_eq!(arrived, control_ids.into_iter().collect());
}

#[test]
fn two_engines_show_each_other_certificates_and_a_renewed_one_counts_at_once() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let expired = authority.certify("127.0.0.1", Valid::Once).expect("a certificate");
    let own = authority.certify("lab.hospital.example", Valid::Now).expect("another");
    let gateway = format!(
        "[source.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"{}\"\n\
         client_names = [\"lab.hospital.example\"]\n",
        expired.certificate.display(),
        expired.key.display(),
        authority.file().display()
    );
    let gateway = InterfaceFile::over_http("gateway")
        .section(&gateway)
        .to("ehr", sink.address());
    let gateway_site = Site::with(&gateway).expect("a site");
    let gateway = Engine::start(&gateway_site.path()).expect("the engine starts");
    let url = format!("https://{}/hl7", gateway.address("gateway").expect("it listens"));
    let tls = format!(
        "[destinations.tls]\nauthorities = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        authority.file().display(),
        own.certificate.display(),
        own.key.display()
    );
    let feed = Feed::to(&url, &tls);
    feed.send(&["T1"]);
    let fault = wait_until("the reason of the failing delivery", LIMIT, || {
        let fault = feed.delivery("T1")["last_fault"].as_str().map(str::to_owned);
        fault.filter(|fault| fault.contains("its certificate has expired"))
    });
    fault.unwrap_or_else(|error| panic!("{error}: {}", feed.engine.said()));
    authority.certify("127.0.0.1", Valid::Now).expect("a renewed one");
    feed.settled(1, 0);
    sink.wait_for(1, LIMIT).expect("it arrives without a restart");
    assert_eq!(sink.control_ids(), ["T1"]);
}

#[test]
fn the_command_line_is_both_partners() {
    let site = Site::bare().expect("a folder");
    let out = site.path().join("received");
    let mut listener = Command::new(binary().expect("the binary"));
    listener.args([
        "listen",
        "127.0.0.1:0",
        "--http",
        "--nak",
        "AE:101",
        "--nak-every",
        "2",
        "--count",
        "2",
        "--out",
    ]);
    let mut listener = listener.arg(&out).stderr(Stdio::piped()).spawn().expect("a listener");
    let mut first = String::new();
    let mut said = BufReader::new(listener.stderr.take().expect("its words"));
    said.read_line(&mut first).expect("its address");
    let address = first
        .trim()
        .strip_prefix("listening on ")
        .expect("an address")
        .to_owned();
    site.write(
        "messages.hl7",
        [observation("M0"), observation("M1"), observation("M2")].join("\n"),
    )
    .expect("messages");
    let sent = Command::new(binary().expect("the binary"))
        .args(["send", &format!("http://{address}/hl7"), "--json"])
        .arg(site.path().join("messages.hl7"))
        .output()
        .expect("a sender");
    assert_eq!(sent.status.code(), Some(1), "one was refused");
    let report: Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    let codes = ["AA", "AE", "AA"].map(Value::from);
    let told = report["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|one| &one["code"]);
    assert!(told.eq(&codes), "{report:#}");
    assert!(listener.wait().expect("it ends").success());
    assert_eq!(std::fs::read_dir(out).expect("a folder").count(), 2);
}

#[test]
fn what_cannot_be_a_destination_is_told_with_its_line_and_without_a_secret() {
    let check = |keys: &str| {
        let site = site(
            &InterfaceFile::listening("lab")
                .section(&format!("[[destinations]]\nname = \"ehr\"\ntype = \"http\"\n{keys}\n")),
            &[("line", "two\nlines")],
        );
        let check = Command::new(binary().expect("the binary"))
            .args(["check", "--environment", "test"])
            .arg(site.path())
            .output()
            .expect("it runs");
        assert!(!check.status.success());
        String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr)
    };
    for (keys, told) in [
        (
            "url = \"ehr.example.org/hl7\"",
            "it is no URL such as `https://ehr.example.org/hl7`",
        ),
        (
            "url = \"ftp://ehr.example.org/hl7\"",
            "begins neither with `https://` nor with `http://`",
        ),
        (
            "url = \"http://lab:CANARY@ehr.example.org/\"",
            "it holds a name or a password",
        ),
        ("url = \"http://ehr.example.org/\"\ntls = {}", "the URL asks for no TLS"),
        (
            "url = \"http://ehr.example.org/\"\nauthentication = { bearer = \"CANARY\" }",
            "never to be one",
        ),
        (
            "url = \"http://ehr.example.org/\"\nauthentication = { token_url = \"http://id.example.org/\", client_id = \"a\" }",
            "client_secret",
        ),
        (
            "url = \"http://ehr.example.org/\"\nheaders = { Host = \"a\" }",
            "has the header `Host` by itself",
        ),
        (
            "url = \"http://ehr.example.org/\"\nheaders = { X-Key = \"secret:absent\" }",
            "has no secret `absent`",
        ),
        (
            "url = \"http://ehr.example.org/\"\n[destinations.answers]\n\"200\" = \"retry\"",
            "`200` is no answer",
        ),
        (
            "url = \"http://ehr.example.org/\"\nconnections = 2",
            "more than one connection cannot keep",
        ),
        (
            "url = \"http://ehr.example.org/\"\ncontent_type = \"hl7\"",
            "`hl7` is no media type",
        ),
    ] {
        let said = check(keys);
        assert!(
            said.contains(told) && said.contains("interfaces/lab.toml:"),
            "{keys}: {said}"
        );
        assert!(!said.contains("CANARY"), "{said}");
    }
}
