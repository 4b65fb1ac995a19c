//! Writing escape sequences.

use std::borrow::Cow;

use super::is_kept;
use crate::{Charset, Delimiters};

/// Why a text cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwritable {
    /// The text is at fault, in these words.
    Text(&'static str),
    /// It holds a delimiter, and the message names no escape character.
    NoEscape,
}

/// The reading of a text, or why it cannot be written.
pub(crate) fn encode(text: &str, delimiters: Delimiters, charset: Charset) -> Result<Cow<'_, [u8]>, Unwritable> {
    let lacking = Unwritable::Text("the character set of the message lacks one of its characters");
    let bytes = charset.reading_of_text(text).ok_or(lacking)?;
    let special = Special::of(delimiters);
    let Some(first) = bytes.iter().position(|byte| special.contains(*byte)) else {
        return Ok(bytes);
    };
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (plain, mut rest) = bytes.split_at(first);
    out.extend_from_slice(plain);
    while let Some((byte, after)) = rest.split_first() {
        let taken = special.write(*byte, after, &mut out)?;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(Cow::Owned(out))
}

/// The bytes that cannot stand in a value as they are.
struct Special {
    delimiters: Delimiters,
}

impl Special {
    fn of(delimiters: Delimiters) -> Self {
        Self { delimiters }
    }

    fn contains(&self, byte: u8) -> bool {
        self.letter(byte).is_some() || matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)
    }

    /// The letter of the sequence that stands for a delimiter.
    fn letter(&self, byte: u8) -> Option<u8> {
        let Delimiters {
            field,
            component,
            repetition,
            escape,
            subcomponent,
            truncation,
        } = self.delimiters;
        let named = [
            (Some(field), b'F'),
            (Some(component), b'S'),
            (repetition, b'R'),
            (escape, b'E'),
            (subcomponent, b'T'),
            (truncation, b'P'),
        ];
        named
            .into_iter()
            .find(|(delimiter, _)| *delimiter == Some(byte))
            .map(|(_, letter)| letter)
    }

    /// Writes one byte, or a whole sequence that is kept, and tells how many bytes that took.
    fn write(&self, byte: u8, after: &[u8], out: &mut Vec<u8>) -> Result<usize, Unwritable> {
        if !self.contains(byte) {
            out.push(byte);
            return Ok(1);
        }
        if matches!(byte, 0x0b | 0x1c) {
            let framing = "it holds a control character that frames messages (0x0B or 0x1C)";
            return Err(Unwritable::Text(framing));
        }
        let Some(escape) = self.delimiters.escape else {
            return Err(Unwritable::NoEscape);
        };
        if byte == escape
            && let Some(body) = self.kept(escape, after)
        {
            out.push(escape);
            out.extend_from_slice(body);
            out.push(escape);
            return Ok(body.len() + 2);
        }
        out.push(escape);
        match self.letter(byte) {
            Some(letter) => out.push(letter),
            None => out.extend_from_slice(if byte == b'\r' { b"X0D" } else { b"X0A" }),
        }
        out.push(escape);
        Ok(1)
    }

    fn kept<'a>(&self, escape: u8, after: &'a [u8]) -> Option<&'a [u8]> {
        let body = memchr::memchr(escape, after).and_then(|close| after.get(..close))?;
        (is_kept(body) && !body.iter().any(|byte| self.contains(*byte))).then_some(body)
    }
}
