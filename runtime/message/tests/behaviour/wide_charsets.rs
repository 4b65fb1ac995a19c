//! Character sets in which a byte of a character may look like a delimiter.

use proptest::prelude::*;
use transfuse_message::{Charset, Message, ParseOptions, differences};

use super::{get, path, value};

/// A set, and text of it whose bytes (those of Python's codecs) hold delimiters.
const SAMPLES: &[(&str, &str, &[u8])] = &[
    // 功 and 許 end in a backslash, 育 in a vertical bar, 么 in a backslash too.
    ("BIG-5", "功許育么巴", b"\xa5\x5c\xb3\x5c\xa8\x7c\xa4\x5c\xa4\xda"),
    ("GB 18030-2000", "乗亅𠀀", b"\x81\x5c\x81\x7c\x95\x32\x82\x36"),
    // 表 and ソ end in a backslash, ポ in a vertical bar, ボ in a brace, マ in a tilde.
    ("Shift_JIS", "表ソポボマ", b"\x95\x5c\x83\x5c\x83\x7c\x83\x7b\x83\x7d"),
    ("ISO-2022-JP", "山田太郎", b"\x1b$B;3EDB@O:\x1b(B"),
];

fn parse(label: &str, value: &[u8]) -> Message {
    let header = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{label}\rNTE|1||");
    Message::parse([header.as_bytes(), value, b"|end\r"].concat(), &ParseOptions::default()).unwrap()
}

#[test]
fn a_delimiter_inside_a_character_divides_nothing() {
    for (label, text, bytes) in SAMPLES {
        let message = parse(label, bytes);
        assert_eq!(message.charset().label(), *label);
        assert_eq!(get(&message, "NTE-3"), value(text), "{label}");
        assert_eq!(get(&message, "NTE-4"), value("end"), "{label}");
        assert_eq!(
            message.get_raw(&path("NTE-3")).unwrap().as_deref(),
            Some(*bytes),
            "{label}"
        );
        assert_eq!(message.count(&path("NTE[1]")), Ok(4), "{label}");
    }
}

#[test]
fn text_is_written_in_the_set_and_escaped_by_its_own_delimiters_only() {
    for (label, text, bytes) in SAMPLES {
        let mut message = parse(label, b"old");
        message.set(&path("NTE-4"), &format!("{text}|{text}")).unwrap();
        let expected = [&b"NTE|1||old|"[..], bytes, b"\\F\\", bytes, b"\r"].concat();
        assert!(message.encode().ends_with(&expected), "{label}");
        let options = ParseOptions::default();
        let again = Message::parse(message.encode(), &options).unwrap();
        assert_eq!(get(&again, "NTE-4"), value(&format!("{text}|{text}")), "{label}");
    }
}

#[test]
fn an_edit_beside_them_leaves_every_byte_even_of_what_an_encoder_would_write_differently() {
    let kept: &[(&str, &[u8])] = &[
        // Two forms of one character, half a character before a delimiter, an unassigned one.
        ("Shift_JIS", b"\xfa\x54\x81\xca^\x81&\xfd\xfe"),
        ("BIG-5", b"\xa5\x5c\x81~\xff\\F\\"),
        ("GB 18030-2000", b"\x84\x31\xa4\x37\xff^\x81"),
        // Older shifts, a shift back to JIS X 0201, one that is never taken back, katakana, JIS X 0212.
        (
            "ISO-2022-JP",
            b"\x1b$@;3\x1b(J^\x1b$B;3\x1b(J~\x1b(I1\x1b(B\x1b$(D0!\x1b(B\xb1\xff",
        ),
        ("ISO-2022-JP", b"\x1b$B;3\x1b$@ED\x1b(B\x1b"),
        ("ISO-2022-JP", b"\x1b$B;3ED"),
    ];
    for (label, bytes) in kept {
        let raw = [
            format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{label}\rNTE|1|x|").as_bytes(),
            bytes,
            b"\r",
        ]
        .concat();
        let mut message = Message::parse(raw.clone(), &ParseOptions::default()).unwrap();
        assert_eq!(message.encode(), raw);
        message.set(&path("NTE-2"), "y").unwrap();
        assert_ne!(message.encode(), raw);
        message.set(&path("NTE-2"), "x").unwrap();
        assert_eq!(message.encode(), raw, "{label} {bytes:x?}");
        let clone = message.clone();
        message.copy_from(&clone, &path("NTE-3"), &path("NTE-3")).unwrap();
        assert_eq!(message.encode(), raw, "{label}");
        let node = message.get_raw(&path("NTE-3")).unwrap().unwrap().into_owned();
        assert_eq!(node, *bytes);
        message.set_raw(&path("NTE-3"), b"").unwrap();
        message.set_raw(&path("NTE-3"), &node).unwrap();
        assert_eq!(message.encode(), raw, "{label}");
    }
}

#[test]
fn what_cannot_be_decoded_hides_nothing_beside_it() {
    let message = parse("BIG-5", b"\xa5\x5c^\xff^\xb3\x5c");
    assert_eq!(get(&message, "NTE-3.1"), value("功"));
    assert_eq!(get(&message, "NTE-3.2"), Err("undecodable"));
    assert_eq!(get(&message, "NTE-3.3"), value("許"));
}

#[test]
fn japanese_text_is_read_whichever_way_it_is_shifted_to() {
    for (bytes, text) in [
        (&b"\x1b$@;3ED\x1b(J"[..], "山田"),
        (b"\x1b$B;3ED\x1b(J", "山田"),
        (b"\x1b(I1\x1b(B", "ｱ"),
        (b"\xb1", "ｱ"),
        (b"\x1b$(D0!\x1b(B", "丂"),
        (b"a\x1b$B;3\x1b(Bb", "a山b"),
    ] {
        assert_eq!(get(&parse("~ISO IR87", bytes), "NTE-3"), value(text), "{bytes:x?}");
    }
}

#[test]
fn delimiters_after_a_shift_to_jis_x_0201_are_delimiters() {
    let message = parse("~ISO IR87", b"\x1b$B;3\x1b(J^a\\F\\b~c");
    assert_eq!(get(&message, "NTE-3.1"), value("山"));
    assert_eq!(get(&message, "NTE-3.2"), value("a|b"));
    assert_eq!(get(&message, "NTE-3[2]"), value("c"));
}

#[test]
fn a_header_in_a_wide_set_declares_it_past_its_own_characters() {
    for (label, text, bytes) in SAMPLES.iter().chain(&[("BIG-5", "育", &b"\xa8\x7c"[..])]) {
        let raw = [
            b"MSH|^~\\&|A|",
            *bytes,
            format!("||||||K1|P|2.5||||||{label}\r").as_bytes(),
        ]
        .concat();
        let message = Message::parse(raw.clone(), &ParseOptions::default()).unwrap();
        assert_eq!(message.charset().label(), *label);
        assert_eq!(message.header().control_id(), "K1", "{label} {text}");
        assert_eq!(message.encode(), raw);
    }
}

#[test]
fn hexadecimal_escapes_are_decoded_with_those_beside_them() {
    assert_eq!(
        get(&parse("BIG-5", b"a\\XA55C\\b\\XB3\\\\X5C\\"), "NTE-3"),
        value("a功b許")
    );
    assert_eq!(
        get(&parse("ISO-2022-JP", b"\\X1B24423B331B2842\\"), "NTE-3"),
        value("山")
    );
    assert_eq!(get(&parse("BIG-5", b"\\XA5\\"), "NTE-3"), Err("undecodable"));
    assert_eq!(get(&parse("BIG-5", b"\\X00E9\\\\X0000529F\\"), "NTE-3"), value("é功"));
}

#[test]
fn characters_that_an_encoder_would_write_as_others_are_refused() {
    for (label, text) in [
        ("Shift_JIS", "¥"),
        ("Shift_JIS", "‾"),
        ("Shift_JIS", "−"),
        ("EUC-JP", "¥"),
        ("ISO-2022-JP", "¥"),
        ("ISO-2022-JP", "ｱ"),
        ("ISO-2022-JP", "a\u{1b}$B"),
        ("ISO-2022-JP", "é"),
        ("BIG-5", "ő"),
        ("KS X 1001", "똠"),
        ("GBK", "𠀀"),
    ] {
        let mut message = parse(label, b"old");
        let error = message.set(&path("NTE-3"), text).map_err(|error| error.code());
        assert_eq!(error, Err("unencodable"), "{label} {text}");
    }
}

#[test]
fn korean_text_and_extended_unix_code_hold_no_delimiters() {
    for (label, text, bytes) in [
        ("KS X 1001", "홍길동", &b"\xc8\xab\xb1\xe6\xb5\xbf"[..]),
        ("EUC-JP", "山田ｱ", b"\xbb\xb3\xc5\xc4\x8e\xb1"),
        ("ISO IR14", "ﾔﾏﾀﾞ", b"\xd4\xcf\xc0\xde"),
    ] {
        let mut message = parse(label, bytes);
        assert_eq!(get(&message, "NTE-3"), value(text), "{label}");
        message.set(&path("NTE-4"), text).unwrap();
        assert_eq!(
            message.get_raw(&path("NTE-4")).unwrap().as_deref(),
            Some(bytes),
            "{label}"
        );
    }
}

#[test]
fn differences_are_found_in_the_text() {
    let before = parse("BIG-5", b"\xa5\x5c^\xff");
    let after = parse("BIG-5", b"\xb3\x5c^\xff");
    let found = differences(&before, &after);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "NTE-3.1");
    assert_eq!(found[0].before.as_ref().unwrap().lossy_text(), "功");
}

/// Bytes with the trail and lead bytes, shifts and delimiters that matter, in any order.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(vec![0xa5, 0x5c]),
        3 => Just(vec![0x83, 0x7c]),
        2 => Just(vec![0x95, 0x32, 0x82, 0x36]),
        2 => Just(b"\x1b$B;3\x1b(B".to_vec()),
        1 => Just(b"\x1b$B".to_vec()),
        1 => Just(b"\x1b(J".to_vec()),
        3 => "[|^~&a-z]{1,2}".prop_map(String::into_bytes),
        1 => Just(b"\\X41\\".to_vec()),
        2 => any::<u8>().prop_filter("ends or frames", |byte| !matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)).prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_come_out_as_they_went_in(bytes in bytes(), set in prop::sample::select(vec!["BIG-5", "GB 18030-2000", "GBK", "Shift_JIS", "ISO-2022-JP"])) {
        let raw = [b"MSH|^~\\&|A\rNTE|x|", &bytes[..]].concat();
        let options = ParseOptions { charset: Charset::from_label(set), ..ParseOptions::default() };
        let mut message = Message::parse(raw.clone(), &options).unwrap();
        prop_assert_eq!(&message.encode()[..], &raw[..]);
        message.set(&path("NTE-1"), "y").unwrap();
        message.set(&path("NTE-1"), "x").unwrap();
        prop_assert_eq!(&message.encode()[..], &raw[..]);
        prop_assert_eq!(message.get_raw(&path("NTE")).unwrap().unwrap(), &raw[b"MSH|^~\\&|A\r".len()..]);
    }

    #[test]
    fn what_is_set_is_read_again_from_the_bytes(text in "[功育表ソ山田a-z|^~\\\\&|ﾔé]{0,8}", set in prop::sample::select(vec!["BIG-5", "GB 18030-2000", "GBK", "Shift_JIS", "ISO-2022-JP"])) {
        let options = ParseOptions { charset: Charset::from_label(set), ..ParseOptions::default() };
        let mut message = Message::parse(&b"MSH|^~\\&|A\rNTE|x|y|z"[..], &options).unwrap();
        if message.set(&path("NTE-2"), &text).is_ok() {
            let again = Message::parse(message.encode(), &options).unwrap();
            prop_assert_eq!(get(&again, "NTE-2"), value(&text));
            prop_assert_eq!(get(&again, "NTE-3"), value("z"));
        }
    }
}
