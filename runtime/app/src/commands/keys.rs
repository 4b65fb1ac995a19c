//! `transfuse keys`: what opens the data folder, one file for each command.

mod make;
mod rotate;
mod show;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::{Failure, Hint as _, Outcome};

/// Look after the keys of a data folder
///
/// Whatever may hold patient data is sealed in the data folder: messages, outputs, answers, words of plugins, what plugins keep. Each
/// interface has a key for each day, and a master key wraps them all. The master key is a file outside the data folder: beside it,
/// `data.key` for the folder `data`, which the first start makes, or where `[store] master_key` says. Neither is worth
/// anything without the other: keep a copy of the key where the backups of the folder are not.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::Arguments),
    Rotate(rotate::Arguments),
    Make(make::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Show(arguments) => show::run(arguments, console),
        Command::Rotate(arguments) => rotate::run(arguments, console),
        Command::Make(arguments) => make::run(arguments, console),
    }
}

/// A folder that was last written by an engine that sealed nothing.
fn none_yet<T>() -> Result<T, Failure> {
    let none: Result<T, Failure> = Err(anyhow::anyhow!("nothing is sealed in this data folder yet").into());
    none.hint("`transfuse run` makes its keys, and seals from then on")
}
