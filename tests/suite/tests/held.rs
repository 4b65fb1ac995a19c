//! A bad revision got out: what it has made and not delivered is held and made anew, and what it delivered is sent again.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "held/replaying.rs"]
mod replaying;

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// The code that the bad revision writes over whatever is there.
const WRONG: &str = "2345-7";

const FAULTY: &str = "fault_every = 2";

fn bad() -> String {
    format!("code = \"{WRONG}\"")
}

/// An interface whose plugin goes wrong as `config` says, and whose messages are the engine's once they are received.
fn wayward(config: &str, address: &str) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .source("ack = \"received\"")
        .section(&format!(
            "[[steps]]\nplugin = \"test/wayward\"\nversion = \"^1\"\nconfig = {{ {config} }}\n\
             grants = {{ read = [\"MSH-10\", \"OBX-3\"], write = [\"OBX-3\"] }}\n"
        ))
        .to("ehr", address)
}

/// A site and the receiver's address, at which nobody listens yet.
struct Bench {
    site: Site,
    address: String,
    engine: Engine,
}

impl Bench {
    fn with(config: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its address").to_string();
        drop(free);
        let site = Site::with(&wayward(config, &address)).expect("a site");
        site.add_test_plugins().expect("the test plugins are built");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { site, address, engine }
    }

    /// Makes another configuration live.
    fn apply(&self, config: &str) {
        self.site
            .add(&wayward(config, &self.address))
            .expect("the file is changed");
        self.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let folder = folder.to_str().expect("a path");
        let site: &[&str] = match arguments {
            ["apply" | "status", ..] | ["messages", "list" | "show", ..] | ["tables", "apply", ..] => &[folder],
            _ => &["--site", folder],
        };
        let mut command = Command::new(binary().expect("the binary"));
        command.args(arguments).args(site).output().expect("a command runs")
    }

    fn json(&self, arguments: &[&str]) -> (bool, Value) {
        let output = self.run(&[arguments, &["--json"]].concat());
        let read = serde_json::from_slice(&output.stdout);
        let read = read.unwrap_or_else(|_| panic!("{arguments:?}: {}", said(&output)));
        (output.status.success(), read)
    }

    fn ok(&self, arguments: &[&str]) -> Value {
        let (success, read) = self.json(arguments);
        assert!(success, "{arguments:?}: {read}");
        read
    }

    /// Sends messages with these numbers.
    fn send(&self, numbers: std::ops::RangeInclusive<usize>) {
        let mut connection = self.engine.connect("lab").expect("a connection");
        for number in numbers {
            let answer = connection.ask(message(number).as_bytes()).expect("an answer");
            assert!(answer.contains("MSA|AA|"), "{answer}");
        }
    }

    fn lab(&self) -> Value {
        self.ok(&["status"])["interfaces"][0].clone()
    }

    /// Waits until a figure of the interface, or of its one destination, is this.
    fn wait_for(&self, pointer: &str, count: u64) {
        let lab = || self.lab();
        let found = wait_until(pointer, LIMIT, || {
            (lab().pointer(pointer).and_then(Value::as_u64) == Some(count)).then_some(())
        });
        found.unwrap_or_else(|error| panic!("{error}: {:#}", lab()));
    }

    fn receiver(&self) -> Sink {
        Sink::listening(&self.address, |_, _| Reply::Accept).expect("the receiver comes up")
    }

    /// SIGKILL, and another start.
    fn kill(self) -> Self {
        let Self { site, address, engine } = self;
        engine.kill().expect("the engine is killed");
        let engine = Engine::start(&site.path()).expect("the engine starts again");
        Self { site, address, engine }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn message(number: usize) -> String {
    observation(&format!("M{number}"))
}

/// Number and whether the bad revision made it, of everything that arrived.
fn arrived(sink: &Sink) -> Vec<(String, bool)> {
    let received = sink.received();
    let contents = received.iter().map(|one| String::from_utf8_lossy(&one.content));
    contents
        .zip(sink.control_ids())
        .map(|(content, id)| (id, content.contains(WRONG)))
        .collect()
}

fn good(numbers: impl IntoIterator<Item = usize>) -> Vec<(String, bool)> {
    numbers
        .into_iter()
        .map(|number| (format!("M{number}"), false))
        .collect()
}

const PENDING: &str = "/destinations/0/pending";
const HELD: &str = "/destinations/0/held";
const DELIVERED: &str = "/destinations/0/delivered";

#[test]
fn nothing_of_a_bad_revision_arrives_once_it_is_rolled_back_and_held() {
    let bench = Bench::with("");
    bench.apply(&bad());
    bench.send(1..=20);
    bench.wait_for(PENDING, 20);
    // One of them is being tried again and again.
    let back = bench.ok(&["rollback", "lab", "--hold", "--yes", "--reason", "wrong code"]);
    assert_eq!(
        (&back["interfaces"][0]["held"], &back["interfaces"][0]["after"]),
        (&20.into(), &1.into())
    );
    bench.send(21..=25);
    let sink = bench.receiver();
    bench.wait_for(DELIVERED, 5);
    assert_eq!(arrived(&sink), good(21..=25));
    assert_eq!(bench.lab()["destinations"][0]["held"], 20);
    let held = bench.ok(&["deliveries", "held"]);
    assert_eq!(
        (
            &held["holds"][0]["revision"],
            &held["holds"][0]["reason"],
            &held["holds"][0]["destinations"][0]["deliveries"]
        ),
        (&2.into(), &"wrong code".into(), &20.into())
    );
    // What goes on behind newer messages says so.
    bench.ok(&[
        "deliveries",
        "recompute",
        "lab",
        "--revision",
        "2",
        "--yes",
        "--reason",
        "wrong code",
    ]);
    bench.wait_for(DELIVERED, 25);
    assert_eq!(arrived(&sink), good((21..=25).chain(1..=20)));
    let first = bench.ok(&["messages", "list", "--limit", "1000"])["messages"][24]["id"].clone();
    let shown = bench.ok(&["messages", "show", first.as_str().expect("an id")]);
    assert_eq!(shown["deliveries"][0]["out_of_order"], true);
    assert_eq!(
        (&shown["operations"][0]["kind"], &shown["operations"][0]["revision"]),
        (&"recomputed".into(), &1.into())
    );
}

#[test]
fn what_is_held_arrives_in_its_order_as_the_good_revision_makes_it_whenever_the_engine_is_killed() {
    let bench = Bench::with("");
    bench.send(1..=3);
    bench.wait_for(PENDING, 3);
    bench.apply(&bad());
    bench.send(4..=20);
    bench.wait_for(PENDING, 20);
    let bench = bench.kill();
    bench.ok(&["rollback", "lab", "--hold", "--yes", "--reason", "wrong code"]);
    let bench = bench.kill();
    assert_eq!(
        (bench.lab().pointer(PENDING), bench.lab().pointer(HELD)),
        (Some(&3.into()), Some(&17.into()))
    );
    bench.send(21..=25);
    bench.wait_for(PENDING, 8);
    let bench = bench.kill();
    let done = bench.ok(&[
        "deliveries",
        "recompute",
        "lab",
        "--revision",
        "2",
        "--yes",
        "--reason",
        "wrong code",
    ]);
    assert_eq!(
        (&done["recomputed"]["processed"], &done["held"]),
        (&17.into(), &0.into())
    );
    let bench = bench.kill();
    bench.wait_for(PENDING, 25);
    let sink = bench.receiver();
    bench.wait_for(DELIVERED, 25);
    assert_eq!(arrived(&sink), good(1..=25));
}

#[test]
fn what_is_held_can_be_released_as_it_is_or_given_up() {
    let bench = Bench::with(&bad());
    bench.send(1..=4);
    bench.wait_for(PENDING, 4);
    let hold = |action: &str| {
        bench.ok(&[
            "deliveries",
            action,
            "lab",
            "--revision",
            "1",
            "--yes",
            "--reason",
            "a test",
        ])
    };
    assert_eq!(hold("hold")["held"], 4);
    // The live revision is held: what it makes from now on is held too.
    bench.send(5..=6);
    bench.wait_for(HELD, 6);
    hold("discard");
    bench.send(7..=8);
    bench.wait_for(HELD, 2);
    hold("release");
    let sink = bench.receiver();
    bench.wait_for(DELIVERED, 2);
    assert_eq!(arrived(&sink), [(String::from("M7"), true), (String::from("M8"), true)]);
    let unknown = bench.run(&["deliveries", "hold", "lab", "--revision", "9", "--reason", "a test"]);
    assert!(said(&unknown).contains("has no revision 9"), "{}", said(&unknown));
}

/// What is held for it could be let go nowhere: a change that drops the destination waits for a decision, and a way back does not.
#[test]
fn a_destination_for_which_something_is_held_goes_only_with_a_way_back() {
    let bench = Bench::with("");
    let second = |owner: &str| {
        let file = wayward("", &bench.address).head(&format!("owner = \"{owner}\""));
        bench
            .site
            .add(&file.to("second", "127.0.0.1:1"))
            .expect("the file is changed");
    };
    second("laboratory");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    bench.send(1..=2);
    bench.wait_for("/destinations/1/pending", 2);
    let act = |action: &str| {
        let of_second = [
            "deliveries",
            action,
            "lab",
            "--revision",
            "2",
            "--yes",
            "--reason",
            "a test",
        ];
        bench.ok(&of_second)
    };
    act("hold");
    bench
        .site
        .add(&wayward("", &bench.address))
        .expect("the destination is taken out");
    for arguments in [&["apply", "--dry-run"][..], &["apply", "--yes", "--reason", "a test"]] {
        let refused = bench.run(arguments);
        let said = said(&refused);
        assert!(!refused.status.success(), "{arguments:?} works");
        assert!(said.contains("to `second`, which is to go, are held: 2"), "{said}");
        assert!(said.contains("deliveries discard lab --revision 2"), "{said}");
    }
    let back = bench.ok(&["rollback", "lab", "--yes", "--reason", "a test"]);
    assert!(
        back["interfaces"][0]["alerts"].to_string().contains("they stay so"),
        "{back}"
    );
    assert_eq!(bench.lab()["revision"], 1);
    let held = bench.ok(&["deliveries", "held"]);
    assert_eq!(
        held["holds"][0]["destinations"].as_array().map(Vec::len),
        Some(2),
        "{held}"
    );

    second("laboratory again");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    act("discard");
    bench
        .site
        .add(&wayward("", &bench.address))
        .expect("the destination is taken out");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    assert_ne!(bench.lab()["revision"], 3);
}

#[test]
fn what_rests_in_quarantine_is_replayed_after_a_fix_once_somebody_accepts_that_it_comes_late() {
    let bench = Bench::with(FAULTY);
    let sink = bench.receiver();
    bench.send(1..=6);
    bench.wait_for(DELIVERED, 3);
    bench.wait_for("/quarantined", 3);
    bench.apply("");
    let replay = ["messages", "replay", "--interface", "lab", "--stage", "quarantined"];
    let planned = bench.ok(&[&replay[..], &["--dry-run"]].concat());
    assert_eq!(
        (planned["messages"].as_array().map(Vec::len), &planned["on"]),
        (Some(3), &2.into())
    );
    // Of M2 and later: M3 and M5 have gone.
    assert_eq!(planned["newer"].as_array().map(Vec::len), Some(2));
    let refused = bench.run(&[&replay[..], &["--reason", "fixed"]].concat());
    assert!(
        !refused.status.success() && said(&refused).contains("nobody can be asked"),
        "{}",
        said(&refused)
    );
    assert_eq!(sink.count(), 3);

    bench.ok(&[&replay[..], &["--yes", "--reason", "fixed"]].concat());
    bench.wait_for(DELIVERED, 6);
    assert_eq!(arrived(&sink), good([1, 3, 5, 2, 4, 6]));
    bench.wait_for("/quarantined", 0);
    let second = bench.ok(&["messages", "list", "--limit", "1000"])["messages"][4]["id"].clone();
    let shown = bench.run(&["messages", "show", second.as_str().expect("an id")]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("replayed:") && shown.contains("fixed") && shown.contains("out of order"),
        "{shown}"
    );

    // The API asks for the same word.
    let bench = bench.kill();
    let again = bench.ok(&[
        "messages",
        "replay",
        second.as_str().expect("an id"),
        "--yes",
        "--reason",
        "once more",
    ]);
    assert_eq!(again["messages"].as_array().map(Vec::len), Some(1));
    bench.wait_for(DELIVERED, 7);
    assert_eq!(arrived(&sink).last().map(|(id, _)| id.as_str()), Some("M2"));
}

#[test]
fn only_what_a_bad_revision_got_wrong_is_sent_again() {
    let bench = Bench::with("");
    let sink = bench.receiver();
    bench.apply(&bad());
    let mut connection = bench.engine.connect("lab").expect("a connection");
    for number in 1..=5 {
        // In two of them the code is what the bad revision writes anyway.
        let own = message(number);
        let own = if number > 3 {
            own.replace("GLU^", &format!("{WRONG}^"))
        } else {
            own
        };
        connection.ask(own.as_bytes()).expect("an answer");
    }
    bench.wait_for(DELIVERED, 5);
    assert!(arrived(&sink).iter().all(|(_, is_wrong)| *is_wrong));
    bench.ok(&["rollback", "lab", "--yes", "--reason", "wrong code"]);
    let search = [
        "messages",
        "replay",
        "--interface",
        "lab",
        "--delivered-by",
        "2",
        "--on",
        "1",
    ];
    let looked = bench.ok(&[&search[..], &["--dry-run"]].concat());
    let differences = &looked["differences"];
    assert_eq!(
        (&differences["compared"], &differences["differing"]),
        (&5.into(), &3.into())
    );
    let pair = &differences["places"][0]["pairs"][0];
    assert_eq!((&pair["before"], &pair["messages"]), (&WRONG.into(), &3.into()));
    let example = pair["examples"][0].as_str().expect("an id");
    let shown = bench.run(&[&search[..], &["--dry-run"]].concat());
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = format!("{WRONG} -> GLU (3 messages: {example}");
    assert!(
        shown.contains("OBX-3.1 changed in 3 of 5") && shown.contains(&line),
        "{shown}"
    );
    // What is expected to differ is no difference.
    let expected = bench.ok(&[&search[..], &["--dry-run", "--only-different", "--expect", "OBX-3"]].concat());
    assert_eq!(
        (&expected["same"], &expected["differences"]["as_expected"]),
        (&5.into(), &3.into())
    );
    let replay = [&search[..], &["--only-different", "--yes", "--reason", "wrong code"]].concat();
    let done = bench.ok(&replay);
    assert_eq!(
        (done["messages"].as_array().map(Vec::len), &done["same"]),
        (Some(3), &2.into())
    );
    assert_eq!(done["differences"]["places"][0]["place"], "OBX-3.1");
    bench.wait_for(DELIVERED, 8);
    assert_eq!(arrived(&sink)[5..], good(1..=3));
    // Those are revision 1's now.
    let nothing = bench.ok(&replay);
    assert_eq!(
        (nothing["messages"].as_array().map(Vec::len), &nothing["same"]),
        (Some(0), &2.into())
    );
}

#[test]
fn a_replay_goes_where_it_is_wanted_and_nowhere_else() {
    let bench = Bench::with("");
    let (sink, second) = (bench.receiver(), Sink::accepting().expect("another receiver"));
    let both = wayward("", &bench.address).to("second", second.address());
    bench.site.add(&both).expect("the file is changed");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    bench.send(1..=2);
    bench.wait_for(DELIVERED, 2);
    bench.wait_for("/destinations/1/delivered", 2);
    let first = bench.ok(&["messages", "list"])["messages"][1]["id"].clone();
    let replay = |to: &str| {
        let id = first.as_str().expect("an id");
        bench.run(&[
            "messages", "replay", id, "--to", to, "--yes", "--reason", "a test", "--json",
        ])
    };
    let done: Value = serde_json::from_slice(&replay("second").stdout).expect("JSON");
    assert_eq!(
        done["messages"][0]["destinations"],
        serde_json::json!(["second"]),
        "{done}"
    );
    second.wait_for(3, LIMIT).expect("it arrives there");
    assert_eq!(second.control_ids(), ["M1", "M2", "M1"]);
    assert_eq!(sink.count(), 2, "and nowhere else");
    let unknown = said(&replay("nowhere"));
    assert!(unknown.contains("has no destination `nowhere`"), "{unknown}");
}

const NORMALIZE: &str = r#"[[steps]]
plugin = "transfuse/lab-normalize"
version = "^1"
grants = { tables = ["lab-codes"], read = ["*"], write = ["MSH-5", "MSH-6", "PID-5", "OBX-3", "OBX-6", "OBX-8"] }
"#;

fn codes(glucose: &str) -> String {
    format!("local,loinc,display,unit\nGLU,{glucose},Glucose,mmol/L\nK,2823-3,Potassium,mmol/L\nHGB,718-7,Hb,g/L\n")
}

/// The code of glucose in the message of this number that arrived last.
fn glucose(sink: &Sink, number: usize) -> String {
    let wanted = format!("M{number}");
    let found = wait_until("the message", LIMIT, || {
        let received = sink.received();
        let last = received.iter().zip(sink.control_ids()).rfind(|(_, id)| *id == wanted);
        last.map(|(one, _)| String::from_utf8_lossy(&one.content).into_owned())
    });
    let content = found.expect("it arrives");
    let segment = content
        .split('\r')
        .find(|segment| segment.starts_with("OBX|1|"))
        .expect("a result");
    segment
        .split('|')
        .nth(3)
        .and_then(|code| code.split('^').next())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_rollback_with_its_tables_changes_every_interface_that_uses_them_and_says_so() {
    let sink = Sink::accepting().expect("a receiver");
    let file = |name: &str, head: &str| {
        let file = InterfaceFile::listening(name).section(NORMALIZE);
        file.head(head).to("ehr", sink.address())
    };
    let site = Site::with(&file("lab", "owner = \"laboratory\"")).expect("a site");
    site.add(&file("ward", "owner = \"ward\"")).expect("another interface");
    site.write("tables/lab-codes.csv", codes("14749-6")).expect("a table");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let bench = Bench {
        address: sink.address().to_owned(),
        site,
        engine,
    };
    bench
        .site
        .add(&file("lab", "owner = \"somebody else\""))
        .expect("the file is changed");
    bench.ok(&["apply", "--yes", "--reason", "a test", "--unwatched"]);
    bench
        .site
        .write("tables/lab-codes.csv", codes(WRONG))
        .expect("another table");
    bench.ok(&["tables", "apply", "lab-codes", "--reason", "a mistake"]);
    let send = |bench: &Bench, name: &str, number: usize| {
        let mut connection = bench.engine.connect(name).expect("a connection");
        connection.ask(message(number).as_bytes()).expect("an answer");
        glucose(&sink, number)
    };
    assert_eq!([send(&bench, "lab", 1), send(&bench, "ward", 2)], [WRONG, WRONG]);

    let rollback = ["rollback", "lab", "--with-tables", "--reason", "wrong codes"];
    let planned = bench.ok(&[&rollback[..], &["--dry-run"]].concat());
    let told: Vec<(&str, &str)> = planned["interfaces"]
        .as_array()
        .expect("interfaces")
        .iter()
        .filter_map(|one| Some((one["interface"].as_str()?, one["kind"].as_str()?)))
        .collect();
    assert_eq!(
        told,
        [
            ("lab", "rolled-back"),
            ("lab", "other-tables"),
            ("ward", "other-tables")
        ]
    );
    assert_eq!(planned["interfaces"][2]["differences"][0]["place"], "tables.lab-codes");
    assert_eq!(send(&bench, "ward", 3), WRONG);

    bench.ok(&[&rollback[..], &["--yes"]].concat());
    assert_eq!(
        [send(&bench, "lab", 4), send(&bench, "ward", 5)],
        ["14749-6", "14749-6"]
    );
    let bench = bench.kill();
    assert_eq!(
        [send(&bench, "lab", 6), send(&bench, "ward", 7)],
        ["14749-6", "14749-6"]
    );
}
