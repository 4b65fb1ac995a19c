//! What a sender hears: every value of MSH-15 and MSH-16, both modes, both releases of MLLP, on the same connection and
//! by another one; and that nobody acknowledges an acknowledgement.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::time::Duration;

use transfuse_harness::{Connection, Engine, InterfaceFile, STORED, Sink, Site, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_mins(1);

const CONDITIONS: [&str; 4] = ["AL", "NE", "ER", "SU"];

struct Hospital {
    engine: Engine,
    ehr: Sink,
    site: Site,
}

/// An interface whose chain refuses every message that is not ORU^R01.
fn hospital(change: impl FnOnce(InterfaceFile) -> InterfaceFile) -> Hospital {
    let ehr = Sink::accepting().expect("a receiver");
    let interface = change(InterfaceFile::listening("lab").normalizing());
    let interface = interface.to("ehr", ehr.address()).section("types = [\"ORU\"]\n");
    let site = Site::with(&interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    Hospital { engine, ehr, site }
}

/// A result with these two fields, which the chain takes or refuses.
fn asking(control_id: &str, accept: &str, application: &str, is_good: bool) -> String {
    let message = observation(control_id).replace("|2.5.1|||||", &format!("|2.5.1|||{accept}|{application}|"));
    if is_good {
        message
    } else {
        message.replace("ORU^R01^ORU_R01", "ORU^R30^ORU_R30")
    }
}

/// MSH-15 and 16 as HL7 reads them, in the plainest way that can be written.
fn expected(accept: &str, application: &str, is_good: bool) -> Vec<&'static str> {
    let outcome = if is_good { "SU" } else { "ER" };
    let mut codes = Vec::new();
    // The message is stored whatever its chain makes of it.
    if ["AL", "SU"].contains(&accept) {
        codes.push("CA");
    }
    if ["AL", outcome].contains(&application) {
        codes.push(if is_good { "AA" } else { "AE" });
    }
    codes
}

/// Who has the message in the end: a message changes hands only by what its sender can hear.
fn expected_stage(accept: &str, application: &str, is_good: bool) -> &'static str {
    let sender_hears_of_errors = ["AL", "ER"].contains(&application);
    match is_good {
        true => "processed",
        false if accept == "NE" && sender_hears_of_errors => "refused",
        false => "quarantined",
    }
}

fn field(message: &str, segment: &str, number: usize) -> String {
    let line = message.split('\r').find(|line| line.starts_with(segment));
    let number = if segment == "MSH" { number - 1 } else { number };
    let field = line.and_then(|line| line.split('|').nth(number));
    field.unwrap_or_default().to_owned()
}

fn codes(frames: &[String]) -> Vec<String> {
    frames.iter().map(|one| field(one, "MSA", 1)).collect()
}

/// Sends this on a connection of its own, and gives everything that the engine has to say to it.
fn all_answers(engine: &Engine, messages: &[String]) -> Vec<String> {
    let mut connection = engine.connect("lab").expect("a connection");
    for message in messages {
        connection.write(&frame(message.as_bytes())).expect("the engine reads");
    }
    connection.finish().expect("nothing more to say");
    connection.rest().expect("answers until the connection ends")
}

/// The stage of each message by its control id, once so many are decided.
fn stages(engine: &Engine, count: usize) -> HashMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    wait_until(&format!("{count} decided messages"), LIMIT, || {
        let listed = engine.json(&["messages", "list", "--limit", "500"]).ok()?;
        let messages = listed.get("messages")?.as_array()?.clone();
        let decided: HashMap<_, _> = messages
            .iter()
            .map(|one| (text(&one["control_id"]), text(&one["stage"])))
            .filter(|(_, stage)| stage != "received")
            .collect();
        (decided.len() >= count).then_some(decided)
    })
    .expect("every message is decided")
}

/// Each pair of conditions, for a message that the chain takes and for one that it does not.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str, bool, String)> {
    CONDITIONS.into_iter().flat_map(|accept| {
        CONDITIONS.into_iter().flat_map(move |application| {
            [true, false].into_iter().map(move |is_good| {
                let outcome = if is_good { "G" } else { "B" };
                (accept, application, is_good, format!("{accept}{application}{outcome}"))
            })
        })
    })
}

#[test]
fn every_pair_of_conditions_is_answered_as_it_asks_and_settles_who_owns_the_message() {
    let hospital = hospital(|interface| interface);
    for (accept, application, is_good, control_id) in pairs() {
        let answers = all_answers(&hospital.engine, &[asking(&control_id, accept, application, is_good)]);
        assert_eq!(codes(&answers), expected(accept, application, is_good), "{control_id}");
        assert!(
            answers.iter().all(|one| field(one, "MSA", 2) == control_id),
            "{control_id}"
        );
    }
    let stages = stages(&hospital.engine, 32);
    for (accept, application, is_good, control_id) in pairs() {
        let expected = expected_stage(accept, application, is_good);
        assert_eq!(
            stages.get(&control_id).map(String::as_str),
            Some(expected),
            "{control_id}"
        );
    }
    hospital.ehr.wait_for(16, LIMIT).expect("what was good is delivered");
}

#[test]
fn release_2_commits_each_message_before_it_is_answered_as_it_asks() {
    let hospital = hospital(|interface| interface.source("mllp_release = 2"));
    for (accept, application, is_good, control_id) in pairs() {
        let mut connection = hospital.engine.connect("lab").expect("a connection");
        let message = asking(&control_id, accept, application, is_good);
        let commit = connection.ask(message.as_bytes()).expect("a commit block");
        assert_eq!(commit.as_bytes(), STORED, "{control_id}");
        // A peer commits replies, too: that is no message.
        for _ in expected(accept, application, is_good) {
            connection.write(&frame(STORED)).expect("the engine reads");
        }
        connection.finish().expect("nothing more to say");
        let answers = connection.rest().expect("answers");
        assert_eq!(codes(&answers), expected(accept, application, is_good), "{control_id}");
    }
    assert_eq!(stages(&hospital.engine, 32).len(), 32);
}

#[test]
fn release_2_says_of_a_message_that_is_too_long_that_it_is_not_stored() {
    let hospital = hospital(|interface| interface.source("mllp_release = 2\nframe_bytes_max = \"4KiB\""));
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let long = observation("LONG") + &"NTE|1||hosszú\r".repeat(1_000);
    assert_eq!(connection.ask(long.as_bytes()).expect("a commit block"), "\u{15}");
    assert_eq!(
        connection.ask(observation("K1").as_bytes()).expect("a commit block"),
        "\u{6}"
    );
    assert!(connection.answer().expect("an answer").contains("MSA|AA|K1"));
}

#[test]
fn a_message_that_asks_for_nothing_is_answered_in_the_original_mode() {
    let hospital = hospital(|interface| interface);
    for (accept, application) in [("", ""), ("\"\"", "\"\"")] {
        for (is_good, code) in [(true, "AA"), (false, "AE")] {
            let answers = all_answers(&hospital.engine, &[asking("K1", accept, application, is_good)]);
            assert_eq!(codes(&answers), [code]);
            let answer = answers.first().expect("one answer");
            assert_eq!(
                (field(answer, "MSH", 15), field(answer, "MSH", 16)),
                (String::new(), String::new())
            );
        }
    }
}

#[test]
fn both_acknowledgements_name_the_message_and_ask_for_none_themselves() {
    let hospital = hospital(|interface| interface);
    let answers = all_answers(&hospital.engine, &[asking("K1", "AL", "AL", false)]);
    let [accept, application] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    for answer in [accept, application] {
        let fields = [9, 11, 12, 15, 16].map(|number| field(answer, "MSH", number));
        assert_eq!(fields, ["ACK^R30^ACK", "P", "2.5.1", "NE", "NE"]);
        assert_eq!(field(answer, "MSA", 2), "K1");
    }
    assert_ne!(field(accept, "MSH", 10), field(application, "MSH", 10));
    assert!(application.contains("\rERR||MSH^1^9^1|200^"), "{application}");
}

#[test]
fn an_older_version_is_told_of_an_error_in_its_own_form() {
    let hospital = hospital(|interface| interface);
    let old = asking("K1", "AL", "ER", false).replace("|P|2.5.1|", "|P|2.3|");
    let answers = all_answers(&hospital.engine, &[old]);
    let application = answers.get(1).expect("an accept and an application acknowledgement");
    assert_eq!(field(application, "MSH", 9), "ACK^R30");
    assert!(application.contains("\rERR|MSH^1^9^200&"), "{application}");
}

#[test]
fn what_cannot_be_read_is_refused_by_an_accept_acknowledgement_where_one_is_wanted() {
    let hospital = hospital(|interface| interface);
    for (accept, application, code) in [
        ("AL", "AL", Some("CR")),
        ("ER", "NE", Some("CR")),
        ("SU", "ER", Some("AR")),
        ("NE", "AL", Some("AR")),
        ("NE", "SU", None),
        ("NE", "NE", None),
        ("", "", Some("AR")),
    ] {
        let unreadable = format!("MSH|^^^^|A|B|C|D|||ADT^A01|K1|P|2.5|||{accept}|{application}\r");
        let answers = all_answers(&hospital.engine, &[unreadable]);
        assert_eq!(codes(&answers), code.as_slice(), "{accept} {application}");
    }
}

#[test]
fn a_pipelining_sender_hears_both_kinds_in_the_order_of_its_messages() {
    let hospital = hospital(|interface| interface);
    let messages: Vec<_> = (0..200)
        .map(|number| asking(&format!("M{number}"), "AL", "AL", number % 7 != 0))
        .collect();
    let answers = all_answers(&hospital.engine, &messages);
    let (accepts, applications): (Vec<_>, Vec<_>) = answers.iter().partition(|one| field(one, "MSA", 1) == "CA");
    let names: Vec<_> = (0..200).map(|number| format!("M{number}")).collect();
    for of_one_kind in [accepts, applications] {
        let told: Vec<_> = of_one_kind.iter().map(|one| field(one, "MSA", 2)).collect();
        assert_eq!(told, names);
    }
}

#[test]
fn an_acknowledgement_is_never_acknowledged_beyond_what_its_msh_15_asks_for() {
    let hospital = hospital(|interface| interface);
    let acknowledgement = |fields: &str, code: &str| {
        format!("MSH|^~\\&|EHR|H|LAB|L|20261123||ACK^R01^ACK|K1|P|2.5.1|||{fields}\rMSA|{code}|M1\r")
    };
    for (message, expected) in [
        (acknowledgement("", "AA"), &[][..]),
        (acknowledgement("NE|AL", "AE"), &[]),
        (acknowledgement("AL|AL", "AA"), &["CA"]),
        (acknowledgement("AL|AL", "CA"), &[]),
        (acknowledgement("", "CE"), &[]),
    ] {
        let answers = all_answers(&hospital.engine, std::slice::from_ref(&message));
        assert_eq!(codes(&answers), expected, "{message}");
    }
}

/// An interface whose application acknowledgements leave by the destination `back`.
fn answering_elsewhere(back: &Sink) -> Hospital {
    hospital(|interface| {
        interface
            .source("application_acknowledgements = \"back\"")
            .to("back", back.address())
    })
}

#[test]
fn application_acknowledgements_may_go_by_a_destination() {
    let back = Sink::scripted(|_, _| transfuse_harness::Reply::Code("CA")).expect("a receiver");
    let hospital = answering_elsewhere(&back);
    let messages = [
        asking("GOOD", "AL", "AL", true),
        asking("BAD", "AL", "AL", false),
        asking("QUIET", "AL", "ER", true),
        asking("REFUSED", "NE", "ER", false),
    ];
    let answers = all_answers(&hospital.engine, &messages);
    assert_eq!(codes(&answers), ["CA", "CA", "CA"]);
    let delivered = back.wait_for(3, LIMIT).expect("acknowledgements");
    let texts: Vec<_> = delivered
        .iter()
        .map(|one| String::from_utf8_lossy(&one.content).into_owned())
        .collect();
    let told: Vec<_> = texts
        .iter()
        .map(|one| (field(one, "MSA", 1), field(one, "MSA", 2)))
        .collect();
    let pair = |code: &str, control_id: &str| (code.to_owned(), control_id.to_owned());
    assert_eq!(told, [pair("AA", "GOOD"), pair("AE", "BAD"), pair("AE", "REFUSED")]);
    assert!(
        texts
            .iter()
            .all(|one| field(one, "MSH", 15) == "AL" && field(one, "MSH", 16) == "NE")
    );
    let stages = stages(&hospital.engine, 4);
    let stage = |name: &str| stages.get(name).map(String::as_str);
    assert_eq!((stage("BAD"), stage("REFUSED")), (Some("quarantined"), Some("refused")));
    hospital.ehr.wait_for(2, LIMIT).expect("what was good is delivered");
    // The original mode knows no way back but the connection.
    let original = all_answers(&hospital.engine, &[observation("ORIGINAL")]);
    assert_eq!(codes(&original), ["AA"]);
    hospital.engine.stop().expect("a clean stop");
    assert_eq!(back.count(), 3, "nothing else goes there");
}

/// Sends messages until it is interrupted by the engine's death, and gives those for which CA was heard.
fn committed_before_the_kill(engine: Engine, round: usize) -> Vec<(String, bool)> {
    let mut connection = engine.connect("lab").expect("a connection");
    let messages: Vec<_> = (0..40)
        .map(|number| (format!("R{round}N{number}"), number % 3 != 0))
        .collect();
    for (control_id, is_good) in &messages {
        let message = asking(control_id, "AL", "AL", *is_good);
        connection.write(&frame(message.as_bytes())).expect("the engine reads");
    }
    let heard = 1 + round * 12;
    for _ in 0..heard {
        assert!(connection.answer().expect("an answer").contains("MSA|CA|"));
    }
    engine.kill().expect("SIGKILL");
    messages.into_iter().take(heard).collect()
}

#[test]
fn a_message_whose_commit_was_heard_before_a_kill_is_there_after_it_with_its_outcome() {
    let back = Sink::accepting().expect("a receiver");
    let Hospital { engine, ehr, site } = answering_elsewhere(&back);
    let mut committed = committed_before_the_kill(engine, 0);
    for round in 1..3 {
        let engine = Engine::start(&site.path()).expect("the engine starts after a kill");
        // A message whose chain runs at two kills is quarantined, which is another test's matter.
        stages(&engine, committed.len());
        committed.extend(committed_before_the_kill(engine, round));
    }
    let engine = Engine::start(&site.path()).expect("the engine starts after the last kill");
    for (control_id, is_good) in &committed {
        let code = if *is_good { "AA" } else { "AE" };
        let told = format!("MSA|{code}|{control_id}");
        wait_until(&told, LIMIT, || {
            let received = back.received();
            let is_told = |content: &[u8]| String::from_utf8_lossy(content).contains(&told);
            received.iter().any(|one| is_told(&one.content)).then_some(())
        })
        .expect("the application acknowledgement follows");
        wait_until(control_id, LIMIT, || {
            (ehr.control_ids().contains(control_id) == *is_good).then_some(())
        })
        .expect("what was good is delivered, and nothing else");
    }
    let stages = stages(&engine, committed.len());
    for (control_id, is_good) in &committed {
        let expected = if *is_good { "processed" } else { "quarantined" };
        assert_eq!(
            stages.get(control_id).map(String::as_str),
            Some(expected),
            "{control_id}"
        );
    }
}

#[test]
fn a_sender_that_hangs_up_after_the_commit_costs_only_its_own_answer() {
    let hospital = hospital(|interface| interface);
    let mut connection = hospital.engine.connect("lab").expect("a connection");
    let answer = connection
        .ask(asking("K1", "AL", "AL", true).as_bytes())
        .expect("a commit");
    assert!(answer.contains("MSA|CA|K1"), "{answer}");
    drop(connection);
    hospital.ehr.wait_for(1, LIMIT).expect("the message is delivered");
    let answer = Connection::open(&hospital.engine.address("lab").expect("an address"))
        .and_then(|mut next| next.ask(observation("K2").as_bytes()));
    assert!(answer.expect("an answer").contains("MSA|AA|K2"));
}
