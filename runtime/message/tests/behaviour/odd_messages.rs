//! Messages that are odd in every way that hospitals know, and every operation on each of them: what it does not name
//! stays as it came, byte for byte.

use transfuse_message::{Message, ParseOptions, Path, PathError, differences};

use super::{get, path, value};

/// A message, the names of its lines, and some of what is to be read in it.
struct Odd {
    name: &'static str,
    raw: &'static [u8],
    lines: &'static [&'static str],
    leaves: &'static [(&'static str, &'static str)],
}

const ODD: &[Odd] = &[
    Odd {
        name: "delimiters of its own",
        raw: b"MSH$%*!@$LAB$$$$$$$K1\rPID$1$$A%B@C*D$x!S!y|^~\\&\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.2.2", "C"), ("PID-3[2]", "D"), ("PID-4", "x%y|^~\\&")],
    },
    Odd {
        name: "the usual delimiters with other meanings",
        raw: b"MSH^~|\\&^LAB^^^^^^^K1\rPID^1^^a|b~c\r",
        lines: &["MSH", "PID"],
        leaves: &[("MSH-10", "K1"), ("PID-3[2].1", "b"), ("PID-3[2].2", "c")],
    },
    Odd {
        name: "a truncation character",
        raw: b"MSH|^~\\&#|LAB|||||||K1|P|2.7\rPID|1||long#~B\\P\\C\r",
        lines: &["MSH", "PID"],
        leaves: &[("MSH-2", "^~\\&#"), ("PID-3", "long#"), ("PID-3[2]", "B#C")],
    },
    Odd {
        name: "no subcomponent separator",
        raw: b"MSH|^~\\|LAB\rPID|1||a&b^c\\F\\d\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.1", "a&b"), ("PID-3.2", "c|d")],
    },
    Odd {
        name: "no escape character",
        raw: b"MSH|^~|LAB\rPID|1||C:\\T\\b^c~d\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.1", "C:\\T\\b"), ("PID-3[2]", "d")],
    },
    Odd {
        name: "an escape character that was lost",
        raw: b"MSH|^~&|LAB\rPID|1||a&b^c\\d\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.1.2", "b"), ("PID-3.2", "c\\d")],
    },
    Odd {
        name: "escapes that mean a byte, a format, a set, something local, nothing",
        raw: b"MSH|^~\\&|LAB\rNTE|1||\\X41\\^\\.br\\^\\C2842\\^\\M244242\\^\\Z01A0\\^\\Q\\^\\^\\E\\T\\E\\^\\H\\b\\N\\\r",
        lines: &["MSH", "NTE"],
        leaves: &[
            ("NTE-3.1", "A"),
            ("NTE-3.2", "\\.br\\"),
            ("NTE-3.3", "\\C2842\\"),
            ("NTE-3.4", "\\M244242\\"),
            ("NTE-3.5", "\\Z01A0\\"),
            ("NTE-3.6", "\\Q\\"),
            ("NTE-3.7", "\\"),
            ("NTE-3.8", "\\T\\"),
            ("NTE-3.9", "\\H\\b\\N\\"),
        ],
    },
    Odd {
        name: "trailing delimiters of every level",
        raw: b"MSH|^~\\&|LAB|||||||K1||||\rPID|1||A^^^~~^&&|^^^|~~~|&&&|\"\"^\"\"|||||\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.1", "A"), ("PID-3[3].2.3", ""), ("PID-7.2", "\"\""), ("PID-12", "")],
    },
    Odd {
        name: "segments without anything",
        raw: b"MSH|^~\\&|LAB\rPID\rPV1|\r\r\rZZZ\r",
        lines: &["MSH", "PID", "PV1", "ZZZ"],
        leaves: &[("PV1-1", ""), ("MSH-3", "LAB")],
    },
    Odd {
        name: "local and unknown segments anywhere",
        raw: b"MSH|^~\\&|LAB\rZ01|a^b\rPID|1\rQQ9|1|2|3\rZ01|c\r",
        lines: &["MSH", "Z01", "PID", "QQ9", "Z01"],
        leaves: &[("Z01[2]-1", "c"), ("QQ9-3", "3"), ("Z01-1.2", "b")],
    },
    Odd {
        name: "fields and components beyond those of its version",
        raw: b"MSH|^~\\&|LAB|||||||K1|P|2.1|||||||||||||||||||x\rPID|1||1^2^3^4^5^6^7^8^9^10^11^12||||||||||||||||||||||||||||||||||||||||||||||||||y\r",
        lines: &["MSH", "PID"],
        leaves: &[("MSH-31", "x"), ("PID-3.12", "12"), ("PID-53", "y")],
    },
    Odd {
        name: "line feeds",
        raw: b"MSH|^~\\&|LAB\nPID|1||a\nNTE|1||b",
        lines: &["MSH", "PID", "NTE"],
        leaves: &[("PID-3", "a"), ("NTE-3", "b")],
    },
    Odd {
        name: "line ends of two bytes, and blank lines",
        raw: b"\r\nMSH|^~\\&|LAB\r\n\r\nPID|1||a\r\nNTE|1||b\r\n\r\n",
        lines: &["MSH", "PID", "NTE"],
        leaves: &[("PID-3", "a"), ("NTE-3", "b")],
    },
    Odd {
        name: "every line end at once, and one within a text",
        raw: b"MSH|^~\\&|LAB\rNTE|1||one\ntwo|RE\nNTE|2\r\nPID|1||a\n\rZZZ|x",
        lines: &["MSH", "NTE", "NTE", "PID", "ZZZ"],
        leaves: &[("NTE-3", "one\ntwo"), ("NTE[2]-1", "2"), ("ZZZ-1", "x")],
    },
    Odd {
        name: "a byte-order mark and the bytes of a frame",
        raw: b"\xef\xbb\xbf\x0bMSH|^~\\&|LAB\rPID|1||a\r\x1c\r",
        lines: &["MSH", "PID", ""],
        leaves: &[("PID-3", "a")],
    },
    Odd {
        name: "lines that are no segments",
        raw: b"MSH|^~\\&|LAB\rNTE|1||a\rrest of it|x\rPIDX|1\rpid|2\r|||\rPID|3\r",
        lines: &["MSH", "NTE", "", "", "", "", "PID"],
        leaves: &[("NTE-3", "a"), ("PID-1", "3")],
    },
    Odd {
        name: "bytes that are no text",
        raw: b"MSH|^~\\&|L\xc1B|||||||K1\rPID|1||\xff^a\r",
        lines: &["MSH", "PID"],
        leaves: &[("MSH-10", "K1"), ("PID-3.2", "a")],
    },
    Odd {
        name: "a set of one byte a character",
        raw: b"MSH|^~\\&|LAB|||||||K1|P|2.5||||||8859/2\rPID|1||\xf5\xdb^\\XF5\\\r",
        lines: &["MSH", "PID"],
        leaves: &[("PID-3.1", "\u{151}\u{170}"), ("PID-3.2", "\u{151}")],
    },
    Odd {
        name: "nothing but a header",
        raw: b"MSH|^",
        lines: &["MSH"],
        leaves: &[("MSH-2", "^")],
    },
];

impl Odd {
    fn message(&self) -> Message {
        let parsed = Message::parse(self.raw, &ParseOptions::default());
        parsed.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// Every addressable segment of a message: its index, and its path.
fn segments(message: &Message) -> Vec<(usize, String)> {
    let names: Vec<&str> = message.segments().map(|segment| segment.name()).collect();
    let path = |(index, name): (usize, &&str)| {
        let occurrence = names[..=index].iter().filter(|other| *other == name).count();
        (index, format!("{name}[{occurrence}]"))
    };
    names
        .iter()
        .enumerate()
        .map(path)
        .filter(|(_, path)| !path.starts_with('['))
        .collect()
}

/// Every node of a segment that is not the segment itself, and one that is not there.
fn nodes(message: &Message, segment: &str) -> Vec<Path> {
    let count = |text: &str| message.count(&path(text)).unwrap();
    let mut found = vec![path(&format!("{segment}-99[3].2.2"))];
    for field in 1..=count(segment) {
        let field = format!("{segment}-{field}");
        found.push(path(&field));
        for repetition in 1..=count(&field) {
            let repetition = format!("{field}[{repetition}]");
            found.push(path(&repetition));
            for component in 1..=count(&repetition) {
                let component = format!("{repetition}.{component}");
                found.push(path(&component));
                found.extend((1..=count(&component)).map(|number| path(&format!("{component}.{number}"))));
            }
        }
    }
    found
}

type Edit = fn(&mut Message, &Path) -> Result<(), PathError>;

/// Every way to change a node.
const EDITS: &[(&str, Edit)] = &[
    ("set", |message, node| message.set(node, "x")),
    ("set to delimiters", |message, node| {
        message.set(node, "a|b^c~d\\e&f#g\r\nh")
    }),
    ("set to empty", |message, node| message.set(node, "")),
    ("set raw", |message, node| message.set_raw(node, b"y")),
    ("clear", Message::clear),
    ("remove", Message::remove),
    ("copy", |message, node| {
        let source = message.clone();
        message.copy_from(&source, &path("MSH-3"), node)
    }),
    ("copy from odd delimiters", |message, node| {
        message.copy_from(&ODD[0].message(), &path("PID-3"), node)
    }),
];

#[test]
fn an_odd_message_is_read_and_printed_as_it_came() {
    for odd in ODD {
        let message = odd.message();
        assert_eq!(message.encode(), odd.raw, "{}", odd.name);
        let lines: Vec<&str> = message.segments().map(|segment| segment.name()).collect();
        assert_eq!(lines, odd.lines, "{}", odd.name);
        for (leaf, expected) in odd.leaves {
            assert_eq!(get(&message, leaf), value(expected), "{}: {leaf}", odd.name);
        }
        assert_eq!(differences(&message, &odd.message()), [], "{}", odd.name);
        assert_eq!(message.header().message_code(), "", "{}", odd.name);
    }
}

#[test]
fn an_edit_of_an_odd_message_made_or_refused_leaves_every_byte_outside_of_its_segment() {
    let mut made = 0;
    for odd in ODD {
        let before = odd.message();
        for (index, segment) in segments(&before) {
            for node in nodes(&before, &segment) {
                for (edit, make) in EDITS {
                    let mut after = before.clone();
                    made += usize::from(make(&mut after, &node).is_ok());
                    let expected = with_segment_of(odd, &before, &after, index);
                    assert_eq!(
                        after.encode().escape_ascii().to_string(),
                        expected.escape_ascii().to_string(),
                        "{}: {edit} {node}",
                        odd.name
                    );
                    let found = differences(&before, &after);
                    let is_within = |path: &str| path.starts_with(&segment[..3]);
                    assert!(
                        found.iter().all(|found| is_within(&found.path)),
                        "{}: {edit} {node}",
                        odd.name
                    );
                }
            }
        }
    }
    assert!(made > 1_000, "only {made} edits were possible");
}

/// The bytes of the message with one segment in them exchanged.
fn with_segment_of(odd: &Odd, before: &Message, after: &Message, index: usize) -> Vec<u8> {
    let old = before.segments().nth(index).unwrap().raw();
    // An untouched segment is a part of the very bytes that were parsed.
    let start = old.as_ptr() as usize - odd.raw.as_ptr() as usize;
    let new = after.segments().nth(index).unwrap().raw();
    [&odd.raw[..start], new, &odd.raw[start + old.len()..]].concat()
}

#[test]
fn an_inserted_segment_leaves_an_odd_message_without_a_trace_when_it_is_removed() {
    for odd in ODD {
        for (_, segment) in segments(&odd.message()) {
            let mut message = odd.message();
            let inserted = message.insert("ZZ9", Some(&path(&segment))).unwrap();
            let again = Message::parse(message.encode(), &ParseOptions::default()).unwrap();
            assert_eq!(differences(&message, &again), [], "{}: after {segment}", odd.name);
            assert_eq!(
                again.segment_count(),
                odd.lines.len() + 1,
                "{}: after {segment}",
                odd.name
            );
            message.remove(&inserted).unwrap();
            assert_eq!(message.encode(), odd.raw, "{}: after {segment}", odd.name);
        }
    }
}

#[test]
fn removing_a_segment_of_an_odd_message_leaves_the_others() {
    for odd in ODD {
        for (index, segment) in segments(&odd.message()).into_iter().skip(1) {
            let before = odd.message();
            let mut after = before.clone();
            after.remove(&path(&segment)).unwrap();
            let gone = 1 + odd.lines[index + 1..].iter().take_while(|name| name.is_empty()).count();
            let is_kept = |at: &usize| *at < index || *at >= index + gone;
            let kept = before.segments().enumerate().filter(|(at, _)| is_kept(at));
            let kept: Vec<_> = kept.map(|(_, kept)| kept).collect();
            assert_eq!(after.segments().collect::<Vec<_>>(), kept, "{}: {segment}", odd.name);
            let again = Message::parse(after.encode(), &ParseOptions::default()).unwrap();
            assert_eq!(differences(&after, &again), [], "{}: {segment}", odd.name);
        }
    }
}
