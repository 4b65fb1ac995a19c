//! Bytes that may hold patient data, wrapped so that they cannot reach a log by accident.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// Bytes that may hold patient data.
///
/// `Debug` and `Display` print the size only. A clone shares the bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// The bytes, shared and not copied when cloned.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as UTF-8 text; what is not UTF-8 is shown as U+FFFD. For people to read, never to process.
    #[must_use]
    pub fn lossy_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_a_payload_tells_its_size_and_nothing_else() {
        let payload = Payload::from("PRÓBA^BETEG");
        assert_eq!(format!("{payload:?}"), "Payload(12 bytes)");
        assert_eq!(payload.to_string(), "12 bytes");
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_with_a_replacement_character() {
        assert_eq!(Payload::from(vec![b'A', 0xff]).lossy_text(), "A\u{fffd}");
    }
}
