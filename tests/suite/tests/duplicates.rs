//! What a sender sends more than once: because it was told no, and because it never heard that it was told yes.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Sink, Site, binary};

const LIMIT: Duration = Duration::from_secs(30);

/// A result; without a name it is not what its structure asks for.
fn result(sender: &str, control_id: &str, name: &str) -> String {
    format!(
        "MSH|^~\\&|{sender}|A|EHR|B|20261128100000+0100||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r\
         PID|1||1^^^PROBA^MR||{name}\r\
         OBR|1|||GLU^Glucose^L\r\
         OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|||||F\r"
    )
}

struct Hospital {
    site: Site,
    engine: Engine,
}

impl Hospital {
    fn with(interface: &InterfaceFile) -> Self {
        let site = Site::with(interface).expect("a site");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self { site, engine }
    }

    /// The codes of the answers.
    fn send(&self, messages: &[String]) -> Vec<String> {
        let mut connection = self.engine.connect("lab").expect("a connection");
        let answers = messages.iter().map(|message| {
            let answer = connection.ask(message.as_bytes()).expect("an answer");
            let code = answer.split("MSA|").nth(1).and_then(|rest| rest.split('|').next());
            code.unwrap_or_else(|| panic!("{answer}")).to_owned()
        });
        answers.collect()
    }

    fn kill(self) -> Self {
        self.engine.kill().expect("the engine is killed");
        let engine = Engine::start(&self.site.path()).expect("the engine starts again");
        Self { engine, ..self }
    }

    fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let listed = self.engine.json(&[&["messages", "list"], arguments].concat()).expect("a list");
        listed["messages"].as_array().expect("messages").clone()
    }

    fn told(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary().expect("the binary"));
        let output = command.args(arguments).arg(self.site.path()).output().expect("a command runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

#[test]
fn refused_repeats_are_shown_once_and_the_accepted_copy_beside_them() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab")
        .source("validate = { level = \"structure\" }")
        .to("ehr", sink.address());
    let hospital = Hospital::with(&interface);
    let bad = result("LAB", "M1", "");
    let of_another = result("XRAY", "M1", "");
    assert_eq!(hospital.send(&[bad.clone(), bad.clone(), of_another]), ["AE", "AE", "AE"]);
    // What was refused before a restart is known after it.
    let hospital = hospital.kill();
    assert_eq!(hospital.send(&[bad]), ["AE"]);
    let listed = hospital.list(&["--stage", "refused"]);
    let counts: Vec<&Value> = listed.iter().map(|one| &one["refusals"]["messages"]).collect();
    assert_eq!(counts, [3, 1], "{listed:#?}");
    assert_eq!(hospital.list(&["--control-id", "M1"]).len(), 4, "each of them is there");
    let table = hospital.told(&["messages", "list"]);
    assert!(table.contains("refused 3 times, from"), "{table}");

    let hospital = hospital.kill();
    assert_eq!(hospital.send(&[result("LAB", "M1", "PROBA^BETEG")]), ["AA"]);
    sink.wait_for(1, LIMIT).expect("the good one");
    let listed = hospital.list(&[]);
    let [accepted, refused, other] = listed.as_slice() else {
        panic!("{listed:#?}")
    };
    assert_eq!((&accepted["stage"], &refused["stage"]), (&"processed".into(), &"refused".into()));
    assert_eq!(refused["refusals"]["accepted"], accepted["id"]);
    assert_eq!(accepted["refusals"]["last"], refused["id"]);
    assert_eq!(other["refusals"]["accepted"], Value::Null, "another sender's is another message");
    let id = |message: &Value| message["id"].as_str().expect("an id").to_owned();
    let of_refused = hospital.told(&["messages", "show", &id(refused)]);
    assert!(of_refused.contains(&format!("and accepted as {}", id(accepted))), "{of_refused}");
    let of_accepted = hospital.told(&["messages", "show", &id(accepted)]);
    assert!(of_accepted.contains("refused 3 times before, from"), "{of_accepted}");
}
