//! Deliveries in the character set that their destination wants.

use transfuse_message::{Charset, Message, ParseOptions, Payload, RecodeError, Unmappable};

use crate::wire::Refusal;

/// The character set of a destination, where it is not that of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputCharset {
    /// The set; MSH-18 says so in what is sent.
    pub charset: Charset,
    /// What becomes of a character that it lacks.
    pub unmappable: Unmappable,
}

impl OutputCharset {
    /// The content as it is sent. An output that is not HL7 has no set that could be known, and goes as it is.
    pub(crate) fn apply(self, content: Payload) -> Result<Payload, Refusal> {
        let Ok(message) = Message::parse(content.bytes().clone(), &ParseOptions::default()) else {
            return Ok(content);
        };
        let recoded = message.to_charset(self.charset, self.unmappable);
        recoded
            .map(|message| Payload::from(message.encode()))
            .map_err(|error| refusal(&error))
    }
}

/// Why the receiver gets nothing: sending again would not help, and a message with another letter in it would harm.
fn refusal(error: &RecodeError) -> Refusal {
    let (kind, hint) = match error {
        RecodeError::Unmappable { .. } => (
            "unmappable-character",
            "write `unmappable = \"escape\"` at the destination if its receiver reads escape sequences, give it a \
             `charset` that has the character, or replace the character in the mapping; then replay the delivery",
        ),
        RecodeError::NoEscape { .. } => (
            "unmappable-character",
            "give the destination a `charset` that has the character, or replace the character in the mapping; then \
             replay the delivery",
        ),
        RecodeError::Undecodable { .. } => (
            "undecodable-text",
            "write the sender's true `charset` at the source, or correct the text in the mapping; then have the message \
             sent again",
        ),
        _ => (
            "not-recoded",
            "leave `charset` out at the destination, then replay the delivery",
        ),
    };
    Refusal {
        kind,
        summary: error.to_string(),
        hint,
        text: Payload::default(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn output(unmappable: Unmappable) -> OutputCharset {
        OutputCharset {
            charset: Charset::from_label("8859/2").unwrap(),
            unmappable,
        }
    }

    fn message(text: &str) -> Payload {
        Payload::from(format!(
            "MSH|^~\\&|A|||||||K1|P|2.5||||||UNICODE UTF-8\rPID|1||||{text}\r"
        ))
    }

    #[test]
    fn a_delivery_is_sent_in_the_set_of_its_destination_and_says_so() {
        let sent = output(Unmappable::Fault).apply(message("ŐZ")).ok().unwrap();
        let expected = b"MSH|^~\\&|A|||||||K1|P|2.5||||||8859/2\rPID|1||||\xd5Z\r";
        assert_eq!(sent.as_slice(), expected);
    }

    #[test]
    fn a_character_that_the_set_lacks_refuses_the_delivery_or_is_escaped_as_the_destination_says() {
        let refusal = output(Unmappable::Fault).apply(message("5 €")).err().unwrap();
        assert_eq!(refusal.kind, "unmappable-character");
        assert_eq!(
            refusal.summary,
            "PID-5 holds a character that the character set 8859/2 lacks"
        );
        let sent = output(Unmappable::Escape).apply(message("5 €")).ok().unwrap();
        assert!(sent.as_slice().ends_with(b"|5 \\X000020AC\\\r"));
    }

    #[test]
    fn text_that_cannot_be_read_refuses_the_delivery() {
        let content = Payload::from(&b"MSH|^~\\&|A\rPID|\xff\r"[..]);
        assert_eq!(
            output(Unmappable::Escape).apply(content).err().unwrap().kind,
            "undecodable-text"
        );
    }

    #[test]
    fn what_is_not_hl7_goes_as_it_is() {
        let content = Payload::from(&b"\xff"[..]);
        assert_eq!(output(Unmappable::Fault).apply(content.clone()).ok().unwrap(), content);
    }
}
