//! Message files: what `send` reads from disk.

use std::path::{Path, PathBuf};

use transfuse_message::{Message, ParseOptions, Payload};

use crate::message_file::MessageFile;

/// One message of a file.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) file: PathBuf,
    /// Its place in the file, from one.
    pub(crate) number: usize,
    /// MSH-10, empty where there is none.
    pub(crate) control_id: String,
    pub(crate) content: Payload,
}

/// Reads every message of a file.
///
/// Messages begin where a line begins with `MSH`; batch headers around them are left out. Line ends become the carriage
/// return that HL7 asks for, unless the file has carriage returns of its own. A file without any `MSH` is one message
/// as it stands, so that rejections can be rehearsed.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Sample>> {
    let file = MessageFile::open(path)?;
    if file.parts.is_empty() {
        return Ok(vec![Sample::new(path, 1, with_carriage_returns(&file.bytes))]);
    }
    let messages = file.parts.iter().map(|part| (part.number, file.content(part)));
    Ok(messages
        .map(|(number, content)| Sample::new(path, number, with_carriage_returns(&content)))
        .collect())
}

impl Sample {
    fn new(path: &Path, number: usize, content: Vec<u8>) -> Self {
        let content = Payload::from(content);
        let message = Message::parse(content.bytes().clone(), &ParseOptions::default());
        let control_id = message
            .map(|message| message.header().control_id().to_owned())
            .unwrap_or_default();
        Self {
            file: path.to_owned(),
            number,
            control_id,
            content,
        }
    }

    /// `01-chemistry.hl7`, or `day.hl7 #12`.
    pub(crate) fn label(&self) -> String {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        if self.number == 1 {
            name.into_owned()
        } else {
            format!("{name} #{}", self.number)
        }
    }
}

/// Turns line feeds into carriage returns; content with carriage returns of its own keeps its line feeds.
fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let bare_returns = bytes
        .windows(2)
        .any(|pair| matches!(pair, [b'\r', next] if *next != b'\n'));
    if bare_returns {
        return bytes.to_vec();
    }
    let mut converted = Vec::with_capacity(bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if index.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\r') => {}
            b'\n' => converted.push(b'\r'),
            other => converted.push(*other),
        }
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_feeds_become_carriage_returns_unless_the_file_has_its_own() {
        assert_eq!(with_carriage_returns(b"MSH|A\nPID|1\n"), b"MSH|A\rPID|1\r");
        assert_eq!(with_carriage_returns(b"MSH|A\r\nPID|1\r\n"), b"MSH|A\rPID|1\r");
        assert_eq!(with_carriage_returns(b"MSH|A\rOBX|a\nb\r"), b"MSH|A\rOBX|a\nb\r");
    }
}
