//! `transfuse plugin`: one file for each command; here is only which there are.

mod build;
mod subject;
mod test;
mod told;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Build and test plugins
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::Arguments),
    Test(test::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Build(arguments) => build::run(arguments, console),
        Command::Test(arguments) => test::run(arguments, console),
    }
}
