//! `transfuse keys make`: a master key in a file of its own.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_store::Store;

use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

/// Make a master key
///
/// For a data folder whose master key is to lie elsewhere than beside it: name the file in `transfuse.toml`, as `[store] master_key`,
/// before the first start. Each data folder has a master key of its own. A file that is there is never written over.
///
/// Example: transfuse keys make /etc/transfuse/master.key
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    file: String,
    /// Tells master keys apart, and tells nothing of them.
    fingerprint: String,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let file = arguments.file.display().to_string();
    let fingerprint = Store::make_master_key(&arguments.file).map_err(|error| {
        let hint = error.hint();
        hint.into_iter().fold(Failure::from(error), Failure::hinted)
    })?;
    if arguments.json {
        console.json(&Made { file, fingerprint })?;
    } else {
        console.result(format_args!("{file} holds the new master key {fingerprint}"))?;
        console.note("keep a copy of it where the backups of the data folder are not");
    }
    Ok(Exit::Success)
}
