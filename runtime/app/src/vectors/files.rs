//! The files of a set of vectors, from a folder or from a package, and how messages lie in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use transfuse_package::{Source, SourceError};

/// What the names of message files end in whose lines end with a line feed.
const MESSAGE: &str = ".hl7";

/// The files of a set of vectors.
#[derive(Clone)]
pub(crate) struct VectorFiles {
    /// How messages about a file begin: the folder as a person gave it, or the package.
    title: PathBuf,
    /// Where they lie; none in a package, which cannot be blessed.
    folder: Option<PathBuf>,
    /// By path below the folder, with `/` between its parts.
    files: BTreeMap<String, Vec<u8>>,
}

impl VectorFiles {
    /// Reads a folder of vectors.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, SourceError> {
        Ok(Self {
            title: folder.to_owned(),
            folder: Some(folder.to_owned()),
            files: Source::read_vectors(folder)?,
        })
    }

    /// Takes the files of a package, by path below its `vectors`.
    pub(crate) fn of_package(title: &Path, files: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            title: title.join("vectors"),
            folder: None,
            files,
        }
    }

    /// Where the files lie, if they can be written.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// How a file is named in a sentence.
    pub(super) fn title(&self, name: &str) -> PathBuf {
        self.title.join(name)
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// The message in a file.
    pub(super) fn message(&self, name: &str) -> Option<Bytes> {
        self.bytes(name).map(|bytes| message_bytes(name, bytes))
    }

    /// Every file, by path below the folder.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// Files of messages may be of any size and are shown by their number.
impl std::fmt::Debug for VectorFiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "VectorFiles({}, {} files)",
            self.title.display(),
            self.files.len()
        )
    }
}

/// The bytes of the message that lies in a file. In `.hl7` files a line feed, or a carriage return with a line feed,
/// stands for the end of a segment, so that they can be read and compared as text; any other file is taken as it is.
pub(crate) fn message_bytes(file: &str, bytes: &[u8]) -> Bytes {
    if !file.ends_with(MESSAGE) {
        return Bytes::copy_from_slice(bytes);
    }
    let mut message = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' if message.last() == Some(&b'\r') => {}
            b'\n' => message.push(b'\r'),
            other => message.push(*other),
        }
    }
    message.into()
}

/// What is written into a `.hl7` file for a message; none where it would not be read back as the same bytes.
pub(crate) fn message_text(message: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = message
        .iter()
        .map(|byte| if *byte == b'\r' { b'\n' } else { *byte })
        .collect();
    (message_bytes(MESSAGE, &text) == message).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_in_a_message_file_ends_a_segment() {
        assert_eq!(
            message_bytes("a/input.hl7", b"MSH|\r\nPID|\nZZ|\r"),
            &b"MSH|\rPID|\rZZ|\r"[..]
        );
        assert_eq!(message_bytes("a/input.bin", b"MSH|\r\nPID|"), &b"MSH|\r\nPID|"[..]);
    }

    #[test]
    fn only_a_message_that_comes_back_is_written_with_line_feeds() {
        assert_eq!(message_text(b"MSH|\rPID|\r").as_deref(), Some(&b"MSH|\nPID|\n"[..]));
        assert_eq!(message_text(b"MSH|\nPID|\n"), None);
        assert_eq!(message_text(b"MSH|\r\nPID|"), None);
    }
}
