//! Messages of many segments: paths lead where they would in a short one, and cost no more.

use std::fmt::Write as _;

use transfuse_message::Message;

use super::{message, path};

const NAMES: [&str; 3] = ["OBX", "NTE", "ZZ1"];

fn long(segments: usize) -> Message {
    let mut text = "MSH|^~\\&|LAB||||||ORU^R01|K1|P|2.5\rPID|1||4711\r".to_owned();
    for number in 1..=segments {
        let _ = write!(text, "OBX|{number}|NM|K||{number}\r");
    }
    message(&text)
}

/// The numbers that a linear congruential generator gives: the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Every segment is where a message that was just read has it.
fn assert_found_as_in_a_fresh_one(edited: &Message) {
    let fresh = message(std::str::from_utf8(&edited.encode()).unwrap());
    for name in NAMES {
        let count = edited.count(&path(name)).unwrap();
        let all = fresh.segments().filter(|segment| segment.name() == name).count();
        assert_eq!(count as usize, all, "{name}");
        for occurrence in 1..=count + 1 {
            let one = path(&format!("{name}[{occurrence}]"));
            assert_eq!(edited.get_raw(&one).unwrap(), fresh.get_raw(&one).unwrap(), "{one}");
        }
    }
}

#[test]
fn segments_are_found_after_any_insertions_and_removals() {
    let mut message = long(58);
    let mut numbers = Numbers(1);
    for round in 0..300 {
        let name = NAMES[numbers.below(NAMES.len())];
        let count = message.count(&path(name)).unwrap() as usize;
        let one = path(&format!("{name}[{}]", numbers.below(count.max(1)) + 1));
        match numbers.below(5) {
            0 => message.remove(&one).unwrap(),
            1 => drop(message.insert(name, None).unwrap()),
            2 if count > 0 => drop(message.insert(NAMES[numbers.below(NAMES.len())], Some(&one)).unwrap()),
            _ if count > 0 => message.set(&path(&format!("{one}-4")), &round.to_string()).unwrap(),
            _ => {}
        }
        assert_found_as_in_a_fresh_one(&message);
    }
    assert!(message.segment_count() > 64);
}

#[test]
fn a_copy_keeps_its_segments_when_the_other_one_is_edited() {
    let before = long(200);
    assert_eq!(before.count(&path("OBX")), Ok(200));
    let mut after = before.clone();
    after.remove(&path("OBX[1]")).unwrap();
    after.insert("NTE", Some(&path("OBX[7]"))).unwrap();
    assert_eq!(before.get(&path("OBX[200]-5")).unwrap().as_option(), Some("200"));
    assert_eq!(after.get(&path("OBX[199]-5")).unwrap().as_option(), Some("200"));
    assert_found_as_in_a_fresh_one(&after);
}

#[test]
fn the_last_of_thousands_of_segments_is_found_as_quickly_as_the_first() {
    let message = long(5_000);
    let touched =
        |text: &str| message.touched_bytes(&path(text)) - message.get_raw(&path(text)).unwrap().unwrap().len() as u64;
    assert_eq!(touched("OBX[1]"), touched("OBX[5000]"));
    assert_eq!(touched("OBX[1]"), 128);
}
