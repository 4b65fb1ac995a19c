//! The rules of reading and printing, and of each edit of an input.

use transfuse_message::{Message, ParseOptions, Path, differences};

use crate::edit::Edit;
use crate::input::Input;
use crate::nodes::{leaves, segments};
use crate::whole::{check_groups, check_parts, check_recoding};

/// The most segments that an input may have: a message of line ends takes its place among the errors, too.
const SEGMENTS_MAX: usize = 2_000;

/// Reads an input, prints it, reads all of it, and makes its edits one after the other.
///
/// # Panics
///
/// Where a rule is broken: that is what it is for.
pub fn check(input: &[u8]) {
    let input = Input::of(input);
    let options = ParseOptions {
        segments_max: SEGMENTS_MAX,
        ..ParseOptions::default()
    };
    let mut message = match Message::parse(input.message.to_vec(), &options) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset() <= input.message.len() as u64, "{error}");
            check_parts(input.message, false);
            return;
        }
    };
    check_printing(&message, input.message);
    check_reading(&message);
    check_parts(input.message, true);
    check_recoding(&message);
    for edit in input.edits {
        if let Some(edit) = Edit::of(edit, &message) {
            message = edit.make(&message);
            check_settled(&message);
        }
    }
    check_groups(&message);
}

/// What is not touched is printed as it came, also where it is put together from its segments.
fn check_printing(message: &Message, raw: &[u8]) {
    assert!(message.encode() == raw, "the message does not print as it was read");
    let mut assembled = message.clone();
    if let Ok(path) = assembled.insert("ZZZ", None) {
        assert!(assembled.remove(&path).is_ok(), "an inserted segment cannot be removed");
        assert!(
            assembled.encode() == raw,
            "the message does not print from its segments"
        );
    }
    if is_narrow(message) {
        check_segments(message, raw);
    }
}

/// Whether paths work on the very bytes: in the wide sets of Asia they work on a reading of them.
fn is_narrow(message: &Message) -> bool {
    let label = message.charset().label();
    label == "ASCII"
        || ["UNICODE", "8859/", "windows"]
            .iter()
            .any(|start| label.starts_with(start))
}

/// Every byte belongs to a segment, or stands between two.
fn check_segments(message: &Message, raw: &[u8]) {
    let mut rest = raw;
    for segment in message.segments() {
        let Some(at) = find(rest, segment.raw()) else {
            panic!("a segment is not in the bytes, or not in order")
        };
        let between = rest.get(..at).unwrap_or_default();
        let is_between = |byte: &u8| matches!(byte, b'\r' | b'\n');
        assert!(
            rest.len() == raw.len() || between.iter().all(is_between),
            "bytes belong to no segment"
        );
        rest = rest.get(at + segment.raw().len()..).unwrap_or_default();
    }
    assert!(
        rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')),
        "bytes belong to no segment"
    );
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // All but the first segment begin behind at most a few line ends, so this does not wander.
    (0..=bytes.len()).find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(wanted)))
}

/// Every leaf is where splitting finds it, and setting what was read changes nothing.
fn check_reading(message: &Message) {
    let _ = message.header();
    let mut copy = message.clone();
    for (path, bytes) in leaves(message) {
        let raw = message.get_raw(&path);
        assert!(
            raw.as_ref().is_ok_and(|raw| raw.as_deref() == Some(&bytes[..])) || !is_narrow(message),
            "{path} is not where splitting finds it"
        );
        assert!(message.touched_bytes(&path) > 0, "{path} costs nothing");
        assert!(message.count(&path).is_err(), "a subcomponent is counted");
        match message.get(&path) {
            Ok(value) => {
                let Some(text) = value.as_option() else {
                    panic!("{path} is there, and read as absent")
                };
                assert!(
                    text.is_empty() == bytes.is_empty() || !bytes.is_empty(),
                    "{path} is empty"
                );
                let set = copy.set(&path, text);
                assert!(set.is_ok(), "{path} cannot be set to what it is");
            }
            Err(error) => assert_eq!(error.code(), "undecodable", "{path} is a leaf"),
        }
    }
    assert!(copy.encode() == message.encode(), "setting what was read changed it");
    for (segment, raw) in segments(message) {
        let path = segment
            .parse()
            .ok()
            .and_then(|path| message.get_raw(&path).ok().flatten());
        let is_found = path.as_deref() == Some(raw) || (path.is_some() && !is_narrow(message));
        assert!(is_found, "{segment} is not found by its name");
    }
}

/// What an edited message prints is read as the same message, and does not differ from it.
fn check_settled(message: &Message) {
    let options = ParseOptions {
        charset: Some(message.charset()),
        segments_max: usize::MAX,
    };
    let again = match Message::parse(message.encode(), &options) {
        Ok(again) => again,
        Err(error) => panic!("an edited message cannot be read: {error}"),
    };
    assert_eq!(again.delimiters(), message.delimiters());
    assert!(
        texts(&again) == texts(message),
        "an edited message is read as another one"
    );
    if is_narrow(message) {
        assert!(differences(message, &again).is_empty(), "equal messages differ");
        assert!(differences(&again, message).is_empty(), "equal messages differ");
    }
}

/// The lines of a message. In a wide set these are readings, in which a shift that the sender left open stands as such,
/// and as text once it had to be closed: there, the texts of the leaves.
fn texts(message: &Message) -> Vec<(String, Vec<u8>)> {
    let views = message.segments();
    if is_narrow(message) {
        return views
            .map(|view| (view.name().to_owned(), view.raw().to_vec()))
            .collect();
    }
    let text = |path: &Path| Some(message.get(path).ok()?.as_option()?.as_bytes().to_vec());
    let leaves = leaves(message).into_iter();
    leaves
        .map(|(path, _)| (path.to_string(), text(&path).unwrap_or_default()))
        .collect()
}
