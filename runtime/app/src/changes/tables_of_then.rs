//! Versions of code tables that a revision was made with: what a rollback with its tables makes live again.
//!
//! Tables belong to all interfaces that use them, so that all of them change, and the plan says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::planning::{before_this, find};
use super::{ChangeError, Changes, Difference, Kind, Planned};
use crate::deployment;
use crate::tables::Running;

/// Tables that are to have another version, and what that does.
#[derive(Debug, Default)]
pub(crate) struct TablesOfThen {
    /// Names, and the digests of then.
    pub(crate) versions: BTreeMap<String, String>,
    /// Every interface that uses one of them.
    pub(crate) planned: Vec<Planned>,
}

impl Changes {
    /// The tables of an earlier revision, as far as another version is live: of the one that was live before, or the one of that
    /// number.
    pub(crate) async fn tables_of_then(
        self: &Arc<Self>,
        interface: &str,
        to: Option<u32>,
    ) -> Result<TablesOfThen, ChangeError> {
        let running = self.running.lock().await.clone();
        let (changes, interface) = (Arc::clone(self), interface.to_owned());
        spawn_blocking(move || changes.find_tables_of_then(&running, &interface, to)).await?
    }

    fn find_tables_of_then(
        &self,
        running: &[Running],
        interface: &str,
        to: Option<u32>,
    ) -> Result<TablesOfThen, ChangeError> {
        let catalog = self.store.catalog();
        let live = find(running, interface)?;
        let number = match to {
            Some(number) => number,
            None => before_this(catalog, interface, live.live.revision().number())?,
        };
        let unknown = || ChangeError::UnknownRevision {
            interface: interface.to_owned(),
            number,
        };
        let revision = catalog.revision(interface, number)?.ok_or_else(unknown)?;
        let then = deployment::read_revision(&revision).map_err(ChangeError::Failed)?;
        let now = deployment::live_tables(catalog).map_err(ChangeError::Failed)?;
        let changed = then
            .tables()
            .filter(|grant| now.get(&grant.name) != Some(&grant.digest));
        let versions: BTreeMap<String, String> = changed
            .map(|grant| (grant.name.clone(), grant.digest.clone()))
            .collect();
        let mut planned: Vec<Planned> = running.iter().map(|one| planned(one, &versions, &now)).collect();
        planned.retain(|one| !one.differences.is_empty());
        planned.sort_by(|one, other| one.interface.cmp(&other.interface));
        Ok(TablesOfThen { versions, planned })
    }
}

fn planned(running: &Running, versions: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Planned {
    let used = versions
        .iter()
        .filter(|(name, _)| running.interface.tables().any(|grant| grant.name == **name));
    let differences = used.map(|(name, digest)| Difference {
        place: format!("tables.{name}"),
        before: now.get(name).cloned(),
        after: Some(digest.clone()),
    });
    Planned {
        kind: Kind::OtherTables,
        after: Some(running.live.revision().number()),
        differences: differences.collect(),
        ..Planned::new(Some(running), &running.interface)
    }
}
