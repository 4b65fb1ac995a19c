//! Which messages a command is for, and how their bytes are read.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use transfuse_message::{Charset, Message, ParseOptions};

use crate::configuration::suggest;
use crate::console::Console;
use crate::failure::{Exit, Failure, Hint as _};
use crate::message_file::{MessageFile, Part};

/// The arguments of every command that reads messages.
#[derive(Debug, Clone, Args)]
pub(super) struct Reading {
    /// Read the bytes in this character set, whatever MSH-18 says
    #[arg(long, value_name = "SET", value_parser = charset)]
    pub(super) charset: Option<Charset>,
    /// Only this message of each file, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) message: Option<u32>,
}

/// A message that could be read, and where it came from.
pub(super) struct Read<'f> {
    pub(super) file: &'f MessageFile,
    pub(super) part: &'f Part,
    pub(super) message: Message,
}

impl Read<'_> {
    /// `day.hl7`, or `day.hl7, message 3 (line 41)`.
    pub(super) fn label(&self) -> String {
        self.file.label(self.part)
    }
}

impl Reading {
    pub(super) fn options(&self) -> ParseOptions {
        ParseOptions {
            charset: self.charset,
            ..ParseOptions::default()
        }
    }

    /// The messages of a file that are asked for.
    pub(super) fn chosen<'f>(&self, file: &'f MessageFile) -> Result<&'f [Part], Failure> {
        let Some(number) = self.message else {
            return Ok(&file.parts);
        };
        let index = usize::try_from(number).unwrap_or(usize::MAX) - 1;
        match file.parts.get(index..=index) {
            Some(parts) => Ok(parts),
            None => Err(anyhow::anyhow!("`{}` has no message {number}", file.name())).hint(format!(
                "it has {}",
                crate::layout::counted(file.parts.len(), "message")
            )),
        }
    }

    /// Reads one message; what is wrong with it names its file and number.
    pub(super) fn read<'f>(&self, file: &'f MessageFile, part: &'f Part) -> Result<Read<'f>, Failure> {
        let message = file
            .parse(part, &self.options())
            .map_err(|error| anyhow::anyhow!("{}: {error}", file.label(part)))?;
        Ok(Read { file, part, message })
    }
}

/// Files that are looked at one after the other. What is wrong with one is told, and keeps no other from being shown.
pub(super) struct Walk {
    console: Console,
    exit: Exit,
}

impl Walk {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            exit: Exit::Success,
        }
    }

    /// The value, or a report of why there is none.
    pub(super) fn keep<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result
            .map_err(|failure| self.exit = failure.report(self.console).max(self.exit))
            .ok()
    }

    /// The answer is bad, whatever else comes.
    pub(super) fn fail(&mut self) {
        self.exit = self.exit.max(Exit::Failure);
    }

    pub(super) fn end(self) -> Exit {
        self.exit
    }
}

/// Standard input where no file is named, unless a person sits there and waits.
pub(super) fn or_standard_input(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if !files.is_empty() {
        return Ok(files.to_owned());
    }
    if std::io::stdin().is_terminal() {
        return Err(anyhow::anyhow!("no file is named")).hint("name a file, or `-` to type a message");
    }
    Ok(vec![PathBuf::from("-")])
}

/// A character set by any of its names.
pub(crate) fn charset(label: &str) -> Result<Charset, String> {
    Charset::from_label(label).ok_or_else(|| {
        let known: Vec<&str> = Charset::labels().collect();
        let hints = || suggest::hints(label, "character set", &known).join("; ");
        Charset::refusal(label).map_or_else(hints, str::to_owned)
    })
}
