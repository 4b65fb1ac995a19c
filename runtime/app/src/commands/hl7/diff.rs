//! `transfuse hl7 diff`: what differs between messages, field by field.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_message::{Path, differences};

use super::changes::{self, Change, changes};
use super::input::{Read, Reading};
use super::paths;
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::layout::counted;
use crate::message_file::MessageFile;
use crate::visible::visible;

/// Compare two files field by field
///
/// Messages are paired by their control id (MSH-10), or by position where ids are missing or not unique. Segments are
/// aligned, so that one which was inserted is one difference. How segments end is not compared, and neither is how
/// delimiters and character sets write the same text. Like diff: the exit code is 0 where nothing differs, and 1 where
/// something does or a file cannot be read.
///
/// Example: transfuse hl7 diff before.hl7 after.hl7 --ignore MSH-7 --ignore OBX-14
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file with the messages as they were
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The file with the messages as they are
    #[arg(value_name = "B")]
    after: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// Leave this node and what lies in it out, such as `MSH-7` or `ZPI`; may be given again
    #[arg(long, value_name = "PATH", value_parser = paths::plain_path)]
    ignore: Vec<Path>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    same: bool,
    messages: Vec<Compared>,
}

/// What differs between two messages, or which of the two files has no counterpart.
#[derive(Serialize)]
struct Compared {
    control_id: String,
    /// The message's number in the first file.
    before: Option<usize>,
    after: Option<usize>,
    differences: Vec<Change>,
}

type Pair<'f> = (Option<&'f Read<'f>>, Option<&'f Read<'f>>);

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let [before, after] = [
        MessageFile::read(&arguments.before)?,
        MessageFile::read(&arguments.after)?,
    ];
    let (left, right) = (read_all(&before, arguments)?, read_all(&after, arguments)?);
    let compared: Vec<Compared> = pairs(&left, &right)
        .into_iter()
        .map(|pair| compare(pair, arguments))
        .collect();
    let same = compared.iter().all(Compared::is_same);
    if arguments.json {
        console.json(&Report {
            same,
            messages: compared,
        })?;
    } else {
        let headed = compared.len() > 1;
        console.stream(|out| {
            let differing = compared.iter().filter(|one| !one.is_same());
            differing
                .into_iter()
                .try_for_each(|one| one.write(headed, console.palette(), out))
        })?;
        console.note(summary(&compared));
    }
    Ok(if same { Exit::Success } else { Exit::Failure })
}

fn read_all<'f>(file: &'f MessageFile, arguments: &Arguments) -> Result<Vec<Read<'f>>, Failure> {
    let parts = arguments.reading.chosen(file)?;
    parts.iter().map(|part| arguments.reading.read(file, part)).collect()
}

/// By control id where each of both files has unique ones, and else by position.
fn pairs<'f>(left: &'f [Read<'f>], right: &'f [Read<'f>]) -> Vec<Pair<'f>> {
    let by_id = index(left).zip(index(right));
    let Some((known, mut open)) = by_id.filter(|_| left.len() > 1 || right.len() > 1) else {
        let length = left.len().max(right.len());
        return (0..length).map(|index| (left.get(index), right.get(index))).collect();
    };
    let mut pairs: Vec<Pair<'f>> = left
        .iter()
        .map(|read| (Some(read), open.remove(read.message.header().control_id())))
        .collect();
    let rest = right
        .iter()
        .filter(|read| !known.contains_key(read.message.header().control_id()));
    pairs.extend(rest.map(|read| (None, Some(read))));
    pairs
}

/// Messages by control id; none where an id is empty or there twice.
fn index<'f>(messages: &'f [Read<'f>]) -> Option<HashMap<String, &'f Read<'f>>> {
    let mut known = HashMap::new();
    for read in messages {
        let id = read.message.header().control_id().to_owned();
        if id.is_empty() || known.insert(id, read).is_some() {
            return None;
        }
    }
    Some(known)
}

fn compare((before, after): Pair<'_>, arguments: &Arguments) -> Compared {
    let number = |read: Option<&Read<'_>>| read.map(|read| read.part.number);
    let control_id = after
        .or(before)
        .map(|read| read.message.header().control_id().to_owned());
    let differences = match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = (&before.message, &after.message);
            changes(differences(before, after), Some(before), after, &arguments.ignore)
        }
        _ => Vec::new(),
    };
    Compared {
        control_id: control_id.unwrap_or_default(),
        before: number(before),
        after: number(after),
        differences,
    }
}

impl Compared {
    fn is_same(&self) -> bool {
        self.differences.is_empty() && self.before.is_some() && self.after.is_some()
    }

    fn write(&self, headed: bool, palette: Palette, out: &mut dyn Write) -> io::Result<()> {
        let id = visible(&self.control_id);
        match (self.before, self.after) {
            (Some(before), Some(after)) if headed => {
                let title = format!("message {before} and {after}, control id {id}");
                writeln!(out, "{}", palette.paint(Tone::Strong, &title))?;
            }
            (Some(number), None) => writeln!(out, "only A has message {number}, control id {id}")?,
            (None, Some(number)) => writeln!(out, "only B has message {number}, control id {id}")?,
            _ => {}
        }
        for line in changes::lines(&self.differences, palette) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn summary(compared: &[Compared]) -> String {
    let fields = compared.iter().map(|one| one.differences.len()).sum();
    let differing = compared.iter().filter(|one| !one.is_same()).count();
    match (differing, compared.len()) {
        (0, 1) => "no difference".to_owned(),
        (0, all) => format!("no difference in {}", counted(all, "message")),
        (_, 1) => counted(fields, "difference"),
        (some, all) => format!(
            "{} in {some} of {}",
            counted(fields, "difference"),
            counted(all, "message")
        ),
    }
}
