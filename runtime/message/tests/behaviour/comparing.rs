//! Differences between messages.

use transfuse_message::{Message, differences};

use super::{message, path, result};

/// Each difference as "path: before -> after", with "-" for absent.
fn listed(a: &Message, b: &Message) -> Vec<String> {
    let text = |payload: Option<transfuse_message::Payload>| {
        payload.map_or_else(|| "-".to_owned(), |payload| payload.lossy_text().into_owned())
    };
    let found = differences(a, b).into_iter();
    found
        .map(|found| format!("{}: {} -> {}", found.path, text(found.before), text(found.after)))
        .collect()
}

fn pair(before: &str, after: &str) -> Vec<String> {
    let header = "MSH|^~\\&|A\r";
    listed(
        &message(&format!("{header}{before}\r")),
        &message(&format!("{header}{after}\r")),
    )
}

#[test]
fn a_message_does_not_differ_from_itself_or_its_copy() {
    let message = result();
    assert!(differences(&message, &message.clone()).is_empty());
    assert!(differences(&message, &super::message(&super::RESULT.replace('\r', "\r\n"))).is_empty());
}

#[test]
fn differences_go_down_to_the_part_that_differs() {
    for (before, after, expected) in [
        ("PID|1|A", "PID|1|B", vec!["PID-2: A -> B"]),
        ("PID|1|A^B", "PID|1|A^C", vec!["PID-2.2: B -> C"]),
        ("PID|1|A^B&C", "PID|1|A^B&D", vec!["PID-2.2.2: C -> D"]),
        ("PID|1|A", "PID|1|A^C", vec!["PID-2.2: - -> C"]),
        ("PID|1|A^B", "PID|1|A", vec!["PID-2.2: B -> -"]),
        ("PID|1|A&B", "PID|1|A", vec!["PID-2.1.2: B -> -"]),
        ("PID|1|A~B^C", "PID|1|A~B^D", vec!["PID-2[2].2: C -> D"]),
        ("PID|1|A~B", "PID|1|C", vec!["PID-2[1]: A -> C", "PID-2[2]: B -> -"]),
        ("PID|1|A", "PID|1|A~B^C", vec!["PID-2[2]: - -> B^C"]),
        ("PID|1", "PID|1|A^B", vec!["PID-2: - -> A^B"]),
        ("PID|1||", "PID|1", vec!["PID-2:  -> -", "PID-3:  -> -"]),
        ("PID|1|A", "PID|1|\"\"", vec!["PID-2: A -> \"\""]),
        ("PID|1|A", "PID|1|\\X41\\", vec!["PID-2: A -> \\X41\\"]),
        ("OBX|1\rOBX|2|A", "OBX|1\rOBX|2|B", vec!["OBX[2]-2: A -> B"]),
    ] {
        assert_eq!(pair(before, after), expected, "{before} {after}");
    }
}

#[test]
fn the_header_s_fields_keep_their_numbers() {
    let mut after = result();
    after.set(&path("MSH-5"), "MÁS").unwrap();
    after.set(&path("MSH-9.2"), "R03").unwrap();
    assert_eq!(listed(&result(), &after), ["MSH-5: HIS -> MÁS", "MSH-9.2: R01 -> R03"]);
}

#[test]
fn a_segment_that_was_inserted_or_removed_is_one_difference() {
    let mut after = result();
    let inserted = after.insert("OBX", Some(&path("OBX[1]"))).unwrap();
    after.set(&path(&format!("{inserted}-1")), "9").unwrap();
    assert_eq!(listed(&result(), &after), ["OBX[2]: - -> OBX|9"]);
    after = result();
    after.remove(&path("OBX[2]")).unwrap();
    assert_eq!(
        listed(&result(), &after),
        ["OBX[2]: OBX|2|ST|MEGJ^Megjegyzés^L||\"\"||||||F -> -"]
    );
}

#[test]
fn a_removed_segment_is_found_though_those_after_it_were_numbered_anew() {
    let found = pair(
        "OBX|1|NM|A||1\rOBX|2|NM|B||2\rOBX|3|NM|C||3\rOBX|4|NM|D||4",
        "OBX|1|NM|A||1\rOBX|2|NM|C||3\rOBX|3|NM|D||4",
    );
    assert_eq!(
        found,
        ["OBX[2]: OBX|2|NM|B||2 -> -", "OBX[2]-1: 3 -> 2", "OBX[3]-1: 4 -> 3"]
    );
}

#[test]
fn where_every_segment_changed_those_are_paired_that_agree_most() {
    let (some, more) = ("OBX|1|A|x\rOBX|2|B|x", "OBX|7|N|n\rOBX|1|A|y\rOBX|2|B|y");
    assert_eq!(
        pair(some, more),
        ["OBX: - -> OBX|7|N|n", "OBX[2]-3: x -> y", "OBX[3]-3: x -> y"]
    );
    assert_eq!(
        pair(more, some),
        ["OBX: OBX|7|N|n -> -", "OBX-3: y -> x", "OBX[2]-3: y -> x"]
    );
}

#[test]
fn a_segment_of_another_name_does_not_move_the_others() {
    let found = pair("OBX|1|A\rNTE|1|x\rOBX|2|B", "OBX|1|C\rZZZ|1\rNTE|1|y\rOBX|2|D");
    assert_eq!(
        found,
        ["OBX-2: A -> C", "ZZZ: - -> ZZZ|1", "NTE-2: x -> y", "OBX[2]-2: B -> D"]
    );
}

#[test]
fn segments_that_changed_places_are_one_that_went_and_one_that_came() {
    let found = pair("OBX|1|A\rNTE|1|x", "NTE|1|y\rOBX|1|B");
    assert_eq!(found, ["OBX: OBX|1|A -> -", "NTE-2: x -> y", "OBX: - -> OBX|1|B"]);
}

#[test]
fn long_stretches_in_which_everything_changed_are_paired_by_name() {
    let segments = |value: &str| {
        (1..=70)
            .map(|number| format!("OBX|{number}{value}"))
            .collect::<Vec<_>>()
    };
    let mut after = segments("b");
    after.insert(35, "ZZZ|1".to_owned());
    after.insert(0, "NTE|1".to_owned());
    let mut before = segments("a");
    before.push("PID|1".to_owned());
    let found = pair(&before.join("\r"), &after.join("\r"));
    assert_eq!(found.len(), 73);
    assert_eq!(found[0], "NTE: - -> NTE|1");
    assert_eq!(found[1..3], ["OBX-1: 1a -> 1b", "OBX[2]-1: 2a -> 2b"]);
    assert_eq!(found[36..38], ["ZZZ: - -> ZZZ|1", "OBX[36]-1: 36a -> 36b"]);
    assert_eq!(found[72], "PID: PID|1 -> -");
}

#[test]
fn lines_that_are_no_segments_are_compared_whole() {
    assert_eq!(
        pair("PID|1\rodd line", "PID|1\rother line"),
        ["line 3: odd line -> other line"]
    );
}

#[test]
fn messages_with_other_delimiters_or_another_character_set_are_compared_by_meaning() {
    let a = message("MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1|ő^a$\\T\\\rPID|2|x^y\r");
    let raw = b"MSH$^~\\&$A$$$$$$$$$$$$$$$8859/2\rPID$1$\xf5^a\\F\\\\T\\\rPID$2$x^z\r".to_vec();
    let b = Message::parse(raw, &transfuse_message::ParseOptions::default()).unwrap();
    assert_eq!(
        listed(&a, &b),
        ["MSH-1: | -> $", "MSH-18: UNICODE UTF-8 -> 8859/2", "PID[2]-2.2: y -> z"]
    );
}

#[test]
fn a_node_of_very_many_parts_on_either_side_is_one_difference() {
    let wave = format!("OBX|1|NA|||1{}", "^5".repeat(5_000));
    let other_wave = wave.replace("|1^", "|2^");
    let fields = format!("OBX{}", "|1".repeat(5_000));
    for (before, after, expected) in [
        (wave.as_str(), other_wave.as_str(), "OBX-5"),
        (&wave, "OBX|1|NA|||1^6", "OBX-5"),
        ("OBX|1|NA|||1^6", &wave, "OBX-5"),
        (&fields, "OBX|1|2|3", "OBX"),
        ("OBX|1|2|3", &fields, "OBX"),
    ] {
        let paths: Vec<_> = pair(before, after)
            .iter()
            .map(|found| found.split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(paths, [expected]);
    }
}

#[test]
fn a_long_list_of_differences_goes_on_segment_by_segment() {
    let segments = |value: &str| {
        let segment = format!("OBX{}", format!("|{value}").repeat(1_000));
        vec![segment; 12].join("\r")
    };
    let found = pair(&segments("1"), &segments("2"));
    assert_eq!(found.len(), 10_002);
    assert!(found[9_999].starts_with("OBX[10]-1000: ") && found[10_000].starts_with("OBX[11]: "));
}

/// Nothing is equal, nothing is unique, and names alternate: what makes a comparison quadratic if anything does.
#[test]
fn comparing_takes_time_in_proportion_to_the_messages() {
    let start = std::time::Instant::now();
    let message_of = |segments: Vec<String>| message(&format!("MSH|^~\\&|A\r{}\r", segments.join("\r")));
    let many = |value: &str, names: [&str; 3]| {
        message_of(
            (0..30_000)
                .map(|number| format!("{}|{value}", names[number % 3]))
                .collect(),
        )
    };
    let found = differences(&many("1", ["OBX", "NTE", "ZZZ"]), &many("2", ["NTE", "OBX", "OBX"]));
    assert!(found.len() >= 30_000);
    let distinct = |shift: usize| {
        message_of(
            (0..30_000)
                .map(|number| format!("OBX|{}", (number * 7_919 + shift) % 30_011))
                .collect(),
        )
    };
    assert!(!differences(&distinct(0), &distinct(15_000)).is_empty());
    assert!(
        start.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn debug_output_of_a_difference_holds_no_content() {
    let mut after = result();
    after.set(&path("PID-5.1"), "TITKOS").unwrap();
    assert!(!format!("{:?}", differences(&result(), &after)).contains("TITKOS"));
}
