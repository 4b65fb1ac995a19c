//! `transfuse plugin`: one file for each command; here is only which there are.

mod access;
mod approve;
mod bench;
mod build;
mod certify;
mod dev;
mod elsewhere;
mod found;
mod fuzz;
mod inspect;
mod install;
mod key;
mod list;
mod mapping;
mod new;
mod pull;
mod push;
mod remove;
mod revoke;
mod run;
mod sample;
mod sdk;
mod sign;
mod subject;
mod template;
mod test;
mod told;
mod until;
mod usage;
mod verify;
mod vouched;
mod wanted;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Outcome;

/// Write, try, test, sign, certify and distribute plugins, and decide which may run
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::Arguments),
    Sdk(sdk::Arguments),
    Build(build::Arguments),
    Dev(dev::Arguments),
    Test(test::Arguments),
    Run(run::Arguments),
    Bench(bench::Arguments),
    Fuzz(fuzz::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    Sign(sign::Arguments),
    Certify(certify::Arguments),
    Verify(verify::Arguments),
    Approve(approve::Arguments),
    Revoke(revoke::Arguments),
    Inspect(inspect::Arguments),
    Push(push::Arguments),
    Pull(pull::Arguments),
    Install(install::Arguments),
    Access(access::Arguments),
    List(list::Arguments),
    Remove(remove::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::New(arguments) => new::run(arguments, console),
        Command::Sdk(arguments) => sdk::run(arguments, console),
        Command::Build(arguments) => build::run(arguments, console),
        Command::Dev(arguments) => dev::run(arguments, console),
        Command::Test(arguments) => test::run(arguments, console),
        Command::Run(arguments) => run::run(arguments, console),
        Command::Bench(arguments) => bench::run(arguments, console),
        Command::Fuzz(arguments) => fuzz::run(arguments, console),
        Command::Key(command) => key::run(command, console),
        Command::Sign(arguments) => sign::run(arguments, console),
        Command::Certify(arguments) => certify::run(arguments, console),
        Command::Verify(arguments) => verify::run(arguments, console),
        Command::Approve(arguments) => approve::run(arguments, console),
        Command::Revoke(arguments) => revoke::run(arguments, console),
        Command::Inspect(arguments) => inspect::run(arguments, console),
        Command::Push(arguments) => push::run(arguments, console),
        Command::Pull(arguments) => pull::run(arguments, console),
        Command::Install(arguments) => install::run(arguments, console),
        Command::Access(arguments) => access::run(arguments, console),
        Command::List(arguments) => list::run(arguments, console),
        Command::Remove(arguments) => remove::run(arguments, console),
    }
}
