//! Message files: what `send` reads from disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use transfuse_message::batch::{PartKind, parts};
use transfuse_message::{Message, ParseOptions, Payload};

/// The largest file that is read. A day of a small laboratory fits; a database dump given by mistake does not.
const FILE_BYTES_MAX: u64 = 256 << 20;

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
/// Messages are those that the engine would find; batch headers around them are left out. Line ends become the carriage
/// return that HL7 asks for, unless the file has carriage returns of its own. A file without any `MSH` is one message
/// as it stands, so that rejections can be rehearsed.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Sample>> {
    let length = fs::metadata(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?
        .len();
    anyhow::ensure!(length <= FILE_BYTES_MAX, "`{}` is larger than 256 MiB", path.display());
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    anyhow::ensure!(!bytes.is_empty(), "`{}` is empty", path.display());
    let contents = split(with_carriage_returns(bytes).into());
    Ok(contents
        .into_iter()
        .zip(1..)
        .map(|(content, number)| Sample::new(path, number, content))
        .collect())
}

impl Sample {
    fn new(path: &Path, number: usize, content: Payload) -> Self {
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
fn with_carriage_returns(bytes: Vec<u8>) -> Vec<u8> {
    let bare_returns = bytes
        .windows(2)
        .any(|pair| matches!(pair, [b'\r', next] if *next != b'\n'));
    if bare_returns {
        return bytes;
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

fn split(bytes: Bytes) -> Vec<Payload> {
    let messages = parts(bytes.clone()).filter(|part| part.kind == PartKind::Message);
    let messages: Vec<_> = messages.map(|part| Payload::from(part.bytes)).collect();
    if messages.is_empty() {
        vec![Payload::from(bytes)]
    } else {
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_split_at_their_headers_and_batches_are_unwrapped() {
        let file = b"FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rPID|1\r\rMSH|^~\\&|B\rBTS|2\rFTS|1\r";
        assert_eq!(
            split(Bytes::from_static(file)),
            ["MSH|^~\\&|A\rPID|1\r\r", "MSH|^~\\&|B\r"].map(Payload::from)
        );
    }

    #[test]
    fn what_has_no_header_is_one_message_as_it_stands() {
        assert_eq!(split("hello\r".into()), [Payload::from("hello\r")]);
    }

    #[test]
    fn line_feeds_become_carriage_returns_unless_the_file_has_its_own() {
        assert_eq!(with_carriage_returns(b"MSH|A\nPID|1\n".to_vec()), b"MSH|A\rPID|1\r");
        assert_eq!(with_carriage_returns(b"MSH|A\r\nPID|1\r\n".to_vec()), b"MSH|A\rPID|1\r");
        assert_eq!(
            with_carriage_returns(b"MSH|A\rOBX|a\nb\r".to_vec()),
            b"MSH|A\rOBX|a\nb\r"
        );
    }
}
