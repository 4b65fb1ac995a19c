//! `transfuse tables`: the code tables of a running engine, one file for each command.

mod change;
mod history;
mod list;
mod misses;

use clap::Subcommand;

use crate::configuration::{NAME_RULE, is_name};
use crate::console::Console;
use crate::failure::{Failure, Hint as _, Outcome};

/// Keep code tables: which there are, what is missing in them, and rows for it
///
/// A code table is a CSV file `tables/NAME.csv` of the site, and the catalog has every version of it that was ever live. A new
/// version is in force with the next message: no restart, and no new revision of an interface. Each message records the
/// versions that it was processed with.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    History(history::Arguments),
    Misses(misses::Arguments),
    Add(change::AddArguments),
    Apply(change::ApplyArguments),
}

/// A name becomes part of an address.
fn table_name(name: &str) -> Result<&str, Failure> {
    if is_name(name) {
        Ok(name)
    } else {
        Err(anyhow::anyhow!("`{name}` cannot name a table")).hint(NAME_RULE)
    }
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::List(arguments) => list::run(arguments, console),
        Command::History(arguments) => history::run(arguments, console),
        Command::Misses(arguments) => misses::run(arguments, console),
        Command::Add(arguments) => change::add(arguments, console),
        Command::Apply(arguments) => change::apply(arguments, console),
    }
}
