//! A message in another character set.

use proptest::prelude::*;
use transfuse_message::{Charset, Message, ParseOptions, RecodeError, Unmappable, acknowledgement};

use super::{get, message, path, value};

const TEXT: &str = "árvíztűrő tükörfúrógép";

fn charset(label: &str) -> Charset {
    Charset::from_label(label).unwrap()
}

/// A message in this set with text in PID-5.2 and, as an escape sequence of its bytes, in PID-5.3.
fn in_charset(label: &str, text: &str) -> Message {
    let bytes = charset(label).encode(text).unwrap().into_owned();
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let digits = digits.concat();
    let head = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{label}\rPID|1||7||PRÓBA^");
    let head = charset(label).encode(&head).unwrap().into_owned();
    let raw = [
        &head,
        &bytes[..],
        format!("^\\X{digits}\\^\\.br\\\\T\\\\X0D\\\r\r\n").as_bytes(),
    ]
    .concat();
    Message::parse(raw, &ParseOptions::default()).unwrap()
}

fn recoded(message: &Message, label: &str) -> Message {
    message.to_charset(charset(label), Unmappable::Fault).unwrap()
}

#[test]
fn the_text_is_the_same_in_every_set_that_has_it() {
    let sets = ["8859/2", "windows-1250", "UNICODE UTF-8", "GB 18030-2000"];
    for from in sets {
        for to in sets {
            let message = recoded(&in_charset(from, TEXT), to);
            assert_eq!(message.charset(), charset(to));
            assert_eq!(get(&message, "MSH-18"), value(to), "{from} {to}");
            assert_eq!(get(&message, "PID-5.2"), value(TEXT), "{from} {to}");
            assert_eq!(get(&message, "PID-5.3"), value(TEXT), "{from} {to}");
            assert_eq!(
                message.encode(),
                Message::parse(message.encode(), &ParseOptions::default())
                    .unwrap()
                    .encode()
            );
            assert!(message.encode().ends_with(b"^\\.br\\\\T\\\\X0D\\\r\r\n"), "{from} {to}");
            assert_eq!(
                recoded(&message, from).encode(),
                in_charset(from, TEXT).encode(),
                "{from} {to}"
            );
        }
    }
}

#[test]
fn a_character_that_the_set_lacks_is_a_fault_at_the_first_node_that_holds_one() {
    let message =
        message("MSH|^~\\&|A|||||||K1|P|2.5||||||UNICODE UTF-8\rOBX|1\rOBX|2|TX|A^B&C||ő~a^ő & €~€\rNTE|1||€\r");
    let error = message.to_charset(charset("8859/2"), Unmappable::Fault).unwrap_err();
    let RecodeError::Unmappable { path, charset } = &error else {
        panic!("{error}")
    };
    assert_eq!((path.as_str(), charset.label()), ("OBX[2]-5[2].2.2", "8859/2"));
    assert!(!error.to_string().contains('€'));
    for (raw, at) in [
        ("ZZZ|€\r", "ZZZ-1"),
        ("ZZZ|a^€\r", "ZZZ-1.2"),
        ("ZZZ|a €^b\r", "ZZZ-1.1"),
        ("ZZZ||€&b~c\r", "ZZZ-2.1.1"),
        ("ZZZ|\\XE282AC\\\r", "ZZZ-1"),
        ("€ no segment\r", "line 2"),
    ] {
        let message = super::message(&format!("MSH|^~\\&|A\r{raw}"));
        match message.to_charset(Charset::ASCII, Unmappable::Fault) {
            Err(RecodeError::Unmappable { path, .. }) => assert_eq!(path, at),
            other => panic!("{raw}: {other:?}"),
        }
    }
    let header = super::message("MSH|^~\\&|A|KÓRHÁZ");
    let error = header.to_charset(Charset::ASCII, Unmappable::Fault).unwrap_err();
    assert!(error.to_string().starts_with("MSH-4 holds"), "{error}");
}

#[test]
fn an_escaped_character_is_read_as_itself_and_comes_back_where_the_set_has_it() {
    let message = message("MSH|^~\\&|A|||||||K1|P|2.5\rPID|1||7||ő^𝄞 & ő^\\XE282AC\\^\\X00E9\\^é\r");
    let out = message.to_charset(charset("8859/1"), Unmappable::Escape).unwrap();
    let printed = String::from_utf8(out.encode().to_vec().into_iter().filter(u8::is_ascii).collect()).unwrap();
    assert!(
        printed.contains("PID|1||7||\\X00000151\\^\\X0001D11E\\ & \\X00000151\\^\\X000020AC\\^\\XE9\\^\r"),
        "{printed}"
    );
    assert_eq!(get(&out, "PID-5.1"), value("ő"));
    assert_eq!(get(&out, "PID-5.2.1"), value("𝄞 "));
    assert_eq!(get(&out, "PID-5.3"), value("€"));
    assert_eq!(get(&out, "PID-5.4"), value("é"));
    assert_eq!(get(&out, "PID-5.5"), value("é"));
    let again = out.to_charset(Charset::UTF_8, Unmappable::Fault).unwrap();
    assert_eq!(get(&again, "PID-5.1"), value("ő"));
    // What is copied into a message whose set has the character is the character.
    let mut other = super::message("MSH|^~\\&|A\rPID|1\r");
    other.copy_from(&out, &path("PID-5"), &path("PID-5")).unwrap();
    assert_eq!(
        other.get_raw(&path("PID-5.1")).unwrap().as_deref(),
        Some("ő".as_bytes())
    );
}

#[test]
fn nothing_can_be_escaped_without_an_escape_character() {
    let message = message("MSH|^~|A\rPID|1||7||ő\r");
    let error = message.to_charset(Charset::ASCII, Unmappable::Escape).unwrap_err();
    assert!(
        matches!(&error, RecodeError::NoEscape { path, .. } if path == "PID-5"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_not_text_in_the_own_set_are_a_fault_even_in_an_escape() {
    for value in [&b"a^\xff"[..], b"a^\\XFF\\"] {
        let raw = [b"MSH|^~\\&|A\rPID|1|", value, b"\r"].concat();
        let message = Message::parse(raw, &ParseOptions::default()).unwrap();
        for unmappable in [Unmappable::Fault, Unmappable::Escape] {
            let error = message.to_charset(charset("8859/2"), unmappable).unwrap_err();
            assert!(
                matches!(&error, RecodeError::Undecodable { path, .. } if path == "PID-2.2"),
                "{error}"
            );
        }
        assert_eq!(
            message
                .to_charset(Charset::UTF_8, Unmappable::Fault)
                .unwrap()
                .segment_count(),
            2
        );
    }
}

#[test]
fn msh_18_and_msh_20_say_what_the_message_is_in() {
    let header = |sets: &str, handling: &str| {
        let raw = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{sets}||{handling}\r");
        Message::parse(raw, &ParseOptions::default()).unwrap()
    };
    for (sets, handling, to, sets_after, handling_after) in [
        ("", "", "8859/2", "8859/2", None),
        ("utf-8", "", "UNICODE UTF-8", "utf-8", None),
        ("8859/1~8859/2", "", "UNICODE UTF-8", "UNICODE UTF-8", None),
        (
            "8859/1~8859/2",
            "2.3",
            "UNICODE UTF-8",
            "UNICODE UTF-8~8859/2",
            Some("2.3"),
        ),
        ("~ISO IR87", "ISO 2022-1994", "UNICODE UTF-8", "UNICODE UTF-8", Some("")),
        (
            "UNICODE UTF-8",
            "",
            "ISO-2022-JP",
            "ASCII~ISO IR87",
            Some("ISO 2022-1994"),
        ),
        (
            "~ISO IR87",
            "ISO 2022-1994",
            "ISO-2022-JP",
            "~ISO IR87",
            Some("ISO 2022-1994"),
        ),
    ] {
        let message = header(sets, handling)
            .to_charset(charset(to), Unmappable::Fault)
            .unwrap();
        assert_eq!(
            message.get_raw(&path("MSH-18")).unwrap().as_deref(),
            Some(sets_after.as_bytes()),
            "{sets} {to}"
        );
        let handling = get(&message, "MSH-20").unwrap();
        assert_eq!(
            handling.as_deref().filter(|text| !text.is_empty()),
            handling_after.filter(|text| !text.is_empty())
        );
        assert_eq!(
            Message::parse(message.encode(), &ParseOptions::default())
                .unwrap()
                .charset(),
            charset(to)
        );
    }
}

#[test]
fn alternates_of_msh_18_mean_what_msh_20_says() {
    for (sets, handling, label) in [
        ("~ISO IR87", "ISO 2022-1994", "ISO-2022-JP"),
        ("ASCII~ISO IR87", "ISO 2022-1994", "ISO-2022-JP"),
        ("ISO IR6~ISO IR159", "", "ISO-2022-JP"),
        ("ISO IR14~ISO IR87~ISO IR159", "ISO 2022-1994", "ISO-2022-JP"),
        ("ASCII~ISO IR87", "2.3", "ASCII"),
        ("8859/1~8859/2", "2.3", "8859/1"),
        ("UNICODE UTF-8~ISO IR87", "ISO 2022-1994", "UNICODE UTF-8"),
        ("ISO IR14", "", "ISO IR14"),
        ("ISO IR87", "", "ISO-2022-JP"),
        ("JIS X 0202", "", "ISO-2022-JP"),
    ] {
        let raw = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{sets}||{handling}\r");
        let message = Message::parse(raw, &ParseOptions::default()).unwrap();
        assert_eq!(message.charset().label(), label, "{sets} {handling}");
    }
}

#[test]
fn a_set_that_won_over_msh_18_is_declared_and_a_declared_one_is_left_alone() {
    let options = ParseOptions {
        charset: Charset::from_label("windows-1250"),
        ..ParseOptions::default()
    };
    let raw = b"MSH|^~\\&|A|||||||K1|P|2.5||||||8859/2\rPID|1||7||\x8aimon\r";
    let mut message = Message::parse(&raw[..], &options).unwrap();
    assert!(message.declare_charset());
    assert_eq!(get(&message, "MSH-18"), value("windows-1250"));
    assert_eq!(
        get(
            &Message::parse(message.encode(), &ParseOptions::default()).unwrap(),
            "PID-5"
        ),
        value("Šimon")
    );
    for header in ["8859/2", "ISO-8859-2", "", "CNS 11643-1992", "~ISO IR87"] {
        let raw = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{header}\rPID|1\r");
        let mut message = Message::parse(raw.clone(), &ParseOptions::default()).unwrap();
        assert!(!message.declare_charset(), "{header}");
        assert_eq!(message.encode(), raw);
    }
}

#[test]
fn a_byte_order_mark_stays_in_utf_8_only() {
    let message = message("\u{feff}\r\nMSH|^~\\&|A\rPID|é\r");
    assert!(
        recoded(&message, "UNICODE UTF-8")
            .encode()
            .starts_with("\u{feff}\r\nMSH".as_bytes())
    );
    assert!(recoded(&message, "8859/1").encode().starts_with(b"\r\nMSH"));
}

#[test]
fn an_acknowledgement_is_in_the_request_s_set() {
    let raw = "MSH|^~\\&|A|病院|||||ADT^A01|K1|P|2.5||||||~ISO IR87||ISO 2022-1994\r";
    let request = charset("ISO-2022-JP").encode(raw).unwrap().into_owned();
    let request = Message::parse(request, &ParseOptions::default()).unwrap();
    let finding = transfuse_message::Finding {
        path: None,
        code: "207".into(),
        severity: transfuse_message::Severity::Error,
        text: "山田 | é".into(),
    };
    let context = transfuse_message::AcknowledgementContext {
        asks: None,
        control_id: "9",
        at: &jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(jiff::tz::TimeZone::UTC),
    };
    let code = transfuse_message::AcknowledgementCode::AR;
    let bytes = acknowledgement::refuse(&request, code, &[finding], &context);
    let answer = Message::parse(bytes, &ParseOptions::default()).unwrap();
    assert_eq!(answer.charset(), Charset::ISO_2022_JP);
    assert_eq!(get(&answer, "MSH-6"), value("病院"));
    assert_eq!(get(&answer, "ERR-8"), value("山田 | [U+00E9]"));
    assert_eq!(get(&answer, "MSH-20"), value("ISO 2022-1994"));
}

#[test]
fn utf_16_is_recognised_and_refused() {
    let text = "MSH|^~\\&|A\rPID|1\r";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for raw in [
        little.clone(),
        big.clone(),
        [b"\xff\xfe", &little[..]].concat(),
        [b"\xfe\xff", &big[..]].concat(),
    ] {
        let error = Message::parse(raw, &ParseOptions::default()).unwrap_err();
        assert_eq!(error.code(), "utf-16");
    }
    for label in ["UNICODE UTF-16", "UTF-32", "CNS 11643-1992", "ISO IR159"] {
        assert!(
            Charset::from_label(label).is_none() && Charset::refusal(label).is_some(),
            "{label}"
        );
    }
    assert_eq!(Charset::refusal("nonsense"), None);
}

proptest! {
    #[test]
    fn there_and_back_again_is_the_same_text(
        text in "[a-zőűáé€|^~\\\\&#\r功表山|Ω]{0,12}",
        from in prop::sample::select(Charset::labels().collect::<Vec<_>>()),
        to in prop::sample::select(Charset::labels().collect::<Vec<_>>()),
    ) {
        let options = ParseOptions { charset: Some(charset(from)), ..ParseOptions::default() };
        let mut before = Message::parse(&b"MSH|^~\\&|A\rNTE|x|y|z"[..], &options).unwrap();
        if before.set(&path("NTE-2"), &text).is_ok() {
            let there = before.to_charset(charset(to), Unmappable::Escape).unwrap();
            prop_assert_eq!(get(&there, "NTE-2"), value(&text));
            let read = Message::parse(there.encode(), &ParseOptions::default()).unwrap();
            prop_assert_eq!(read.charset(), charset(to));
            prop_assert_eq!(get(&read, "NTE-2"), value(&text));
            let back = read.to_charset(charset(from), Unmappable::Escape).unwrap();
            prop_assert_eq!(get(&back, "NTE-2"), value(&text));
            prop_assert_eq!(get(&back, "NTE-3"), value("z"));
        }
    }

    #[test]
    fn any_bytes_are_written_in_another_set_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        from in prop::sample::select(Charset::labels().collect::<Vec<_>>()),
        to in prop::sample::select(Charset::labels().collect::<Vec<_>>()),
    ) {
        let options = ParseOptions { charset: Some(charset(from)), ..ParseOptions::default() };
        if let Ok(message) = Message::parse([b"MSH|^~\\&|A\rNTE|x|", &bytes[..]].concat(), &options) {
            let _ = message.to_charset(charset(to), Unmappable::Escape);
        }
    }
}
