//! Bytes in JSON, without loss.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use transfuse_message::{Charset, Message, ParseOptions};

/// Bytes as text: UTF-8 where they are that, else one character for each byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    bytes: usize,
    encoding: Encoding,
    text: String,
}

/// How the bytes became text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    /// The characters U+0000 to U+00FF stand for the bytes 0x00 to 0xFF.
    #[serde(rename = "latin-1")]
    Latin1,
}

impl Content {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let (encoding, text) = match std::str::from_utf8(bytes) {
            Ok(text) => (Encoding::Utf8, text.to_owned()),
            Err(_) => (Encoding::Latin1, bytes.iter().copied().map(char::from).collect()),
        };
        Self {
            bytes: bytes.len(),
            encoding,
            text,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// For people who read UTF-8: what is not that becomes U+FFFD.
    pub(crate) fn lossy_text(&self) -> String {
        self.to_bytes()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// As an HL7 v2 message, `charset` winning over what it declares; none where it is none.
    pub(crate) fn message(&self, charset: Option<&str>) -> Option<Message> {
        let options = ParseOptions {
            charset: charset.and_then(Charset::from_label),
            ..ParseOptions::default()
        };
        Message::parse(self.to_bytes()?, &options).ok()
    }

    /// For people: an HL7 v2 message in its own character set, `charset` winning over what it declares.
    pub(crate) fn decoded(&self, charset: Option<&str>) -> String {
        self.message(charset)
            .and_then(|message| message.charset().decode(&message.encode()).map(Cow::into_owned))
            .unwrap_or_else(|| self.lossy_text())
    }

    /// The bytes again; none where what came over the wire does not follow its own encoding.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Utf8 => Some(self.text.clone().into_bytes()),
            Encoding::Latin1 => self
                .text
                .chars()
                .map(|character| u8::try_from(character).ok())
                .collect(),
        }
    }
}

/// Text that a plugin, a sender or a receiver wrote. Prints its size only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Words(String);

impl Words {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Words({} bytes)", self.0.len())
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Content({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_wire() {
        let every_byte: Vec<u8> = (0..=255).collect();
        for bytes in [&b""[..], "PRÓBA^GŐZŐ\r".as_bytes(), b"TESZT\xDB", &every_byte] {
            let wire = serde_json::to_string(&Content::new(bytes)).unwrap_or_default();
            let content: Option<Content> = serde_json::from_str(&wire).ok();
            assert_eq!(content.and_then(|content| content.to_bytes()).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn content_prints_its_size_only() {
        assert_eq!(format!("{:?}", Content::new(b"PRINCE^HAMLET")), "Content(13 bytes)");
        assert_eq!(format!("{:?}", Words::from("PRINCE".to_owned())), "Words(6 bytes)");
    }
}
