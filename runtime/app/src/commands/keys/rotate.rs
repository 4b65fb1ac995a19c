//! `transfuse keys rotate`: another master key.

use clap::Args;
use serde::Serialize;
use transfuse_store::Store;

use super::none_yet;
use crate::commands::store::{Files, opened};
use crate::console::Console;
use crate::failure::{Exit, Outcome};
use crate::layout::counted;

/// Put a new master key in the place of the present one
///
/// All keys are wrapped by the new one, and nothing else changes: no message is sealed anew, and an engine that works on the folder
/// goes on. The file of the present master key is then gone, and a copy of it opens nothing but older backups: keep it as long as
/// these, and make a copy of the new one. Cut short at any moment, this leaves a folder that opens.
///
/// Example: transfuse keys rotate examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
}

#[derive(Serialize)]
struct Rotated {
    file: String,
    fingerprint: String,
    /// That of the master key before.
    earlier: String,
    /// Keys that it wraps.
    keys: u64,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let settings = arguments.files.settings()?;
    let progress = console.working("wrapping all keys anew");
    let rotated = Store::rotate_master_key(&settings);
    drop(progress);
    let Some(rotated) = opened(&settings, rotated)? else {
        return none_yet();
    };
    let told = Rotated {
        file: rotated.master_file.display().to_string(),
        fingerprint: rotated.fingerprint,
        earlier: rotated.earlier,
        keys: rotated.keys,
    };
    if arguments.files.json {
        console.json(&told)?;
        return Ok(Exit::Success);
    }
    let keys = counted(usize::try_from(told.keys).unwrap_or(usize::MAX), "key");
    let Rotated {
        file,
        fingerprint,
        earlier,
        ..
    } = told;
    console.result(format_args!(
        "{file} holds the new master key {fingerprint}, which wraps {keys}; it was {earlier}"
    ))?;
    console.note("keep a copy of it where the backups of the data folder are not");
    Ok(Exit::Success)
}
