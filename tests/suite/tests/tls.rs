//! Interfaces with TLS: two engines that show each other certificates, a certificate that is renewed while they run, and what an
//! admin is told of files that cannot be used.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use transfuse_harness::{
    Authority, Certified, Engine, InterfaceFile, Sink, Site, Valid, binary, observation, wait_until,
};

const LIMIT: Duration = Duration::from_secs(30);

/// Where everybody is, in these tests.
const HOST: &str = "127.0.0.1";

/// The laboratory's interface, which shows a certificate and asks for one.
fn laboratory(shown: &Certified, authority: &Authority, clients: &str, receiver: &Sink) -> InterfaceFile {
    let tls = format!(
        "[source.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"{}\"\n\
         client_names = [\"{clients}\"]\n",
        shown.certificate.display(),
        shown.key.display(),
        authority.file().display()
    );
    InterfaceFile::listening("lab")
        .section(&tls)
        .to("ehr", receiver.address())
}

/// An interface that passes everything on with TLS.
fn front(shown: &Certified, authority: &Authority, address: &str) -> InterfaceFile {
    let tls = format!(
        "[destinations.tls]\nauthorities = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        authority.file().display(),
        shown.certificate.display(),
        shown.key.display()
    );
    InterfaceFile::listening("front").to("lab", address).section(&tls)
}

fn start(interface: &InterfaceFile) -> (Site, Engine) {
    let site = Site::with(interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

/// Why the front's deliveries do not arrive, as `transfuse status` says it.
fn trouble(front: &Engine) -> String {
    front.json(&["status"]).expect("a status").to_string()
}

#[test]
fn a_message_crosses_two_engines_and_a_renewed_certificate_counts_at_once() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let expired = authority.certify(HOST, Valid::Once).expect("a certificate");
    let shown = authority
        .certify("front.hospital.example", Valid::Now)
        .expect("another");
    let (_lab_site, lab) = start(&laboratory(&expired, &authority, "front.hospital.example", &sink));
    let address = lab.address("lab").expect("it listens");
    let (_front_site, front) = start(&front(&shown, &authority, &address));
    let mut connection = front.connect("front").expect("a connection");
    let answer = connection.ask(observation("T1").as_bytes()).expect("an answer");
    assert!(answer.contains("MSA|AA|T1"), "{answer}");
    wait_until("the reason of the failing deliveries", LIMIT, || {
        trouble(&front).contains("its certificate has expired").then_some(())
    })
    .expect("it is told");
    assert_eq!(sink.count(), 0);
    authority.certify(HOST, Valid::Now).expect("a renewed one");
    sink.wait_for(1, LIMIT).expect("it arrives without a restart");
    assert_eq!(sink.control_ids(), ["T1"]);
}

#[test]
fn a_sender_with_a_certificate_of_another_name_gets_nothing_in() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let host = authority.certify(HOST, Valid::Now).expect("a certificate");
    let other = authority.certify("ris.hospital.example", Valid::Now).expect("another");
    let (_lab_site, lab) = start(&laboratory(&host, &authority, "front.hospital.example", &sink));
    let address = lab.address("lab").expect("it listens");
    let (_front_site, front) = start(&front(&other, &authority, &address));
    let mut connection = front.connect("front").expect("a connection");
    connection.ask(observation("T2").as_bytes()).expect("an answer");
    wait_until("the reason in the laboratory's log", LIMIT, || {
        let said = lab.said();
        said.contains("its certificate is for none of the names that may connect")
            .then_some(())
    })
    .expect("it is told");
    assert_eq!(sink.count(), 0);
}

fn send(address: &str, arguments: &[&str]) -> Output {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), observation("T3")).expect("it is written");
    Command::new(binary().expect("the binary"))
        .args(["send", address])
        .arg(file.path())
        .args(arguments)
        .output()
        .expect("it runs")
}

#[test]
fn the_command_line_is_a_sender_with_tls() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let host = authority.certify(HOST, Valid::Now).expect("a certificate");
    let own = authority.certify("lab.hospital.example", Valid::Now).expect("another");
    let (_site, lab) = start(&laboratory(&host, &authority, "lab.hospital.example", &sink));
    let address = lab.address("lab").expect("it listens");
    let authorities = authority.file();
    let text = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
    let (authorities, certificate, key) = (text(&authorities), text(&own.certificate), text(&own.key));
    let trusting = ["--tls", "--tls-authorities", &authorities];
    let anonymous = send(&address, &trusting);
    assert!(!anonymous.status.success());
    let shown = [&trusting[..], &["--tls-certificate", &certificate, "--tls-key", &key]].concat();
    let sent = send(&address, &shown);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    sink.wait_for(1, LIMIT).expect("it arrives");
    let plain = send(&address, &["--timeout", "5s"]);
    assert!(!plain.status.success());
}

#[test]
fn files_that_cannot_be_used_are_faults_of_the_site_with_their_lines() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let mut mixed = authority.certify(HOST, Valid::Now).expect("a certificate");
    mixed.key = authority.certify("other.example", Valid::Now).expect("another").key;
    let interface = laboratory(&mixed, &authority, "front.hospital.example", &sink)
        .section("[destinations.tls]\nauthorities = \"tls/absent.pem\"\nserver_name = \"no name\"\n");
    let site = Site::with(&interface).expect("a site");
    let check = Command::new(binary().expect("the binary"))
        .arg("check")
        .arg(site.path())
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(!check.status.success(), "{told}");
    for part in [
        "is not the key of",
        "interfaces/lab.toml:8",
        "`no name` is not a host name",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
