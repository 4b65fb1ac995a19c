#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use transfuse_message::Path;
use transfuse_store::{MessageId, NewOutput, Sealed, StoredFault};

use super::{Differences, Place, compare};
use crate::rerun::Made;

fn output(message: &str, to: &str) -> NewOutput {
    NewOutput {
        content: Sealed::from(message.replace('\n', "\r").into_bytes()),
        content_type: None,
        destinations: vec![Arc::from(to)],
        stopped: None,
    }
}

fn result(codes: &[&str], at: &str) -> Made {
    let mut message = format!("MSH|^~\\&|LAB|H|EHR|H|{at}||ORU^R01|1|P|2.5\nPID|1||MINTA\n");
    for (index, code) in codes.iter().enumerate() {
        writeln!(message, "OBX|{}|NM|{code}||1", index + 1).expect("a string takes it");
    }
    Made::Processed(vec![output(&message, "ehr")])
}

fn id(number: u64) -> MessageId {
    format!("20261127-{number:09}").parse().expect("a message id")
}

#[test]
fn what_is_the_same_differs_in_nothing() {
    assert!(compare(&result(&["GLU"], "2026"), &result(&["GLU"], "2026")).is_empty());
}

#[test]
fn a_changed_field_is_named_with_both_values() {
    let changes = compare(&result(&["GLU", "NA"], "2026"), &result(&["GLU", "2951-2"], "2026"));
    let [change] = changes.as_slice() else {
        panic!("one change: {changes:?}")
    };
    assert_eq!(change.place, Place::Field("OBX[2]-3".into()));
    assert_eq!(change.place.group(), "OBX-3");
    assert_eq!(change.output, Some(0));
    assert_eq!(change.after.as_ref().expect("a value").as_slice(), b"2951-2");
}

#[test]
fn another_ending_destination_or_number_of_outputs_is_a_change() {
    let fault = StoredFault {
        kind: "rejected".into(),
        summary: "step 1 rejected the message with code 103".into(),
        ..StoredFault::default()
    };
    let changes = compare(&result(&["GLU"], "1"), &Made::Failed(fault));
    assert_eq!(changes[0].place, Place::Outcome);
    let twice = Made::Processed(vec![output("MSH|^~\\&|A\n", "ehr"), output("MSH|^~\\&|A\n", "ehr")]);
    let elsewhere = Made::Processed(vec![output("MSH|^~\\&|A\n", "research")]);
    let places: Vec<Place> = compare(&twice, &elsewhere)
        .into_iter()
        .map(|change| change.place)
        .collect();
    assert_eq!(places, [Place::Outputs, Place::Destinations]);
    let spelled = Made::Processed(vec![output("MSH|^~\\&|A\r\n", "ehr")]);
    let changes = compare(&spelled, &Made::Processed(vec![output("MSH|^~\\&|A\n", "ehr")]));
    assert_eq!(changes[0].place, Place::Spelling);
}

#[test]
fn two_rejections_with_other_words_differ() {
    let rejected = |words: &str| {
        Made::Failed(StoredFault {
            kind: "rejected".into(),
            summary: "step 1 rejected the message with code 103".into(),
            text: Sealed::from(words.as_bytes().to_vec()),
            ..StoredFault::default()
        })
    };
    assert!(compare(&rejected("no unit"), &rejected("no unit")).is_empty());
    let changes = compare(&rejected("no unit"), &rejected("no code"));
    assert_eq!((changes.len(), &changes[0].place), (1, &Place::Reason));
    assert_eq!(changes[0].after.as_ref().expect("words").as_slice(), b"no code");
}

#[test]
fn many_messages_are_told_by_place_and_value_and_expected_places_apart() {
    let expected: Path = "MSH-7".parse().expect("a path");
    let mut differences = Differences::expecting(vec![expected]);
    for number in 1..=7 {
        let changes = compare(&result(&["GLU", "GLU"], "1"), &result(&["2345-7", "2345-7"], "2"));
        assert!(differences.add(id(number), &changes));
    }
    assert!(!differences.add(id(8), &compare(&result(&["GLU"], "1"), &result(&["GLU"], "2"))));
    assert!(!differences.add(id(9), &[]));
    assert_eq!(
        (differences.compared, differences.differing, differences.as_expected),
        (9, 7, 1)
    );
    let groups = differences.groups();
    let [group] = groups.as_slice() else {
        panic!("one place: {groups:?}")
    };
    assert_eq!((group.place.as_str(), group.messages), ("OBX-3", 7));
    let [pair] = group.pairs.as_slice() else {
        panic!("one pair of values")
    };
    assert_eq!((pair.messages, pair.examples.len()), (7, 5));
}
