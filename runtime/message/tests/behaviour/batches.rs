//! Many messages in one piece: where each begins and ends, what is wrong with the whole, and how it is answered.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use transfuse_message::acknowledgement::AcknowledgementContext;
use transfuse_message::batch::{
    Header, LOOK_BYTES, Level, Part, PartKind, Reply, Splitter, Structure, Trailer, is_batch, parts,
};
use transfuse_message::{Message, ParseOptions};

use PartKind::{BatchHeader, BatchTrailer, FileHeader, FileTrailer, Filler, Text};

fn kinds(raw: &[u8]) -> Vec<PartKind> {
    parts(raw.to_vec()).map(|part| part.kind).collect()
}

fn messages(raw: &[u8]) -> Vec<String> {
    let messages = parts(raw.to_vec()).filter(|part| part.kind == PartKind::Message);
    messages
        .map(|part| String::from_utf8_lossy(&part.bytes).into_owned())
        .collect()
}

fn flaws(raw: &[u8]) -> Vec<String> {
    let mut structure = Structure::default();
    parts(raw.to_vec()).for_each(|part| structure.take(&part));
    structure.finish().iter().map(ToString::to_string).collect()
}

fn parse(raw: &[u8]) -> Result<Message, &'static str> {
    Message::parse(raw.to_vec(), &ParseOptions::default()).map_err(|error| error.code())
}

#[test]
fn a_file_of_two_batches_is_read_as_its_headers_messages_and_trailers() {
    let raw = b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\rMSH|^~\\&|1\rPID|1\rMSH|^~\\&|2\rBTS|2\rBHS#^~\\&#LAB\rMSH|^~\\&|3\rBTS#1\rFTS|2\r";
    let expected = [
        FileHeader,
        BatchHeader,
        PartKind::Message,
        PartKind::Message,
        BatchTrailer,
        BatchHeader,
        PartKind::Message,
        BatchTrailer,
        FileTrailer,
    ];
    assert_eq!(kinds(raw), expected);
    assert_eq!(
        messages(raw),
        ["MSH|^~\\&|1\rPID|1\r", "MSH|^~\\&|2\r", "MSH|^~\\&|3\r"]
    );
    assert_eq!(flaws(raw), [""; 0]);
}

#[test]
fn messages_without_headers_are_split_at_every_line_ending_and_one_message_is_the_simplest_batch() {
    for end in ["\r", "\n", "\r\n", "\r\r\n"] {
        let raw = ["MSH|^~\\&|1", "PID|1", "MSH|^~\\&|2", "PID|2", ""].join(end);
        assert_eq!(messages(raw.as_bytes()).len(), 2, "{}", end.escape_debug());
        assert_eq!(flaws(raw.as_bytes()), [""; 0]);
        assert!(is_batch(&Bytes::from(raw)));
    }
    for single in [
        "MSH|^~\\&|1\rPID|1",
        "\u{feff}\r\nMSH|^~\\&|1\rPID|1\r\r",
        "no message",
        "",
    ] {
        assert!(!is_batch(&Bytes::from(single)), "{single}");
    }
    for batch in [
        "BHS|^~\\&|\rMSH|^~\\&|1\rBTS|1\r",
        "BHS|^~\\&|\rBTS|0\r",
        "MSH|^~\\&|1\rFTS|1\r",
    ] {
        assert!(is_batch(&Bytes::from(batch)), "{batch}");
    }
}

#[test]
fn what_concatenating_files_and_recording_connections_leaves_behind_belongs_to_no_message() {
    let raw = b"\xef\xbb\xbf\x0bMSH|^~\\&|1\rPID|1\r\x1c\r\x0bMSH|^~\\&|2\r\x1c\x0bMSH|^~\\&|3\x1c\r\n\xef\xbb\xbfMSH|^~\\&|4\r\n\xef\xbb\xbfMSH|^~\\&|5";
    let expected = [
        "MSH|^~\\&|1\rPID|1\r",
        "MSH|^~\\&|2\r",
        "MSH|^~\\&|3",
        "MSH|^~\\&|4\r\n",
        "MSH|^~\\&|5",
    ];
    assert_eq!(messages(raw), expected);
    assert!(!kinds(raw).contains(&Text));
    // Inside of a message the byte is content: it frames nothing where no frame ends.
    assert_eq!(messages(b"MSH|^~\\&|1\rZZ1|a\x1cb\r").len(), 1);
}

#[test]
fn text_outside_of_messages_is_kept_and_reported_and_within_a_message_it_is_the_messages() {
    let raw = b"export of monday\r\nMSH|^~\\&|1\r\nsome note\r\nMSH|^~\\&|2\r\nBTS|2\r\nthe end\r\nbye";
    assert_eq!(messages(raw), ["MSH|^~\\&|1\r\nsome note\r\n", "MSH|^~\\&|2\r\n"]);
    let texts: Vec<_> = parts(raw.to_vec()).filter(|part| part.kind == Text).collect();
    assert_eq!(texts[0].bytes, "export of monday\r\n");
    assert_eq!((texts.len(), texts[2].start), (3, raw.len() as u64 - 3));
    assert_eq!(flaws(raw), ["BTS has no BHS", "3 lines of text belong to no message"]);
}

#[test]
fn a_header_begins_a_message_whatever_its_delimiters_and_a_damaged_one_is_not_swallowed() {
    let other = b"MSH|^~\\&|1\rPID|1||A\rMSH#^~\\&#2\rPID#1##B\r";
    assert_eq!(messages(other).len(), 2);
    assert_eq!(parse(other).map(|_| ()), Err("second-header"));
    let damaged = b"MSH|^~\\&|1\rPID|1||A\rMSH|LAB|2\rPID|1||B\rMSH|^~\\&|3\r";
    assert_eq!(messages(damaged).len(), 3);
    assert_eq!(
        parse(messages(damaged)[1].as_bytes()).map(|_| ()),
        Err("bad-delimiters")
    );
    let bare = b"MSH|^~\\&|1\rMSH\rMSH|^~\\&|3\r";
    assert_eq!(messages(bare).len(), 3);
    for text in ["MSHA|x", "MSH is a header", "BHS of the ward", "BTS 7", "FTSX"] {
        let raw = format!("MSH|^~\\&|1\r{text}\rPID|1\r");
        assert_eq!(messages(raw.as_bytes()), [raw.as_str()]);
        assert!(parse(raw.as_bytes()).is_ok());
    }
}

#[test]
fn a_line_feed_alone_ends_no_message_where_segments_end_in_cr_unless_a_header_follows() {
    assert_eq!(messages(b"MSH|^~\\&|1\rNTE|1||first\nBTS\nlast\r").len(), 1);
    assert_eq!(kinds(b"MSH|^~\\&|1\nNTE|1\nBTS\n"), [PartKind::Message, BatchTrailer]);
    assert_eq!(messages(b"MSH|^~\\&|1\rNTE|1\nMSH|^~\\&|2\r").len(), 2);
}

#[test]
fn counts_that_are_not_what_is_there_are_found_at_both_levels() {
    let raw = b"FHS|^~\\&|\rBHS|^~\\&|\rMSH|^~\\&|\rBTS|0003|text\rBHS|^~\\&|\rBTS|0\rFTS|1\r";
    assert_eq!(
        flaws(raw),
        [
            "BTS-1 says 3 messages, and there are 1",
            "FTS-1 says 1 batches, and there are 2"
        ]
    );
    assert_eq!(flaws(b"BHS|^~\\&|\rMSH|^~\\&|\rBTS\r"), [""; 0]);
    assert_eq!(flaws(b"BHS|^~\\&|\rMSH|^~\\&|\rBTS|many\r"), ["BTS-1 is not a number"]);
    // Messages without BHS are a batch of their own to the file that counts them.
    assert_eq!(flaws(b"FHS|^~\\&|\rMSH|^~\\&|\rMSH|^~\\&|\rFTS|1\r"), [""; 0]);
}

#[test]
fn headers_and_trailers_without_each_other_are_found() {
    assert_eq!(flaws(b"BHS|^~\\&|\rMSH|^~\\&|\r"), ["BHS has no BTS"]);
    assert_eq!(
        flaws(b"FHS|^~\\&|\rBHS|^~\\&|\rBHS|^~\\&|\r"),
        ["BHS has no BTS", "BHS has no BTS", "FHS has no FTS"]
    );
    assert_eq!(
        flaws(b"BHS|^~\\&|\rFHS|^~\\&|\rFTS|0\rBTS\r"),
        ["BHS has no BTS", "BTS has no BHS"]
    );
    assert_eq!(
        flaws(b"FHS|^~\\&|\rBHS|^~\\&|\rMSH|^~\\&|\rFTS|1\r"),
        ["BHS has no BTS"]
    );
    assert_eq!(flaws(b"BHS|LAB|\rBTS|0\r"), ["the delimiters of BHS cannot be used"]);
}

#[test]
fn an_empty_batch_is_a_batch() {
    assert_eq!(flaws(b"FHS|^~\\&|\rBHS|^~\\&|\rBTS|0\rFTS|1\r"), [""; 0]);
    assert_eq!(kinds(b""), []);
    assert_eq!(kinds(b"\r\n\x1c"), [Filler]);
}

#[test]
fn nothing_of_a_batch_is_printed_by_debug() {
    let raw = b"BHS|^~\\&|SECRET||||||SECRET||SECRET\rMSH|^~\\&|SECRET\rBTS|1|SECRET\r";
    let all: Vec<_> = parts(raw.to_vec()).collect();
    let envelopes: Vec<_> = all.iter().map(|part| (Header::of(part), Trailer::of(part))).collect();
    let printed = format!("{:?} {all:?} {envelopes:?}", parts(raw.to_vec()));
    assert!(!printed.contains("SECRET"), "{printed}");
    assert!(printed.contains("Part(BatchHeader at byte 0, 36 bytes)"), "{printed}");
}

/// The answer to a batch whose messages have these answers.
fn reply(raw: &[u8], answers: &[&str]) -> String {
    let at = "2026-11-23T14:37:00+01:00[Europe/Budapest]".parse().unwrap();
    let mut reply = Reply::new(AcknowledgementContext {
        control_id: "20261123-000007",
        at: &at,
        asks: None,
    });
    let (mut structure, mut answers, mut told) = (Structure::default(), answers.iter(), 0);
    for part in parts(raw.to_vec()) {
        structure.take(&part);
        for flaw in &structure.flaws()[told..] {
            reply.flaw(*flaw);
        }
        told = structure.flaws().len();
        match part.kind {
            FileHeader | BatchHeader => reply.header(&Header::of(&part).unwrap()),
            PartKind::Message => reply.answer(answers.next().unwrap().as_bytes()),
            BatchTrailer => reply.end(Level::Batch),
            FileTrailer => reply.end(Level::File),
            Text | Filler => {}
        }
    }
    String::from_utf8(reply.finish()).unwrap()
}

#[test]
fn a_batch_is_answered_in_its_own_delimiters_with_its_control_id_and_the_number_of_answers() {
    let raw = b"BHS#*~\\&#LAB#KORHAZ*1#HIS#MINTA#2026##DAILY##B 17\rMSH|^~\\&|\rMSH|^~\\&|\rMSH|^~\\&|\rBTS#3\r";
    assert_eq!(
        reply(raw, &["MSH|1\rMSA|AA|1\r", "", "MSH|3\rMSA|AE|3\r"]),
        "BHS#*~\\&#HIS#MINTA#LAB#KORHAZ*1#20261123143700+0100##DAILY##20261123-000007#B 17\r\
         MSH|1\rMSA|AA|1\rMSH|3\rMSA|AE|3\rBTS#2\r"
    );
}

#[test]
fn a_file_is_answered_as_a_file_with_a_batch_for_each_batch() {
    let raw = b"FHS|^~\\&|LAB||HIS||||||F1\rBHS|^~\\&|LAB||HIS||||||B1\rMSH|^~\\&|\rBTS|1\rBHS|^~\\&|LAB||HIS||||||B2\rBTS|0\rFTS|2\r";
    let head = "20261123143700+0100||||20261123-000007";
    assert_eq!(
        reply(raw, &["MSH|1\rMSA|AA|1\r"]),
        format!(
            "FHS|^~\\&|HIS||LAB||{head}|F1\rBHS|^~\\&|HIS||LAB||{head}|B1\rMSH|1\rMSA|AA|1\rBTS|1\r\
             BHS|^~\\&|HIS||LAB||{head}-2|B2\rBTS|0\rFTS|2\r"
        )
    );
}

#[test]
fn messages_that_came_without_a_header_are_answered_without() {
    let raw = b"MSH|^~\\&|\rMSH|^~\\&|\r";
    assert_eq!(reply(raw, &["MSH|1\r", "MSH|2\r"]), "MSH|1\rMSH|2\r");
    assert_eq!(reply(raw, &["", ""]), "");
}

#[test]
fn a_count_that_lies_is_told_in_the_trailers_comment_and_missing_trailers_are_written() {
    let lying = b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\rMSH|^~\\&|\rBTS|5\rFTS|1\r";
    let answer = reply(lying, &["MSH|1\r"]);
    let end = "MSH|1\rBTS|1|BTS-1 says 5 messages, and there are 1\rFTS|1\r";
    assert!(answer.ends_with(end), "{answer}");
    let unended = reply(b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\rMSH|^~\\&|\r", &["MSH|1\r"]);
    assert!(unended.ends_with("MSH|1\rBTS|1\rFTS|1\r"), "{unended}");
}

#[test]
fn splitting_takes_time_in_proportion_to_the_bytes() {
    let limit = Duration::from_secs(5);
    let patterns: [&[u8]; 6] = [b"\r", b"\n", b"\x0b", b"MSH|^~\\&|\r", b"\x1c\r", b"text\nMSH \n"];
    for pattern in patterns {
        let raw: Bytes = [b"MSH|^~\\&|\r", pattern.repeat(4_000_000 / pattern.len()).as_slice()]
            .concat()
            .into();
        let start = Instant::now();
        let found = split_in_chunks(&raw, 4096);
        assert!(start.elapsed() < limit, "{}", pattern.escape_ascii());
        assert_eq!(found, merged(parts(raw)));
    }
}

/// Filler is cut where a buffer ends, so that only neighbours tell the same.
fn merged(parts: impl IntoIterator<Item = Part>) -> Vec<(PartKind, u64)> {
    let mut found: Vec<(PartKind, u64)> = Vec::new();
    for part in parts {
        match found.last() {
            Some((Filler, _)) if part.kind == Filler => {}
            _ => found.push((part.kind, part.start)),
        }
    }
    found
}

fn split_in_chunks(raw: &[u8], chunk_bytes: usize) -> Vec<(PartKind, u64)> {
    let (mut splitter, mut buffer, mut start) = (Splitter::default(), BytesMut::new(), 0);
    let mut chunks = raw.chunks(chunk_bytes);
    let mut found = Vec::new();
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        while let Some((kind, length)) = splitter.next_part(&buffer, chunk.is_none()) {
            let bytes = buffer.split_to(length).freeze();
            found.push(Part { kind, start, bytes });
            start += length as u64;
        }
        if chunk.is_none() {
            return merged(found);
        }
    }
}

/// As [`split_in_chunks`], but what a part has too much is thrown away: every part begins and ends in the same places.
fn split_forgetting(raw: &[u8], chunk_bytes: usize) -> Vec<(PartKind, u64)> {
    let (mut splitter, mut buffer, mut start, mut gone) = (Splitter::default(), BytesMut::new(), 0, 0);
    let mut chunks = raw.chunks(chunk_bytes);
    let mut found = Vec::new();
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        while let Some((kind, length)) = splitter.next_part(&buffer, chunk.is_none()) {
            let bytes = buffer.split_to(length).freeze();
            found.push(Part { kind, start, bytes });
            start += (length + gone) as u64;
            gone = 0;
        }
        if chunk.is_none() {
            return merged(found);
        }
        let spare = buffer.len().saturating_sub(LOOK_BYTES);
        splitter.forget(spare);
        let _ = buffer.split_to(spare);
        gone += spare;
    }
}

fn any_batch() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec!["MSH|^~\\&|", "MSH#^~\\&#1", "MSH|LAB", "MSH", "FHS|^~\\&|", "BHS#^~\\&#", "BTS|1", "BTS#2", "FTS", "BTS"]),
        3 => prop::sample::select(vec!["\r", "\n", "\r\n", "\r\r", "\u{1c}\r", "\u{b}", "\u{1c}", "\u{feff}"]),
        2 => prop::sample::select(vec!["PID|1||A", "PID#1", "text", " ", "|", "MSH", "BHS "]),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_put_together_are_the_bytes_and_each_begins_where_the_one_before_ends(raw in any_batch()) {
        let mut end = 0;
        for part in parts(raw.clone()) {
            prop_assert_eq!(part.start, end as u64);
            prop_assert!(!part.bytes.is_empty());
            prop_assert_eq!(&part.bytes[..], &raw[end..end + part.bytes.len()]);
            end += part.bytes.len();
        }
        prop_assert_eq!(end, raw.len());
    }

    #[test]
    fn a_part_never_holds_two_messages_and_bytes_that_hold_two_are_never_one_part(raw in any_batch()) {
        let found = messages(&raw);
        for message in &found {
            prop_assert_ne!(parse(message.as_bytes()).err(), Some("second-header"), "{:?}", message);
            prop_assert_ne!(parse(message.as_bytes()).err(), Some("no-header"), "{:?}", message);
        }
        if parse(&raw).err() == Some("second-header") {
            prop_assert!(found.len() > 1, "{:?}", found);
        }
    }

    #[test]
    fn bytes_that_arrive_little_by_little_are_split_as_bytes_that_are_all_there(raw in any_batch(), chunk_bytes in 1_usize..40) {
        let whole = merged(parts(raw.clone()));
        prop_assert_eq!(&split_in_chunks(&raw, chunk_bytes), &whole, "{}", raw.escape_ascii());
        prop_assert_eq!(&split_forgetting(&raw, chunk_bytes), &whole, "{} {}", raw.escape_ascii(), chunk_bytes);
    }
}
