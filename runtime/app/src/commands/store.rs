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
    /// Look at every page and every entry of the journal
    ///
    /// An engine may work on the files meanwhile. The exit code is 1 where something cannot be read. A damaged segment is best
    /// restored from a backup: stop the engine, put the file back, run `transfuse store rebuild`, start the engine. Where there is none, `transfuse store repair`
    /// saves what can be read of it.
    ///
    /// Example: transfuse store check examples/lab-results
    Check(Files),
    /// Build `live.sqlite` anew from the journal, and hold the one that was there against it
    ///
    /// For an engine that is stopped. Nothing is lost by it: the journal has everything that `live.sqlite` says. The two are compared
    /// row by row, and any difference is told with exit code 1: it means that a file was changed, or that the engine is wrong. The new
    /// one is in place in either case.
    ///
    /// Example: transfuse store rebuild examples/lab-results
    Rebuild(Files),
    /// Save what can be read of damaged segments of the journal
    ///
    /// For an engine that is stopped, and for a journal of which no backup has the damaged segment. Every entry that can be read goes
    /// into a new file that takes the segment's place; the damaged one is kept beside it, as NNNNNN.damaged. A segment whose beginning
    /// cannot be read is left as it is. The exit code is 1 where something is lost.
    ///
    /// Example: transfuse store repair examples/lab-results
    Repair(Files),
}

pub(crate) fn run(command: &Command, console: Console) -> Outcome {
    match command {
        Command::Check(files) => check::run(files, console),
        Command::Rebuild(files) => rebuild::run(files, console),
        Command::Repair(files) => repair::run(files, console),
    }
}

/// Whose files.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The engine's data folder, where it is not the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Files {
    /// The settings of a store that is there.
    pub(super) fn settings(&self) -> Result<StoreSettings, Failure> {
        // What is wrong with the site does not matter here: where the data is can be read all the same.
        let (settings, _) = configuration::read_settings(&self.site);
        let data = self.data.clone().unwrap_or_else(|| self.site.join(&settings.data));
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
