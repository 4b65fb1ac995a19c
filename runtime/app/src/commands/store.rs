//! `transfuse store`: the files of an engine, one file for each command.

mod check;
mod rebuild;
mod repair;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use transfuse_store::{OpenError, StoreSettings};

use crate::configuration;
use crate::console::Console;
use crate::failure::{Failure, Hint as _, Outcome};

/// Look after the files of an engine: whether all can be read, and what to do where not
///
/// The journal (`journal/NNNNNN.sqlite` in the data folder) is the truth: what was received, decided and delivered. What is asked
/// and searched is `live.sqlite`, which the journal adds up to and which can be built anew from it. An engine that finds a segment
/// of its journal damaged says so, serves everything else, and puts deliveries that it cannot read into quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Rebuild(rebuild::Arguments),
    Repair(repair::Arguments),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Check(arguments) => check::run(arguments, console),
        Command::Rebuild(arguments) => rebuild::run(arguments, console),
        Command::Repair(arguments) => repair::run(arguments, console),
    }
}

/// Whose files.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The engine's data folder, where it is not the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Files {
    /// The settings of a store that is there.
    pub(super) fn settings(&self) -> Result<StoreSettings, Failure> {
        // What is wrong with the site does not matter here: where the data is can be read all the same.
        let (settings, _) = configuration::read_settings(&self.site);
        let data = self.data.clone().unwrap_or_else(|| self.site.join(settings.data));
        if data.join("journal").is_dir() {
            return Ok(settings.store(&self.site, &data));
        }
        let none: Result<_, Failure> = Err(anyhow::anyhow!("`{}` holds no journal", data.display()).into());
        none.hint("name the site folder whose engine is meant, or its data folder with `--data DIR`")
    }
}

/// What a command does to files that no engine works on.
fn alone<T>(settings: &StoreSettings, done: Result<T, OpenError>) -> Result<T, Failure> {
    match done {
        Err(error @ OpenError::InUse { .. }) => Err(error).hint("stop it with SIGTERM, and ask again"),
        Err(error @ OpenError::Damaged { .. }) => {
            Err(error).hint("`transfuse store repair` saves what can be saved of it; a backup has all of it")
        }
        done => opened(settings, done),
    }
}

/// What a command does to the files of a folder, with what to do where they do not open.
pub(super) fn opened<T>(settings: &StoreSettings, done: Result<T, OpenError>) -> Result<T, Failure> {
    done.map_err(|error| {
        let hint = error.hint();
        let context = format!("the data folder is `{}`", settings.folder.display());
        let failure = Failure::from(anyhow::Error::from(error).context(context));
        hint.into_iter().fold(failure, Failure::hinted)
    })
}
