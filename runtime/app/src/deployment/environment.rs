//! Which environment a data folder belongs to.

use std::path::{Path, PathBuf};

use transfuse_store::Catalog;

use super::{Deployment, Live, read_revision};
use crate::configuration::Site;

/// A data folder of another environment than the one that is chosen.
#[derive(Debug, thiserror::Error)]
#[error("the data folder `{data}` belongs to {live}, and {chosen} is chosen", data = data.display(), live = told(live.as_deref()), chosen = told(chosen.as_deref()))]
pub(crate) struct OtherEnvironment {
    data: PathBuf,
    live: Option<String>,
    chosen: Option<String>,
}

impl OtherEnvironment {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match &self.live {
            Some(name) => {
                format!("start it with `--environment {name}`, or name another data folder with `--data DIR`")
            }
            None => "`--apply` takes it into the environment; `--data DIR` names another data folder".to_owned(),
        }
    }
}

fn told(environment: Option<&str>) -> String {
    environment.map_or_else(
        || "no environment".to_owned(),
        |name| format!("the environment `{name}`"),
    )
}

/// Whether the data folder of a catalog may run in an environment. It belongs to one: its deliveries wait for the receivers of that
/// one. One that belongs to none is taken into an environment by a change of what is live.
pub(crate) fn fits_environment(
    catalog: &Catalog,
    data: &Path,
    chosen: Option<&str>,
    apply: bool,
) -> anyhow::Result<Result<(), OtherEnvironment>> {
    for name in catalog.interfaces()? {
        let Some(revision) = catalog.live(&name)? else { continue };
        let live = read_revision(&revision)?.environment;
        if live.as_deref() != chosen && !(live.is_none() && apply) {
            return Ok(Err(OtherEnvironment {
                data: data.to_owned(),
                live,
                chosen: chosen.map(str::to_owned),
            }));
        }
    }
    Ok(Ok(()))
}

/// What a change has not taken into the environment, because the folder does not have it, still has the addresses of before.
pub(super) fn refuse_left_behind(deployment: &Deployment, site: &Site) -> anyhow::Result<()> {
    for Live { interface, .. } in &deployment.interfaces {
        let name = &interface.name;
        let chosen = site.interfaces.first().map(|one| &one.environment);
        anyhow::ensure!(
            chosen.is_none_or(|chosen| *chosen == interface.environment),
            "`{name}` is live with the addresses of {}, and the site folder has no `interfaces/{name}.toml`",
            told(interface.environment.as_deref())
        );
    }
    Ok(())
}
