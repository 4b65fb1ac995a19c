//! Escape sequences: decoded once on read, encoded on write.
//!
//! Reading decodes `\F\ \S\ \T\ \R\ \E\`, `\P\` where MSH-2 names a truncation character, and `\Xhh..\`. Formatting
//! and character set sequences (`\.br\ \H\ \N\ \Cxxyy\ \Mxxyyzz\ \Zdd\`) stay in the text as they are, and so does an
//! escape character that begins nothing known.
//!
//! Writing keeps the formatting sequences, so that a text with line breaks can be read, changed and set. The price is
//! that a text which only looks like one (`C:\H\`, sent as `C:\E\H\E\`) becomes one when it is changed and set; set
//! without a change, or copied by node, it keeps its bytes. In the same way a truncation character that marks a value
//! cut short reads as itself, and is a plain character once the value was changed.

use std::borrow::Cow;

use crate::{Charset, Delimiters};

/// The text of a leaf, or `None` where its bytes are not text in the character set.
pub(crate) fn decode(bytes: &[u8], delimiters: Delimiters, charset: Charset) -> Option<Cow<'_, str>> {
    let Some(escape) = delimiters.escape else {
        return charset.decode(bytes);
    };
    if memchr::memchr(escape, bytes).is_none() {
        return charset.decode(bytes);
    }
    let unescaped = unescape(bytes, escape, delimiters, charset);
    charset.decode(&unescaped).map(|text| Cow::Owned(text.into_owned()))
}

/// The bytes of a text, or why it cannot be written.
pub(crate) fn encode(text: &str, delimiters: Delimiters, charset: Charset) -> Result<Cow<'_, [u8]>, &'static str> {
    let bytes = charset
        .encode(text)
        .ok_or("the character set of the message lacks one of its characters")?;
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

fn unescape(bytes: &[u8], escape: u8, delimiters: Delimiters, charset: Charset) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(open) = memchr::memchr(escape, rest) {
        let (before, from) = rest.split_at(open);
        out.extend_from_slice(before);
        let after = from.get(1..).unwrap_or_default();
        let body = memchr::memchr(escape, after).and_then(|close| after.get(..close));
        let whole = body.map_or(1, |body| body.len() + 2);
        let known = body.is_some_and(|body| push_meaning(body, delimiters, charset, &mut out));
        let kept = body.is_some_and(is_kept);
        let taken = if known || kept { whole } else { 1 };
        if !known {
            out.extend_from_slice(from.get(..taken).unwrap_or_default());
        }
        rest = from.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Adds what a sequence stands for, or tells that it stands for nothing that can be decoded.
fn push_meaning(body: &[u8], delimiters: Delimiters, charset: Charset, out: &mut Vec<u8>) -> bool {
    let meaning = match body {
        b"F" => Some(delimiters.field),
        b"S" => Some(delimiters.component),
        b"T" => delimiters.subcomponent,
        b"R" => delimiters.repetition,
        b"E" => delimiters.escape,
        b"P" => delimiters.truncation,
        [b'X', digits @ ..] => return push_hexadecimal(digits, charset, out),
        _ => None,
    };
    out.extend(meaning);
    meaning.is_some()
}

/// Bytes of the message's character set. Some senders write one character as four digits (`\X00E9\`): the leading
/// zeros are dropped, because no text holds a NUL; in UTF-8, where the byte alone would mean nothing, it is the code
/// point.
fn push_hexadecimal(digits: &[u8], charset: Charset, out: &mut Vec<u8>) -> bool {
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !is_hexadecimal {
        return false;
    }
    let mut decoded = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | nibble(*digit)));
    if let (4, Some(b"00")) = (digits.len(), digits.get(..2)) {
        let byte = decoded.nth(1).unwrap_or_default();
        if charset == Charset::UTF_8 {
            out.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(byte);
        }
    } else {
        out.extend(decoded);
    }
    true
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
    fn write(&self, byte: u8, after: &[u8], out: &mut Vec<u8>) -> Result<usize, &'static str> {
        if !self.contains(byte) {
            out.push(byte);
            return Ok(1);
        }
        if matches!(byte, 0x0b | 0x1c) {
            return Err("it holds a control character that frames messages (0x0B or 0x1C)");
        }
        let Some(escape) = self.delimiters.escape else {
            return Err("it holds a delimiter, and MSH-2 of this message names no escape character");
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
