//! JSON that a terminal can show: the one kind of control character that JSON itself lets through is escaped.

use std::io::{self, Write};

/// Writes JSON on, with U+007F and U+0080 to U+009F as `\u00..`. JSON escapes the other controls by itself; these it
/// may leave as they are, and a terminal obeys some of them (U+009B begins a sequence as escape and bracket do). Within
/// JSON they stand in strings only, so that nothing but the spelling changes.
pub(super) struct Escaping<W> {
    out: W,
    /// Whether the first byte of one of them came at the end of what was written last.
    pending: bool,
}

/// The byte that begins U+0080 to U+00BF in UTF-8.
const FIRST: u8 = 0xc2;
const DELETE: u8 = 0x7f;

impl<W: Write> Escaping<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, pending: false }
    }

    fn push(&mut self, byte: u8) -> io::Result<()> {
        let pending = std::mem::replace(&mut self.pending, byte == FIRST);
        match byte {
            FIRST => Ok(()),
            DELETE => write!(self.out, "\\u007f"),
            0x80..=0x9f if pending => write!(self.out, "\\u{byte:04x}"),
            _ if pending => self.out.write_all(&[FIRST, byte]),
            _ => self.out.write_all(&[byte]),
        }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.pending && !bytes.iter().any(|byte| matches!(*byte, FIRST | DELETE)) {
            self.out.write_all(bytes)?;
            return Ok(bytes.len());
        }
        for byte in bytes {
            self.push(*byte)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn controls_that_json_lets_through_are_escaped_and_nothing_else_is() {
        let text = "a\u{9b}31m\u{7f} é ° \u{a0} \u{80}x ű";
        for size in [1, 2, 3, 100] {
            let mut out = Vec::new();
            let mut writer = Escaping::new(&mut out);
            for piece in serde_json::to_vec(text).unwrap().chunks(size) {
                writer.write_all(piece).unwrap();
            }
            let written = String::from_utf8(out).unwrap();
            assert_eq!(
                written, "\"a\\u009b31m\\u007f é ° \u{a0} \\u0080x ű\"",
                "in pieces of {size}"
            );
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
