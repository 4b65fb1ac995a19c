//! `transfuse hl7 validate`: what is wrong with messages.

use clap::Args;

use crate::console::Console;
use crate::failure::{Exit, Outcome};

/// x
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments, _console: Console) -> Outcome {
    Ok(Exit::Success)
}
