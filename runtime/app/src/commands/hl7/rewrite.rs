//! Files with some of their messages changed: to standard output, or in place.

use std::io::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use crate::console::Console;
use crate::failure::{Failure, Hint as _};
use crate::message_file::{self, MessageFile, Part};
use crate::visible::{visible, visible_bytes};

/// Where a changed file goes.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// Change the files themselves, each at once or not at all, instead of printing them
    #[arg(long)]
    pub(super) in_place: bool,
}

/// One file with the new bytes of its messages.
pub(super) struct Rewritten {
    path: Option<PathBuf>,
    content: Vec<u8>,
}

impl Rewritten {
    /// The file with each of these messages replaced; what lies around them stays as it is.
    pub(super) fn new<'p>(file: &MessageFile, replaced: impl IntoIterator<Item = (&'p Part, Bytes)>) -> Self {
        let mut content = Vec::with_capacity(file.bytes.len());
        let mut kept = 0;
        for (part, bytes) in replaced {
            content.extend_from_slice(file.bytes.get(kept..part.range.start).unwrap_or_default());
            content.extend_from_slice(&bytes);
            kept = part.range.end;
        }
        content.extend_from_slice(file.bytes.get(kept..).unwrap_or_default());
        Self {
            path: file.path.clone(),
            content,
        }
    }
}

impl Target {
    /// Writes all files; nothing of this happens before every one of them has been made.
    pub(super) fn write(&self, files: &[Rewritten], console: Console) -> Result<(), Failure> {
        for file in files {
            match (&file.path, self.in_place) {
                (Some(path), true) => message_file::replace(path, &file.content)?,
                (None, true) => {
                    return Err(anyhow::anyhow!("standard input cannot be changed in place"))
                        .hint("leave `--in-place` out, and the result is printed");
                }
                (_, false) => print(&file.content, console)?,
            }
        }
        Ok(())
    }
}

/// The bytes as they are, or for a terminal as text, a segment a line.
fn print(content: &[u8], console: Console) -> std::io::Result<()> {
    if !console.shows_results() {
        return console.stream(|out| out.write_all(content));
    }
    let text = std::str::from_utf8(content).map_or_else(|_| visible_lines(content), |text| lines(text, visible));
    console.result(text.trim_end())
}

fn lines<'t, T: AsRef<str>>(text: &'t str, show: impl Fn(&'t str) -> T) -> String {
    let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    lines.map(|line| show(line).as_ref().to_owned() + "\n").collect()
}

fn visible_lines(content: &[u8]) -> String {
    let lines = content.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
    lines.map(|line| visible_bytes(line) + "\n").collect()
}
