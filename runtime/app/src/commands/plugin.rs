//! `transfuse plugin`: one file for each command; here is only which there are.

mod bench;
mod build;
mod dev;
mod fuzz;
mod new;
mod run;
mod sample;
mod subject;
mod template;
mod test;
mod told;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Write, build, try and test plugins
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::Arguments),
    Build(build::Arguments),
    Dev(dev::Arguments),
    Test(test::Arguments),
    Run(run::Arguments),
    Bench(bench::Arguments),
    Fuzz(fuzz::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::New(arguments) => new::run(arguments, console),
        Command::Build(arguments) => build::run(arguments, console),
        Command::Dev(arguments) => dev::run(arguments, console),
        Command::Test(arguments) => test::run(arguments, console),
        Command::Run(arguments) => run::run(arguments, console),
        Command::Bench(arguments) => bench::run(arguments, console),
        Command::Fuzz(arguments) => fuzz::run(arguments, console),
    }
}
