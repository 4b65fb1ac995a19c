//! What identifies a person, so that it is never written anywhere.
//!
//! Three rules hold, each by itself. Only coded datatypes are looked at, so names, identifiers, addresses and free text
//! are never even candidates. In segments that are about persons, a code counts only where HL7's own table lists it. And
//! whatever is left is compared with what identifies somebody in the same message, because senders put names where
//! codes belong.

use std::collections::HashSet;

/// Segments that are about a person and the people around them.
const ABOUT_PERSONS: [&str; 12] = [
    "PID", "PD1", "PDA", "NK1", "GT1", "IN1", "IN2", "IN3", "MRG", "STF", "PRA", "CON",
];

/// Datatypes that identify somebody or something of theirs, wherever they stand.
const IDENTIFYING: [&str; 18] = [
    "AD", "CK", "CN", "CX", "DLN", "DT", "EI", "EIP", "NDL", "PN", "PPN", "SSN", "TN", "XAD", "XCN", "XPN", "XTN", "DR",
];

/// Words that are looked for within longer text. Shorter ones stand in every text by chance.
const WORD_CHARS_MIN: usize = 4;

/// Values that are compared as a whole.
const WHOLE_CHARS_MIN: usize = 3;

/// The most values of one message that are kept: more than any message about one patient has.
const VALUES_MAX: usize = 50_000;

/// Whether a segment is about a person.
pub(crate) fn is_about_person(segment: &str) -> bool {
    ABOUT_PERSONS.contains(&segment)
}

/// Whether values of a datatype identify somebody.
pub(crate) fn is_identifying(datatype: &str) -> bool {
    IDENTIFYING.contains(&datatype)
}

/// What identifies somebody in one message.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    wholes: HashSet<String>,
    words: HashSet<String>,
}

impl Identities {
    /// Remembers a value.
    pub(crate) fn add(&mut self, value: &str) {
        if self.wholes.len() >= VALUES_MAX {
            return;
        }
        let value = value.trim().to_lowercase();
        if value.chars().count() >= WHOLE_CHARS_MIN {
            self.words.extend(words(&value).map(str::to_owned));
            self.wholes.insert(value);
        }
    }

    /// Whether a text is, or holds, something that identifies somebody.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        self.wholes.contains(&text) || words(&text).any(|word| self.words.contains(word))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words.filter(|word| word.chars().count() >= WORD_CHARS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_whole_and_within_a_text() {
        let mut identities = Identities::default();
        for value in ["Próba", "Kis", "M", "Fiktív utca 1."] {
            identities.add(value);
        }
        for text in ["PRÓBA", "kis", "sample of próba", "FIKTÍV", "utca"] {
            assert!(identities.are_in(text), "{text}");
        }
        for text in ["GLU", "M", "a kis adag", "Glükóz"] {
            assert!(!identities.are_in(text), "{text}");
        }
    }
}
