//! `plugins/map/README.md`, executed: what it shows is what happens.

use transfuse_plugin::testing::{End, Forwarded, Input};

use super::{config, map};

const PAGE: &str = include_str!("../../../README.md");

/// A block of the page: what stands behind its three ticks, and what is in it.
struct Block<'p> {
    kind: &'p str,
    text: &'p str,
}

fn blocks() -> Vec<Block<'static>> {
    let pieces: Vec<&str> = PAGE.split("\n```").collect();
    let opened = pieces.iter().skip(1).step_by(2);
    opened
        .filter_map(|piece| {
            let (kind, text) = piece.split_once('\n')?;
            Some(Block { kind, text })
        })
        .collect()
}

fn input(message: &str) -> Input {
    Input::hl7(message)
        .table("wards", ["ours", "theirs", "phone"], &[["4EAST", "K4", "1234"]])
        .table("lab-codes", ["local", "loinc"], &[["GLU", "14749-6"]])
}

/// The messages that come out, with a blank line between them, or what is wrong with the mapping.
fn happens(mapping: &str, message: &str) -> String {
    match input(message).config(config(mapping, "")).run(map).end {
        End::Forwarded(messages) => messages.iter().map(Forwarded::text).collect::<Vec<_>>().join("\n\n"),
        End::Misconfigured(text) => text.trim_start_matches("config: ").to_owned(),
        other => panic!("{mapping}\nends otherwise: {other:?}"),
    }
}

#[test]
fn every_example_does_what_it_shows() {
    let blocks = blocks();
    let mut shown = 0;
    let mut rest = blocks.as_slice();
    while let Some((mapping, after)) = rest.split_first() {
        rest = after;
        if mapping.kind != "toml" {
            continue;
        }
        let kinds: Vec<&str> = after.iter().take(2).map(|block| block.kind).collect();
        let (message, expected) = match (kinds.as_slice(), after) {
            (["hl7 in", "hl7 out"], [message, expected, ..]) => (message.text, expected.text),
            (["text says", ..], [expected, ..]) => ("MSH|^~\\&|", expected.text),
            _ => panic!("the example has no message or no result beside it:\n{}", mapping.text),
        };
        assert_eq!(
            happens(mapping.text, message),
            expected.trim_end(),
            "\n{}",
            mapping.text
        );
        shown += 1;
    }
    assert_eq!(shown, PAGE.matches("\n```toml\n").count(), "an example was not run");
    assert!(shown > 12, "the page shows only {shown} examples");
}

#[test]
fn every_function_is_on_the_page() {
    for function in crate::functions::FUNCTIONS {
        let is_there = PAGE.contains(&format!("`{}`", function.name)) || PAGE.contains(&format!("`{}(", function.name));
        assert!(is_there, "{} is not on the page", function.name);
    }
}
