//! Which engine a question is for.

use std::path::PathBuf;

use clap::Args;

use crate::configuration;
use crate::control::{Client, ClientError};
use crate::failure::{Failure, Hint as _};

/// The arguments of every command that asks a running engine.
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// The site folder
    #[arg(default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The engine's data folder, where it is not the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Engine {
    /// The engine of a site, on its own data folder or on another one.
    pub(crate) fn new(site: PathBuf, data: Option<PathBuf>) -> Self {
        Self { site, data }
    }

    /// Asks the engine, and explains where there is none.
    pub(crate) fn ask<T>(&self, question: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match runtime.block_on(question(&self.client())) {
            Ok(answer) => Ok(answer),
            Err(ClientError::Refused(refusal)) => {
                let hint = refusal.hint.clone();
                let refused: Result<T, Failure> = Err(ClientError::Refused(refusal).into());
                match hint {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                }
            }
            Err(error @ ClientError::NotRunning { .. }) => {
                Err(error).hint(format!("start it with `transfuse run {}`", self.site.display()))
            }
            Err(error) if error.is_forbidden() => Err(error).hint(
                "its own account and root may ask it, and the group that `group` in `[control]` of transfuse.toml names",
            ),
            Err(error) => Err(error.into()),
        }
    }

    fn client(&self) -> Client {
        // What is wrong with the site does not matter here: where the data is can be read all the same.
        let (settings, _) = configuration::read_settings(&self.site);
        match (&self.data, settings.control.socket) {
            (Some(data), _) => Client::new(data),
            (None, None) => Client::new(self.site.join(settings.data)),
            (None, Some(socket)) => Client::at(self.site.join(settings.data), self.site.join(socket)),
        }
    }
}
