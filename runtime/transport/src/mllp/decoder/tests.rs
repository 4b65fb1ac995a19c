#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::BytesMut;
use proptest::prelude::*;
use transfuse_message::Payload;

use super::{Decoder, Event, GARBAGE_BYTES_MAX, KEPT_BYTES_MAX, Pending, SKIP_FACTOR, encode};
use crate::frame::{Defect, Truncation};

const FRAME_BYTES_MAX: usize = 8;

/// Everything that a stream contains when it is pushed in these pieces, its end included.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    events.extend(decoder.finish(Truncation::StreamEnd));
    events
}

fn check(stream: &[u8], expected: &[Event]) {
    assert_eq!(events([stream]), expected, "{stream:?} in one piece");
    assert_eq!(events(stream.chunks(1)), expected, "{stream:?} byte by byte");
}

fn frame(content: &'static [u8]) -> Event {
    Event::Frame(Payload::from(content))
}

fn garbage(bytes: usize, kept: &'static [u8]) -> Event {
    Event::Defect {
        defect: Defect::Garbage { bytes },
        kept: Payload::from(kept),
    }
}

fn truncated(truncation: Truncation, kept: &'static [u8]) -> Event {
    Event::Defect {
        defect: Defect::Truncated(truncation),
        kept: Payload::from(kept),
    }
}

fn too_long(bytes: u64, kept: &'static [u8]) -> Event {
    let defect = Defect::TooLong {
        bytes,
        bytes_max: FRAME_BYTES_MAX as u64,
    };
    Event::Defect {
        defect,
        kept: Payload::from(kept),
    }
}

#[test]
fn a_frame_is_what_stands_between_start_and_end() {
    check(b"\x0Babc\x1C\r", &[frame(b"abc")]);
    check(b"\x0Babc\x1C\r\x0Bd\x1C\r", &[frame(b"abc"), frame(b"d")]);
    check(b"\x0B\x1C\r", &[frame(b"")]);
    check(b"", &[]);
}

#[test]
fn line_ends_between_frames_are_nothing() {
    check(b"\r\n\x0Babc\x1C\r\n\r\n\x0Bd\x1C\r\r\n", &[frame(b"abc"), frame(b"d")]);
    check(b"\n", &[]);
}

#[test]
fn an_end_without_its_return_counts_before_a_start_a_line_feed_and_the_end_of_the_stream() {
    check(b"\x0Babc\x1C\x0Bd\x1C", &[frame(b"abc"), frame(b"d")]);
    check(b"\x0Babc\x1C\n\x0Bd\x1C\n", &[frame(b"abc"), frame(b"d")]);
}

#[test]
fn an_end_byte_before_anything_else_is_content() {
    check(b"\x0Ba\x1Cbc\x1C\r", &[frame(b"a\x1Cbc")]);
    check(b"\x0B\x1C\x1C\r", &[frame(b"\x1C")]);
}

#[test]
fn garbage_between_frames_is_one_defect_and_the_next_frame_is_found() {
    check(b"GET / \x0Babc\x1C\r", &[garbage(6, b"GET / "), frame(b"abc")]);
    check(
        b"\x0Ba\x1C\rxy\r\n\x0Bb\x1C\r",
        &[frame(b"a"), garbage(4, b"xy\r\n"), frame(b"b")],
    );
    check(b"\x1C\r", &[garbage(2, b"\x1C\r")]);
}

#[test]
fn a_start_inside_a_frame_cuts_it_short() {
    check(
        b"\x0Babc\x0Bd\x1C\r",
        &[truncated(Truncation::NewStart, b"abc"), frame(b"d")],
    );
    check(b"\x0B\x0Bd\x1C\r", &[frame(b"d")]);
}

#[test]
fn the_end_of_the_stream_cuts_a_frame_short() {
    check(b"\x0Babc", &[truncated(Truncation::StreamEnd, b"abc")]);
    check(b"\x0Ba\x1Cb", &[truncated(Truncation::StreamEnd, b"a\x1Cb")]);
    check(b"\x0B", &[]);
}

#[test]
fn a_frame_above_the_limit_is_one_defect_and_the_next_frame_is_found() {
    check(b"\x0B12345678\x1C\r", &[frame(b"12345678")]);
    check(
        b"\x0B123456789\x1C\r\x0Bd\x1C\r",
        &[too_long(9, b"12345678"), frame(b"d")],
    );
    check(
        b"\x0B123456789\x1C\x0Bd\x1C\r",
        &[too_long(9, b"12345678"), frame(b"d")],
    );
    check(b"\x0B123456789\x0Bd\x1C\r", &[too_long(9, b"12345678"), frame(b"d")]);
    check(b"\x0B123456789", &[too_long(9, b"12345678")]);
    check(b"\x0B123456789\x1C", &[too_long(9, b"12345678")]);
}

#[test]
fn an_end_byte_in_the_content_counts_towards_the_limit() {
    check(b"\x0B1234567\x1C\x1C\r", &[frame(b"1234567\x1C")]);
    let found = events([b"\x0B1234567\x1C8x\x1C\r".as_slice()]);
    assert!(
        matches!(
            found[..],
            [Event::Defect {
                defect: Defect::TooLong { bytes: 10, .. },
                ..
            }]
        ),
        "{found:?}"
    );
}

#[test]
fn of_a_frame_above_the_limit_the_head_is_kept() {
    let mut decoder = Decoder::new(KEPT_BYTES_MAX * 2);
    let content = vec![b'a'; KEPT_BYTES_MAX * 3];
    decoder.push(b"\x0B");
    for piece in content.chunks(1000) {
        decoder.push(piece);
        assert_eq!(decoder.next_event(), None);
        assert!(decoder.buffer.len() <= KEPT_BYTES_MAX * 2);
    }
    decoder.push(b"\x1C\r");
    let Some(Event::Defect { defect, kept }) = decoder.next_event() else {
        panic!("no defect")
    };
    let bytes_max = KEPT_BYTES_MAX as u64 * 2;
    assert_eq!(
        defect,
        Defect::TooLong {
            bytes: content.len() as u64,
            bytes_max
        }
    );
    assert_eq!(kept.as_slice(), &content[..KEPT_BYTES_MAX]);
}

#[test]
fn an_endless_frame_is_given_up() {
    let content = [b'a'; FRAME_BYTES_MAX * SKIP_FACTOR + 1];
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    decoder.push(b"\x0B");
    decoder.push(&content[1..]);
    assert_eq!(decoder.next_event(), None);
    assert!(!decoder.has_given_up());
    decoder.push(b"a");
    assert!(matches!(
        decoder.next_event(),
        Some(Event::Defect {
            defect: Defect::TooLong { bytes: 33, .. },
            ..
        })
    ));
    assert!(decoder.has_given_up());
    decoder.push(b"\x1C\r\x0Bnext\x1C\r");
    assert_eq!(decoder.next_event(), None);
    assert_eq!(decoder.finish(Truncation::StreamEnd), None);
    assert_eq!(decoder.pending(), Pending::Nothing);
}

#[test]
fn endless_garbage_is_given_up_and_its_beginning_kept() {
    let stream = vec![b'x'; GARBAGE_BYTES_MAX + 1];
    for piece in [stream.len(), 4096, 1000, 7] {
        let mut decoder = Decoder::new(FRAME_BYTES_MAX);
        let mut found = Vec::new();
        for piece in stream.chunks(piece) {
            assert!(!decoder.has_given_up());
            decoder.push(piece);
            found.extend(decoder.next_event());
        }
        let [
            Event::Defect {
                defect: Defect::Garbage { bytes },
                kept,
            },
        ] = &found[..]
        else {
            panic!("{found:?}")
        };
        assert_eq!((*bytes, kept.len()), (GARBAGE_BYTES_MAX + 1, KEPT_BYTES_MAX));
        assert!(decoder.has_given_up());
    }
}

#[test]
fn garbage_up_to_the_limit_is_survived() {
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    decoder.push(&vec![b'x'; GARBAGE_BYTES_MAX]);
    assert_eq!(decoder.next_event(), None);
    assert_eq!(decoder.pending(), Pending::Start);
    decoder.push(b"\x0Ba\x1C\r");
    let Some(Event::Defect { defect, .. }) = decoder.next_event() else {
        panic!("no defect")
    };
    assert_eq!(
        defect,
        Defect::Garbage {
            bytes: GARBAGE_BYTES_MAX
        }
    );
    assert_eq!(decoder.next_event(), Some(frame(b"a")));
}

#[test]
fn a_frame_that_waits_for_its_return_can_be_accepted() {
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    decoder.push(b"\x0Babc");
    assert_eq!(decoder.next_event(), None);
    assert_eq!(decoder.pending(), Pending::Frame);
    assert_eq!(decoder.pending_bytes(), 3);
    assert_eq!(decoder.accept_end(), None);
    decoder.push(b"\x1C");
    assert_eq!(decoder.next_event(), None);
    assert_eq!(decoder.pending(), Pending::ByteAfterEnd);
    assert_eq!(decoder.accept_end(), Some(frame(b"abc")));
    assert_eq!(decoder.pending(), Pending::Nothing);
    decoder.push(b"\r\x0Bd\x1C\r");
    assert_eq!(decoder.next_event(), Some(frame(b"d")));
}

#[test]
fn an_over_long_frame_that_waits_for_its_return_can_be_accepted_as_such() {
    let mut decoder = Decoder::new(FRAME_BYTES_MAX);
    decoder.push(b"\x0B123456789\x1C");
    assert_eq!(decoder.next_event(), None);
    assert_eq!(decoder.pending(), Pending::ByteAfterEnd);
    assert_eq!(decoder.accept_end(), Some(too_long(9, b"12345678")));
}

#[test]
fn the_buffer_of_a_large_frame_is_given_back() {
    let content = vec![b'a'; 1024 * 1024];
    let mut decoder = Decoder::new(content.len());
    let mut stream = BytesMut::new();
    encode(&content, &mut stream);
    stream.extend_from_slice(b"\x0Bd");
    decoder.push(&stream);
    assert!(matches!(decoder.next_event(), Some(Event::Frame(found)) if found.as_slice() == content));
    assert_eq!(decoder.next_event(), None);
    assert!(
        decoder.buffer.capacity() < 1024,
        "{} bytes are held",
        decoder.buffer.capacity()
    );
}

#[test]
fn no_event_shows_content_when_it_is_printed() {
    let found = events([b"Kov\xE1cs\x0BKov\xE1cs\x0BKov\xE1cs\x1C\r\x0BKov\xE1cs J\xE1nos\x1C".as_slice()]);
    assert_eq!(found.len(), 4);
    assert!(!format!("{found:?}").contains("Kov"));
}

/// Streams in which framing bytes are frequent, and a way to cut them.
fn streams() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    let byte = prop_oneof![
        3 => Just(0x0B_u8), 3 => Just(0x1C), 2 => Just(b'\r'), 1 => Just(b'\n'), 6 => prop::sample::select(b"abc".as_slice()),
    ];
    (
        prop::collection::vec(byte, 0..120),
        prop::collection::vec(1..12_usize, 1..60),
    )
}

fn cut<'a>(stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn however_a_stream_is_cut_its_events_are_the_same((stream, sizes) in streams()) {
        prop_assert_eq!(events(cut(&stream, &sizes)), events([stream.as_slice()]));
    }

    #[test]
    fn what_is_encoded_is_decoded(contents in prop::collection::vec("[ -~\r]{0,8}", 0..8), size in 1..20_usize) {
        let mut stream = BytesMut::new();
        for content in &contents {
            encode(content.as_bytes(), &mut stream);
        }
        let expected: Vec<Event> = contents.into_iter().map(|content| Event::Frame(Payload::from(content))).collect();
        prop_assert_eq!(events(stream.chunks(size)), expected);
    }

    #[test]
    fn a_frame_is_found_after_any_prefix_that_is_not_given_up((stream, sizes) in streams()) {
        let mut decoder = Decoder::new(FRAME_BYTES_MAX);
        let mut last = None;
        let whole = [stream.as_slice(), b"\x0Bwhole\x1C\r".as_slice()].concat();
        for piece in cut(&whole, &sizes) {
            decoder.push(piece);
            while let Some(event) = decoder.next_event() {
                last = Some(event);
            }
        }
        prop_assert!(decoder.has_given_up() || last.unwrap() == frame(b"whole"));
    }

    #[test]
    fn memory_is_bounded_whatever_comes((stream, sizes) in streams()) {
        let mut decoder = Decoder::new(FRAME_BYTES_MAX);
        for piece in cut(&stream, &sizes) {
            decoder.push(piece);
            while decoder.next_event().is_some() {}
            prop_assert!(decoder.buffer.len() <= FRAME_BYTES_MAX + 1);
        }
    }
}
