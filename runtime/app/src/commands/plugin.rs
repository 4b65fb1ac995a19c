//! `transfuse plugin`: one file for each command; here is only which there are.

mod build;
mod inspect;
mod install;
mod list;
mod pull;
mod push;
mod remove;
mod usage;
mod wanted;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Build plugins, look into them, move them, and install them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::Arguments),
    Inspect(inspect::Arguments),
    Push(push::Arguments),
    Pull(pull::Arguments),
    Install(install::Arguments),
    List(list::Arguments),
    Remove(remove::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Build(arguments) => build::run(arguments, console),
        Command::Inspect(arguments) => inspect::run(arguments, console),
        Command::Push(arguments) => push::run(arguments, console),
        Command::Pull(arguments) => pull::run(arguments, console),
        Command::Install(arguments) => install::run(arguments, console),
        Command::List(arguments) => list::run(arguments, console),
        Command::Remove(arguments) => remove::run(arguments, console),
    }
}
