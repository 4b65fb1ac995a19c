//! Edits: what each one changes, and that it changes nothing else.

use transfuse_message::{Message, ParseOptions};

use super::{get, message, path, result, second_segment, value, with_segment};

/// Applies an edit to a segment and gives it back, or the code of the error.
fn edited(
    segment: &str,
    edit: impl Fn(&mut Message) -> Result<(), transfuse_message::PathError>,
) -> Result<String, &'static str> {
    let mut message = with_segment(segment);
    let before = message.encode();
    match edit(&mut message) {
        Ok(()) => Ok(second_segment(&message)),
        Err(error) => {
            assert_eq!(message.encode(), before, "an edit that fails changes nothing");
            Err(error.code())
        }
    }
}

#[test]
fn setting_a_leaf_makes_what_is_missing_on_the_way_and_leaves_the_rest() {
    for (segment, text, expected) in [
        ("PID|1|2|3", "PID-2", "PID|1|X|3"),
        ("PID|1", "PID-3", "PID|1||X"),
        ("PID", "PID-1", "PID|X"),
        ("PID", "PID-2", "PID||X"),
        ("PID|1", "PID-3.2", "PID|1||^X"),
        ("PID|1", "PID-3[2].2.3", "PID|1||~^&&X"),
        ("PID|1||A", "PID-3[3]", "PID|1||A~~X"),
        ("PID|1||A^B|C", "PID-3.1", "PID|1||X^B|C"),
        ("PID|1||A^B|C", "PID-3.4", "PID|1||A^B^^X|C"),
        ("PID|1||A&B^C", "PID-3.1.2", "PID|1||A&X^C"),
        ("PID|1||A", "PID-3.1.1", "PID|1||X"),
        ("PID|1||A", "PID-3.1.2", "PID|1||A&X"),
        ("PID|1||A", "PID-3.2", "PID|1||A^X"),
    ] {
        let set = edited(segment, |message| message.set(&path(text), "X"));
        assert_eq!(set.as_deref(), Ok(expected), "{segment} {text}");
    }
}

#[test]
fn setting_a_node_with_parts_replaces_them() {
    for (segment, text, expected) in [
        ("PID|1||A^B|C", "PID-3", "PID|1||X|C"),
        ("PID|1||A&B^C", "PID-3.1", "PID|1||X^C"),
        ("PID|1||A^B~C", "PID-3", "PID|1||X~C"),
        ("PID|1||A~B^C~D", "PID-3[2]", "PID|1||A~X~D"),
    ] {
        let set = edited(segment, |message| message.set(&path(text), "X"));
        assert_eq!(set.as_deref(), Ok(expected), "{segment} {text}");
    }
}

#[test]
fn an_empty_text_and_the_delete_marker_are_set_like_any_other() {
    let mut message = with_segment("PID|1||A");
    message.set(&path("PID-3"), "").unwrap();
    message.set(&path("PID-5"), "\"\"").unwrap();
    message.set(&path("PID-6"), "").unwrap();
    assert_eq!(second_segment(&message), "PID|1||||\"\"|");
    assert_eq!(get(&message, "PID-6"), value(""));
}

#[test]
fn what_cannot_be_set_is_refused() {
    for text in [
        "PID",
        "MSH",
        "MSH-1",
        "MSH-2",
        "MSH-2.1",
        "NTE-1",
        "PID[2]-1",
        "PID-99999",
        "PID-3[20000]",
    ] {
        assert_eq!(
            edited("PID|1", |message| message.set(&path(text), "X")),
            Err("not-settable"),
            "{text}"
        );
    }
    let mut message = message("MSH|^|A\rPID|1\r");
    assert_eq!(message.set(&path("PID-2[2]"), "X").unwrap_err().code(), "not-settable");
    assert_eq!(message.set(&path("PID-2.1.2"), "X").unwrap_err().code(), "not-settable");
    message.set(&path("PID-2.2"), "X~Y").unwrap();
    assert_eq!(second_segment(&message), "PID|1|^X~Y");
}

#[test]
fn the_header_s_other_fields_are_set_by_their_numbers() {
    let mut message = message("MSH|^~\\&|A\rPID|1\r");
    message.set(&path("MSH-3"), "LAB").unwrap();
    message.set(&path("MSH-6"), "HIS").unwrap();
    assert_eq!(message.encode(), "MSH|^~\\&|LAB|||HIS\rPID|1\r");
    assert_eq!(message.header().receiving_facility(), "HIS");
}

#[test]
fn many_edits_of_one_segment_add_up() {
    let mut message = with_segment("PID|1||A|long value|B");
    for (text, value) in [
        ("PID-4", "s"),
        ("PID-3", "much longer than before"),
        ("PID-5", ""),
        ("PID-4", "longer"),
        ("PID-1", ""),
    ] {
        message.set(&path(text), value).unwrap();
    }
    assert_eq!(second_segment(&message), "PID|||much longer than before|longer|");
}

#[test]
fn raw_bytes_are_put_as_they_are() {
    for (segment, text, raw, expected) in [
        ("PID|1||A^B~C|D", "PID-3", "X^Y&Z~\\F\\", "PID|1||X^Y&Z~\\F\\|D"),
        ("PID|1||A^B~C|D", "PID-3[1]", "X^Y", "PID|1||X^Y~C|D"),
        ("PID|1||A^B~C|D", "PID-3.2", "X&Y", "PID|1||A^X&Y~C|D"),
        ("PID|1||A^B~C|D", "PID-3[2].1.2", "X", "PID|1||A^B~C&X|D"),
        ("PID|1", "PID-3", "A~B", "PID|1||A~B"),
        ("PID|1||A", "PID", "PID|9|X^Y~Z", "PID|9|X^Y~Z"),
        ("PID|1||A", "PID[1]", "PID", "PID"),
    ] {
        let set = edited(segment, |message| message.set_raw(&path(text), raw.as_bytes()));
        assert_eq!(set.as_deref(), Ok(expected), "{segment} {text}");
    }
}

#[test]
fn raw_bytes_that_would_move_other_nodes_or_end_the_segment_are_refused() {
    for (text, raw, code) in [
        ("PID-3", "X\rY", "unencodable"),
        ("PID-3", "X\n", "unencodable"),
        ("PID", "PID|1\rZZZ", "unencodable"),
        ("PID-3", "X|Y", "not-settable"),
        ("PID-3[1]", "X~Y", "not-settable"),
        ("PID-3.1", "X^Y", "not-settable"),
        ("PID-3.1", "X~Y", "not-settable"),
        ("PID-3.1.1", "X&Y", "not-settable"),
        ("PID", "OBX|1", "not-settable"),
        ("PID", "PIDX|1", "not-settable"),
        ("PID", "", "not-settable"),
        ("NTE", "NTE|1", "not-settable"),
        ("MSH", "MSH|^~\\&|B", "not-settable"),
        ("MSH-2", "^~\\&", "not-settable"),
    ] {
        let set = edited("PID|1||A", |message| message.set_raw(&path(text), raw.as_bytes()));
        assert_eq!(set, Err(code), "{text} {raw:?}");
    }
}

#[test]
fn clearing_empties_a_node_and_keeps_the_places_of_those_after_it() {
    for (segment, text, expected) in [
        ("PID|1||A^B~C|D", "PID-3", "PID|1|||D"),
        ("PID|1||A^B~C|D", "PID-3[1]", "PID|1||~C|D"),
        ("PID|1||A^B~C|D", "PID-3.1", "PID|1||^B~C|D"),
        ("PID|1||A&Z^B", "PID-3.1.1", "PID|1||&Z^B"),
        ("PID|1||A", "PID", "PID"),
        ("PID|1||A", "PID-9", "PID|1||A"),
        ("PID|1||A", "PID-3[2]", "PID|1||A"),
        ("PID|1||A", "NTE", "PID|1||A"),
        ("PID|1||A", "NTE-3", "PID|1||A"),
    ] {
        let cleared = edited(segment, |message| message.clear(&path(text)));
        assert_eq!(cleared.as_deref(), Ok(expected), "{segment} {text}");
    }
    for text in ["MSH", "MSH-1", "MSH-2"] {
        assert_eq!(
            edited("PID|1", |message| message.clear(&path(text))),
            Err("not-settable"),
            "{text}"
        );
    }
}

#[test]
fn removing_a_repetition_moves_those_after_it_up() {
    for (text, expected) in [
        ("PID-3", "PID|1||B^C~D|E"),
        ("PID-3[1]", "PID|1||B^C~D|E"),
        ("PID-3[2]", "PID|1||A~D|E"),
        ("PID-3[3]", "PID|1||A~B^C|E"),
        ("PID-3[4]", "PID|1||A~B^C~D|E"),
        ("PID-4", "PID|1||A~B^C~D|"),
        ("PID-7", "PID|1||A~B^C~D|E"),
        ("NTE-1", "PID|1||A~B^C~D|E"),
    ] {
        let removed = edited("PID|1||A~B^C~D|E", |message| message.remove(&path(text)));
        assert_eq!(removed.as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(
        edited("PID|1", |message| message.remove(&path("PID-1.1"))),
        Err("unsupported")
    );
    assert_eq!(
        edited("PID|1", |message| message.remove(&path("MSH"))),
        Err("not-settable")
    );
    assert_eq!(
        edited("PID|1", |message| message.remove(&path("MSH-2"))),
        Err("not-settable")
    );
}

#[test]
fn removing_a_segment_takes_its_terminator_and_the_rest_of_its_broken_text_along() {
    let mut message = message("MSH|^~\\&|A\nNTE|1||one\ntwo\n\nNTE|2\nOBX|1\n");
    message.remove(&path("NTE")).unwrap();
    assert_eq!(message.encode(), "MSH|^~\\&|A\nNTE|2\nOBX|1\n");
    message.remove(&path("NTE[2]")).unwrap();
    message.remove(&path("ZZZ")).unwrap();
    message.remove(&path("OBX[1]")).unwrap();
    assert_eq!(message.encode(), "MSH|^~\\&|A\nNTE|2\n");
}

#[test]
fn an_inserted_segment_stands_after_the_one_named_and_has_the_message_s_terminator() {
    for (terminator, last) in [
        ("\r", "\r"),
        ("\n", "\n"),
        ("\r\n", "\r\n"),
        ("\r\n", ""),
        ("\r", "\r\r\n"),
    ] {
        let raw = format!("MSH|^~\\&|A{terminator}OBX|1{terminator}OBX|2{last}");
        let mut message = message(&raw);
        assert_eq!(
            message.insert("OBX", Some(&path("OBX[1]"))).unwrap().to_string(),
            "OBX[2]"
        );
        message.set(&path("OBX[2]-1"), "new").unwrap();
        assert_eq!(message.insert("ZZZ", None).unwrap().to_string(), "ZZZ[1]");
        let blank = last.strip_prefix(terminator).unwrap_or_default();
        assert_eq!(
            message.encode(),
            format!(
                "MSH|^~\\&|A{terminator}OBX|1{terminator}OBX|new{terminator}OBX|2{terminator}ZZZ{terminator}{blank}"
            )
        );
        message.remove(&path("ZZZ")).unwrap();
        message.remove(&path("OBX[2]")).unwrap();
        let expected = if last.is_empty() { raw.clone() } else { raw };
        assert_eq!(message.encode(), expected);
    }
}

#[test]
fn inserted_segments_follow_each_other() {
    let mut message = message("MSH|^~\\&|A\r\r\rPID|1\r");
    for (name, after) in [("NTE", "MSH"), ("NTE", "NTE[1]"), ("ZZZ", "NTE[2]")] {
        message.insert(name, Some(&path(after))).unwrap();
    }
    message.set(&path("NTE[2]-1"), "b").unwrap();
    assert_eq!(message.encode(), "MSH|^~\\&|A\rNTE\rNTE|b\rZZZ\r\r\rPID|1\r");
}

#[test]
fn a_segment_is_inserted_behind_the_broken_text_of_the_one_before_it() {
    let mut message = message("MSH|^~\\&|A\nNTE|1||one\ntwo\nOBX|1\n");
    message.insert("NTE", Some(&path("NTE"))).unwrap();
    assert_eq!(message.encode(), "MSH|^~\\&|A\nNTE|1||one\ntwo\nNTE\nOBX|1\n");
}

#[test]
fn what_cannot_be_inserted_is_refused() {
    let options = ParseOptions {
        segments_max: 3,
        ..ParseOptions::default()
    };
    let mut message = Message::parse("MSH|^~\\&|A\rPID|1\r", &options).unwrap();
    assert_eq!(message.insert("obx", None).unwrap_err().code(), "malformed");
    assert_eq!(message.insert("OBX-1", None).unwrap_err().code(), "malformed");
    assert_eq!(message.insert("MSH", None).unwrap_err().code(), "not-settable");
    assert_eq!(
        message.insert("OBX", Some(&path("NTE"))).unwrap_err().code(),
        "not-settable"
    );
    assert_eq!(
        message.insert("OBX", Some(&path("PID-3"))).unwrap_err().code(),
        "not-settable"
    );
    message.insert("OBX", None).unwrap();
    assert_eq!(message.insert("OBX", None).unwrap_err().code(), "not-settable");
}

#[test]
fn copies_are_changed_each_on_its_own() {
    let original = result();
    let mut first = original.clone();
    first.set(&path("PID-5.1"), "MINTA").unwrap();
    let mut second = first.clone();
    second.set(&path("PID-5.1"), "TESZT").unwrap();
    second.remove(&path("OBX[2]")).unwrap();
    first.insert("NTE", None).unwrap();
    assert_eq!(original.encode(), super::RESULT);
    assert_eq!(get(&first, "PID-5.1"), value("MINTA"));
    assert_eq!(get(&second, "PID-5.1"), value("TESZT"));
    assert_eq!((first.segment_count(), second.segment_count()), (8, 6));
}

#[test]
fn a_node_is_copied_with_its_parts() {
    let source = result();
    for (from, to, expected) in [
        ("PID-3", "PID-2", "PID|1|12345^^^MRN~67890^^^TAJ|old|"),
        ("PID-3[2]", "PID-2", "PID|1|67890^^^TAJ|old|"),
        ("PID-3[2]", "PID-2[2]", "PID|1|~67890^^^TAJ|old|"),
        ("PID-5.2", "PID-4.1", "PID|1||old|BETEG&ÖRÖKŐS"),
        ("PID-5.2.2", "PID-4.1.2", "PID|1||old|&ÖRÖKŐS"),
        ("OBX[2]-5", "PID-3", "PID|1||\"\"|"),
        ("PID-40", "PID-3", "PID|1|||"),
        ("NTE-1", "PID-3", "PID|1|||"),
        (
            "PID",
            "PID",
            "PID|1||12345^^^MRN~67890^^^TAJ||PRÓBA^BETEG&ÖRÖKŐS||19800101|F|||Fő utca 1.^^Mintaváros^^1234||||||",
        ),
        ("ZPI", "PID", "PID|saját^adat"),
    ] {
        let copied = edited("PID|1||old|", |message| {
            message.copy_from(&source, &path(from), &path(to))
        });
        assert_eq!(copied.as_deref(), Ok(expected), "{from} {to}");
    }
}

#[test]
fn a_copy_between_nodes_that_do_not_match_is_refused() {
    let source = result();
    for (from, to, code) in [
        ("PID", "PID-3", "unsupported"),
        ("PID-3", "PID-3.1", "unsupported"),
        ("PID-3.1", "PID-3.1.1", "unsupported"),
        ("MSH", "PID", "unsupported"),
        ("MSH-2", "PID-3", "unsupported"),
        ("PID-3", "PID-3[1]", "not-settable"),
        ("PID-3", "MSH-2", "not-settable"),
        ("PID-3", "NTE-3", "not-settable"),
        ("PID", "NTE", "not-settable"),
    ] {
        let copied = edited("PID|1||old|", |message| {
            message.copy_from(&source, &path(from), &path(to))
        });
        assert_eq!(copied, Err(code), "{from} {to}");
    }
}

#[test]
fn a_copy_is_translated_into_the_other_message_s_delimiters_and_character_set() {
    let source = message("MSH|^~\\&|A\rPID|1||ő^a\\F\\b$c&d~\\.br\\\\X41\\\r");
    let header = b"MSH$%*!@$A$$$$$$$$$$$$$$$8859/2\rPID$1\r".to_vec();
    let mut target = Message::parse(header, &ParseOptions::default()).unwrap();
    target.copy_from(&source, &path("PID-3"), &path("PID-3")).unwrap();
    let expected = b"PID$1$$\xf5%a|b!F!c@d*\\.br\\A";
    assert_eq!(target.get_raw(&path("PID")).unwrap().as_deref(), Some(&expected[..]));
    assert_eq!(get(&target, "PID-3.1"), value("ő"));

    let mut target = Message::parse("MSH|^~|A|||||||||||||||8859/1\rPID|1\r", &ParseOptions::default()).unwrap();
    let source = message("MSH|^~\\&|A\rPID|ő|a\\F\\b|c&d\r");
    for (from, code) in [
        ("PID-1", "unencodable"),
        ("PID-2", "no-escape"),
        ("PID-3", "not-settable"),
    ] {
        let copied = target.copy_from(&source, &path(from), &path("PID-4"));
        assert_eq!(copied.unwrap_err().code(), code, "{from}");
    }
    assert_eq!(second_segment(&target), "PID|1");
}

#[test]
fn a_line_feed_within_a_copied_text_is_escaped() {
    let source = message("MSH|^~\\&|A\rNTE|1||one\ntwo|x\r");
    let mut target = with_segment("NTE|9");
    target.copy_from(&source, &path("NTE-3"), &path("NTE-3")).unwrap();
    assert_eq!(second_segment(&target), "NTE|9||one\\X0A\\two");
}

#[test]
fn bytes_that_cannot_be_read_are_copied_only_where_they_mean_the_same() {
    let source = Message::parse(&b"MSH|^~\\&|A\rPID|\xff\r"[..], &ParseOptions::default()).unwrap();
    let mut same = with_segment("PID|1");
    same.copy_from(&source, &path("PID-1"), &path("PID-1")).unwrap();
    assert_eq!(same.get_raw(&path("PID-1")).unwrap().as_deref(), Some(&b"\xff"[..]));
    let mut other = message("MSH|^~\\&|A|||||||||||||||8859/2\rPID|1\r");
    assert_eq!(
        other
            .copy_from(&source, &path("PID-1"), &path("PID-1"))
            .unwrap_err()
            .code(),
        "undecodable"
    );
}
