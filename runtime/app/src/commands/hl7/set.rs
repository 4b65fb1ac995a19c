//! `transfuse hl7 set`: messages with values changed.

use std::ffi::OsString;

use clap::Args;
use transfuse_message::{Message, Path, PathError};

use super::input::{Reading, or_standard_input};
use super::paths;
use super::rewrite::{Rewritten, Target};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::message_file::MessageFile;

/// Change values by path; every other byte stays as it is
///
/// A word such as `PID-5.1=PRÓBA` is a change, every other word a file. Values are escaped as the message's delimiters
/// ask for: `PID-5.1=A&B` is one value. `PATH=` empties a value, and `PATH=""` (in quotes of the shell: 'PID-8=""')
/// asks the receiver to delete it. Fields and components that are missing on the way are made; segments are not. The
/// changed file goes to standard output, or with `--in-place` into the file itself. Where one change fails, nothing is
/// written, and the exit code is 1.
///
/// Example: transfuse hl7 set MSH-5=EHR 'PID-5.1=PRÓBA' day.hl7 > changed.hl7
///
/// Example: transfuse hl7 set MSH-11=T --in-place test/*.hl7
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Changes, and files with messages; without a file, standard input
    #[arg(required = true, value_name = "PATH=VALUE|FILE")]
    words: Vec<OsString>,
    #[command(flatten)]
    reading: Reading,
    /// Values are encoded already, with delimiters and escapes: PID-5=PRÓBA^BETEG sets a whole field
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let take = |word: &str| paths::assignment(word).map(|(path, value)| (path, value.to_owned()));
    let (changes, files) = paths::apart(&arguments.words, "change", take)?;
    let mut rewritten = Vec::new();
    for path in or_standard_input(&files)? {
        let file = MessageFile::read(&path)?;
        let mut replaced = Vec::new();
        for part in arguments.reading.chosen(&file)? {
            let mut read = arguments.reading.read(&file, part)?;
            let label = read.label();
            for (path, value) in &changes {
                change(&mut read.message, path, value, arguments.raw).map_err(|error| explained(&label, &error))?;
            }
            replaced.push((part, read.message.encode()));
        }
        rewritten.push(Rewritten::new(&file, replaced, None));
    }
    arguments.target.write(&rewritten, console)?;
    Ok(Exit::Success)
}

fn change(message: &mut Message, path: &Path, value: &str, raw: bool) -> Result<(), PathError> {
    if !raw {
        return message.set(path, value);
    }
    let bytes = message.charset().encode(value).ok_or_else(|| PathError::Unencodable {
        path: path.clone(),
        charset: message.charset(),
        reason: "the character set of the message lacks one of its characters",
    })?;
    let bytes = bytes.into_owned();
    message.set_raw(path, &bytes)
}

fn explained(label: &str, error: &PathError) -> Failure {
    let failure = Failure::from(anyhow::anyhow!("{label}: {error}"));
    match error {
        PathError::Unencodable { .. } => failure
            .hinted("`transfuse hl7 encode --charset utf-8` writes the message in a set that has every character"),
        _ => failure,
    }
}
