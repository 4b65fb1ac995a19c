//! Interfaces that receive and send frames of the site's own over TCP: each framing there and back, with acknowledgements, words or
//! nothing, and what becomes of a frame that is not whole.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use transfuse_harness::{Authority, Engine, InterfaceFile, Sink, Site, Valid, binary, observation, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// A framing as the site writes it, and as it is on the wire.
struct Framing {
    written: &'static str,
    framed: fn(&[u8]) -> Vec<u8>,
    /// How many bytes of what comes are in front of the content, and how many behind it.
    around: (usize, usize),
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Messages are far below 32 KiB.
fn length(content: &[u8]) -> [u8; 2] {
    u16::try_from(content.len()).expect("a short message").to_be_bytes()
}

const FRAMINGS: [Framing; 5] = [
    Framing {
        written: "{ start = \"\\u0002\", end = \"\\u0003\" }",
        framed: |content| joined(&[b"\x02", content, b"\x03"]),
        around: (1, 1),
    },
    Framing {
        written: "{ delimiter = \"hex:0D0A0D0A\" }",
        framed: |content| joined(&[content, b"\r\n\r\n"]),
        around: (0, 4),
    },
    Framing {
        written: "{ length = 2 }",
        framed: |content| joined(&[&length(content), content]),
        around: (2, 0),
    },
    Framing {
        written: "{ length = 4, byte_order = \"little\", counts_itself = true }",
        framed: |content| {
            let counted = u32::try_from(content.len() + 4).expect("a short message");
            joined(&[&counted.to_le_bytes(), content])
        },
        around: (4, 0),
    },
    Framing {
        written: "{ to_end = true }",
        framed: <[u8]>::to_vec,
        around: (0, 0),
    },
];

/// An interface `front` that takes frames and passes them on to `back`, which takes the same frames.
fn front(framing: &str, source: &str, address: &str, destination: &str) -> InterfaceFile {
    InterfaceFile::over_tcp("front")
        .source(&format!("framing = {framing}"))
        .source(source)
        .section(&format!(
            "[[destinations]]\nname = \"back\"\ntype = \"tcp\"\naddress = \"{address}\"\nframing = {framing}\n\
             reply_timeout = \"2s\"\nretry = {{ first = \"5ms\", ceiling = \"20ms\", rejects_max = 1 }}\n{destination}\n"
        ))
}

fn start(interface: &InterfaceFile) -> (Site, Engine) {
    let site = Site::with(interface).expect("a site");
    let engine = Engine::start(&site.path()).expect("the engine starts");
    (site, engine)
}

fn connect(engine: &Engine) -> TcpStream {
    let address = engine.address("front").expect("it listens");
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream
}

/// What comes until `end` does.
fn read_until(stream: &mut TcpStream, is_whole: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !is_whole(&read) && stream.read(&mut byte).expect("something comes") == 1 {
        read.push(byte[0]);
    }
    read
}

fn stages(engine: &Engine, stage: &str) -> Vec<Value> {
    let listed = engine.json(&["messages", "list", "--stage", stage]).expect("a list");
    listed["messages"].as_array().expect("messages").clone()
}

fn wait_for_stage(engine: &Engine, stage: &str, count: usize) {
    let waited = wait_until(&format!("{count} {stage}"), LIMIT, || {
        (stages(engine, stage).len() == count).then_some(())
    });
    waited.unwrap_or_else(|error| panic!("{error}: {}", engine.said()));
}

fn wait_for_delivered(engine: &Engine, count: u64) {
    let waited = wait_until(&format!("{count} delivered"), LIMIT, || {
        let status = engine.json(&["status"]).expect("a status");
        (status["interfaces"][0]["destinations"][0]["delivered"] == count).then_some(())
    });
    waited.unwrap_or_else(|error| panic!("{error}: {}", engine.said()));
}

#[test]
fn each_framing_carries_messages_and_their_acknowledgements_both_ways() {
    let sink = Sink::accepting().expect("a receiver");
    for Framing {
        written,
        framed,
        around: (before, behind),
    } in FRAMINGS
    {
        let received = sink.count();
        let back = InterfaceFile::over_tcp("back")
            .source(&format!("framing = {written}"))
            .to("ehr", sink.address());
        let (_back_site, back) = start(&back);
        let address = back.address("back").expect("it listens");
        let (_site, engine) = start(&front(written, "", &address, ""));
        let is_one = written.contains("to_end");
        let mut stream = connect(&engine);
        for control_id in ["T1", "T2"] {
            if is_one {
                stream = connect(&engine);
            }
            let message = observation(control_id);
            let (first, rest) = message.as_bytes().split_at(10);
            let whole = framed(&joined(&[first, rest]));
            // In two pieces, so that nothing hangs on how a stream is cut.
            let (first, rest) = whole.split_at(whole.len() / 2);
            stream.write_all(first).expect("it is sent");
            stream.write_all(rest).expect("it is sent");
            if is_one {
                stream.shutdown(Shutdown::Write).expect("nothing follows");
            }
            let answer = read_until(&mut stream, |read| {
                let content = read.get(before..read.len().saturating_sub(behind)).unwrap_or_default();
                let is_told = String::from_utf8_lossy(content).contains(&format!("MSA|AA|{control_id}\r"));
                !is_one && is_told && read == framed(content)
            });
            let told = String::from_utf8_lossy(&answer).into_owned();
            assert!(told.contains(&format!("MSA|AA|{control_id}")), "{written}: {told:?}");
        }
        let arrived = sink.wait_for(received + 2, LIMIT);
        arrived.unwrap_or_else(|error| panic!("{written}: {error}\n{}", engine.said()));
        assert_eq!(sink.control_ids()[received..], ["T1", "T2"], "{written}");
        wait_for_delivered(&engine, 2);
    }
}

/// A receiver that answers each frame with the next of these words.
fn words(words: &'static [&'static [u8]]) -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let (told, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut words = words.iter();
        for mut stream in listener.incoming().flatten() {
            loop {
                let frame = read_until(&mut stream, |read| read.ends_with(b"\x03"));
                if frame.is_empty() {
                    break;
                }
                // The test may have ended.
                drop(told.send(frame));
                if let Some(word) = words.next() {
                    drop(stream.write_all(word));
                }
            }
        }
    });
    (address, received)
}

#[test]
fn words_of_the_site_s_own_settle_deliveries_and_answer_senders() {
    let (address, received) = words(&[b"\x15", b"\x06", b"\x06"]);
    let framing = FRAMINGS[0].written;
    let acknowledgement = "acknowledgement = { accepted = \"\\u0006\", refused = \"\\u0015\" }";
    let (_site, engine) = start(&front(framing, acknowledgement, &address, acknowledgement));
    let mut stream = connect(&engine);
    let mut answer = [0];
    for (content, word) in [
        (observation("W1").into_bytes(), 0x06),
        (b"no message".to_vec(), 0x15),
        (observation("W2").into_bytes(), 0x06),
    ] {
        stream.write_all(&(FRAMINGS[0].framed)(&content)).expect("it is sent");
        stream.read_exact(&mut answer).expect("a word");
        assert_eq!(answer[0], word, "{content:?}");
    }
    wait_for_delivered(&engine, 2);
    let frames: Vec<Vec<u8>> = (0..3).map(|_| received.recv_timeout(LIMIT).expect("a frame")).collect();
    let first = (FRAMINGS[0].framed)(observation("W1").as_bytes());
    assert!(
        frames[0] == first && frames[1] == first,
        "it is sent again after the refusing word"
    );
    assert_eq!(frames[2], (FRAMINGS[0].framed)(observation("W2").as_bytes()));
    assert_eq!(stages(&engine, "refused").len(), 1);
}

#[test]
fn where_nothing_is_acknowledged_the_engine_keeps_what_is_bad() {
    let (address, received) = words(&[]);
    let framing = FRAMINGS[0].written;
    let none = "acknowledgement = \"none\"";
    let (_site, engine) = start(&front(framing, none, &address, none));
    let mut stream = connect(&engine);
    for content in [
        observation("N1").as_bytes(),
        b"no message",
        observation("N2").as_bytes(),
    ] {
        stream.write_all(&(FRAMINGS[0].framed)(content)).expect("it is sent");
    }
    for control_id in ["N1", "N2"] {
        let frame = received.recv_timeout(LIMIT).expect("a frame");
        assert_eq!(frame, (FRAMINGS[0].framed)(observation(control_id).as_bytes()));
    }
    wait_for_delivered(&engine, 2);
    wait_for_stage(&engine, "quarantined", 1);
    stream.shutdown(Shutdown::Write).expect("nothing follows");
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("the end");
    assert_eq!(said, b"", "nothing is said");
}

#[test]
fn a_frame_that_is_not_whole_is_no_message_and_its_connection_costs_nobody_else() {
    let sink = Sink::accepting().expect("a receiver");
    let interface = InterfaceFile::over_tcp("front")
        .source("framing = { length = 4 }\nframe_bytes_max = \"4KiB\"\nframe_timeout = \"100ms\"")
        .to("ehr", sink.address());
    let (_site, engine) = start(&interface);
    // One that stalls, one that is cut off, one that is too long and is skipped, and one that would never end.
    let mut stalled = connect(&engine);
    stalled.write_all(b"\0\0\x01\0MSH|").expect("it is sent");
    let mut rest = Vec::new();
    stalled.read_to_end(&mut rest).expect("it is closed");
    let mut cut = connect(&engine);
    cut.write_all(b"\0\0\x01\0MSH|").expect("it is sent");
    drop(cut);
    let mut endless = connect(&engine);
    endless.write_all(b"\xff\xff\xff\xffMSH|").expect("it is sent");
    endless.read_to_end(&mut rest).expect("it is closed");
    let mut long = connect(&engine);
    let message = observation("L1");
    let frame = joined(&[
        &5_000_u32.to_be_bytes(),
        &[b'A'; 5_000],
        &[0, 0],
        &length(message.as_bytes()),
        message.as_bytes(),
    ]);
    long.write_all(&frame).expect("it is sent");
    let told = read_until(&mut long, |read| String::from_utf8_lossy(read).contains("MSA|AA|L1\r"));
    assert!(String::from_utf8_lossy(&told).contains("MSA|AA|L1"), "{told:?}");
    sink.wait_for(1, LIMIT).expect("the good one arrives");
    assert_eq!(sink.control_ids(), ["L1"]);
    wait_for_stage(&engine, "refused", 4);
}

#[test]
fn the_same_tls_is_around_other_frames() {
    let authority = Authority::new().expect("an authority");
    let sink = Sink::accepting().expect("a receiver");
    let host = authority.certify("127.0.0.1", Valid::Now).expect("a certificate");
    let own = authority
        .certify("front.hospital.example", Valid::Now)
        .expect("another");
    let framing = FRAMINGS[4].written;
    let back = InterfaceFile::over_tcp("back")
        .source(&format!("framing = {framing}\npeers = [\"127.0.0.1\"]"))
        .section(&format!(
            "[source.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"{}\"\n",
            host.certificate.display(),
            host.key.display(),
            authority.file().display()
        ))
        .to("ehr", sink.address());
    let (_back_site, back) = start(&back);
    let tls = format!(
        "[destinations.tls]\nauthorities = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        authority.file().display(),
        own.certificate.display(),
        own.key.display()
    );
    let address = back.address("back").expect("it listens");
    let (_site, engine) = start(&front(framing, "", &address, &tls));
    let mut stream = connect(&engine);
    stream.write_all(observation("S1").as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("nothing follows");
    let arrived = sink.wait_for(1, LIMIT);
    arrived.unwrap_or_else(|error| panic!("{error}: {}\n{}", engine.said(), back.said()));
    wait_for_delivered(&engine, 1);
}

#[test]
fn a_framing_that_cannot_be_is_told_with_its_line() {
    let sink = Sink::accepting().expect("a receiver");
    for (source, told) in [
        ("framing = { length = 3 }", "a length has 1, 2 or 4 bytes"),
        ("framing = { start = \"a\" }", "`framing` needs `end`"),
        (
            "framing = { start = \"ab\", end = \"b\" }",
            "one of the marks is a part of the other",
        ),
        (
            "framing = { delimiter = \"hex:0\" }",
            "`delimiter` is no text of 1 to 64 bytes",
        ),
        ("framing = {}", "`framing` does not say where a frame ends"),
        (
            "framing = { to_end = true }\nacknowledgement = { accepted = \"O\", refused = \"OK\" }",
            "one of the words is the beginning of the other",
        ),
        ("mllp_release = 2", "`[source]` needs `framing`"),
    ] {
        let site = Site::with(
            &InterfaceFile::over_tcp("front")
                .source(source)
                .to("ehr", sink.address()),
        )
        .expect("a site");
        let mut check = Command::new(binary().expect("the binary"));
        let check = check.arg("check").arg(site.path()).output().expect("it runs");
        let said = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
        assert!(!check.status.success() && said.contains(told), "{source}: {said}");
    }
}
