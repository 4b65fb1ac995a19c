//! `transfuse hl7 encode`: messages in another character set, or with other line ends.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use transfuse_message::{Charset, Message, RecodeError, Unmappable};

use super::input::{self, Reading, or_standard_input};
use super::paths;
use super::rewrite::{LineEnd, Rewritten, Target};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::message_file::MessageFile;

/// Write messages in another character set, or with other line ends
///
/// MSH-18 is rewritten to match. A character that the set lacks is a fault that names its path, or with `--unmappable
/// escape` an escape sequence; it is never a question mark. `--from` says what set the bytes are in, where MSH-18 is
/// empty or wrong.
///
/// Example: transfuse hl7 encode --charset utf-8 --from windows-1250 day.hl7 > day-utf8.hl7
///
/// Example: transfuse hl7 encode --line-end lf --in-place day.hl7
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with messages; `-`, or none, is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The set to write, such as utf-8, 8859/2 or windows-1250
    #[arg(long, value_name = "SET", value_parser = input::charset, required_unless_present = "line_end")]
    charset: Option<Charset>,
    /// The set to read, whatever MSH-18 says
    #[arg(long, value_name = "SET", value_parser = input::charset)]
    from: Option<Charset>,
    /// What to do with a character that the set lacks
    #[arg(long, value_enum, default_value = "fault", value_name = "HOW")]
    unmappable: HowUnmappable,
    /// What to end segments with; HL7 asks for cr
    #[arg(long, value_enum, value_name = "END")]
    line_end: Option<LineEnd>,
    /// Only this message of each file, counted from 1; the others stay as they are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    message: Option<u32>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HowUnmappable {
    /// Fail, and name the path
    Fault,
    /// Write an escape sequence
    Escape,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let reading = Reading {
        charset: arguments.from,
        message: arguments.message,
    };
    let mut rewritten = Vec::new();
    for path in or_standard_input(&arguments.files)? {
        let file = MessageFile::read(&path)?;
        let mut replaced = Vec::new();
        for part in reading.chosen(&file)? {
            let read = reading.read(&file, part)?;
            let label = read.label();
            replaced.push((part, arguments.encoded(read.message, &label)?));
        }
        rewritten.push(Rewritten::new(&file, replaced, arguments.line_end));
    }
    arguments.target.write(&rewritten, console)?;
    Ok(Exit::Success)
}

impl Arguments {
    fn encoded(&self, message: Message, label: &str) -> Result<Bytes, Failure> {
        let message = match self.charset {
            Some(charset) => self.recoded(&message, charset, label)?,
            None => message,
        };
        let Some(end) = self.line_end else {
            return Ok(message.encode());
        };
        message.encode_with_ending(end.bytes()).ok_or_else(|| {
            let error =
                anyhow::anyhow!("{label}: a value holds a line feed, and MSH-2 names no character to escape it with");
            Failure::from(error).hinted("`--line-end cr` keeps it as it is")
        })
    }

    fn recoded(&self, message: &Message, charset: Charset, label: &str) -> Result<Message, Failure> {
        let unmappable = match self.unmappable {
            HowUnmappable::Fault => Unmappable::Fault,
            HowUnmappable::Escape => Unmappable::Escape,
        };
        message.to_charset(charset, unmappable).map_err(|error| {
            let hint = match &error {
                RecodeError::Unmappable { .. } => "`--unmappable escape` writes it as an escape sequence",
                RecodeError::Undecodable { .. } => "`--from windows-1250`, say, reads the bytes in another set",
                _ => "`--charset utf-8` has every character",
            };
            let text = paths::without_engine(&error);
            Failure::from(anyhow::anyhow!("{label}: {text}")).hinted(hint)
        })
    }
}
