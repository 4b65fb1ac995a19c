//! One site in several places: addresses, peers and secrets differ, the mapping does not; a message that is meant for another
//! environment, and one of an application that may not send, stay outside; and the value of a secret is kept nowhere.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Connection, Engine, InterfaceFile, Sink, Site, binary, observation, plugins, wait_until};
use transfuse_package::{Contents, Package};

const LIMIT: Duration = Duration::from_secs(30);

/// Nobody listens on port 1, and nobody has this address.
const ELSEWHERE: &str = "127.0.0.1:1";

/// What must be found nowhere but in the message that it is written into.
const CANARY: &str = "CANARY-7f3a";

/// Writes a secret into MSH-6.
const WITH_SECRET: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
config = { facility = "secret:facility" }
grants = { tables = ["lab-codes"], read = ["*"], write = ["PID-5", "OBX-3", "OBX-6", "OBX-8", "MSH-5", "MSH-6"] }
"#;

/// An observation that is meant for these systems.
fn observation_for(control_id: &str, processing_id: &str) -> String {
    observation(control_id).replace("|P|2.5.1", &format!("|{processing_id}|2.5.1"))
}

/// The same, asking for accept acknowledgements.
fn asking_to_be_accepted(message: &str) -> String {
    message.replace("|2.5.1|||||", "|2.5.1|||AL|AL|")
}

fn answer_to(engine: &Engine, interface: &str, message: &str) -> String {
    let mut connection = engine.connect(interface).expect("a connection");
    connection.ask(message.as_bytes()).expect("an answer")
}

/// The stage and the kind of fault of a message, once it is decided.
fn decided(engine: &Engine, control_id: &str) -> (String, String) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    wait_until(&format!("the decision about {control_id}"), LIMIT, || {
        let listed = engine.json(&["messages", "list", "--limit", "100"]).ok()?;
        let messages = listed.get("messages")?.as_array()?.clone();
        let one = messages.iter().find(|one| text(one.get("control_id")) == control_id)?;
        let stage = text(one.get("stage"));
        (stage != "received").then(|| (stage, text(one.pointer("/fault/kind"))))
    })
    .expect("it is decided")
}

fn refused(kind: &str) -> (String, String) {
    ("refused".to_owned(), kind.to_owned())
}

/// An interface whose addresses are those of no environment.
fn lab() -> InterfaceFile {
    InterfaceFile::listening("lab")
        .section(WITH_SECRET)
        .to("ehr", ELSEWHERE)
}

/// A site that knows the environments `test` and `production`, each with a receiver and a secret of its own.
fn site(lab: &InterfaceFile, receivers: [&Sink; 2]) -> Site {
    let site = Site::with(lab).expect("a site");
    for (name, processing_id, receiver) in [("test", "T", receivers[0]), ("production", "P", receivers[1])] {
        site.write(&format!("secrets/{name}"), format!("{CANARY}-{name}\n"))
            .expect("a secret");
        let file = format!(
            "processing_ids = [\"{processing_id}\"]\n[secrets]\nfacility = {{ file = \"secrets/{name}\" }}\n\
             [interfaces.lab.destinations.ehr]\naddress = \"{}\"\n",
            receiver.address()
        );
        site.write(&format!("environments/{name}.toml"), file)
            .expect("an environment");
    }
    site
}

fn start(site: &Site, environment: &str) -> Engine {
    let data = site.path().join(format!("data-{environment}"));
    let data = data.to_str().expect("a path").to_owned();
    Engine::start_with(&site.path(), &["--environment", environment, "--data", &data]).expect("the engine starts")
}

/// What a command prints on both streams, with its exit code.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary().expect("the binary"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("a command runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The exit code and the words of a start that must not get as far as to receive.
fn failed_start(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let mut engine = Engine::spawn(&site.path(), arguments).expect("a process");
    wait_until("the start to fail", LIMIT, || {
        let said = engine.said();
        (said.contains("error:") || said.contains("ready:")).then_some(())
    })
    .expect("it ends");
    assert!(!engine.said().contains("ready:"), "{arguments:?}: it has started");
    let finished = engine.finish().expect("it ends");
    (finished.code, finished.said)
}

/// A command about the engine on one of a site's data folders.
fn ask(site: &Site, environment: &str, arguments: &[&str]) -> String {
    let site = site.path();
    let data = site.join(format!("data-{environment}"));
    let place = ["--data", data.to_str().expect("a path")];
    let site = site.to_str().expect("a path");
    let of_folder = ["apply", "status", "stop"].contains(arguments.first().expect("a command"));
    let place_of_site: &[&str] = if of_folder { &[site] } else { &["--site", site] };
    let (code, said) = run(&[arguments, place_of_site, &place].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

#[test]
fn each_environment_has_its_receivers_and_all_have_one_mapping() {
    let sinks = [(); 2].map(|()| Sink::accepting().expect("a receiver"));
    let site = site(&lab(), [&sinks[0], &sinks[1]]);
    for (environment, processing_id, sink) in [("test", "T", &sinks[0]), ("production", "P", &sinks[1])] {
        let engine = start(&site, environment);
        let answer = answer_to(&engine, "lab", &observation_for("M1", processing_id));
        assert!(answer.contains("MSA|AA|M1"), "{answer}");
        let delivered = sink.wait_for(1, LIMIT).expect("it is delivered");
        let text = String::from_utf8_lossy(&delivered.first().expect("one").content).into_owned();
        assert!(text.contains(&format!("|{CANARY}-{environment}|")), "{text}");
        assert!(text.contains("14749-6"), "the mapping is the same: {text}");
        let status = ask(&site, environment, &["status"]);
        assert!(status.contains(&format!(", environment {environment}\n")), "{status}");
        engine.stop().expect("a clean stop");
    }
    assert_eq!([sinks[0].count(), sinks[1].count()], [1, 1]);
}

#[test]
fn a_data_folder_belongs_to_one_environment_and_a_site_with_environments_needs_a_choice() {
    let sinks = [(); 2].map(|()| Sink::accepting().expect("a receiver"));
    let site = site(&lab(), [&sinks[0], &sinks[1]]);
    start(&site, "test").stop().expect("a clean stop");
    let (folder, data) = (site.path(), site.path().join("data-test"));
    let (folder, data) = (folder.to_str().expect("a path"), data.to_str().expect("a path"));
    let (code, said) = failed_start(&site, &["--data", data, "--environment", "production", "--apply"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("belongs to the environment `test`, and the environment `production` is chosen")
            && said.contains("--environment test"),
        "{said}"
    );
    let (code, said) = run(&["check", folder]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("the site has environments, and none is chosen"), "{said}");
    site.write("transfuse.toml", "environment = \"test\"\n")
        .expect("a default");
    let (code, said) = run(&["check", folder]);
    assert_eq!(
        (code, said.contains("in the environment test")),
        (Some(0), true),
        "{said}"
    );
    let engine = Engine::start_with(&folder_of(&site), &["--data", data]).expect("it starts by the default");
    assert!(answer_to(&engine, "lab", &observation_for("M1", "T")).contains("MSA|AA"));
    engine.stop().expect("a clean stop");
}

fn folder_of(site: &Site) -> std::path::PathBuf {
    site.path()
}

/// A site that grows environments takes what it has into one of them, and not by mistake.
#[test]
fn a_data_folder_of_no_environment_is_taken_into_one_by_a_change() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", ELSEWHERE)).expect("a site");
    let engine = Engine::start(&site.path()).expect("it starts without environments");
    assert!(answer_to(&engine, "lab", &observation_for("M1", "X")).contains("MSA|AA"));
    engine.stop().expect("a clean stop");
    site.write(
        "environments/test.toml",
        format!("[interfaces.lab.destinations.ehr]\naddress = \"{}\"\n", sink.address()),
    )
    .expect("an environment");
    let folder = site.path();
    let (code, said) = failed_start(&site, &["--environment", "test"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("belongs to no environment") && said.contains("--apply"),
        "{said}"
    );
    let engine = Engine::start_with(&folder, &["--environment", "test", "--apply"]).expect("it is taken in");
    sink.wait_for(1, LIMIT)
        .expect("what waited goes to the receiver of the environment");
    let folder = folder.to_str().expect("a path");
    let back = [
        "rollback", "lab", "--to", "1", "--yes", "--reason", "a test", "--site", folder,
    ];
    let (code, said) = run(&back);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("revision 1 of `lab` has the addresses of another environment"),
        "{said}"
    );
    engine.stop().expect("a clean stop");
}

/// Interfaces that acknowledge early and late, and one that reads files, in an environment of training and debugging.
fn take_everywhere(site: &Site, sink: &Sink) {
    for (name, ack) in [("lab", "processed"), ("early", "received")] {
        let interface = InterfaceFile::listening(name)
            .source(&format!("ack = \"{ack}\""))
            .to("ehr", sink.address());
        site.add(&interface).expect("an interface");
    }
    site.write(
        "interfaces/files.toml",
        format!(
            "description = \"Files\"\n[source]\ntype = \"files\"\nfolder = \"inbox\"\npattern = \"*.hl7\"\nstable_for = \"50ms\"\n\
             [[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\n",
            sink.address()
        ),
    )
    .expect("an interface");
    fs::create_dir_all(site.path().join("inbox")).expect("a folder");
    site.write("environments/test.toml", "processing_ids = [\"T\", \"D\"]\n")
        .expect("an environment");
}

#[test]
fn a_message_for_another_environment_is_refused_in_both_modes_and_from_files() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::new().expect("a site");
    take_everywhere(&site, &sink);
    let engine = Engine::start_with(&site.path(), &["--environment", "test"]).expect("the engine starts");

    for interface in ["lab", "early"] {
        let id = |what: &str| format!("{interface}-{what}");
        let answer = answer_to(&engine, interface, &observation_for(&id("P"), "P"));
        assert!(answer.contains(&format!("MSA|AR|{}", id("P"))), "{answer}");
        assert!(answer.contains("ERR||MSH^1^11^1|202^"), "{answer}");
        assert_eq!(decided(&engine, &id("P")), refused("wrong-environment"));

        let message = asking_to_be_accepted(&observation_for(&id("CR"), "P"));
        let answer = answer_to(&engine, interface, &message);
        assert!(answer.contains(&format!("MSA|CR|{}", id("CR"))), "{answer}");
        assert_eq!(decided(&engine, &id("CR")), refused("wrong-environment"));

        let answer = answer_to(&engine, interface, &observation_for(&id("NONE"), ""));
        assert!(
            answer.contains("MSA|AR") && answer.contains("ERR||MSH^1^11^1|101^"),
            "{answer}"
        );
        assert_eq!(decided(&engine, &id("NONE")), refused("wrong-environment"));

        let answer = answer_to(&engine, interface, &observation_for(&id("D"), "D^T"));
        assert!(answer.contains(&format!("MSA|AA|{}", id("D"))), "{answer}");
    }
    let batch = format!(
        "BHS|^~\\&|LAB\r{}{}BTS|2\r",
        observation_for("B-T", "T"),
        observation_for("B-P", "P")
    );
    let answer = answer_to(&engine, "lab", &batch);
    assert!(
        answer.contains("MSA|AR|B-P") && !answer.contains("MSA|AR|B-T"),
        "{answer}"
    );
    site.write("inbox/production.hl7", observation_for("F-P", "P"))
        .expect("a file");
    assert_eq!(decided(&engine, "F-P"), refused("wrong-environment"));
    wait_until("the refused file", LIMIT, || {
        site.path().join("inbox/errors/production.hl7").exists().then_some(())
    })
    .expect("it lies with the errors");

    let mut delivered: Vec<String> = sink
        .wait_for(3, LIMIT)
        .expect("what fits is delivered")
        .into_iter()
        .map(|one| one.control_id)
        .collect();
    delivered.sort();
    assert_eq!(delivered, ["B-T", "early-D", "lab-D"]);
    engine.stop().expect("a clean stop");
}

/// A step that takes its time for a message called LOOP.
const SLOW: &str = r#"[[steps]]
plugin = "test/mischief"
version = "^1"
grants = { read = ["MSH-10"] }
limits = { deadline = "30s", fuel = 1000000000000 }
"#;

/// What was accepted is not refused afterwards, whatever is let in by then.
#[test]
fn a_message_that_was_accepted_before_a_kill_is_kept_where_it_would_be_refused_now() {
    let sink = Sink::accepting().expect("a receiver");
    let lab = InterfaceFile::listening("lab")
        .source("ack = \"received\"")
        .section(SLOW);
    let site = Site::with(&lab.to("ehr", sink.address())).expect("a site");
    site.add_test_plugins().expect("the test plugins are built");
    site.write("environments/test.toml", "").expect("an environment");
    let engine = Engine::start_with(&site.path(), &["--environment", "test"]).expect("the engine starts");
    let answer = answer_to(&engine, "lab", &observation_for("LOOP", "P"));
    assert!(answer.contains("MSA|AA|LOOP"), "{answer}");
    engine.kill().expect("it is killed");
    site.write("environments/test.toml", "processing_ids = [\"T\"]\n")
        .expect("an environment");
    let engine = Engine::start_with(&site.path(), &["--environment", "test", "--apply"]).expect("it starts again");
    let kept = ("quarantined".to_owned(), "wrong-environment".to_owned());
    assert_eq!(decided(&engine, "LOOP"), kept);
    engine.stop().expect("a clean stop");
}

/// Without a word about it, MSH-11 is not looked at, nor is anything else.
#[test]
fn without_environments_every_processing_id_and_every_sender_is_taken() {
    let sink = Sink::accepting().expect("a receiver");
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    for (control_id, processing_id) in [("A", "P"), ("B", "T"), ("C", ""), ("D", "?")] {
        let answer = answer_to(&engine, "lab", &observation_for(control_id, processing_id));
        assert!(answer.contains("MSA|AA"), "{answer}");
    }
    assert!(!ask_default(&engine, &["status"]).contains("environment"));
    engine.stop().expect("a clean stop");
}

fn ask_default(engine: &Engine, arguments: &[&str]) -> String {
    let output = engine.command(arguments).expect("a command runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn apply(engine: &Engine) -> Value {
    engine
        .json(&["apply", "--yes", "--reason", "a test"])
        .expect("the folder is applied")
}

#[test]
fn who_may_send_changes_while_connections_stay_open() {
    let sink = Sink::accepting().expect("a receiver");
    let lab = || InterfaceFile::listening("lab").to("ehr", sink.address());
    let site = Site::with(&lab()).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let mut open = engine.connect("lab").expect("a connection");
    let ask = |connection: &mut Connection, control_id: &str| {
        connection.ask(observation(control_id).as_bytes()).expect("an answer")
    };
    assert!(ask(&mut open, "A").contains("MSA|AA|A"));

    let senders = "senders = [{ application = \"ANALYSER\", facility = \"ELSEWHERE\" }, { application = \"RIS\" }]";
    site.add(&lab().source("peers = [\"127.0.0.1\"]").source(senders))
        .expect("the file is changed");
    apply(&engine);
    let answer = ask(&mut open, "B");
    assert!(
        answer.contains("MSA|AR|B") && answer.contains("ERR||MSH^1^4^1|103^"),
        "{answer}"
    );
    assert_eq!(decided(&engine, "B"), refused("unknown-sender"));
    let answer = answer_to(&engine, "lab", &observation("C").replace("|ANALYSER|", "|PACS|"));
    assert!(
        answer.contains("MSA|AR|C") && answer.contains("ERR||MSH^1^3^1|103^"),
        "{answer}"
    );
    let answer = answer_to(
        &engine,
        "lab",
        &observation("D").replace("|ANALYSER|", "|RIS^1.2.3^ISO|"),
    );
    assert!(answer.contains("MSA|AA|D"), "{answer}");

    site.add(
        &lab()
            .source("peers = [\"127.0.0.1/32\", \"10.1.2.0/24\"]")
            .source(&senders.replace("ELSEWHERE", "LAB")),
    )
    .expect("the file is changed");
    apply(&engine);
    assert!(
        ask(&mut open, "E").contains("MSA|AA|E"),
        "the first connection is still open"
    );

    site.add(&lab().source("peers = [\"10.1.2.0/24\"]"))
        .expect("the file is changed");
    apply(&engine);
    assert!(
        open.is_closed().expect("an end"),
        "it comes from nowhere that is allowed any more"
    );
    assert!(
        engine
            .connect("lab")
            .and_then(|mut one| one.is_closed())
            .expect("an end")
    );
    let status = engine.json(&["status"]).expect("the status");
    let turned_away = status.pointer("/interfaces/0/turned_away").expect("a count");
    assert_eq!(turned_away.get("count"), Some(&1.into()));
    assert_eq!(turned_away.get("last"), Some(&"127.0.0.1".into()));
    assert!(
        engine.said().contains("not among the listener's peers"),
        "{}",
        engine.said()
    );
    assert_eq!(sink.control_ids(), ["A", "D", "E"]);
    engine.stop().expect("a clean stop");
}

/// Every file of the data folder in which a text stands.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn the_value_of_a_secret_is_in_no_catalog_output_or_log_and_a_new_one_is_taken_by_apply() {
    let sinks = [(); 2].map(|()| Sink::accepting().expect("a receiver"));
    let site = site(&lab(), [&sinks[0], &sinks[1]]);
    let engine = start(&site, "test");
    site.add(&lab().head("owner = \"laboratory\""))
        .expect("the file is changed");
    let said = [
        ask(&site, "test", &["apply", "--dry-run"]),
        ask(&site, "test", &["apply", "--yes", "--reason", "a test"]),
        ask(&site, "test", &["diff", "lab", "1", "2"]),
        ask(&site, "test", &["history", "lab"]),
        ask(&site, "test", &["history", "lab", "--json"]),
        ask(&site, "test", &["status", "--json"]),
        run(&[
            "check",
            site.path().to_str().expect("a path"),
            "--environment",
            "test",
            "--json",
        ])
        .1,
    ]
    .concat();
    assert!(said.contains("secret:facility"), "check shows the reference: {said}");
    assert!(!said.contains(CANARY), "{said}");
    assert_eq!(files_with(&site.path().join("data-test"), CANARY), Vec::<String>::new());

    let nothing = ask(&site, "test", &["apply", "--dry-run", "--json"]);
    assert!(!nothing.contains("secrets.facility"), "{nothing}");
    site.write("secrets/test", "ROTATED").expect("another value");
    let planned = ask(&site, "test", &["apply", "--dry-run", "--json"]);
    assert!(
        planned.contains("secrets.facility") && !planned.contains("ROTATED"),
        "{planned}"
    );
    ask(&site, "test", &["apply", "--yes", "--reason", "rotation"]);
    let answer = answer_to(&engine, "lab", &observation_for("M1", "T"));
    assert!(answer.contains("MSA|AA|M1"), "{answer}");
    let delivered = sinks[0].wait_for(1, LIMIT).expect("it is delivered");
    let text = String::from_utf8_lossy(&delivered.first().expect("one").content).into_owned();
    assert!(text.contains("|ROTATED|"), "{text}");
    let finished = engine.stop().expect("a clean stop");
    assert!(
        !finished.said.contains(CANARY) && !finished.said.contains("ROTATED"),
        "{}",
        finished.said
    );
}

#[test]
fn a_secret_that_is_missing_stops_a_start_before_anything_is_bound() {
    let sinks = [(); 2].map(|()| Sink::accepting().expect("a receiver"));
    let site = site(&lab(), [&sinks[0], &sinks[1]]);
    fs::remove_file(site.path().join("secrets/test")).expect("it is there");
    let folder = site.path();
    let (code, said) = failed_start(&site, &["--environment", "test"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("the secret `facility` cannot be read from"), "{said}");
    assert!(!said.contains("listening"), "{said}");

    // The same of what is live already.
    site.write("secrets/test", CANARY).expect("a secret");
    start(&site, "test").stop().expect("a clean stop");
    fs::remove_file(folder.join("secrets/test")).expect("it is there");
    let data = folder.join("data-test");
    let (code, said) = failed_start(
        &site,
        &["--environment", "test", "--data", data.to_str().expect("a path")],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("revision 1 of `lab` cannot run") && !said.contains("listening"),
        "{said}"
    );
}

/// A vendor cannot write a reference into a package and get a secret that the site has not handed out.
#[test]
fn a_package_cannot_ask_for_a_secret_by_itself() {
    let sinks = [(); 2].map(|()| Sink::accepting().expect("a receiver"));
    let greedy = WITH_SECRET
        .replace("^1", "=1.9.0")
        .replace("config = { facility = \"secret:facility\" }", "");
    let lab = |step: &str| InterfaceFile::listening("lab").section(step).to("ehr", ELSEWHERE);
    let site = site(&lab(&greedy), [&sinks[0], &sinks[1]]);
    let file = plugins()
        .expect("the plugins")
        .join("transfuse/lab-normalize/1.0.0.oci");
    let package = Package::read(&file).expect("it is built");
    let manifest = package
        .manifest_text
        .replace("version = \"1.0.0\"", "version = \"1.9.0\"");
    let package = Package::new(Contents {
        manifest_text: format!("{manifest}\n[config]\nfacility = \"secret:facility\"\n"),
        component: package.component,
        config_schema: package.config_schema,
        vectors: package.vectors,
        sbom: package.sbom,
        provenance: package.provenance,
    })
    .expect("a package");
    package.write(&site.path().join("plugins")).expect("it is written");
    site.approve(&package).expect("it is approved");
    let folder = site.path();
    let check = ["check", folder.to_str().expect("a path"), "--environment", "test"];
    let (code, said) = run(&check);
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("brings a configuration that asks for the secret `facility`"),
        "{said}"
    );
    site.add(&lab(&WITH_SECRET.replace("^1", "=1.9.0")))
        .expect("the site hands it out");
    let (code, said) = run(&check);
    assert_eq!(code, Some(0), "{said}");
}

/// An interface whose file is gone would run on with the addresses of before.
#[test]
fn an_interface_that_a_change_leaves_behind_does_not_run_in_another_environment() {
    let sink = Sink::accepting().expect("a receiver");
    let old = InterfaceFile::listening("old").to("ehr", sink.address());
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    site.add(&old).expect("another interface");
    let engine = Engine::start(&site.path()).expect("it starts without environments");
    engine.stop().expect("a clean stop");
    fs::remove_file(site.path().join("interfaces/old.toml")).expect("it is there");
    site.write("environments/test.toml", "").expect("an environment");
    let (code, said) = failed_start(&site, &["--environment", "test", "--apply"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("`old` is live with the addresses of no environment") && !said.contains("listening"),
        "{said}"
    );
}
