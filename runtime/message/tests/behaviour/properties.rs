//! What holds for any message, path, text and series of edits.

use proptest::prelude::*;
use transfuse_message::{Message, ParseOptions, Path, differences};

use super::{get, path};

/// A leaf's text: anything, with delimiters and escapes more often than chance would have it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9őűÖ€ ]{0,6}",
        2 => r"[|^~\\&#\r\n.HNXCZE]{1,3}",
        1 => Just(r"\.br\".to_owned()),
        1 => Just(r"\H\".to_owned()),
        1 => Just("\\E\\".to_owned()),
        1 => Just("\"\"".to_owned()),
        1 => any::<char>().prop_filter("frames messages", |c| !matches!(c, '\u{b}' | '\u{1c}')).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// The bytes of a field: values with delimiters and escape sequences, well-formed or not.
fn field() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[a-z0-9ő ]{0,4}",
            r"\^|~|&",
            Just(r"\F\".to_owned()),
            Just(r"\X41\".to_owned()),
            Just("\\".to_owned())
        ],
        0..6,
    )
    .prop_map(|pieces| pieces.concat())
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["PID", "OBX", "NTE", "ZZ1"]);
    (name, prop::collection::vec(field(), 0..8))
        .prop_map(|(name, fields)| [vec![name.to_owned()], fields].concat().join("|"))
}

fn raw_message() -> impl Strategy<Value = Vec<u8>> {
    let terminator = prop::sample::select(vec!["\r", "\n", "\r\n"]);
    let header = prop::sample::select(vec![
        "MSH|^~\\&|A|B",
        "MSH|^~\\&#|A",
        "MSH|^~\\&",
        "\u{feff}\r\nMSH|^~\\&|",
    ]);
    let blanks = prop::sample::select(vec!["", "", "\r\r", "\r\n\r\n"]);
    (
        header,
        prop::collection::vec(segment(), 0..8),
        terminator,
        blanks,
        any::<bool>(),
    )
        .prop_map(|(header, segments, terminator, blanks, is_ended)| {
            let lines = [vec![header.to_owned()], segments].concat().join(terminator);
            let end = if is_ended {
                [terminator, blanks].concat()
            } else {
                String::new()
            };
            format!("{lines}{end}").into_bytes()
        })
}

fn any_path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["PID", "OBX", "OBX[2]", "NTE", "ZZ1", "MSH"]);
    let number = || prop::option::of(1_u32..5);
    (segment, 1_u32..9, number(), number(), number()).prop_map(
        |(segment, field, repetition, component, subcomponent)| {
            let repetition = repetition.map_or_else(String::new, |number| format!("[{number}]"));
            let component = component.map_or_else(String::new, |number| {
                let subcomponent = subcomponent.map_or_else(String::new, |number| format!(".{number}"));
                format!(".{number}{subcomponent}")
            });
            format!("{segment}-{field}{repetition}{component}")
        },
    )
}

fn parse(raw: &[u8]) -> Message {
    Message::parse(raw.to_vec(), &ParseOptions::default()).unwrap()
}

/// Every leaf that a path can reach, with its value.
fn leaves(message: &Message) -> Vec<(Path, Option<String>)> {
    let mut found = Vec::new();
    let count = |text: &str| message.count(&path(text)).unwrap();
    for name in ["MSH", "PID", "OBX", "NTE", "ZZ1"] {
        for occurrence in 1..=count(name) {
            let segment = format!("{name}[{occurrence}]");
            for field in 1..=count(&segment) {
                for repetition in 1..=count(&format!("{segment}-{field}")).max(1) {
                    let node = format!("{segment}-{field}[{repetition}]");
                    for component in 1..=count(&node).max(1) {
                        let node = format!("{node}.{component}");
                        for subcomponent in 1..=count(&node).max(1) {
                            let leaf = path(&format!("{node}.{subcomponent}"));
                            let value = message.get(&leaf).unwrap().as_option().map(str::to_owned);
                            found.push((leaf, value));
                        }
                    }
                }
            }
        }
    }
    found
}

/// Makes the message print from its segments instead of the received bytes.
fn assembled(message: &Message) -> Vec<u8> {
    let mut message = message.clone();
    let segment = message.insert("ZZZ", None).unwrap();
    message.remove(&segment).unwrap();
    message.encode().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_parsed_is_printed_as_it_was(raw in raw_message()) {
        let message = parse(&raw);
        prop_assert_eq!(&message.encode()[..], &raw[..]);
        prop_assert_eq!(assembled(&message), raw);
    }

    #[test]
    fn any_bytes_are_refused_or_printed_as_they_were(body in prop::collection::vec(any::<u8>(), 0..200), ends in "[\r\n|^&\\\\A-Z\u{b}\u{1c}]{0,40}") {
        let raw = [b"MSH|^~\\&|", &body[..], ends.as_bytes()].concat();
        if let Ok(message) = Message::parse(raw.clone(), &ParseOptions::default()) {
            prop_assert_eq!(&message.encode()[..], &raw[..]);
            prop_assert_eq!(assembled(&message), raw);
            let _ = (message.header(), differences(&message, &message.clone()));
        }
        let _ = Message::parse(body, &ParseOptions::default());
    }

    #[test]
    fn any_text_is_a_path_that_prints_as_it_is_or_an_error(text in r"[A-Z]{2,4}[\[\]0-9.\-]{0,12}") {
        if let Ok(path) = text.parse::<Path>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_set_is_read_again(raw in raw_message(), at in any_path(), text in text()) {
        let mut message = parse(&raw);
        if message.set(&path(&at), &text).is_ok() {
            prop_assert_eq!(get(&message, &at), Ok(Some(text)));
            let again = parse(&message.encode());
            prop_assert_eq!(leaves(&again), leaves(&message));
            prop_assert_eq!(again.segment_count(), message.segment_count());
        }
    }

    #[test]
    fn setting_what_is_read_changes_no_byte(raw in raw_message()) {
        let mut message = parse(&raw);
        for (leaf, value) in leaves(&message) {
            if let Some(value) = value {
                let _ = message.set(&leaf, &value);
            }
        }
        prop_assert_eq!(&message.encode()[..], &raw[..]);
    }

    #[test]
    fn setting_a_subcomponent_changes_no_other_leaf(raw in raw_message(), at in any_path(), text in text()) {
        let at = path(&at);
        let before = parse(&raw);
        let mut after = before.clone();
        let field = at.field().unwrap();
        let leaf = format!(
            "{}[{}]-{}[{}].{}.{}",
            at.segment(), at.occurrence(), field.field(), field.repetition(),
            field.component().unwrap_or(1), field.subcomponent().unwrap_or(1)
        );
        if after.set(&path(&leaf), &text).is_ok() {
            let changed = leaves(&after);
            for (other, value) in leaves(&before) {
                if other != path(&leaf) {
                    let kept = changed.iter().find(|(path, _)| *path == other);
                    prop_assert_eq!(kept.map(|(_, value)| value), Some(&value), "{}", other);
                }
            }
            prop_assert_eq!(&before.encode()[..], &raw[..]);
        }
    }

    #[test]
    fn putting_raw_bytes_back_changes_nothing(raw in raw_message(), at in any_path()) {
        let mut message = parse(&raw);
        let node = message.get_raw(&path(&at)).unwrap().map(std::borrow::Cow::into_owned);
        if let Some(node) = node {
            let _ = message.clear(&path(&at));
            let _ = message.set_raw(&path(&at), &node);
            prop_assert_eq!(&message.encode()[..], &raw[..]);
        }
    }

    #[test]
    fn a_set_leaf_is_the_difference(raw in raw_message(), at in any_path(), text in text()) {
        let before = parse(&raw);
        let mut after = before.clone();
        if after.set(&path(&at), &text).is_ok() {
            let found = differences(&before, &after);
            prop_assert_eq!(found.is_empty(), before.encode() == after.encode());
            prop_assert!(found.iter().all(|found| found.path.starts_with(path(&at).segment())));
        }
    }

    #[test]
    fn random_edits_leave_a_message_that_parses_to_itself(
        raw in raw_message(),
        edits in prop::collection::vec((0_u8..7, any_path(), text()), 0..12),
    ) {
        let mut message = parse(&raw);
        let source = message.clone();
        for (edit, at, text) in edits {
            let node = path(&at);
            let segment = path(at.split('-').next().unwrap());
            let _ = match edit {
                0 => message.set(&node, &text),
                1 => message.clear(&node),
                2 => message.remove(&node),
                3 => message.remove(&segment),
                4 => message.insert("OBX", Some(&segment)).map(|_| ()),
                5 => message.copy_from(&source, &node, &node),
                _ => message.set_raw(&segment, format!("{}|{text}", node.segment()).as_bytes()),
            };
        }
        let again = parse(&message.encode());
        prop_assert_eq!(leaves(&again), leaves(&message));
        prop_assert_eq!(&source.encode()[..], &raw[..]);
    }
}

/// Messages of structures with deep, repeated and alternative groups, their segments in any order.
fn disordered_message() -> impl Strategy<Value = Message> {
    let types = vec![
        "ORU^R01", "OML^O21", "ORM^O01", "ADT^A01", "MFN^M01", "OPL^O37", "RSP^K21", "XXX",
    ];
    let names = vec![
        "PID", "PD1", "PV1", "NTE", "ORC", "OBR", "OBX", "SPM", "TQ1", "IN1", "IN2", "EVN", "MFE", "PRA", "ZZ1", "QQQ",
        "DSC", "RXO",
    ];
    let versions = prop::sample::select(vec!["2.1", "2.3.1", "2.5.1", "2.8.2", ""]);
    let segments = prop::collection::vec(prop::sample::select(names), 0..40);
    (prop::sample::select(types), versions, segments).prop_map(|(message_type, version, segments)| {
        let lines: Vec<_> = segments.iter().map(|name| format!("{name}|1\r")).collect();
        let lines = lines.concat();
        super::message(&format!("MSH|^~\\&|||||||{message_type}|1|P|{version}\r{lines}"))
    })
}

proptest! {
    #[test]
    fn groups_lie_within_each_other_in_order_and_their_paths_lead_back(message in disordered_message()) {
        let groups = message.groups();
        let mut count = 0;
        let mut rest: Vec<_> = groups.outermost().map(|group| (0..message.segment_count(), group)).collect();
        while let Some((around, group)) = rest.pop() {
            let range = group.segments();
            prop_assert!(!range.is_empty() && range.start >= around.start && range.end <= around.end);
            let found: Vec<_> = groups.at(&group.path()).unwrap().map(|found| found.segments()).collect();
            prop_assert_eq!(found.as_slice(), std::slice::from_ref(&range));
            let mut end = range.start;
            for child in group.children() {
                prop_assert!(child.segments().start >= end);
                end = child.segments().end;
                rest.push((range.clone(), child));
            }
            count += 1;
        }
        prop_assert_eq!(count, groups.iter().count());
    }

    #[test]
    fn a_path_through_a_group_reads_what_the_plain_path_reads(message in disordered_message()) {
        let names: Vec<_> = message.segments().map(|segment| segment.name().to_owned()).collect();
        for group in message.groups().iter() {
            let first = group.segments().start;
            let before = names[..first].iter().filter(|name| **name == names[first]).count();
            let plain = path(&format!("{}[{}]", names[first], before + 1));
            let through = path(&format!("{}{}", group.path(), names[first]));
            prop_assert_eq!(message.touched_bytes(&through), 8 + message.get_raw(&plain).unwrap().unwrap().len() as u64);
            let mut edited = message.clone();
            let changed = format!("{}|changed", names[first]).into_bytes();
            if names[first] != "MSH" {
                edited.set_raw(&through, &changed).unwrap();
                prop_assert_eq!(edited.get_raw(&plain).unwrap().unwrap().into_owned(), changed);
            }
        }
    }
}
