//! Character sets: what is read, written, refused.

use transfuse_message::{Charset, Message, ParseOptions};

use super::{get, path, value};

/// "Őrült tűz" in the character sets that Hungarian senders use; the bytes are those of Python's codecs.
const TEXT: &str = "Őrült tűz";
const LATIN_2: &[u8] = b"\xd5r\xfclt t\xfbz";
const UTF_8: &[u8] = b"\xc5\x90r\xc3\xbclt t\xc5\xb1z";

fn raw(label: &str, value: &[u8]) -> Vec<u8> {
    let header = format!("MSH|^~\\&|A|||||||K1|P|2.5||||||{label}\rNTE|1||");
    [header.as_bytes(), value, b"|end\r"].concat()
}

fn parse(label: &str, value: &[u8]) -> Message {
    Message::parse(raw(label, value), &ParseOptions::default()).unwrap()
}

#[test]
fn hungarian_text_is_read_and_written_in_the_declared_character_set() {
    for (label, bytes) in [
        ("8859/2", LATIN_2),
        ("WINDOWS-1250", LATIN_2),
        ("UNICODE UTF-8", UTF_8),
        ("", UTF_8),
    ] {
        let mut message = parse(label, bytes);
        assert_eq!(get(&message, "NTE-3"), value(TEXT), "{label}");
        message.set(&path("NTE-4"), TEXT).unwrap();
        assert_eq!(
            message.get_raw(&path("NTE-4")).unwrap().as_deref(),
            Some(bytes),
            "{label}"
        );
    }
}

#[test]
fn a_given_character_set_wins_over_the_declared_one() {
    // 0x8A is Š in windows-1250 and a control character in ISO 8859-2.
    let options = ParseOptions {
        charset: Charset::from_label("windows-1250"),
        ..ParseOptions::default()
    };
    let message = Message::parse(raw("8859/2", b"\x8aimon"), &options).unwrap();
    assert_eq!(get(&message, "NTE-3"), value("Šimon"));
    assert_eq!(get(&parse("8859/2", b"\x8aimon"), "NTE-3"), value("\u{8a}imon"));
}

#[test]
fn the_first_repetition_of_msh_18_is_the_character_set_of_the_message() {
    assert_eq!(parse("8859/2~UNICODE UTF-8", b"").charset().label(), "8859/2");
}

#[test]
fn a_character_that_the_set_lacks_is_refused_and_never_replaced() {
    for (label, text) in [
        ("8859/1", "ő"),
        ("8859/1", "€"),
        ("8859/2", "€"),
        ("ASCII", "é"),
        ("8859/15", "ű"),
        ("windows-1252", "ő"),
    ] {
        let mut message = parse(label, b"old");
        let before = message.encode();
        let error = message.set(&path("NTE-3"), text).unwrap_err();
        assert_eq!(error.code(), "unencodable", "{label}");
        assert!(!error.to_string().contains(text));
        assert_eq!(message.encode(), before);
    }
}

#[test]
fn an_unsupported_character_set_leaves_ascii_readable_and_the_rest_undecodable() {
    for label in ["CNS 11643-1992", "UNICODE UTF-16", "ISO IR159", "nonsense"] {
        let message = parse(label, b"\x1b$B^C");
        assert_eq!(message.charset(), Charset::ASCII);
        assert_eq!(get(&message, "NTE-4"), value("end"));
        assert_eq!(get(&parse(label, b"\xc5\x91"), "NTE-3"), Err("undecodable"));
    }
}

#[test]
fn hexadecimal_escapes_are_bytes_of_the_message_s_character_set() {
    assert_eq!(get(&parse("8859/2", b"\\XF5\\\\X00FB\\"), "NTE-3"), value("őű"));
    assert_eq!(get(&parse("UNICODE UTF-8", b"\\XF5\\"), "NTE-3"), Err("undecodable"));
}

#[test]
fn character_sets_are_known_by_the_names_of_hl7_and_iana() {
    for (name, label) in [
        ("ASCII", "ASCII"),
        ("us-ascii", "ASCII"),
        ("UNICODE UTF-8", "UNICODE UTF-8"),
        ("utf-8", "UNICODE UTF-8"),
        ("UTF8", "UNICODE UTF-8"),
        ("8859/1", "8859/1"),
        ("ISO-8859-1", "8859/1"),
        ("iso8859-2", "8859/2"),
        ("ISO_8859-2", "8859/2"),
        ("latin2", "8859/2"),
        ("8859/15", "8859/15"),
        ("cp1250", "windows-1250"),
        ("Windows-1250", "windows-1250"),
    ] {
        assert_eq!(Charset::from_label(name).map(Charset::label), Some(label), "{name}");
    }
    for name in ["", "8859", "8859/16", "UTF-16", "UNICODE UTF-16", "ISO IR159", "iso"] {
        assert_eq!(Charset::from_label(name), None, "{name}");
    }
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 9, 15] {
        let label = format!("8859/{number}");
        assert_eq!(Charset::from_label(&label).map(Charset::label), Some(label.as_str()));
    }
}

#[test]
fn every_byte_that_a_set_defines_is_a_character_of_its_own() {
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 9, 15] {
        let charset = Charset::from_label(&format!("8859/{number}")).unwrap();
        for byte in 0..=u8::MAX {
            if let Some(text) = charset.decode(&[byte]) {
                assert_eq!(
                    charset.encode(&text).as_deref(),
                    Some(&[byte][..]),
                    "8859/{number} {byte:#x}"
                );
            }
        }
    }
    let turkish = Charset::from_label("8859/9").unwrap();
    assert_eq!(turkish.decode(b"\xdd\xf0\xe9").as_deref(), Some("İğé"));
    assert_eq!(turkish.encode("Ý"), None);
}
