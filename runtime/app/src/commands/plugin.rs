//! `transfuse plugin`: one file for each command; here is only which there are.

mod approve;
mod build;
mod key;
mod named;
mod revoke;
mod sign;
mod until;
mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Build plugins, sign them, and decide which may run
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(build::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    Sign(sign::Arguments),
    Verify(verify::Arguments),
    Approve(approve::Arguments),
    Revoke(revoke::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Build(arguments) => build::run(arguments, console),
        Command::Key(command) => key::run(command, console),
        Command::Sign(arguments) => sign::run(arguments, console),
        Command::Verify(arguments) => verify::run(arguments, console),
        Command::Approve(arguments) => approve::run(arguments, console),
        Command::Revoke(arguments) => revoke::run(arguments, console),
    }
}
