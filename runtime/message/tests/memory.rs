//! What a message costs in memory: its bytes, and little more.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use transfuse_message::{Message, ParseOptions, Path};

/// A document of ten megabytes in one OBX-5.
const DOCUMENT_BYTES: u64 = 10_000_000;

/// What may be allocated beside the bytes of a message: its list of segments, and small change.
const BESIDE_BYTES_MAX: u64 = 20_000;

fn document() -> Bytes {
    let document = "JVBERi0xLjcKJeLjz9MK".repeat(500_000);
    let text = format!(
        "MSH|^~\\&|LAB|||||||K1|P|2.5.1\rPID|1||1\rOBX|1|ED|PDF||LAB^application^pdf^Base64^{document}||||||F\rNTE|1||a\r"
    );
    text.into()
}

fn parse(raw: &Bytes) -> Message {
    Message::parse(raw.clone(), &ParseOptions::default()).unwrap()
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// Ten megabytes so many times, and small change; and so much of it at once.
fn assert_costs(cost: AllocationInfo, documents: u64, at_once: u64) {
    let allowed = |documents: u64| documents * DOCUMENT_BYTES + BESIDE_BYTES_MAX;
    assert!(
        cost.bytes_total <= allowed(documents),
        "{} bytes in all",
        cost.bytes_total
    );
    assert!(cost.bytes_max <= allowed(at_once), "{} bytes at once", cost.bytes_max);
}

#[test]
fn parsing_reading_and_printing_a_document_copies_nothing() {
    let raw = document();
    let cost = measure(|| {
        let message = parse(&raw);
        for (leaf, length) in [
            ("OBX-2", 2),
            ("OBX-5.5", 10_000_000),
            ("OBX-11", 1),
            ("NTE-3", 1),
            ("MSH-10", 2),
        ] {
            assert_eq!(
                message.get(&path(leaf)).unwrap().as_option().unwrap().len(),
                length,
                "{leaf}"
            );
        }
        assert_eq!(message.get_raw(&path("OBX-5")).unwrap().unwrap().len(), 10_000_027);
        assert_eq!(message.header().control_id(), "K1");
        let copy = message.clone();
        assert_eq!(copy.encode(), raw);
    });
    assert_costs(cost, 0, 0);
}

#[test]
fn editing_beside_a_document_copies_it_once_and_printing_once_more() {
    let raw = document();
    let cost = measure(|| {
        let mut message = parse(&raw);
        message.set(&path("OBX-11"), "C").unwrap();
        message.set(&path("OBX-3.1"), "DOCUMENT").unwrap();
        message.set(&path("OBX-14"), "20261126").unwrap();
        message.clear(&path("OBX-2")).unwrap();
        assert_eq!(message.encode().len(), raw.len() + 5 + 11 - 2);
    });
    assert_costs(cost, 2, 2);
}

#[test]
fn editing_another_segment_copies_no_document_but_for_printing() {
    let raw = document();
    let cost = measure(|| {
        let mut message = parse(&raw);
        message.set(&path("PID-5.1"), "PRÓBA").unwrap();
        message.insert("ZZZ", Some(&path("OBX"))).unwrap();
        message.remove(&path("NTE")).unwrap();
    });
    assert_costs(cost, 0, 0);
}

#[test]
fn taking_a_document_away_makes_room_for_none() {
    let raw = document();
    let cost = measure(|| {
        let mut message = parse(&raw);
        message.clear(&path("OBX-5")).unwrap();
        assert!(message.encode().len() < 200);
    });
    assert_costs(cost, 0, 0);
}

#[test]
fn a_usual_message_is_parsed_with_one_allocation_or_two_and_read_with_none() {
    let raw = Bytes::from("MSH|^~\\&|LAB|||||||K1|P|2.5.1\rPID|1||1\rOBX|1|NM|GLU||5.4\r".to_owned());
    let (first, second) = (path("OBX-5"), path("PID-3.1"));
    let mut parsed = None;
    let cost = measure(|| parsed = Some(parse(&raw)));
    assert!(cost.count_total <= 3, "{} allocations", cost.count_total);
    let message = parsed.unwrap();
    let cost = measure(|| {
        assert_eq!(message.get(&first).unwrap().as_option(), Some("5.4"));
        assert_eq!(message.get(&second).unwrap().as_option(), Some("1"));
    });
    assert_eq!(cost.count_total, 0);
}
