//! Bytes to messages and back: faults, line ends, delimiters, the header, limits.

use std::time::{Duration, Instant};

use transfuse_message::{Delimiters, MESSAGE_BYTES_MAX, Message, ParseError, ParseOptions};

use super::{get, message, path, result, second_segment, value};

fn parse(raw: &[u8]) -> Result<Message, ParseError> {
    Message::parse(raw.to_vec(), &ParseOptions::default())
}

fn names(message: &Message) -> Vec<&str> {
    message.segments().map(|segment| segment.name()).collect()
}

#[test]
fn bytes_that_are_no_message_are_refused_with_a_reason_and_a_place() {
    let faults: &[(&[u8], &str, u64)] = &[
        (b"", "no-header", 0),
        (b"\r\n\r\n", "no-header", 4),
        (b"PID|1\r", "no-header", 0),
        (b"\xef\xbb\xbf\rmsh|^~\\&|\r", "no-header", 4),
        (b"FHS|^~\\&|\rMSH|^~\\&|\r", "no-header", 0),
        (b"MSH", "bad-delimiters", 3),
        (b"MSH\rPID|1\r", "bad-delimiters", 3),
        (b"MSHA^~\\&A\r", "bad-delimiters", 3),
        (b"MSH ^~\\& \r", "bad-delimiters", 3),
        (b"MSH|", "bad-delimiters", 3),
        (b"MSH||LAB\r", "bad-delimiters", 3),
        (b"MSH|LAB|HIS\r", "bad-delimiters", 3),
        (b"MSH|^~\\~|LAB\r", "bad-delimiters", 3),
        (b"\nMSH|^~\\\xa7|LAB\r", "bad-delimiters", 4),
        (b"MSH|^~\\&|\rPID|1\rMSH|^~\\&|\r", "second-header", 16),
    ];
    for (raw, code, offset) in faults {
        let error = parse(raw).unwrap_err();
        assert_eq!(
            (error.code(), error.offset()),
            (*code, *offset),
            "{}",
            raw.escape_ascii()
        );
    }
}

#[test]
fn a_message_of_more_segments_than_allowed_is_refused_and_one_of_exactly_as_many_is_read() {
    let options = ParseOptions {
        segments_max: 3,
        ..ParseOptions::default()
    };
    let raw = b"MSH|^~\\&|\rPID|1\rOBX|1\r";
    assert_eq!(Message::parse(raw.to_vec(), &options).unwrap().segment_count(), 3);
    let error = Message::parse([&raw[..], b"OBX|2\r"].concat(), &options).unwrap_err();
    assert_eq!(
        error,
        ParseError::TooManySegments {
            offset: 22,
            segments_max: 3
        }
    );
}

#[test]
fn a_message_of_more_bytes_than_positions_can_count_is_refused_before_it_is_looked_at() {
    let error = Message::parse(vec![0; MESSAGE_BYTES_MAX + 1], &ParseOptions::default()).unwrap_err();
    assert_eq!((error.code(), error.offset()), ("too-large", MESSAGE_BYTES_MAX as u64));
    let error = Message::parse(vec![0; MESSAGE_BYTES_MAX], &ParseOptions::default()).unwrap_err();
    assert_eq!(error.code(), "no-header");
}

#[test]
fn any_line_ending_separates_segments_and_every_one_of_them_is_printed_as_it_came() {
    for raw in [
        "MSH|^~\\&|A\rPID|1\rZZZ",
        "MSH|^~\\&|A\nPID|1\nZZZ\n",
        "MSH|^~\\&|A\r\nPID|1\r\nZZZ\r\n",
        "MSH|^~\\&|A\r\r\rPID|1\n\r\nZZZ\r\n\n\n",
        "\u{feff}MSH|^~\\&|A\rPID|1\rZZZ\r",
        "\r\n\u{feff}\u{b}MSH|^~\\&|A\nPID|1\rZZZ\r",
    ] {
        let mut message = message(raw);
        assert_eq!(names(&message), ["MSH", "PID", "ZZZ"], "{raw:?}");
        assert_eq!(message.encode(), raw);
        message.set(&path("PID-1"), "9").unwrap();
        assert_eq!(message.encode(), raw.replace("PID|1", "PID|9"));
    }
}

#[test]
fn an_untouched_message_is_printed_without_a_copy() {
    let raw = bytes::Bytes::from_static(b"MSH|^~\\&|A\rPID|1\r");
    let message = Message::parse(raw.clone(), &ParseOptions::default()).unwrap();
    assert_eq!(message.encode().as_ptr(), raw.as_ptr());
}

#[test]
fn a_line_feed_alone_is_text_where_segments_end_in_cr_unless_a_segment_follows() {
    let message = message("MSH|^~\\&|A\rNTE|1||one\ntwo|RE\rNTE|2\nNTE|3\r");
    assert_eq!(names(&message), ["MSH", "NTE", "NTE", "NTE"]);
    assert_eq!(get(&message, "NTE-3"), value("one\ntwo"));
    assert_eq!(get(&message, "NTE-4"), value("RE"));
    assert_eq!(get(&message, "NTE[3]-1"), value("3"));
}

#[test]
fn lines_that_are_no_segments_are_kept_and_no_path_leads_to_them() {
    let raw = "MSH|^~\\&|A\rpid|1\rPIDX|2\r||\rPV\rPID|3\r\u{1c}\r";
    let mut message = message(raw);
    assert_eq!(names(&message), ["MSH", "", "", "", "", "PID", ""]);
    assert_eq!(get(&message, "PID-1"), value("3"));
    message.set(&path("PID-1"), "4").unwrap();
    assert_eq!(message.encode(), raw.replace("PID|3", "PID|4"));
}

#[test]
fn a_segment_of_a_name_alone_is_a_segment() {
    let message = message("MSH|^~\\&|A\rZZZ\r");
    assert_eq!(names(&message), ["MSH", "ZZZ"]);
    assert_eq!(get(&message, "ZZZ-1"), Ok(None));
}

#[test]
fn delimiters_are_those_of_the_message() {
    let message = message("MSH$%*!@$LAB$\rPID$1$$A%B@C*D$x!S!y\r");
    assert_eq!(get(&message, "PID-3[1].1"), value("A"));
    assert_eq!(get(&message, "PID-3.2.2"), value("C"));
    assert_eq!(get(&message, "PID-3[2]"), value("D"));
    assert_eq!(get(&message, "PID-4"), value("x%y"));
    assert_eq!(get(&message, "MSH-1"), value("$"));
    assert_eq!(get(&message, "MSH-2"), value("%*!@"));
}

#[test]
fn a_short_msh_2_leaves_the_later_delimiters_out() {
    let standard = Delimiters::STANDARD;
    let without_escape = Delimiters {
        escape: None,
        subcomponent: None,
        ..standard
    };
    let cases = [
        (
            "^",
            Delimiters {
                repetition: None,
                ..without_escape
            },
        ),
        ("^~", without_escape),
        (
            "^~\\",
            Delimiters {
                subcomponent: None,
                ..standard
            },
        ),
        ("^~\\&", standard),
        (
            "^~\\&#",
            Delimiters {
                truncation: Some(b'#'),
                ..standard
            },
        ),
        (
            "^~\\&#!",
            Delimiters {
                truncation: Some(b'#'),
                ..standard
            },
        ),
        (
            "^~&",
            Delimiters {
                escape: None,
                ..standard
            },
        ),
    ];
    for (characters, expected) in cases {
        assert_eq!(
            message(&format!("MSH|{characters}|A\r")).delimiters(),
            expected,
            "{characters}"
        );
    }
}

#[test]
fn debug_output_of_a_message_and_its_parts_holds_no_content() {
    let message = result();
    let segments: Vec<_> = message.segments().collect();
    let printed = format!(
        "{message:?} {segments:?} {:?} {:?}",
        message.header(),
        message.get(&path("PID-5.1"))
    );
    for content in ["LABOR", "PRÓBA", "K0001", "BETEG"] {
        assert!(!printed.contains(content), "{printed}");
    }
}

#[test]
fn the_header_is_read_as_text_with_empty_texts_for_what_is_absent() {
    let header = result().header();
    assert_eq!(header.sending_application(), "LABOR");
    assert_eq!(header.sending_facility(), "PRÓBA_KÓRHÁZ");
    assert_eq!(header.receiving_application(), "HIS");
    assert_eq!(header.receiving_facility(), "MINTA");
    assert_eq!(header.timestamp(), "20261123143700+0100");
    assert_eq!((header.message_code(), header.trigger_event()), ("ORU", "R01"));
    assert_eq!(header.message_structure(), "ORU_R01");
    assert_eq!(header.message_type(), "ORU^R01");
    assert_eq!(
        (header.control_id(), header.processing_id(), header.version()),
        ("K0001", "P", "2.5.1")
    );
    assert_eq!(
        (header.accept_acknowledgement(), header.application_acknowledgement()),
        ("", "")
    );
    assert_eq!(header.charset(), "UNICODE UTF-8");
    let header = message("MSH|^~\\&").header();
    assert_eq!(
        (header.control_id(), header.message_type().as_str(), header.charset()),
        ("", "", "")
    );
}

#[test]
fn the_header_takes_first_repetitions_and_components_and_decodes_escapes() {
    let header =
        message("MSH|^~\\&|^1.2.3^ISO|A\\T\\B~C||||S|ACK^^ACK~ORU|a^b|P^T|2.5^HUN|||AL|NE||8859/2~X\r").header();
    assert_eq!(
        (header.sending_application(), header.sending_facility()),
        ("1.2.3", "A&B")
    );
    assert_eq!(
        (header.message_type().as_str(), header.message_structure()),
        ("ACK", "ACK")
    );
    assert_eq!(
        (header.control_id(), header.processing_id(), header.version()),
        ("a^b", "P", "2.5")
    );
    assert_eq!(
        (header.accept_acknowledgement(), header.application_acknowledgement()),
        ("AL", "NE")
    );
    assert_eq!(header.charset(), "8859/2");
}

#[test]
fn the_header_is_read_even_where_its_bytes_are_not_text() {
    let raw = b"MSH|^~\\&|L\xc1B|||||||K1\r";
    let header = Message::parse(raw.to_vec(), &ParseOptions::default()).unwrap().header();
    assert_eq!(
        (header.sending_application(), header.control_id()),
        ("L\u{fffd}B", "K1")
    );
}

/// Ten megabytes that are as unpleasant as possible. Anything worse than linear takes minutes; the bound is loose, for
/// a slow machine without optimisation.
#[test]
fn hostile_bytes_take_time_in_proportion_to_their_number() {
    const SIZE: usize = 10_000_000;
    let start = Instant::now();
    for body in [
        "\r", "\n", "|", "^", "~", "&", "\\", "\\E\\", "\\X", "A\n", "OBX|1\n", "\r\n",
    ] {
        let raw = format!("MSH|^~\\&|A\rOBX|1|TX|||{}|F\r", body.repeat(SIZE / body.len()));
        let options = ParseOptions {
            segments_max: SIZE,
            ..ParseOptions::default()
        };
        let mut message = Message::parse(raw.clone(), &options).unwrap();
        for text in ["OBX-5", "OBX-6", "OBX-5[9000000]", "OBX-5.9000000.2", "OBX[5000000]-1"] {
            let _ = message.get(&path(text));
            let _ = message.count(&path(text));
            let _ = message.set(&path(text), "a|b\\c");
        }
        assert_eq!(message.get(&path("MSH-3")).unwrap().as_option(), Some("A"));
        assert!(!message.encode().is_empty());
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn what_an_operation_touches_is_bounded_by_the_segments_before_it_and_its_own_length() {
    let message = result();
    let length = second_segment(&message).len() as u64;
    assert_eq!(message.touched_bytes(&path("PID-5.1")), 2 * 8 + length);
    assert_eq!(message.touched_bytes(&path("XXX-1")), 7 * 8);
    assert_eq!(message.touched_bytes_of_rows("PID", 3), 7 * 8 + 3 * length);
    assert_eq!(message.touched_bytes_of_rows("pid", 3), 7 * 8);
}
