//! Stored messages run again as they were run then: on the revision that decided them, with the code tables of that moment.

mod explaining;
mod verifying;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use transfuse_engine::{Detail, Interface, Revision};
use transfuse_sandbox::{Sandbox, State};
use transfuse_store::{Catalog, DecisionRecord, MessageRecord, Store};

use crate::configuration::resolved;
use crate::parts::Parts;
use crate::{assembly, configuration, deployment};

pub(crate) use explaining::{Explanation, MadeBy, Maker, NotExplained, Standing};
pub(crate) use verifying::{Found, Verified};

/// Revisions that are kept ready, those that were asked for last: as many as a site has interfaces, so that messages of all of them
/// in turn find theirs. Code that several have in common is held once.
const READY_MAX: usize = 32;

/// What stored messages are run again with.
pub(crate) struct Past {
    site: PathBuf,
    environment: Option<String>,
    store: Store,
    sandbox: Sandbox,
    /// The one that was asked for last at the end.
    ready: Mutex<Vec<(Key, Arc<Then>)>>,
}

/// A revision with its code tables, as it was at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    interface: String,
    revision: u32,
    /// By name.
    tables: BTreeMap<String, String>,
}

/// A revision as it was then.
struct Then {
    revision: Revision,
    resolved: resolved::Interface,
    parts: Parts,
}

impl Past {
    pub(crate) fn new(site: PathBuf, environment: Option<String>, store: Store, sandbox: Sandbox) -> Self {
        Self {
            site,
            environment,
            store,
            sandbox,
            ready: Mutex::default(),
        }
    }

    /// What decided a message, with its tables as they were. Blocks, and longer where plugins are compiled.
    fn then(&self, record: &MessageRecord, decision: &DecisionRecord) -> anyhow::Result<Arc<Then>> {
        let catalog = self.store.catalog();
        let (resolved, tables) = as_it_was(catalog, record, decision)?;
        let key = Key {
            interface: record.summary.interface.to_string(),
            revision: decision.revision,
            tables,
        };
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let mut parts = Parts::new(configuration::read_secrets(&self.site, self.environment.as_deref()));
        deployment::fetch_parts(catalog, &resolved, &mut parts)?;
        let settings = assembly::interface(&resolved, decision.revision, &parts, &self.site, &self.sandbox)?;
        let then = Arc::new(Then {
            revision: Revision::new(settings),
            resolved,
            parts,
        });
        let mut ready = self.lock();
        if ready.len() >= READY_MAX {
            ready.remove(0);
        }
        ready.push((key, Arc::clone(&then)));
        Ok(then)
    }

    fn known(&self, key: &Key) -> Option<Arc<Then>> {
        let mut ready = self.lock();
        let index = ready.iter().position(|(known, _)| known == key)?;
        let known = ready.remove(index);
        let then = Arc::clone(&known.1);
        ready.push(known);
        Some(then)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Key, Arc<Then>)>> {
        // Only whole values are put in and taken out.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The revision that made a decision, with its tables as they were, and these by name.
pub(crate) fn as_it_was(
    catalog: &Catalog,
    record: &MessageRecord,
    decision: &DecisionRecord,
) -> anyhow::Result<(resolved::Interface, BTreeMap<String, String>)> {
    let interface = &*record.summary.interface;
    let revision = catalog.revision(interface, decision.revision)?;
    let revision =
        revision.ok_or_else(|| anyhow::anyhow!("`{interface}` has no revision {} any more", decision.revision))?;
    let resolved = deployment::read_revision(&revision)?;
    let detail = Detail::open(decision.detail.as_slice())?;
    let tables = tables_then(catalog, &resolved, &detail, decision.at_ms)?;
    Ok((deployment::with_tables(resolved, &tables), tables))
}

/// The versions of code tables at a moment: those that the message is known to have used, and of the others the ones that were
/// live then.
fn tables_then(
    catalog: &Catalog,
    interface: &resolved::Interface,
    detail: &Detail,
    at_ms: i64,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut tables = BTreeMap::new();
    for grant in interface.tables() {
        let history = catalog.table_history(&grant.name)?;
        let live = history.into_iter().find(|change| change.at_ms <= at_ms);
        let digest = live.map_or_else(|| grant.digest.clone(), |change| change.digest);
        tables.insert(grant.name.clone(), digest);
    }
    for used in &detail.tables {
        tables.insert(used.name.clone(), used.digest.clone());
    }
    Ok(tables)
}

/// What plugins keep by now; what they kept then is not known.
fn state_of(live: Option<&Arc<Interface>>) -> State {
    live.map(|live| live.state()).unwrap_or_default()
}

impl std::fmt::Debug for Past {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Past({})", self.site.display())
    }
}
