//! Batches: frames and files of many messages, each of which goes its own way, and one answer for all.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports by printing"
)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use transfuse_harness::{Engine, InterfaceFile, Reply, Sink, Site, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

/// What a destination may get twice after a kill: its deliveries that were not settled on disk.
const UNSETTLED_MAX: usize = 64 + 1;

const MESSAGES: usize = 1_000;

/// The engine is killed when it has noted that so many messages are done with.
const KILLED_AFTER: [usize; 2] = [128, 512];

/// An engine that passes messages on as they came.
fn listening(sink: &Sink) -> (Site, Engine) {
    let site = Site::with(&InterfaceFile::listening("lab").to("ehr", sink.address())).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

fn ask(engine: &Engine, batch: &str) -> Vec<String> {
    let mut connection = engine.connect("lab").expect("a connection");
    let answer = connection.ask(batch.as_bytes()).expect("an answer");
    answer.split_terminator('\r').map(str::to_owned).collect()
}

fn batch(content: &str, count: usize) -> String {
    format!(
        "FHS|^~\\&|ANALYSER|LAB|TRANSFUSE|HOSPITAL|20261123||NIGHT||F17\r\
         BHS|^~\\&|ANALYSER|LAB|TRANSFUSE|HOSPITAL|20261123||NIGHT||B42\r{content}BTS|{count}\rFTS|1\r"
    )
}

/// The segment's fields that can be known beforehand: all but the time and the control id of the answer itself.
fn known(header: &str) -> Vec<&str> {
    let fields = header.split('|').enumerate();
    fields
        .filter(|(index, _)| ![6, 10].contains(index))
        .map(|(_, field)| field)
        .collect()
}

fn acknowledgements(answer: &[String]) -> Vec<&str> {
    answer
        .iter()
        .filter(|segment| segment.starts_with("MSA|"))
        .map(String::as_str)
        .collect()
}

#[test]
fn a_batch_is_answered_by_a_batch_and_its_messages_are_delivered_in_order() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let content: String = ["B1", "B2", "B3"].map(observation).concat();
    let answer = ask(&engine, &batch(&content, 3));
    let names: Vec<_> = answer.iter().filter_map(|segment| segment.get(..3)).collect();
    assert_eq!(
        names,
        ["FHS", "BHS", "MSH", "MSA", "MSH", "MSA", "MSH", "MSA", "BTS", "FTS"]
    );
    let (file, batch) = (answer.first().expect("FHS"), answer.get(1).expect("BHS"));
    assert_eq!(
        known(file),
        [
            "FHS",
            "^~\\&",
            "TRANSFUSE",
            "HOSPITAL",
            "ANALYSER",
            "LAB",
            "",
            "NIGHT",
            "",
            "F17"
        ]
    );
    assert_eq!(
        known(batch),
        [
            "BHS",
            "^~\\&",
            "TRANSFUSE",
            "HOSPITAL",
            "ANALYSER",
            "LAB",
            "",
            "NIGHT",
            "",
            "B42"
        ]
    );
    assert_eq!(acknowledgements(&answer), ["MSA|AA|B1", "MSA|AA|B2", "MSA|AA|B3"]);
    assert_eq!(
        answer.get(8..),
        Some(["BTS|3".to_owned(), "FTS|1".to_owned()].as_slice())
    );
    sink.wait_for(3, LIMIT).expect("all of them arrive");
    assert_eq!(sink.control_ids(), ["B1", "B2", "B3"]);
    assert_eq!(
        sink.received().first().map(|first| first.content.clone()),
        Some(observation("B1").into_bytes())
    );
    let listed = engine.json(&["messages", "list"]).expect("a list");
    let text = listed.to_string();
    for number in 1..=3 {
        assert!(
            text.contains(&format!("#{number}\"")),
            "the record tells the message's number: {text}"
        );
    }
    engine.stop().expect("a clean stop");
}

/// A message that asks for these acknowledgements.
fn asking(control_id: &str, accept: &str, application: &str) -> String {
    observation(control_id).replace("|2.5.1|||||HUN|", &format!("|2.5.1|||{accept}|{application}|HUN|"))
}

#[test]
fn in_the_enhanced_mode_a_batch_holds_the_acknowledgements_that_its_messages_ask_for() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::listening("lab").to("ehr", sink.address());
    let site = Site::with(&interface.source("mllp_release = 2")).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let content = [
        asking("E1", "AL", "AL"),
        asking("E2", "NE", "ER"),
        asking("E3", "AL", "NE"),
    ]
    .concat();
    let mut connection = engine.connect("lab").expect("a connection");
    let commit = connection.ask(batch(&content, 3).as_bytes()).expect("a commit block");
    assert_eq!(commit, "\u{6}", "all of it is on disk");
    let mut answered = || {
        let answer = connection.answer().expect("an answer batch");
        let segments: Vec<_> = answer.split_terminator('\r').map(str::to_owned).collect();
        let trailer = segments.iter().find(|segment| segment.starts_with("BTS")).cloned();
        let told: Vec<_> = acknowledgements(&segments).into_iter().map(str::to_owned).collect();
        (told, trailer)
    };
    let told = |told: &[&str]| {
        let count = format!("BTS|{}", told.len());
        (told.iter().map(ToString::to_string).collect(), Some(count))
    };
    assert_eq!(answered(), told(&["MSA|CA|E1", "MSA|CA|E3"]));
    assert_eq!(
        answered(),
        told(&["MSA|AA|E1"]),
        "E2 was taken, and asks only for refusals"
    );
    sink.wait_for(3, LIMIT).expect("all of them arrive");
    assert_eq!(sink.control_ids(), ["E1", "E2", "E3"]);
    engine.stop().expect("a clean stop");
}

#[test]
fn a_message_that_cannot_be_read_is_refused_in_the_batch_and_the_others_are_taken() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let content = format!("{}MSH|LAB|damaged\rPID|1\r{}", observation("G1"), observation("G3"));
    let answer = ask(&engine, &batch(&content, 3));
    let codes: Vec<_> = acknowledgements(&answer)
        .iter()
        .filter_map(|segment| segment.get(..6))
        .collect();
    assert_eq!(codes, ["MSA|AA", "MSA|AR", "MSA|AA"]);
    assert!(answer.contains(&"BTS|3".to_owned()), "{answer:?}");
    sink.wait_for(2, LIMIT).expect("the good ones arrive");
    assert_eq!(sink.control_ids(), ["G1", "G3"]);
    engine.stop().expect("a clean stop");
}

#[test]
fn counts_that_lie_are_told_in_the_answer_and_in_the_log_and_cost_no_message() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let answer = ask(&engine, &batch(&[observation("C1"), observation("C2")].concat(), 5));
    assert_eq!(acknowledgements(&answer), ["MSA|AA|C1", "MSA|AA|C2"]);
    let flaw = "BTS-1 says 5 messages, and there are 2";
    assert!(answer.contains(&format!("BTS|2|{flaw}")), "{answer:?}");
    sink.wait_for(2, LIMIT).expect("both arrive");
    let said = engine.stop().expect("a clean stop").said;
    assert!(said.contains(flaw), "{said}");
}

#[test]
fn an_empty_batch_is_answered_by_an_empty_batch() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let answer = ask(&engine, &batch("", 0));
    let names: Vec<_> = answer.iter().filter_map(|segment| segment.get(..5)).collect();
    assert_eq!(names, ["FHS|^", "BHS|^", "BTS|0", "FTS|1"]);
    engine.stop().expect("a clean stop");
}

#[test]
fn messages_without_headers_are_answered_one_after_the_other_in_one_frame() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let mut connection = engine.connect("lab").expect("a connection");
    let two = [observation("N1"), observation("N2")].concat();
    let answer = connection.ask(two.as_bytes()).expect("an answer");
    let answer: Vec<_> = answer.split_terminator('\r').map(str::to_owned).collect();
    assert_eq!(acknowledgements(&answer), ["MSA|AA|N1", "MSA|AA|N2"]);
    assert!(
        answer
            .iter()
            .all(|segment| segment.starts_with("MSH|") || segment.starts_with("MSA|"))
    );
    // What comes behind a batch on the same connection stays behind it.
    connection.ask(observation("N3").as_bytes()).expect("an answer");
    sink.wait_for(3, LIMIT).expect("all of them arrive");
    assert_eq!(sink.control_ids(), ["N1", "N2", "N3"]);
    engine.stop().expect("a clean stop");
}

#[test]
fn a_frame_of_more_messages_than_are_taken_at_once_is_refused_whole() {
    let sink = Sink::accepting().expect("a receiver");
    let (_site, engine) = listening(&sink);
    let many: String = (0..1_001).fold(String::new(), |mut many, number| {
        let _ = write!(many, "MSH|^~\\&|ANALYSER|LAB|||||ADT^A01|M{number}|P|2.5.1\r");
        many
    });
    let answer = ask(&engine, &many);
    assert_eq!(acknowledgements(&answer).len(), 1);
    assert!(
        answer
            .iter()
            .any(|segment| segment.starts_with("MSA|AR|M0|more than 1000 messages")),
        "{answer:?}"
    );
    engine.stop().expect("a clean stop");
    assert_eq!(sink.count(), 0);
}

/// A site whose files go to the receiver.
fn watching(sink: &Sink) -> Site {
    let site = Site::new().expect("a site");
    let source = "description = \"Files of many messages\"\n\n[source]\ntype = \"files\"\nfolder = \"inbox\"\nstable_for = \"50ms\"\npoll = \"50ms\"\n";
    let destination = format!(
        "\n[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\nretry = {{ first = \"20ms\", ceiling = \"100ms\" }}\n",
        sink.address()
    );
    site.write("interfaces/files.toml", [source, &destination].concat())
        .expect("an interface");
    fs::create_dir_all(site.path().join("inbox")).expect("a folder");
    site
}

/// How many messages of the file are done with, as the engine has noted it beside the file.
fn noted(inbox: &Path) -> usize {
    let entries = fs::read_dir(inbox).into_iter().flatten().flatten();
    let notes = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".progress"));
    let texts = notes.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let done = texts.filter_map(|text| {
        text.lines()
            .rev()
            .find_map(|line| line.strip_prefix("done ")?.parse().ok())
    });
    done.max().unwrap_or_default()
}

fn wait_for_file(path: &Path) {
    wait_until("the file", LIMIT, || path.exists().then_some(())).expect("it is moved there");
}

#[test]
fn a_file_of_many_messages_goes_on_after_a_kill_in_order_with_nothing_lost() {
    let sink = Sink::accepting().expect("a receiver");
    let site = watching(&sink);
    let inbox = site.path().join("inbox");
    let ids: Vec<_> = (0..MESSAGES).map(|number| format!("F{number:04}")).collect();
    let content: String = ids.iter().map(|id| observation(id)).collect();
    let content = format!("BHS|^~\\&|ANALYSER\r{content}BTS|{MESSAGES}\r");
    site.write(".waiting.hl7", &content).expect("a file");
    let mut engine = Engine::start(&site.path()).expect("the engine starts");
    fs::rename(site.path().join(".waiting.hl7"), inbox.join("day.hl7")).expect("it is dropped whole");
    for done in KILLED_AFTER {
        wait_until("the note of how far it is read", LIMIT, || {
            (noted(&inbox) >= done).then_some(())
        })
        .expect("it is read");
        engine.kill().expect("SIGKILL");
        assert!(
            inbox.join("day.hl7").exists(),
            "it was done with before it could be cut short"
        );
        engine = Engine::start(&site.path()).expect("the engine starts again");
    }
    wait_for_file(&site.path().join("inbox/archive/day.hl7"));
    let all = || sink.control_ids().iter().cloned().collect::<HashSet<_>>().len() == MESSAGES;
    wait_until("all messages at the receiver", LIMIT, || all().then_some(())).expect("none is lost");
    let status = engine.json(&["status"]).expect("a status");
    let taken = &status["interfaces"][0];
    assert_eq!(
        (&taken["processed"], &taken["refused"]),
        (&MESSAGES.into(), &0.into()),
        "no message is taken twice"
    );
    println!("{}", engine.stop().expect("a clean stop").said);
    let delivered = sink.control_ids();
    let mut seen = HashSet::new();
    let first_arrivals = delivered.iter().filter(|id| seen.insert(id.as_str()));
    let out_of_order = first_arrivals.zip(&ids).find(|(arrived, sent)| arrived != sent);
    assert_eq!(out_of_order, None, "they first arrive in the order of the file");
    let twice = delivered.len() - MESSAGES;
    let twice_max = KILLED_AFTER.len() * UNSETTLED_MAX;
    assert!(twice <= twice_max, "{twice} messages came twice");
    assert_eq!(
        fs::read_to_string(site.path().join("inbox/archive/day.hl7")).expect("the file"),
        content
    );
}

#[test]
fn a_file_without_headers_is_split_and_what_is_refused_of_it_is_kept_apart() {
    let sink = Sink::scripted(|_, _| Reply::Accept).expect("a receiver");
    let site = watching(&sink);
    let engine = Engine::start(&site.path()).expect("the engine starts");
    let damaged = "MSH|LAB|damaged\rPID|1\r";
    let content = [&observation("P1"), damaged, &observation("P3")].concat();
    site.write("inbox/part.hl7", &content).expect("a file");
    wait_for_file(&site.path().join("inbox/archive/part.hl7"));
    sink.wait_for(2, LIMIT).expect("the good ones arrive");
    assert_eq!(sink.control_ids(), ["P1", "P3"]);
    engine.stop().expect("a clean stop");
    let errors = site.path().join("inbox/errors");
    assert_eq!(
        fs::read_to_string(errors.join("part.hl7")).expect("the refused message"),
        damaged
    );
    let reason = fs::read_to_string(errors.join("part.hl7.reason")).expect("a reason");
    assert!(
        reason.starts_with("1 of the 3 messages of this file were not taken"),
        "{reason}"
    );
    assert!(reason.contains("message 2 at byte"), "{reason}");
}
