//! Escape sequences: decoded once on read, encoded on write.
//!
//! | sequence | read as | written |
//! |---|---|---|
//! | `\F\ \S\ \T\ \R\ \E\` | the delimiter that MSH-1 and MSH-2 name | where the text holds the delimiter |
//! | `\P\` | the truncation character, where MSH-2 names one | the same |
//! | `\Xhh..\` | bytes of the message's character set; adjacent ones together may make one character | `\X0D\`, `\X0A\` for line ends |
//! | `\X00hh\` | the byte `hh`, because no text holds a NUL; in a set of several bytes a character, the code point | never |
//! | `\X00hhhhhh\` | the character of that code point, in every set | in place of a character that an output's set lacks |
//! | `\.br\` and other formatting, `\H\ \N\`, `\Cxxyy\ \Mxxyyzz\`, `\Zdd\` | itself: it stays in the text | where the text holds it |
//! | anything else, an escape character without its partner | itself | as text: the escape character as `\E\` |
//!
//! Code points have eight digits because fewer could be taken for bytes: `\X0151\` may be ő, or a control character and a
//! Q. Text that is shifted to by `\C..\` or `\M..\` stays as it is too, and reads as the ASCII that it stands in.
//!
//! Writing keeps the formatting sequences, so that a text with line breaks can be read, changed and set. The price is
//! that a text which only looks like one (`C:\H\`, sent as `C:\E\H\E\`) becomes one when it is changed and set; set
//! without a change, or copied by node, it keeps its bytes. In the same way a truncation character that marks a value
//! cut short reads as itself, and is a plain character once the value was changed.

mod write;

use std::borrow::Cow;

pub(crate) use write::{Unwritable, encode};

use crate::{Charset, Delimiters};

/// The text of a leaf, or `None` where its bytes are not text in the character set.
pub(crate) fn decode(reading: &[u8], delimiters: Delimiters, charset: Charset) -> Option<Cow<'_, str>> {
    let Some(escape) = delimiters.escape else {
        return charset.text(reading);
    };
    if memchr::memchr(escape, reading).is_none() {
        return charset.text(reading);
    }
    let mut text = String::new();
    let mut undecoded = Vec::with_capacity(reading.len());
    for (part, raw) in Parts::of(reading, escape, delimiters, charset) {
        match part {
            Part::Text | Part::Kept => undecoded.extend_from_slice(raw),
            Part::Delimiter(delimiter) => undecoded.push(delimiter),
            Part::Bytes(digits) => bytes(digits).for_each(|byte| charset.push_byte(byte, &mut undecoded)),
            Part::Character(character) => {
                text.push_str(&charset.text(&undecoded)?);
                text.push(character);
                undecoded.clear();
            }
        }
    }
    text.push_str(&charset.text(&undecoded)?);
    Some(Cow::Owned(text))
}

/// What a part of a leaf stands for.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    /// Text as it stands, and an escape character that begins nothing known.
    Text,
    /// A sequence that stands for a delimiter.
    Delimiter(u8),
    /// Bytes of the message's character set, as pairs of hexadecimal digits.
    Bytes(&'a [u8]),
    /// A character by its code point.
    Character(char),
    /// A sequence that formats the text or changes the character set.
    Kept,
}

/// A leaf, cut into text and escape sequences, each with the bytes that it is written as.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
    escape: u8,
    delimiters: Delimiters,
    charset: Charset,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(reading: &'a [u8], escape: u8, delimiters: Delimiters, charset: Charset) -> Self {
        Self {
            rest: reading,
            escape,
            delimiters,
            charset,
        }
    }

    /// What the sequence stands for that begins the rest, and its length. An escape character alone is text.
    fn sequence(&self) -> (Part<'a>, usize) {
        let after = self.rest.get(1..).unwrap_or_default();
        let body = memchr::memchr(self.escape, after).and_then(|close| after.get(..close));
        let part = body.and_then(|body| self.meaning(body));
        match (part, body) {
            (Some(part), Some(body)) => (part, body.len() + 2),
            _ => (Part::Text, 1),
        }
    }

    fn meaning(&self, body: &'a [u8]) -> Option<Part<'a>> {
        let delimiters = self.delimiters;
        let delimiter = match body {
            b"F" => Some(delimiters.field),
            b"S" => Some(delimiters.component),
            b"T" => delimiters.subcomponent,
            b"R" => delimiters.repetition,
            b"E" => delimiters.escape,
            b"P" => delimiters.truncation,
            [b'X', digits @ ..] => return hexadecimal(digits, self.charset),
            kept if is_kept(kept) => return Some(Part::Kept),
            _ => None,
        };
        delimiter.map(Part::Delimiter)
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = (Part<'a>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.rest.first()?;
        let (part, length) = if first == self.escape {
            self.sequence()
        } else {
            let next = memchr::memchr(self.escape, self.rest);
            (Part::Text, next.unwrap_or(self.rest.len()))
        };
        let (raw, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        Some((part, raw))
    }
}

/// The bytes of an even number of hexadecimal digits.
pub(crate) fn bytes(digits: &[u8]) -> impl Iterator<Item = u8> + '_ {
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit)))
}

/// Some senders write one character as four digits (`\X00E9\`), and this project as eight where a set lacks it.
fn hexadecimal(digits: &[u8], charset: Charset) -> Option<Part<'_>> {
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !is_hexadecimal {
        return None;
    }
    match (digits, digits.len()) {
        ([b'0', b'0', ..], 8) => {
            let code = bytes(digits).fold(0, |code, byte| code << 8 | u32::from(byte));
            let character = char::from_u32(code).filter(|character| *character != '\0');
            character.map(Part::Character)
        }
        ([b'0', b'0', byte @ ..], 4) if charset.is_multi_byte() => {
            bytes(byte).next().map(char::from).map(Part::Character)
        }
        ([b'0', b'0', byte @ ..], 4) => Some(Part::Bytes(byte)),
        _ => Some(Part::Bytes(digits)),
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Whether a sequence formats the text or changes the character set, and so stays as it is.
fn is_kept(body: &[u8]) -> bool {
    let is_hexadecimal = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match body {
        b"H" | b"N" => true,
        [b'.', first, second, number @ ..] => is_formatting([*first, *second], number),
        [b'C', digits @ ..] => digits.len() == 4 && is_hexadecimal(digits),
        [b'M', digits @ ..] => matches!(digits.len(), 4 | 6) && is_hexadecimal(digits),
        [b'Z', digits @ ..] => !digits.is_empty() && is_hexadecimal(digits),
        _ => false,
    }
}

fn is_formatting(command: [u8; 2], number: &[u8]) -> bool {
    let command = command.map(|letter| letter.to_ascii_lowercase());
    let is_command = matches!(&command, b"br" | b"sp" | b"fi" | b"nf" | b"in" | b"ti" | b"sk" | b"ce");
    is_command
        && number
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b' '))
}
