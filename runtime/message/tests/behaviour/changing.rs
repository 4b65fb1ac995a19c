//! What an edited copy changed, whatever the edit was called.

use std::convert::Infallible;

use transfuse_message::{Change, Message};

use super::{message, path};

const ORU: &str = "MSH|^~\\&|LAB||||||ORU^R01|K1|P|2.5\rPID|1||4711~12||PROBA^BETEG\rOBX|1|NM|K||4.1\rOBX|2|NM|NA||140\rnot a segment\rZPI|x\r";

/// `PID-5`, `+NTE`, `-OBX`, `*`.
fn changes(before: &Message, after: &Message) -> Vec<String> {
    let mut changes = Vec::new();
    let told: Result<(), Infallible> = after.changes_since(before, |change| {
        changes.push(match change {
            Change::Field { segment, field } => format!("{segment}-{field}"),
            Change::Inserted { segment } => format!("+{segment}"),
            Change::Removed { segment } => format!("-{segment}"),
            Change::Everything => "*".to_owned(),
        });
        Ok(())
    });
    assert_eq!(told, Ok(()));
    changes
}

fn edited(edit: impl FnOnce(&mut Message)) -> Vec<String> {
    let before = message(ORU);
    let mut after = before.clone();
    edit(&mut after);
    changes(&before, &after)
}

#[test]
fn nothing_is_changed_until_something_is() {
    assert_eq!(edited(|_| {}), [""; 0]);
    assert_eq!(edited(|after| after.set(&path("PID-1"), "1").unwrap()), [""; 0]);
    assert_eq!(edited(|after| after.clear(&path("ZPI-40")).unwrap()), [""; 0]);
}

#[test]
fn a_field_is_the_same_under_each_of_its_names() {
    for name in [
        "PID-5",
        "PID-5.1",
        "PID[1]-5.1.1",
        "PID-5[2].3",
        "PATIENT_RESULT/PID-5.2",
    ] {
        assert_eq!(
            edited(|after| after.set_raw(&path(name), b"X").unwrap()),
            ["PID-5"],
            "{name}"
        );
    }
    assert_eq!(edited(|after| after.remove(&path("PID-3[2]")).unwrap()), ["PID-3"]);
    assert_eq!(edited(|after| after.set(&path("OBX[2]-5"), "9").unwrap()), ["OBX-5"]);
    assert_eq!(edited(|after| after.set(&path("MSH-5"), "EHR").unwrap()), ["MSH-5"]);
}

#[test]
fn fields_on_the_way_to_another_are_not_changed() {
    assert_eq!(edited(|after| after.set(&path("PID-11"), "X").unwrap()), ["PID-11"]);
}

#[test]
fn a_whole_segment_is_each_of_its_fields_that_differ() {
    let whole = |after: &mut Message| after.set_raw(&path("PID"), b"PID|1||9||PROBA^BETEG||||X").unwrap();
    assert_eq!(edited(whole), ["PID-3", "PID-9"]);
    assert_eq!(
        edited(|after| after.clear(&path("OBX[2]")).unwrap()),
        ["OBX-1", "OBX-2", "OBX-3", "OBX-5"]
    );
    let copy = |after: &mut Message| {
        let source = after.clone();
        after.copy_from(&source, &path("OBX[2]"), &path("OBX[1]")).unwrap();
    };
    assert_eq!(edited(copy), ["OBX-1", "OBX-3", "OBX-5"]);
}

#[test]
fn what_is_inserted_and_removed_leaves_its_neighbours_alone() {
    let insert = |after: &mut Message| {
        after.insert("OBX", Some(&path("OBX[1]"))).unwrap();
        after.set(&path("OBX[2]-3"), "NEW").unwrap();
    };
    assert_eq!(edited(insert), ["+OBX", "OBX-3"]);
    assert_eq!(edited(|after| after.remove(&path("OBX[1]")).unwrap()), ["-OBX"]);
    assert_eq!(edited(|after| after.remove(&path("OBX[2]")).unwrap()), ["-OBX"]);
    let replace = |after: &mut Message| {
        after.remove(&path("OBX[1]")).unwrap();
        after.insert("NTE", Some(&path("PID"))).unwrap();
        after.set(&path("OBX-5"), "9").unwrap();
    };
    assert_eq!(edited(replace), ["+NTE", "-OBX", "OBX-5"]);
}

/// What an earlier step of a chain inserted is part of the next one's input.
#[test]
fn segments_that_were_inserted_before_are_known_again() {
    let mut before = message(ORU);
    for (number, text) in [("1", "a"), ("2", "b"), ("3", "c")] {
        let at = before.insert("NTE", Some(&path("ZPI"))).unwrap().to_string();
        before.set(&path(&format!("{at}-1")), number).unwrap();
        before.set(&path(&format!("{at}-3")), text).unwrap();
    }
    let edited = |edit: &dyn Fn(&mut Message)| {
        let mut after = before.clone();
        edit(&mut after);
        changes(&before, &after)
    };
    assert_eq!(edited(&|after| after.set(&path("NTE[2]-3"), "B").unwrap()), ["NTE-3"]);
    assert_eq!(edited(&|after| after.remove(&path("NTE[1]")).unwrap()), ["-NTE"]);
    let insert = |after: &mut Message| {
        after.insert("NTE", Some(&path("ZPI"))).unwrap();
        after.set(&path("NTE[1]-3"), "new").unwrap();
    };
    assert_eq!(edited(&insert), ["+NTE", "NTE-3"]);
    let insert_and_edit = |after: &mut Message| {
        after.insert("NTE", Some(&path("ZPI"))).unwrap();
        after.set(&path("NTE[2]-3"), "A").unwrap();
    };
    assert_eq!(edited(&insert_and_edit), ["+NTE", "NTE-3"]);
    let remove_and_edit = |after: &mut Message| {
        after.remove(&path("NTE[1]")).unwrap();
        after.set(&path("NTE[1]-3"), "B").unwrap();
    };
    assert_eq!(edited(&remove_and_edit), ["-NTE", "NTE-3"]);
}

/// However many there are, and whatever stands before the one that was edited.
#[test]
fn of_many_inserted_segments_only_the_edited_one_has_changed() {
    let mut before = message(ORU);
    for _ in 0..200 {
        let at = before.insert("NTE", None).unwrap().to_string();
        before.set(&path(&format!("{at}-1")), &at).unwrap();
    }
    let mut after = before.clone();
    for _ in 0..100 {
        after.remove(&path("NTE[1]")).unwrap();
    }
    after.set(&path("NTE[7]-3"), "x").unwrap();
    let mut expected = vec!["-NTE"; 100];
    expected.push("NTE-3");
    assert_eq!(changes(&before, &after), expected);
}

#[test]
fn a_message_of_another_origin_differs_altogether() {
    assert_eq!(changes(&message(ORU), &message(ORU)), ["*"]);
}

#[test]
fn the_first_error_ends_it() {
    let before = message(ORU);
    let mut after = before.clone();
    after.set(&path("PID-5"), "X").unwrap();
    after.set(&path("OBX-5"), "X").unwrap();
    let mut told = 0;
    let result = after.changes_since(&before, |_| {
        told += 1;
        Err("no")
    });
    assert_eq!((result, told), (Err("no"), 1));
}
