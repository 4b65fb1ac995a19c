//! Escape sequences, read and written.

use super::{get, message, path, second_segment, value, with_segment};

#[test]
fn escape_sequences_of_delimiters_and_bytes_are_decoded_once() {
    for (raw, expected) in [
        ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
        ("a \\T\\ b", "a & b"),
        ("\\E\\T\\E\\", "\\T\\"),
        ("\\E\\E\\E\\", "\\E\\"),
        ("\\X41\\", "A"),
        ("\\X4142\\", "AB"),
        ("\\XC591\\\\XC5\\\\XB1\\", "őű"),
        ("\\X0D0A\\", "\r\n"),
        ("\\Xc3a9\\", "é"),
        ("\\X00E9\\", "é"),
        ("\\X000D\\", "\r"),
        ("\\XC5\\\\X91\\", "ő"),
        ("\\X00000151\\", "ő"),
        ("\\X0001F600\\x", "😀x"),
        ("\\E\\X41\\E\\", "\\X41\\"),
        ("\\X5C\\F\\X5C\\", "\\F\\"),
        ("\\E\\.br\\E\\", "\\.br\\"),
    ] {
        assert_eq!(
            get(&with_segment(&format!("NTE|1||{raw}")), "NTE-3"),
            value(expected),
            "{raw}"
        );
    }
}

#[test]
fn formatting_and_unknown_sequences_and_lonely_escape_characters_stay_as_they_are() {
    for raw in [
        "one\\.br\\two",
        "\\.sp+3\\",
        "\\.in-2\\",
        "\\.ce\\",
        "\\.sp\\",
        "\\.sp 3\\",
        "\\.fi\\\\.nf\\",
        "\\.in+4\\\\.ti-2\\",
        "\\.sk4\\",
        "\\.BR\\",
        "\\C2842\\\\M2442\\F\\C2840\\",
        "\\Z0A1B\\",
        "\\H\\bold\\N\\",
        "\\C2842\\",
        "\\M2442\\",
        "\\M244242\\",
        "\\Z01\\",
        "\\P\\",
        "\\Q\\",
        "\\X4\\",
        "\\X4G\\",
        "\\X\\",
        "\\\\",
        "C:\\temp",
        "\\x41\\",
        "\\X 41\\",
        "\\X41",
        "\\F",
        "\\.br",
        "\\X0000D800\\",
        "\\X00110000\\",
        "\\X00000000\\",
        "ends with \\",
        "\\",
    ] {
        assert_eq!(
            get(&with_segment(&format!("NTE|1||{raw}")), "NTE-3"),
            value(raw),
            "{raw}"
        );
    }
}

#[test]
fn a_lonely_escape_character_hides_no_sequence_after_it() {
    assert_eq!(get(&with_segment("NTE|1||C:\\dir\\F\\x"), "NTE-3"), value("C:\\dir|x"));
}

#[test]
fn the_truncation_character_is_escaped_where_msh_2_names_it() {
    let mut message = message("MSH|^~\\&#|A\rNTE|1||a\\P\\b\r");
    assert_eq!(get(&message, "NTE-3"), value("a#b"));
    message.set(&path("NTE-3"), "#1").unwrap();
    assert_eq!(second_segment(&message), "NTE|1||\\P\\1");
}

#[test]
fn a_text_that_is_set_is_escaped_as_the_delimiters_ask_for() {
    for (text, expected) in [
        ("a|b^c&d~e\\f", "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"),
        ("two\rlines\n", "two\\X0D\\lines\\X0A\\"),
        ("one\\.br\\two", "one\\.br\\two"),
        ("\\H\\x\\N\\", "\\H\\x\\N\\"),
        ("\\C2842\\\\M244242\\\\Z01\\", "\\C2842\\\\M244242\\\\Z01\\"),
        ("\\F\\", "\\E\\F\\E\\"),
        ("\\X41\\", "\\E\\X41\\E\\"),
        ("\\.xx\\", "\\E\\.xx\\E\\"),
        ("\\C284\\", "\\E\\C284\\E\\"),
        ("\\CXYZW\\", "\\E\\CXYZW\\E\\"),
        ("\\M24424\\", "\\E\\M24424\\E\\"),
        ("\\Zo\\", "\\E\\Zo\\E\\"),
        ("\\Z\\", "\\E\\Z\\E\\"),
        ("C:\\temp", "C:\\E\\temp"),
        ("#", "#"),
        ("Ödön", "Ödön"),
    ] {
        let mut message = with_segment("NTE|1||old|x");
        message.set(&path("NTE-3"), text).unwrap();
        assert_eq!(second_segment(&message), format!("NTE|1||{expected}|x"), "{text}");
        assert_eq!(get(&message, "NTE-3"), value(text));
    }
}

#[test]
fn setting_what_was_read_keeps_the_bytes_even_where_another_spelling_means_the_same() {
    for raw in [
        "\\X41\\",
        "\\E\\.br\\E\\",
        "C:\\temp",
        "\\X0D0A\\",
        "\\X0b\\",
        "a#b",
        "C:\\E\\H\\E\\x",
        "\"\"",
        "",
    ] {
        let mut message = with_segment(&format!("NTE|1||{raw}|"));
        let before = message.encode();
        let text = get(&message, "NTE-3").unwrap().unwrap();
        message.set(&path("NTE-3"), &text).unwrap();
        assert_eq!(message.encode(), before, "{raw}");
    }
}

#[test]
fn a_text_that_cannot_be_escaped_is_refused_and_changes_nothing() {
    let mut message = message("MSH|^~|A\rNTE|1||old\r");
    for text in ["a|b", "a^b", "a~b", "two\rlines"] {
        let error = message.set(&path("NTE-3"), text).unwrap_err();
        assert_eq!((error.code(), error.is_plugins_fault()), ("no-escape", false), "{text}");
    }
    assert_eq!(second_segment(&message), "NTE|1||old");
    message.set(&path("NTE-3"), "a&b\\c").unwrap();
    assert_eq!(second_segment(&message), "NTE|1||a&b\\c");
}

#[test]
fn bytes_that_frame_messages_are_refused_in_a_value() {
    let mut message = with_segment("NTE|1||old");
    for text in ["a\u{b}", "\u{1c}"] {
        assert_eq!(
            message.set(&path("NTE-3"), text).unwrap_err().code(),
            "unencodable",
            "{text:?}"
        );
        assert_eq!(
            message.set_raw(&path("NTE-3"), text.as_bytes()).unwrap_err().code(),
            "unencodable"
        );
    }
    assert_eq!(second_segment(&message), "NTE|1||old");
}

#[test]
fn escape_sequences_are_written_with_the_message_s_own_escape_character() {
    let mut message = message("MSH|^~!&|A\rNTE|1||!F!\\F\\!XC591!!.br!\r");
    assert_eq!(get(&message, "NTE-3"), value("|\\F\\ő!.br!"));
    message.set(&path("NTE-3"), "a|b\\F\\!").unwrap();
    assert_eq!(second_segment(&message), "NTE|1||a!F!b\\F\\!E!");
}

#[test]
fn without_an_escape_character_no_sequence_means_anything() {
    for header in ["MSH|^~|A", "MSH|^|A", "MSH|^~&|A"] {
        let message = message(&format!("{header}\rNTE|1||\\F\\X41\\\\X00000151\\\r"));
        assert_eq!(get(&message, "NTE-3"), value("\\F\\X41\\\\X00000151\\"), "{header}");
    }
}

#[test]
fn a_code_point_of_eight_digits_is_its_character_even_where_the_set_lacks_it() {
    let message = message("MSH|^~\\&|A|||||||K1|P|2.5||||||8859/1\rNTE|1||t\\X00000171\\z \\XE9\\\r");
    assert_eq!(get(&message, "NTE-3"), value("tűz é"));
}

#[test]
fn escape_characters_without_end_take_time_in_proportion_to_their_number() {
    // Eight megabytes: what took the square of that would not end today.
    let text = "\\X4".repeat(2_700_000);
    let start = std::time::Instant::now();
    let message = with_segment(&format!("NTE|1||{text}"));
    assert_eq!(get(&message, "NTE-3"), value(&text));
    assert!(
        start.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}
