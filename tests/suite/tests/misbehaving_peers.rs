//! Peers that misbehave. Each has an outcome with a name: what the engine says of it, what becomes of the message, and that
//! everybody else is served meanwhile. Receivers that are down, late, or break off are in `destinations`, senders that send
//! no HL7 or too much of it in `bad_input`.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use serde_json::Value;
use transfuse_harness::{Connection, Engine, InterfaceFile, Reply, Sink, Site, frame, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Longer than anything that is answered takes, shorter than anybody waits for.
const PATIENCE: &str = "300ms";

/// What a source that says nothing of its patience gives its senders.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);

struct Hospital {
    engine: Engine,
    sink: Sink,
    _site: Site,
}

impl Hospital {
    /// An interface that passes everything on to a receiver. It is as impatient with its sender as with its receiver.
    fn with(sink: Sink) -> Self {
        let destination = format!(
            "[[destinations]]\nname = \"ehr\"\ntype = \"mllp\"\naddress = \"{}\"\nreply_timeout = \"{PATIENCE}\"\n\
             retry = {{ first = \"20ms\", ceiling = \"100ms\" }}\n",
            sink.address()
        );
        let interface = InterfaceFile::listening("lab")
            .source(&format!("frame_timeout = \"{PATIENCE}\""))
            .source(&format!("write_timeout = \"{PATIENCE}\""))
            .section(&destination);
        let site = Site::with(&interface).expect("a site");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        Self {
            engine,
            sink,
            _site: site,
        }
    }

    fn connect(&self) -> Connection {
        self.engine.connect("lab").expect("a connection")
    }

    fn send(&self, control_id: &str) {
        let answer = self.connect().ask(observation(control_id).as_bytes());
        let answer = answer.expect("an answer");
        assert!(answer.contains(&format!("MSA|AA|{control_id}")), "{answer}");
    }

    /// Waits until so many are delivered.
    fn delivered(&self, count: u64) {
        let delivered = wait_until(&format!("{count} delivered"), LIMIT, || {
            let status = self.engine.json(&["status"]).ok()?;
            (status["interfaces"][0]["destinations"][0]["delivered"] == count).then_some(())
        });
        delivered.unwrap_or_else(|error| panic!("{error}: {}", self.engine.said()));
    }

    /// What the engine notes of the one delivery of the oldest message.
    fn first_delivery(&self) -> Value {
        let listed = self.engine.json(&["messages", "list"]).expect("a list");
        let oldest = listed["messages"]
            .as_array()
            .and_then(|all| all.last())
            .expect("a message");
        let id = oldest["id"].as_str().expect("its id");
        let shown = self.engine.json(&["messages", "show", id]).expect("the message");
        shown["deliveries"][0].clone()
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

/// Sends two messages to a receiver whose first answer is this, and holds what becomes of the first one: `fault`, another
/// attempt on another connection, and an end as delivered. The second one comes behind it.
fn tried_again_after(first: Reply, fault: &str) {
    let sink = Sink::scripted(move |number, _| if number == 0 { first } else { Reply::Accept });
    let hospital = Hospital::with(sink.expect("a receiver"));
    hospital.send("M0");
    hospital.send("M1");
    hospital.delivered(2);
    assert_eq!(hospital.sink.control_ids(), ["M0", "M0", "M1"]);
    let received = hospital.sink.received();
    assert_ne!(
        received[0].connection, received[1].connection,
        "nothing of that connection is to be trusted"
    );
    let delivery = hospital.first_delivery();
    assert_eq!(
        (&delivery["stage"], &delivery["attempts"]),
        (&"delivered".into(), &1.into())
    );
    let last = delivery["last_fault"].as_str().expect("a fault");
    assert!(last.contains(fault), "{last}");
}

#[test]
fn a_receiver_that_never_answers_is_given_up_after_the_time_of_a_reply() {
    tried_again_after(Reply::Hang, "no reply from");
}

#[test]
fn an_answer_of_one_byte_at_a_time_has_no_more_time_than_any_other() {
    tried_again_after(Reply::Dribble(Duration::from_millis(20)), "no reply from");
}

#[test]
fn garbage_is_no_answer() {
    tried_again_after(
        Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "stand outside of any frame",
    );
}

#[test]
fn a_frame_without_hl7_in_it_is_no_answer() {
    tried_again_after(
        Reply::Bytes(b"\x0bthank you\x1c\r"),
        "the receiver's answer is not an HL7 message",
    );
}

#[test]
fn a_message_that_acknowledges_nothing_is_no_answer() {
    let message = b"\x0bMSH|^~\\&|SINK|TEST|||20261128||ADT^A01|S1|P|2.5.1\rEVN|A01\r\x1c\r";
    tried_again_after(Reply::Bytes(message), "says nothing");
}

#[test]
fn a_receiver_that_half_closes_instead_of_answering_has_not_answered() {
    tried_again_after(Reply::HalfClose, "closed the connection without a reply");
}

#[test]
fn a_second_answer_costs_the_connection_and_neither_message() {
    let sink = Sink::scripted(|number, _| {
        if number == 0 {
            // In one piece: what comes later may come for the next message, and is an answer for another control id.
            Reply::Bytes(b"\x0bMSH|^~\\&|S|T|||||ACK|1|P|2.5\rMSA|AA|M0\r\x1c\r\x0bMSH|^~\\&|S|T|||||ACK|2|P|2.5\rMSA|AE|M0\r\x1c\r")
        } else {
            Reply::Accept
        }
    });
    let hospital = Hospital::with(sink.expect("a receiver"));
    hospital.send("M0");
    hospital.send("M1");
    hospital.delivered(2);
    assert_eq!(
        hospital.sink.control_ids(),
        ["M0", "M1"],
        "the first answer counts, and the second is nobody's"
    );
    let received = hospital.sink.received();
    assert_ne!(received[0].connection, received[1].connection);
    assert_eq!(hospital.first_delivery()["attempts"], 0);
}

#[test]
fn a_receiver_that_resets_in_mid_frame_gets_the_message_on_the_next_connection() {
    let hospital = Hospital::with(Sink::resetting(2).expect("a receiver"));
    hospital.send("M0");
    hospital.send("M1");
    hospital.delivered(2);
    assert_eq!(hospital.sink.control_ids(), ["M0", "M1"]);
    let delivery = hospital.first_delivery();
    assert_eq!(
        (&delivery["stage"], &delivery["attempts"]),
        (&"delivered".into(), &2.into())
    );
    let fault = delivery["last_fault"].as_str().expect("a fault");
    assert!(
        fault.contains("broke before the reply") || fault.contains("broke in the middle"),
        "{fault}"
    );
}

/// A receiver that nothing is asked of: the sender is what misbehaves.
fn accepting() -> Hospital {
    Hospital::with(Sink::accepting().expect("a receiver"))
}

#[test]
fn half_a_frame_and_then_silence_is_refused_kept_and_the_connection_closed() {
    let hospital = accepting();
    let mut silent = hospital.connect();
    let whole = frame(observation("HALF").as_bytes());
    silent.write(&whole[..whole.len() / 2]).expect("the engine reads");
    let began = Instant::now();
    // Others do not wait for it.
    hospital.send("OTHER");
    silent.rest().expect("the engine closes");
    assert!(began.elapsed() < DEFAULT_PATIENCE, "{:?}", began.elapsed());
    assert!(
        hospital.refused().contains("the sender stopped sending"),
        "{}",
        hospital.refused()
    );
    hospital.delivered(1);
    assert_eq!(hospital.sink.control_ids(), ["OTHER"]);
}

#[test]
fn one_byte_at_a_time_keeps_nobody_for_longer_than_a_pause_may_last() {
    let hospital = accepting();
    let mut slow = hospital.connect();
    let whole = frame(observation("SLOW").as_bytes());
    let began = Instant::now();
    // A sender has to write at some pace; what is waited for is that the engine has had enough.
    let written = whole.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(20));
        slow.write(&[**byte]).is_ok()
    });
    let written = written.count();
    assert!(written < whole.len() / 2, "{written} bytes in {:?}", began.elapsed());
    assert!(
        hospital.refused().contains("the sender stopped sending"),
        "{}",
        hospital.refused()
    );
    hospital.send("OTHER");
    hospital.delivered(1);
    assert_eq!(hospital.sink.control_ids(), ["OTHER"]);
}

#[test]
fn a_sender_that_resets_in_mid_frame_loses_that_frame_and_none_before_it() {
    let hospital = accepting();
    let mut hasty = hospital.connect();
    let whole = frame(observation("HALF").as_bytes());
    hasty
        .write(&frame(observation("WHOLE").as_bytes()))
        .expect("the engine reads");
    hasty.write(&whole[..whole.len() / 2]).expect("the engine reads");
    hasty.reset().expect("an answer is left unread");
    assert!(
        hospital.refused().contains("the connection was closed"),
        "{}",
        hospital.refused()
    );
    hospital.send("OTHER");
    hospital.delivered(2);
    assert_eq!(hospital.sink.control_ids(), ["WHOLE", "OTHER"]);
}

#[test]
fn a_sender_that_never_reads_its_answers_is_closed_and_what_was_taken_is_delivered() {
    let hospital = accepting();
    let mut deaf = hospital.connect();
    deaf.read_nothing().expect("a small buffer");
    let began = Instant::now();
    let mut sent = 0;
    // The sender's name stands in its answers, so that few of them fill whatever the kernel holds.
    let name = format!("|{}|", "A".repeat(20_000));
    let message = |number: usize| observation(&format!("M{number}")).replace("|ANALYSER|", &name);
    while deaf.write(&frame(message(sent).as_bytes())).is_ok() {
        sent += 1;
        assert!(began.elapsed() < LIMIT, "{sent} messages, and the engine still reads");
    }
    assert!(
        began.elapsed() < DEFAULT_PATIENCE,
        "{sent} messages in {:?}",
        began.elapsed()
    );
    hospital.send("OTHER");
    wait_until("the other message at the receiver", LIMIT, || {
        hospital.sink.control_ids().contains(&"OTHER".to_owned()).then_some(())
    })
    .expect("others are served");
    let received = hospital.sink.control_ids();
    let own: Vec<String> = (0..received.len() - 1).map(|number| format!("M{number}")).collect();
    assert_eq!(
        received,
        [&own[..], &["OTHER".to_owned()]].concat(),
        "in order, and each once"
    );
}
