//! The command line: one variant for each command, and nothing else; each command has a file of its own.

use clap::{Parser, Subcommand};

use crate::commands::{
    changes, check, compile_component, deliveries, demo, downtime, hl7, interface, keys, lanes, listen, messages,
    plugin, precompile, run, send, status, store, tables,
};
use crate::console::{ColourChoice, Console};
use crate::failure::Outcome;
use crate::sandboxing::COMPILE_COMMAND;

/// A healthcare integration engine: messages in, through sandboxed plugins, messages out
#[derive(Debug, Parser)]
#[command(name = "transfuse", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct CommandLine {
    /// When to use colour: auto, always or never (auto honours `NO_COLOR`)
    #[arg(
        long,
        global = true,
        value_enum,
        hide_possible_values = true,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub(crate) color: ColourChoice,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Results go to stdout, everything else to stderr. Exit codes:
   0  it worked
   1  it did not, or the answer is bad (a message was refused, no engine is running)
   2  the command line cannot be understood
  64  the site's configuration, or a plugin's test vectors, have faults; nothing was done

Begin with: transfuse demo";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    Demo(demo::Arguments),
    Status(status::Arguments),
    Apply(changes::apply::Arguments),
    Deploy(changes::deploy::Arguments),
    Rollback(changes::rollback::Arguments),
    Approve(changes::approve::Arguments),
    History(changes::history::Arguments),
    Evidence(changes::evidence::Arguments),
    Diff(changes::diff::Arguments),
    #[command(subcommand)]
    Trial(changes::trial::Command),
    Pause(changes::pause::PauseArguments),
    Resume(changes::pause::ResumeArguments),
    #[command(subcommand)]
    Messages(messages::Command),
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    #[command(subcommand)]
    Lanes(lanes::Command),
    #[command(subcommand)]
    Downtime(downtime::Command),
    #[command(subcommand)]
    Tables(tables::Command),
    Send(send::Arguments),
    Listen(listen::Arguments),
    #[command(subcommand)]
    Hl7(hl7::Command),
    #[command(subcommand)]
    Interface(interface::Command),
    #[command(subcommand)]
    Plugin(plugin::Command),
    Precompile(precompile::Arguments),
    #[command(subcommand)]
    Store(store::Command),
    #[command(subcommand)]
    Keys(keys::Command),
    /// Compile one component within limits, for a sandbox in another process
    #[command(name = COMPILE_COMMAND, hide = true)]
    CompileComponent,
}

impl Command {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        match self {
            Self::Run(arguments) => run::run(arguments, console),
            Self::Check(arguments) => check::run(arguments, console),
            Self::Demo(arguments) => demo::run(arguments, console),
            Self::Status(arguments) => status::run(arguments, console),
            Self::Apply(arguments) => changes::apply::run(arguments, console),
            Self::Deploy(arguments) => changes::deploy::run(arguments, console),
            Self::Rollback(arguments) => changes::rollback::run(arguments, console),
            Self::Approve(arguments) => changes::approve::run(arguments, console),
            Self::Evidence(arguments) => changes::evidence::run(arguments, console),
            Self::History(arguments) => changes::history::run(arguments, console),
            Self::Diff(arguments) => changes::diff::run(arguments, console),
            Self::Trial(command) => changes::trial::run(command, console),
            Self::Pause(arguments) => changes::pause::pause(arguments, console),
            Self::Resume(arguments) => changes::pause::resume(arguments, console),
            Self::Messages(command) => messages::run(command, console),
            Self::Deliveries(command) => deliveries::run(command, console),
            Self::Lanes(command) => lanes::run(command, console),
            Self::Downtime(command) => downtime::run(command, console),
            Self::Tables(command) => tables::run(command, console),
            Self::Send(arguments) => send::run(arguments, console),
            Self::Listen(arguments) => listen::run(arguments, console),
            Self::Hl7(command) => hl7::run(command, console),
            Self::Interface(command) => interface::run(command, console),
            Self::Plugin(command) => plugin::run(command, console),
            Self::Precompile(arguments) => precompile::run(arguments, console),
            Self::Store(command) => store::run(command, console),
            Self::Keys(command) => keys::run(command, console),
            Self::CompileComponent => compile_component::run(console),
        }
    }
}
