//! Names in capitals become names.

/// `SZABÓ-NAGY` becomes `Szabó-Nagy`, and `o'brien` becomes `O'Brien`.
///
/// A name that has capitals and small letters already was written by somebody who knew: in it only words that are all
/// capitals change, so that `McDonald`, `von Neumann` and `Kovács B.` stay.
pub(super) fn title(name: &str) -> String {
    let is_mixed = name.chars().any(char::is_uppercase) && name.chars().any(char::is_lowercase);
    let mut written = String::with_capacity(name.len());
    for word in name.split_inclusive(ends_word) {
        if is_mixed && !is_shouted(word) {
            written.push_str(word);
            continue;
        }
        let mut letters = word.chars();
        written.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        written.push_str(&letters.as_str().to_lowercase());
    }
    written
}

/// Blanks, hyphens, apostrophes and full stops.
fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || "-\u{2010}\u{2011}\u{2013}'\u{2019}.".contains(letter)
}

/// More than one letter, and all of them capitals.
fn is_shouted(word: &str) -> bool {
    word.chars().filter(|letter| letter.is_alphabetic()).count() > 1 && !word.chars().any(char::is_lowercase)
}
