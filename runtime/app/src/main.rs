//! The binary `transfuse`: command line, configuration and control.
//!
//! Invariant: TOML, JSON, clap and HTTP live in this crate and in no other. What is read from files or asked over the
//! socket is turned into the plain types of the other crates here.

mod assembly;
mod certification;
mod changes;
mod cli;
mod commands;
mod configuration;
mod console;
mod control;
mod demo;
mod deployment;
mod downtimes;
mod expectations;
mod failure;
mod free_space;
mod hardening;
mod identity;
mod layout;
mod logging;
mod message_file;
mod observing;
mod onboarding;
mod parts;
mod past;
mod repairs;
mod samples;
mod sandboxing;
mod segment_names;
mod selection;
mod signals;
mod stored;
mod story;
mod tables;
mod trust;
mod vectors;
mod visible;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::CommandLine;
use crate::console::Console;

/// An engine runs for months, on as many threads as there are calls at once: what a burst took has to go back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let console = Console::new(line.color);
    let exit = line
        .command
        .run(console)
        .unwrap_or_else(|failure| failure.report(console));
    exit.into()
}
