//! `transfuse plugin`: one file for each command; here is only which there are.

mod approve;
mod build;
mod certify;
mod key;
mod named;
mod revoke;
mod sign;
mod subject;
mod test;
mod told;
mod until;
mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Build, test, sign and certify plugins, and decide which may run
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::Arguments),
    Test(test::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    Sign(sign::Arguments),
    Certify(certify::Arguments),
    Verify(verify::Arguments),
    Approve(approve::Arguments),
    Revoke(revoke::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Build(arguments) => build::run(arguments, console),
        Command::Test(arguments) => test::run(arguments, console),
        Command::Key(command) => key::run(command, console),
        Command::Sign(arguments) => sign::run(arguments, console),
        Command::Certify(arguments) => certify::run(arguments, console),
        Command::Verify(arguments) => verify::run(arguments, console),
        Command::Approve(arguments) => approve::run(arguments, console),
        Command::Revoke(arguments) => revoke::run(arguments, console),
    }
}
