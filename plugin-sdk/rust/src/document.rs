//! What came in, as bytes.

use std::io;

use crate::host;

/// What came in as bytes, whatever it is. The interface grants it with `read = ["*"]`.
///
/// It is read piece by piece with [`std::io::Read`], or as a whole with [`bytes`](Self::bytes).
#[derive(Debug)]
pub struct Document {
    host: host::exchanges::Document,
    position: u64,
}

impl Document {
    /// Its media type: `x-application/hl7-v2+er7` for HL7 v2, `application/octet-stream` where nobody knows.
    #[must_use]
    pub fn content_type(&self) -> String {
        self.host.content_type()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.host.length()
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.host.read(0, u32::MAX)
    }

    pub(crate) fn from_host(host: host::exchanges::Document) -> Self {
        Self { host, position: 0 }
    }
}

impl io::Read for Document {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let piece = self.host.read(self.position, length);
        let read = piece.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(&piece) {
            *place = *byte;
        }
        self.position += read as u64;
        Ok(read)
    }
}
