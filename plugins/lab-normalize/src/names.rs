//! PID-5: the case of names, in every repetition, for the family name, the given name and further given names. Prefix,
//! suffix and degree stay as they came, because `III` and `PhD` have a case of their own.

use transfuse_plugin::prelude::*;

use crate::Edits;
use crate::config::NameCase;

/// Family name, given name, further given names; of a family name with parts, the surname.
const PARTS: [&str; 3] = ["1.1", "2.1", "3.1"];

pub(crate) fn normalize(message: &Message, case: NameCase, edits: &mut Edits) -> Result<(), Stop> {
    let rewrite = match case {
        NameCase::Keep => return Ok(()),
        NameCase::Title => title,
        NameCase::Upper => upper,
    };
    let paths = paths(message)?;
    let names = message.get_each(&paths)?;
    for (path, name) in paths.into_iter().zip(names) {
        let name = name.unwrap_or_default();
        let rewritten = rewrite(&name);
        if rewritten != name {
            edits.push((path, rewritten));
        }
    }
    Ok(())
}

fn paths(message: &Message) -> Result<Vec<String>, Stop> {
    let mut paths = Vec::new();
    for patient in 1..=message.count("PID")? {
        for repetition in 1..=message.count(format!("PID[{patient}]-5"))? {
            paths.extend(PARTS.map(|part| format!("PID[{patient}]-5[{repetition}].{part}")));
        }
    }
    Ok(paths)
}

/// `Szabó-Nagy` becomes `SZABÓ-NAGY`.
#[must_use]
pub fn upper(name: &str) -> String {
    name.to_uppercase()
}

/// `SZABÓ-NAGY` becomes `Szabó-Nagy`, and `o'brien` becomes `O'Brien`.
///
/// A name that has capitals and small letters already was written by somebody who knew: in it only words that are all
/// capitals change, so that `McDonald`, `von Neumann` and `Kovács B.` stay.
#[must_use]
pub fn title(name: &str) -> String {
    let is_mixed = name.chars().any(char::is_uppercase) && name.chars().any(char::is_lowercase);
    name.split_inclusive(is_separator)
        .map(|word| {
            if is_mixed && !is_shouted(word) {
                word.to_owned()
            } else {
                capitalized(word)
            }
        })
        .collect()
}

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '-' | '\u{2010}' | '\u{2011}' | '\u{2013}' | '\'' | '\u{2019}' | '.'
        )
}

/// More than one letter, and all of them capitals.
fn is_shouted(word: &str) -> bool {
    word.chars().filter(|character| character.is_alphabetic()).count() > 1 && !word.chars().any(char::is_lowercase)
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters.as_str().to_lowercase().chars()).collect()
}
