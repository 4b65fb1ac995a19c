//! `transfuse plugin`: one file for each command; here is only which there are.

mod build;
mod new;
mod template;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Write and build plugins
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::Arguments),
    Build(build::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::New(arguments) => new::run(arguments, console),
        Command::Build(arguments) => build::run(arguments, console),
    }
}
