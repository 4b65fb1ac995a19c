//! `transfuse hl7 get`: values by path.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use transfuse_message::{Path, PathError, Value};

use super::input::{Read, Reading, Walk, or_standard_input};
use super::paths;
use super::selection::Selection;
use super::tree::{self, Content, Node};
use crate::console::Console;
use crate::failure::{Failure, Hint as _, Outcome};
use crate::message_file::MessageFile;
use crate::visible::{visible, visible_bytes};

/// Print the values at one path or several
///
/// A word that is a path, such as `PID-5.1`, `PID-3[2].1` or `OBX[3]-5`, is one; every other word is a file. Of one
/// path in one message only the value is printed; otherwise each line says which message and path it is from,
/// with tabs between. Numbers that a path leaves out stand for the first one, and with `--all` for every one. A value that is empty gives an
/// empty line, and one that is absent gives none: the exit code is 1 when a path leads to nothing in all the messages.
///
/// Example: transfuse hl7 get PID-5.1 PID-5.2 day.hl7 --message 3
///
/// Example: transfuse hl7 get OBX-3.1 --all examples/lab-results/messages/lab/01-chemistry.hl7
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Paths, and files with messages; without a file, standard input
    #[arg(required = true, value_name = "PATH|FILE")]
    words: Vec<OsString>,
    #[command(flatten)]
    reading: Reading,
    /// Print the bytes as they stand in the message, delimiters and escapes and all
    #[arg(long, conflicts_with = "all")]
    raw: bool,
    /// Every value in every occurrence and repetition that the path covers
    #[arg(long)]
    all: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    values: Vec<Found>,
}

/// What a path led to in one message.
#[derive(Serialize)]
struct Found {
    file: String,
    message: usize,
    path: String,
    /// None where it is absent.
    value: Option<String>,
    /// The value is `""`: the sender asks to delete it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    delete: bool,
    /// The bytes themselves, where those were asked for.
    #[serde(skip)]
    raw: Option<Vec<u8>>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let (paths, files) = paths::apart(&arguments.words, "path", |word| word.parse::<Path>().ok())?;
    let mut walk = Walk::new(console);
    let mut found = Vec::new();
    let mut messages = 0;
    for path in or_standard_input(&files)? {
        let Some(file) = walk.keep(MessageFile::read(&path)) else {
            continue;
        };
        let Some(parts) = walk.keep(arguments.reading.chosen(&file)) else {
            continue;
        };
        for part in parts {
            messages += 1;
            let Some(read) = walk.keep(arguments.reading.read(&file, part)) else {
                continue;
            };
            for path in &paths {
                found.extend(walk.keep(look(&read, path, arguments)).unwrap_or_default());
            }
        }
    }
    tell_absent(&paths, &found, messages, console, &mut walk);
    if arguments.json {
        console.json(&Report { values: found })?;
    } else {
        let shape = Shape {
            messages: messages > 1,
            paths: paths.len() > 1 || arguments.all,
            raw: arguments.raw && !console.shows_results(),
        };
        console.stream(|out| found.iter().try_for_each(|one| shape.write(one, out)))?;
    }
    Ok(walk.end())
}

/// What stands at a path of one message. More than one value only with `--all`.
fn look(read: &Read<'_>, path: &Path, arguments: &Arguments) -> Result<Vec<Found>, Failure> {
    if arguments.all {
        return every(read, path);
    }
    if arguments.raw {
        let raw = read.message.get_raw(path).map_err(|error| told(read, &error))?;
        return Ok(vec![Found {
            value: raw.as_deref().map(|raw| raw_text(read, raw)),
            raw: raw.map(std::borrow::Cow::into_owned),
            ..nothing(read, path.to_string())
        }]);
    }
    let value = match read.message.get(path) {
        Ok(value) => value,
        Err(error @ PathError::NotALeaf { .. }) => {
            return Err(told(read, &error)).hint("`--raw` prints the bytes, and `--all` every part with its path");
        }
        Err(error @ PathError::Undecodable { .. }) => {
            return Err(told(read, &error)).hint("`--charset windows-1250`, say, reads them in another set");
        }
        Err(error) => return Err(told(read, &error).into()),
    };
    Ok(vec![Found {
        delete: value == Value::Delete,
        value: value.as_option().map(str::to_owned),
        ..nothing(read, path.to_string())
    }])
}

/// A `PathError` that names its message.
fn told(read: &Read<'_>, error: &PathError) -> anyhow::Error {
    anyhow::anyhow!("{}: {}", read.label(), paths::without_engine(error))
}

fn nothing(read: &Read<'_>, path: String) -> Found {
    Found {
        file: read.file.name(),
        message: read.part.number,
        path,
        value: None,
        delete: false,
        raw: None,
    }
}

/// Encoded bytes as text, as far as they are.
fn raw_text(read: &Read<'_>, raw: &[u8]) -> String {
    read.message
        .charset()
        .decode(raw)
        .map_or_else(|| visible_bytes(raw), std::borrow::Cow::into_owned)
}

fn every(read: &Read<'_>, path: &Path) -> Result<Vec<Found>, Failure> {
    let selection = Selection::of(&read.message, std::slice::from_ref(path)).map_err(|error| told(read, &error))?;
    let selection = selection.showing(false, true);
    let mut found = Vec::new();
    for segment in tree::segments(&read.message, &selection, read.part.line) {
        for field in &segment.fields {
            push_leaves(field, read, &mut found);
        }
    }
    if found.is_empty() {
        found.push(nothing(read, path.to_string()));
    }
    Ok(found)
}

fn push_leaves(node: &Node, read: &Read<'_>, found: &mut Vec<Found>) {
    let value = match &node.content {
        Content::Parts(parts) => return parts.iter().for_each(|part| push_leaves(part, read, found)),
        Content::Empty(_) | Content::Absent(_) => return,
        Content::Value(text) | Content::Undecodable(text) | Content::Undivided { text, .. } => text.clone(),
        Content::Delete(_) => "\"\"".to_owned(),
    };
    found.push(Found {
        delete: matches!(node.content, Content::Delete(_)),
        value: Some(value),
        ..nothing(read, node.path.clone())
    });
}

/// Says which paths led to nothing, and how often; a script learns from the exit code that one never led anywhere.
fn tell_absent(paths: &[Path], found: &[Found], messages: usize, console: Console, walk: &mut Walk) {
    for path in paths {
        let path_text = path.to_string();
        let absent = found
            .iter()
            .filter(|one| one.value.is_none() && one.path == path_text)
            .count();
        if absent == 0 {
            continue;
        }
        if messages == 1 {
            console.note(format_args!("{path} is absent"));
        } else {
            console.note(format_args!("{path} is absent in {absent} of {messages} messages"));
        }
        if absent == messages {
            walk.fail();
        }
    }
}

/// What a line says besides the value.
struct Shape {
    messages: bool,
    paths: bool,
    /// Bytes as they are: never to a terminal.
    raw: bool,
}

impl Shape {
    fn write(&self, found: &Found, out: &mut dyn Write) -> io::Result<()> {
        let Some(value) = &found.value else { return Ok(()) };
        if self.messages {
            write!(out, "{}:{}\t", found.file, found.message)?;
        }
        if self.paths {
            write!(out, "{}\t", found.path)?;
        }
        match &found.raw {
            Some(raw) if self.raw => out.write_all(raw)?,
            _ => write!(out, "{}", visible(value))?,
        }
        writeln!(out)
    }
}
