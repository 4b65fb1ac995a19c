//! `transfuse hl7`: looking into message files and changing them, without an engine.

pub(crate) mod changes;
mod diff;
mod encode;
mod get;
mod input;
mod names;
mod parse;
mod paths;
mod rewrite;
mod selection;
mod set;
mod tree;
mod validate;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

pub(crate) use input::charset;
pub(crate) use paths::path;

/// Read, check, compare and change HL7 v2 message files
///
/// Files may hold one message or many, with batch headers around them or without; `-` is standard input. Nothing needs
/// an engine or a site. What is shown is whatever the messages hold: patient data, in most files.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Parse(parse::Arguments),
    Validate(validate::Arguments),
    Get(get::Arguments),
    Set(set::Arguments),
    Diff(diff::Arguments),
    Encode(encode::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Parse(arguments) => parse::run(arguments, console),
        Command::Validate(arguments) => validate::run(arguments, console),
        Command::Get(arguments) => get::run(arguments, console),
        Command::Set(arguments) => set::run(arguments, console),
        Command::Diff(arguments) => diff::run(arguments, console),
        Command::Encode(arguments) => encode::run(arguments, console),
    }
}
