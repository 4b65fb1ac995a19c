#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::{BadPattern, NAME_BYTES_MAX, Pattern, is_unfinished, numbered, safe};

/// The definition of a pattern, which takes exponential time.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((&'*', rest)), None) => matches(rest, name),
        (Some((&'*', rest)), Some((_, after))) => matches(rest, name) || matches(pattern, after),
        (Some((&wanted, rest)), Some((&letter, after))) => (wanted == '?' || wanted == letter) && matches(rest, after),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[test]
fn a_pattern_matches_whole_names_in_both_cases() {
    let pattern: Pattern = "*.hl7".parse().unwrap();
    for name in ["a.hl7", "A.HL7", ".hl7", "lelet ő.Hl7", "a.hl7.hl7"] {
        assert!(pattern.matches(name), "{name}");
    }
    for name in ["a.hl7.ok", "ahl7", "hl7", "", "a.hl70"] {
        assert!(!pattern.matches(name), "{name}");
    }
    assert_eq!(pattern.to_string(), "*.hl7");
}

#[test]
fn a_pattern_that_leaves_the_folder_is_none() {
    for text in ["", "../*.hl7", "in/*", "a\\b"] {
        assert_eq!(text.parse::<Pattern>(), Err(BadPattern), "{text}");
    }
}

#[test]
fn names_of_files_that_are_being_written_are_known() {
    for name in [
        ".a.hl7",
        "~a.hl7",
        "a.hl7.tmp",
        "A.HL7.PART",
        "a.hl7~",
        ".transfuse-1-2.tmp",
    ] {
        assert!(is_unfinished(name), "{name}");
    }
    for name in ["a.hl7", "a.tmp.hl7", "part"] {
        assert!(!is_unfinished(name), "{name}");
    }
}

#[test]
fn a_safe_name_stays_what_it_is_and_others_lose_what_is_dangerous() {
    let names = [
        ("MSG00001.hl7", "MSG00001.hl7"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("a\\b:c*d?.hl7", "a_b_c_d_.hl7"),
        ("..", "message"),
        (".", "message"),
        ("", "message"),
        (".hl7", "_hl7"),
        (".hidden", "_hidden"),
        ("name.", "name"),
        ("nul.hl7", "_nul.hl7"),
        ("-rf", "_rf"),
        ("COM1", "_COM1"),
        ("com1.a.b", "_com1.a.b"),
        ("console.hl7", "console.hl7"),
        ("a\0b\n.hl7", "a_b_.hl7"),
        ("őrség.hl7", "_rs_g.hl7"),
    ];
    for (text, expected) in names {
        assert_eq!(safe(text), expected, "{text:?}");
    }
}

#[test]
fn a_long_name_keeps_its_extension() {
    let name = safe(&format!("{}.hl7", "a".repeat(500)));
    assert_eq!(name.len(), NAME_BYTES_MAX - 1);
    assert!(
        std::path::Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "hl7")
    );
}

#[test]
fn a_number_stands_before_the_extension() {
    assert_eq!(numbered("a.hl7", 0), "a.hl7");
    assert_eq!(numbered("a.hl7", 12), "a.12.hl7");
    assert_eq!(numbered("a.b.hl7", 1), "a.b.1.hl7");
    assert_eq!(numbered("a", 1), "a.1");
}

proptest! {
    #[test]
    fn a_pattern_matches_what_its_definition_says(pattern in "[ab*?.]{1,6}", name in "[ab.]{0,8}") {
        let parsed: Pattern = pattern.parse().unwrap();
        let (letters, name_letters): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
        prop_assert_eq!(parsed.matches(&name), matches(&letters, &name_letters));
    }

    #[test]
    fn a_safe_name_is_one_visible_bounded_name(text in any::<String>()) {
        let name = safe(&text);
        prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX);
        prop_assert!(!name.starts_with(['.', '-', '~']));
        prop_assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter)));
        prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
        prop_assert_eq!(&safe(&name), &name);
    }
}
