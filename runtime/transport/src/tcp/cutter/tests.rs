use proptest::prelude::*;

use super::*;
use crate::tcp::ByteOrder;

const FRAME_BYTES_MAX: usize = 8;

fn marked(start: &'static [u8], end: &'static [u8]) -> Framing {
    Framing::Marked(Marks {
        start: Bytes::from_static(start),
        end: Bytes::from_static(end),
    })
}

fn counted(bytes: usize) -> Framing {
    Framing::Length(Length {
        bytes,
        order: ByteOrder::Big,
        counts_itself: false,
    })
}

/// Everything that a stream contains when it is pushed in these pieces, its end included.
fn events<'a>(framing: &Framing, pieces: impl IntoIterator<Item = &'a [u8]>, reason: Truncation) -> Vec<Event> {
    let mut cutter = Cutter::new(framing.clone(), FRAME_BYTES_MAX);
    let mut events = Vec::new();
    for piece in pieces {
        cutter.buffer().extend_from_slice(piece);
        events.extend(std::iter::from_fn(|| cutter.next_event()));
    }
    events.extend(cutter.finish(reason));
    events
}

fn check(framing: &Framing, stream: &[u8], expected: &[Event]) {
    let end = Truncation::StreamEnd;
    assert_eq!(events(framing, [stream], end), expected, "{stream:?} in one piece");
    assert_eq!(
        events(framing, stream.chunks(1), end),
        expected,
        "{stream:?} byte by byte"
    );
}

fn frame(content: &'static [u8]) -> Event {
    Event::Frame(Payload::from(content))
}

fn bad(wrong: Defect, kept: &'static [u8]) -> Event {
    defect(wrong, Bytes::from_static(kept))
}

fn too_long(bytes: u64, kept: &'static [u8]) -> Event {
    bad(Defect::TooLong { bytes, bytes_max: 8 }, kept)
}

const CLOSED: Defect = Defect::Truncated(Truncation::StreamEnd);

#[test]
fn a_frame_stands_between_its_marks() {
    let framing = marked(b"<<", b">>");
    check(
        &framing,
        b"\r\n<<abc>>\r\n<<de>f>><<>>",
        &[frame(b"abc"), frame(b"de>f")],
    );
    check(
        &framing,
        b"xy<z<<ab>>",
        &[bad(Defect::Garbage { bytes: 4 }, b"xy<z"), frame(b"ab")],
    );
    let new_start = Defect::Truncated(Truncation::NewStart);
    check(&framing, b"<<ab<<cd>>", &[bad(new_start, b"ab"), frame(b"cd")]);
    check(&framing, b"<<ab>", &[bad(CLOSED, b"ab>")]);
    check(
        &framing,
        b"<<123456789>><<ab>>",
        &[too_long(9, b"12345678"), frame(b"ab")],
    );
}

#[test]
fn a_delimiter_ends_what_has_come_since_the_one_before() {
    let framing = marked(b"", b"\r\n\r\n");
    check(
        &framing,
        b"MSH\r\nPI\r\n\r\n\r\n\r\nab\r\n\r\n",
        &[frame(b"MSH\r\nPI"), frame(b"ab")],
    );
    check(&framing, b"ab\r\n", &[bad(CLOSED, b"ab\r\n")]);
}

#[test]
fn a_length_tells_how_much_is_to_come() {
    let framing = counted(2);
    check(&framing, b"\0\x03abc\0\0\0\x01d", &[frame(b"abc"), frame(b"d")]);
    let long = events(&framing, [&b"\0\x09123456789\0\x02ab"[..]], Truncation::StreamEnd);
    assert_eq!(long, [too_long(9, b"12345678"), frame(b"ab")]);
    check(&framing, b"\0\x03ab", &[bad(CLOSED, b"ab")]);
    check(&framing, b"\0", &[bad(CLOSED, b"\0")]);
    // More than is skipped: what follows is not looked at.
    let hopeless = events(&framing, [&b"\xff\xffab\0\x01a"[..]], Truncation::StreamEnd);
    let expected = Defect::TooLong {
        bytes: 65_535,
        bytes_max: 8,
    };
    assert!(
        matches!(hopeless.as_slice(), [Event::Defect { defect, .. }] if *defect == expected),
        "{hopeless:?}"
    );
}

#[test]
fn the_end_of_the_connection_is_the_end_of_the_frame_and_silence_is_not() {
    let framing = Framing::ToEnd;
    check(&framing, b"abc", &[frame(b"abc")]);
    check(&framing, b"", &[]);
    for reason in [Truncation::Stalled, Truncation::Broken] {
        let cut = events(&framing, [&b"abc"[..]], reason);
        assert_eq!(cut, [bad(Defect::Truncated(reason), b"abc")]);
    }
    check(&framing, b"123456789", &[too_long(9, b"12345678")]);
    let long = events(&framing, b"12345678901234".chunks(1), Truncation::StreamEnd);
    assert_eq!(long, [too_long(10, b"12345678")]);
}

#[test]
fn words_are_known_by_heart() {
    let framing = Framing::Words(vec![Bytes::from_static(b"OK"), Bytes::from_static(b"\x15")]);
    check(&framing, b"OK\x15OK", &[frame(b"OK"), frame(b"\x15"), frame(b"OK")]);
    let odd = events(&framing, [&b"ON"[..]], Truncation::StreamEnd);
    assert_eq!(odd, [bad(Defect::Garbage { bytes: 2 }, b"ON")]);
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(marked(b"<", b">")),
        Just(marked(b"", b"||")),
        Just(counted(1)),
        Just(counted(4)),
        Just(Framing::ToEnd),
    ]
}

fn frames(events: Vec<Event>) -> Vec<Event> {
    let is_frame = |event: &Event| matches!(event, Event::Frame(_));
    events.into_iter().filter(is_frame).collect()
}

proptest! {
    #[test]
    fn the_same_frames_come_out_however_the_stream_is_cut(
        framing in framings(),
        stream in prop::collection::vec(prop_oneof![Just(b'<'), Just(b'>'), Just(b'|'), 0_u8..12, any::<u8>()], 0..80),
        cuts in prop::collection::vec(1_usize..9, 1..80),
    ) {
        let whole = events(&framing, [stream.as_slice()], Truncation::StreamEnd);
        let (mut pieces, mut rest) = (Vec::new(), stream.as_slice());
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        let cut = events(&framing, pieces, Truncation::StreamEnd);
        prop_assert_eq!(frames(cut), frames(whole));
    }

    #[test]
    fn what_is_framed_comes_out_as_it_was(
        framing in framings(),
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=FRAME_BYTES_MAX), 1..5),
    ) {
        let mut contents: Vec<_> = contents.into_iter().filter(|one| framing.refuses(one).is_none()).collect();
        if framing.ends_with_connection() {
            contents.truncate(1);
        }
        let mut stream = BytesMut::new();
        for content in &contents {
            framing.encode(content, &mut stream);
        }
        let expected: Vec<_> = contents.into_iter().map(|one| Event::Frame(Payload::from(one))).collect();
        prop_assert_eq!(events(&framing, [&stream[..]], Truncation::StreamEnd), expected);
    }
}
