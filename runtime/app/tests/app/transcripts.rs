//! What the commands print, word for word: `tests/transcripts/`, with times, ids and ports masked.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use transfuse_harness::{Engine, Sink, Site, wait_until};

use crate::support::{Transcript, binary, tests_folder};

const LIMIT: Duration = Duration::from_secs(30);

/// The example site with ports of its own.
struct Example {
    site: Site,
    engine: Engine,
    _ehr: Sink,
}

fn example() -> Example {
    let site = Site::new().unwrap();
    site.copy_from(&tests_folder().join("../../../examples/lab-results"))
        .unwrap();
    let ehr = Sink::accepting().unwrap();
    let file = site.path().join("interfaces/lab-results.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replace("127.0.0.1:2575", "127.0.0.1:0")
        .replace("127.0.0.1:2576", ehr.address());
    fs::write(&file, text).unwrap();
    let engine = Engine::start(&site.path()).unwrap();
    Example {
        site,
        engine,
        _ehr: ehr,
    }
}

impl Example {
    fn send(&self, sample: &str) {
        let file = self.site.path().join("messages/lab").join(sample);
        let address = self.engine.address("lab-results").unwrap();
        // A refusal is what some samples are for.
        Command::new(binary())
            .arg("send")
            .arg(address)
            .arg(file)
            .output()
            .unwrap();
    }

    /// Waits until so many messages have nothing open, and gives their ids, oldest first.
    fn settled(&self, count: usize) -> Vec<String> {
        wait_until("everything to be settled", LIMIT, || {
            let status = self.engine.json(&["status"]).ok()?;
            let lab = status["interfaces"]
                .as_array()?
                .iter()
                .find(|one| one["name"] == "lab-results")?;
            let open = lab["destinations"].as_array()?.iter().any(|one| one["pending"] != 0);
            let listed = self.engine.json(&["messages", "list"]).ok()?;
            let ids = listed["messages"].as_array()?.iter().rev();
            let ids: Vec<String> = ids
                .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
                .collect();
            (!open && status["behind"] == 0 && ids.len() == count).then_some(ids)
        })
        .unwrap()
    }

    fn transcript(&self, arguments: &[&str], name: &str) -> Option<String> {
        let output = self.engine.command(arguments).unwrap();
        let site = self.site.path().display().to_string();
        let transcript = Transcript::new(&output).replacing(&site, "[SITE]");
        let longest = transcript
            .text()
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or_default();
        assert!(longest <= 130, "{name} is {longest} wide");
        transcript.difference_to(&tests_folder().join("transcripts").join(name))
    }
}

#[test]
fn the_commands_tell_a_messages_life() {
    let example = example();
    for sample in ["02-haematology.hl7", "04-unknown-code.hl7"] {
        example.send(sample);
    }
    let ids = example.settled(2);
    let wrong = [
        example.transcript(&["status"], "status.txt"),
        example.transcript(&["messages", "list"], "messages-list.txt"),
        example.transcript(&["messages", "show", &ids[0]], "messages-show-processed.txt"),
        example.transcript(&["messages", "show", &ids[1]], "messages-show-refused.txt"),
        example.transcript(&["messages", "show", "20200101-000001"], "messages-show-missing.txt"),
    ];
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn help_teaches() {
    let commands: [&[&str]; 17] = [
        &[],
        &["run"],
        &["check"],
        &["demo"],
        &["status"],
        &["messages", "list"],
        &["messages", "show"],
        &["send"],
        &["listen"],
        &["plugin", "build"],
        &["hl7", "parse"],
        &["hl7", "validate"],
        &["hl7", "get"],
        &["hl7", "set"],
        &["hl7", "diff"],
        &["hl7", "encode"],
        &["interface", "new"],
    ];
    for command in commands {
        let output = Command::new(binary()).args(command).arg("--help").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}");
        assert!(
            command.is_empty() || text.contains(": transfuse "),
            "{command:?} has no example:\n{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{command:?} is too wide:\n{text}"
        );
    }
}

#[test]
fn the_demo_ends_well_and_leaves_nothing_running() {
    let work = tempfile::tempdir().unwrap();
    let demo = || {
        Command::new(binary())
            .arg("demo")
            .arg("--site")
            .arg(tests_folder().join("../../../examples/lab-results"))
            .arg("--plugins")
            .arg(transfuse_harness::plugins().unwrap())
            .arg("--work")
            .arg(work.path().join("demo"))
            .output()
            .unwrap()
    };
    // Twice, because the second one finds what the first one left.
    for _ in 0..2 {
        let output = demo();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.contains("the EHR has it exactly once"), "{text}");
        assert!(!text.contains('\x1b'), "colour without a terminal");
    }
    let lock = fs::File::open(work.path().join("demo/site/data/lock"));
    assert!(lock.is_ok());
    assert!(
        !is_mentioned_in_any_process(&work.path().join("demo")),
        "a process of the demo is left"
    );
}

/// Whether any process was started with a path in its arguments.
fn is_mentioned_in_any_process(path: &Path) -> bool {
    let path = path.display().to_string();
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    processes
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .any(|line| line.contains(&path))
}
