//! Bytes at rest that may hold patient data.

use std::fmt;

use bytes::Bytes;

/// A payload as the store keeps it: content of a message, an answer, or text that a sender or a plugin wrote.
///
/// `Debug` prints the size only, so that no log or error can show patient data. This is also the one place where
/// sealing (authenticated encryption with a key per interface and day) will happen: nothing else in the store looks
/// at the bytes. Clones share the memory.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Sealed(Bytes);

impl Sealed {
    /// The bytes, shared.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes as a slice.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes up without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealed({} bytes)", self.0.len())
    }
}

impl From<Bytes> for Sealed {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Sealed {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&'static [u8]> for Sealed {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Bytes::from_static(bytes))
    }
}

impl From<String> for Sealed {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_size_and_never_the_content() {
        let sealed = Sealed::from(String::from("KOVÁCS"));
        assert_eq!(format!("{sealed:?}"), "Sealed(7 bytes)");
    }
}
