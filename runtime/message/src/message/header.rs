//! What the engine itself asks of MSH.

use std::borrow::Cow;
use std::fmt;

use super::Message;
use crate::escape;

/// The fields of MSH that routing, acknowledging and listing need, as text. Absent ones are empty, and of bytes that
/// are not text in the message's character set, what can be read.
///
/// All of them share one string, so that making a header allocates once. `Debug` prints the size only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Header {
    text: String,
    ends: [u32; PARTS],
}

/// How many texts a header holds.
const PARTS: usize = 14;

impl Header {
    /// MSH-3: the first component that is not empty.
    #[must_use]
    pub fn sending_application(&self) -> &str {
        self.part(0)
    }

    /// MSH-4: the first component that is not empty.
    #[must_use]
    pub fn sending_facility(&self) -> &str {
        self.part(1)
    }

    /// MSH-5: the first component that is not empty.
    #[must_use]
    pub fn receiving_application(&self) -> &str {
        self.part(2)
    }

    /// MSH-6: the first component that is not empty.
    #[must_use]
    pub fn receiving_facility(&self) -> &str {
        self.part(3)
    }

    /// MSH-7, as the sender wrote it.
    #[must_use]
    pub fn timestamp(&self) -> &str {
        self.part(4)
    }

    /// MSH-9.1, such as `ORU`.
    #[must_use]
    pub fn message_code(&self) -> &str {
        self.part(5)
    }

    /// MSH-9.2, such as `R01`.
    #[must_use]
    pub fn trigger_event(&self) -> &str {
        self.part(6)
    }

    /// MSH-9.3, such as `ORU_R01`.
    #[must_use]
    pub fn message_structure(&self) -> &str {
        self.part(7)
    }

    /// MSH-10.
    #[must_use]
    pub fn control_id(&self) -> &str {
        self.part(8)
    }

    /// MSH-11.1, such as `P`.
    #[must_use]
    pub fn processing_id(&self) -> &str {
        self.part(9)
    }

    /// MSH-12.1, such as `2.5.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.part(10)
    }

    /// MSH-15: when the sender wants an accept acknowledgement (`AL`, `NE`, `ER`, `SU`).
    #[must_use]
    pub fn accept_acknowledgement(&self) -> &str {
        self.part(11)
    }

    /// MSH-16: when the sender wants an application acknowledgement (`AL`, `NE`, `ER`, `SU`).
    #[must_use]
    pub fn application_acknowledgement(&self) -> &str {
        self.part(12)
    }

    /// The first repetition of MSH-18, as the sender wrote it.
    #[must_use]
    pub fn charset(&self) -> &str {
        self.part(13)
    }

    /// MSH-9.1 and MSH-9.2 as routes are written: `ORU^R01`, or `ACK` where there is no event. The caret stands
    /// whatever the message's own separator is.
    #[must_use]
    pub fn message_type(&self) -> String {
        match (self.message_code(), self.trigger_event()) {
            (code, "") => code.to_owned(),
            (code, event) => format!("{code}^{event}"),
        }
    }

    fn part(&self, index: usize) -> &str {
        let end_of = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let start = if index == 0 { 0 } else { end_of(index - 1) };
        self.text.get(start..end_of(index)).unwrap_or_default()
    }
}

/// Whether a message type (`ORU^R01`) is one that routes and rules name: itself, or its code (`ORU`) for all events.
#[must_use]
pub fn is_of_type(message_type: &str, wanted: &str) -> bool {
    message_type
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('^'))
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({} bytes)", self.text.len())
    }
}

impl Message {
    /// What MSH says about the message. Never fails.
    #[must_use]
    pub fn header(&self) -> Header {
        let bytes = self.content(0);
        let mut writer = Writer {
            message: self,
            text: String::with_capacity(bytes.len()),
            ends: [0; PARTS],
            part: 0,
        };
        // MSH-1 is the separator itself, so the first part is the name and the second MSH-2.
        for (number, field) in (1_u32..).zip(bytes.split(|byte| *byte == self.delimiters.field)) {
            writer.field(number, field);
        }
        writer.finish()
    }

    /// The text of a node, delimiters as they stand, with U+FFFD for what is not text.
    pub(crate) fn lossy_text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        escape::decode(bytes, self.delimiters, self.charset).unwrap_or_else(|| String::from_utf8_lossy(bytes))
    }

    pub(super) fn first_repetition<'a>(&self, field: &'a [u8]) -> &'a [u8] {
        let Some(separator) = self.delimiters.repetition else {
            return field;
        };
        field.split(|byte| *byte == separator).next().unwrap_or_default()
    }
}

struct Writer<'a> {
    message: &'a Message,
    text: String,
    ends: [u32; PARTS],
    part: usize,
}

impl Writer<'_> {
    fn field(&mut self, number: u32, field: &[u8]) {
        let field = self.message.first_repetition(field);
        let separator = self.message.delimiters.component;
        let mut components = field.split(|byte| *byte == separator);
        match number {
            3..=6 => self.push(components.find(|component| !component.is_empty()).unwrap_or_default()),
            9 => {
                for _ in 0..3 {
                    self.push(components.next().unwrap_or_default());
                }
            }
            11 | 12 => self.push(components.next().unwrap_or_default()),
            7 | 10 | 15 | 16 | 18 => self.push(field),
            _ => {}
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.text.push_str(&self.message.lossy_text(bytes));
        self.end();
    }

    fn end(&mut self) {
        if let Some(end) = self.ends.get_mut(self.part) {
            *end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        }
        self.part += 1;
    }

    fn finish(mut self) -> Header {
        while self.part < PARTS {
            self.end();
        }
        Header {
            text: self.text,
            ends: self.ends,
        }
    }
}
