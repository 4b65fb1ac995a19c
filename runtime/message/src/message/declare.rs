//! MSH-18 and MSH-20: the character set that a message declares.

use super::Message;
use crate::Charset;
use crate::Path;
use crate::charset::ESCAPES_OF_2_3;
use crate::path::FieldPath;

/// MSH-18, the character sets, and MSH-20, how the others than the first are shifted to.
const CHARACTER_SET: usize = 18;
const HANDLING: usize = 20;

impl Message {
    /// Lets MSH-18 name the set that the message is in, where it names another one: because the source's own set won
    /// over MSH-18, or because a plugin has changed it. Tells whether anything was changed.
    pub fn declare_charset(&mut self) -> bool {
        let is_declared = self.declared_charset() == self.charset;
        if !is_declared {
            self.declare(self.charset);
        }
        !is_declared
    }

    /// Lets MSH-18 and MSH-20 name this set, unless they do already. Alternates go, because the whole message is in one
    /// set; but for those that are shifted to by `\C..\` and `\M..\`, which stand in the message as before.
    pub(super) fn declare(&mut self, charset: Charset) {
        let is_named = !self.header_field(CHARACTER_SET).is_empty();
        if is_named && self.declared_charset() == charset {
            return;
        }
        let (labels, handling) = charset.declaration();
        if self.header_field(HANDLING) == ESCAPES_OF_2_3 && handling.is_empty() {
            return self.put_label(CHARACTER_SET, 1, labels.concat().as_bytes());
        }
        let labels = match self.delimiters.repetition {
            Some(separator) => labels.join(&char::from(separator).to_string()),
            None => (*labels.last().unwrap_or(&"")).to_owned(),
        };
        self.put_label(CHARACTER_SET, 0, labels.as_bytes());
        if self.header_field(HANDLING) != handling {
            self.put_label(HANDLING, 0, handling.as_bytes());
        }
    }

    /// What MSH-18 declares.
    pub(super) fn declared_charset(&self) -> Charset {
        self.declared_in(self.content(0))
    }

    /// The set of a message whose bytes were not read yet. A header with text in a wide set may hold bytes that look
    /// like delimiters before MSH-18: it is then in the set that its reading declares.
    pub(super) fn charset_of_header(&self) -> Charset {
        const SHIFT: u8 = 0x1b;
        let header = self.content(0);
        let declared = self.declared_in(header);
        let is_shifted = memchr::memchr(SHIFT, header).is_some();
        let is_text = || header.is_ascii() || declared.is_single_byte() || declared.decode(header).is_some();
        if !is_shifted && !declared.is_wide() && is_text() {
            return declared;
        }
        let declares_itself = |charset: &Charset| self.declared_in(&charset.reading(header)) == *charset;
        let mut wide = std::iter::once(declared).chain(Charset::wide_sets());
        wide.find(|charset| charset.is_wide() && declares_itself(charset))
            .unwrap_or(declared)
    }

    fn declared_in(&self, header: &[u8]) -> Charset {
        let mut fields = header.split(|byte| *byte == self.delimiters.field);
        // MSH-1 is the separator itself, so the first field is the name and the second MSH-2.
        let sets = fields.nth(CHARACTER_SET - 1).unwrap_or_default();
        let handling = fields.nth(HANDLING - CHARACTER_SET - 1).unwrap_or_default();
        let repetitions = sets.split(|byte| Some(*byte) == self.delimiters.repetition);
        Charset::declared(repetitions.map(label), label(handling))
    }

    fn header_field(&self, number: usize) -> &str {
        let mut fields = self.content(0).split(|byte| *byte == self.delimiters.field);
        label(fields.nth(number - 1).unwrap_or_default())
    }

    /// The names hold no delimiter that a message could declare, and MSH can always be set: this cannot fail.
    fn put_label(&mut self, number: usize, repetition: u32, label: &[u8]) {
        let field = FieldPath::new(u32::try_from(number).unwrap_or_default(), repetition, 0, 0);
        let path = Path::of_segment(*b"MSH", 0).with_field(field);
        drop(self.set_reading(&path, label));
    }
}

/// A name as it stands; one that is not even ASCII names nothing.
fn label(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("?").trim()
}
