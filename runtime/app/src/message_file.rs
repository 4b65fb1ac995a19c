//! Files of messages: one, or many, with batch headers around them or without.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use transfuse_message::batch::{self, PartKind};
use transfuse_message::{Message, ParseError, ParseOptions};

use crate::failure::{Failure, Hint as _};

/// The largest file that is read. A day of a small laboratory fits; a database dump given by mistake does not.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// What names standard input on a command line.
const STANDARD_INPUT: &str = "-";

/// A file as it was read, and where its messages lie.
#[derive(Debug)]
pub(crate) struct MessageFile {
    /// None for standard input.
    pub(crate) path: Option<PathBuf>,
    pub(crate) bytes: Bytes,
    pub(crate) parts: Vec<Part>,
}

/// One message of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its place among the file's messages, from one.
    pub(crate) number: usize,
    /// The line of the file that its first segment stands on, from one.
    pub(crate) line: usize,
    pub(crate) range: Range<usize>,
}

/// Tells on which line bytes stand that are passed one piece after the other. A line ends with CR, LF or both.
#[derive(Debug, Default)]
pub(crate) struct LineCounter {
    ended: usize,
    after_return: bool,
}

impl LineCounter {
    /// The line that the next byte stands on, from one.
    pub(crate) fn line(&self) -> usize {
        self.ended + 1
    }

    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_half = *byte == b'\n' && self.after_return;
            self.ended += usize::from(matches!(byte, b'\r' | b'\n') && !is_half);
            self.after_return = *byte == b'\r';
        }
    }
}

impl MessageFile {
    /// Reads a file, or standard input where `path` is `-`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is empty, too large, or holds no message.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let file = match Self::open(path) {
            Err(error) if path.is_dir() => {
                return Err(error).hint(format!("name its files: `{}`", path.join("*.hl7").display()));
            }
            file => file?,
        };
        if file.parts.is_empty() {
            let name = file.name();
            return Err(anyhow::anyhow!(
                "`{name}` holds no HL7 v2 message: none of its lines begins with MSH"
            ))
            .hint("a message begins with its header, as in `MSH|^~\\&|...`; XML and JSON are not read");
        }
        Ok(file)
    }

    /// The same, of a file that need not hold a message.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let is_standard_input = path == Path::new(STANDARD_INPUT);
        let name = shown(path);
        anyhow::ensure!(!path.is_dir(), "`{name}` is a folder");
        let bytes = if is_standard_input {
            read_bounded(io::stdin().lock(), &name)?
        } else {
            let file = File::open(path).with_context(|| format!("cannot read `{name}`"))?;
            read_bounded(file, &name)?
        };
        anyhow::ensure!(!bytes.is_empty(), "`{name}` is empty");
        Ok(Self::of(bytes, (!is_standard_input).then(|| path.to_owned())))
    }

    /// Bytes that were read elsewhere. They may hold no message.
    pub(crate) fn of(bytes: Bytes, path: Option<PathBuf>) -> Self {
        let parts = split(&bytes);
        Self { path, bytes, parts }
    }

    /// The file's name, as people gave it.
    pub(crate) fn name(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| shown(Path::new(STANDARD_INPUT)), shown)
    }

    /// `day.hl7`, or `day.hl7, message 3 (line 41)` where there are more.
    pub(crate) fn label(&self, part: &Part) -> String {
        let name = self.name();
        if self.parts.len() == 1 {
            name
        } else {
            format!("{name}, message {} (line {})", part.number, part.line)
        }
    }

    /// The bytes of a message.
    pub(crate) fn content(&self, part: &Part) -> Bytes {
        self.bytes.slice(part.range.clone())
    }

    /// Parses a message.
    pub(crate) fn parse(&self, part: &Part, options: &ParseOptions) -> Result<Message, ParseError> {
        Message::parse(self.content(part), options)
    }
}

/// How a file is named in a sentence.
fn shown(path: &Path) -> String {
    if path == Path::new(STANDARD_INPUT) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn read_bounded(from: impl Read, name: &str) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{name}`"))?;
    anyhow::ensure!(bytes.len() as u64 <= FILE_BYTES_MAX, "`{name}` is larger than 256 MiB");
    Ok(bytes.into())
}

fn split(bytes: &Bytes) -> Vec<Part> {
    let mut messages = Vec::new();
    let mut lines = LineCounter::default();
    for part in batch::parts(bytes.clone()) {
        let start = usize::try_from(part.start).unwrap_or(usize::MAX);
        if part.kind == PartKind::Message {
            messages.push(Part {
                number: messages.len() + 1,
                line: lines.line(),
                range: start..start + part.bytes.len(),
            });
        }
        lines.pass(&part.bytes);
    }
    messages
}

/// Replaces a file at once: whoever reads it sees the old content or the new one, and never a half. Its permissions
/// stay.
pub(crate) fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    // Through a link, the file itself is what changes.
    let path = fs::canonicalize(path).with_context(|| format!("cannot find `{}`", path.display()))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = write_beside(&path, &beside, content);
    if written.is_err() {
        // What could not be finished is of no use, and what cannot be removed is told by the error before.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write `{}`; it is as it was", path.display()))
}

fn write_beside(path: &Path, beside: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = File::create_new(beside)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(beside, path)
}
