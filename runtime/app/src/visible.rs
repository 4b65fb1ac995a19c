//! Text that a sender or a plugin wrote, made safe for a terminal: no control character and no escape sequence of a
//! message ever reaches it as such.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything that could move a cursor, colour a line or turn the direction of writing made visible:
/// `␛` for escape, `␍` for a carriage return, `<U+202E>` for what has no picture of its own.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            push_shown(character, &mut shown);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The same for text that stays on its line, without the line ends that it closes with.
pub(crate) fn one_line(text: &str) -> String {
    visible(text.trim_end_matches(['\r', '\n'])).into_owned()
}

/// Bytes that are not text: ASCII as it is, and the others as `<F5>`.
pub(crate) fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if byte.is_ascii() {
            shown.push_str(&visible(char::from(*byte).encode_utf8(&mut [0; 4])));
        } else {
            // Writing to a string has no way to fail.
            let _ = write!(shown, "<{byte:02X}>");
        }
    }
    shown
}

/// Controls of both kinds (C0 and C1), what ends lines in Unicode, what turns the direction of writing, and what hides.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn push_shown(character: char, shown: &mut String) {
    /// Where Unicode keeps its pictures of the control characters, in their order.
    const PICTURES: u32 = 0x2400;
    let picture = match u32::from(character) {
        code @ 0..0x20 => char::from_u32(PICTURES + code),
        0x7f => Some('␡'),
        _ => None,
    };
    match picture {
        Some(picture) => shown.push(picture),
        // Writing to a string has no way to fail.
        None => {
            let _ = write!(shown, "<U+{:04X}>", u32::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_break_out_of_its_line() {
        assert_eq!(one_line("a\x1b[2Jb\rc\r"), "a␛[2Jb␍c");
        assert_eq!(visible("\u{9b}31m\u{7f}\u{202e}"), "<U+009B>31m␡<U+202E>");
        assert_eq!(visible("tűrő ékezet — ±5 °C"), "tűrő ékezet — ±5 °C");
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_as_bytes() {
        assert_eq!(visible_bytes(b"Gy\xF5r\x1b"), "Gy<F5>r␛");
    }
}
