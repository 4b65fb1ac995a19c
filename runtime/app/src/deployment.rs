//! What is live: the catalog says so, and the site folder only fills in what the catalog does not know.
//!
//! Code tables have a history of their own. A revision names the versions that it was made with, and what runs is the newest
//! that the catalog has of each name, whichever revision is live.

mod environment;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use transfuse_package::trust::Occasion;
use transfuse_store::{Catalog, Expected, NewRevision, Revision, TableEntry};

use crate::configuration::resolved::Interface;
use crate::configuration::{CodeTable, Fault, SecretSources, Site};
use crate::identity::Identity;
use crate::parts::{Component, Parts};
use crate::trust::{Distrust, Trust};

pub(crate) use environment::fits_environment;
use environment::refuse_left_behind;

/// An interface as it is to run.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) interface: Interface,
    pub(crate) revision: u32,
    /// How the site folder differs from it; none where it agrees.
    pub(crate) drift: Option<String>,
    /// What somebody should know about its plugins.
    pub(crate) alerts: Vec<String>,
}

/// A live revision that does not start, because one of its plugins is not trusted.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) interface: Interface,
    pub(crate) revision: u32,
    pub(crate) reasons: Vec<Distrust>,
}

/// Everything that is to run, and what its chains are made of.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// By name.
    pub(crate) interfaces: Vec<Live>,
    /// What is live and does not start. The others do.
    pub(crate) stopped: Vec<Stopped>,
    pub(crate) parts: Parts,
}

/// Who changes what is live, and why.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) author: Identity,
    pub(crate) reason: String,
    /// The release note; may be empty.
    pub(crate) note: String,
}

/// Brings the catalog and a site folder together.
///
/// An interface that the catalog does not know gets its first revision from the folder. One that it knows runs its live
/// revision, and a folder that says something else is drift; with `apply`, the folder's state becomes a new revision
/// and goes live.
pub(crate) fn from_site(
    catalog: &Catalog,
    site: &Site,
    trust: &Trust,
    apply: bool,
    change: &Change,
) -> anyhow::Result<Deployment> {
    for interface in changed(catalog, site, apply)? {
        make_live(catalog, site, interface, apply, change)
            .with_context(|| format!("cannot make a revision of `{}`", interface.name))?;
    }
    take_signatures(catalog, site)?;
    let mut deployment = from_catalog(catalog, trust, site.parts.secret_sources().clone())?;
    for live in &mut deployment.interfaces {
        let written = site
            .interfaces
            .iter()
            .find(|written| written.name == live.interface.name);
        live.drift = drift(&live.interface, written);
    }
    refuse_left_behind(&deployment, site)?;
    Ok(deployment)
}

/// Why what would be made live must not be. Nothing is made live while there is anything here.
pub(crate) fn refusals(catalog: &Catalog, site: &Site, apply: bool) -> anyhow::Result<Vec<Fault>> {
    let changed = changed(catalog, site, apply)?;
    let of_changed = changed
        .iter()
        .filter_map(|interface| site.refusals.get(&interface.name));
    Ok(of_changed.flatten().cloned().collect())
}

/// The interfaces of the site folder that a start makes live.
fn changed<'s>(catalog: &Catalog, site: &'s Site, apply: bool) -> anyhow::Result<Vec<&'s Interface>> {
    let mut changed = Vec::new();
    let tables = live_tables(catalog)?;
    for interface in &site.interfaces {
        let live = catalog.live(&interface.name)?;
        let is_current = match &live {
            Some(live) => current(live, &tables)? == *interface,
            None => false,
        };
        if !is_current && (apply || live.is_none()) {
            changed.push(interface);
        }
    }
    Ok(changed)
}

/// The live revisions as they run, and what they are made of, whoever vouches for it.
pub(crate) fn live(catalog: &Catalog, secrets: SecretSources) -> anyhow::Result<(Vec<Interface>, Parts)> {
    let (mut interfaces, mut parts) = (Vec::new(), Parts::new(secrets));
    let tables = live_tables(catalog)?;
    for name in catalog.interfaces()? {
        if let Some(live) = catalog.live(&name)? {
            let interface = current(&live, &tables)?;
            fetch_parts(catalog, &interface, &mut parts)?;
            interfaces.push(interface);
        }
    }
    Ok((interfaces, parts))
}

/// What the catalog says alone: a start with a site folder that cannot be read.
pub(crate) fn from_catalog(catalog: &Catalog, trust: &Trust, secrets: SecretSources) -> anyhow::Result<Deployment> {
    let mut deployment = Deployment {
        interfaces: Vec::new(),
        stopped: Vec::new(),
        parts: Parts::new(secrets),
    };
    let tables = live_tables(catalog)?;
    for name in catalog.interfaces()? {
        let Some(live) = catalog.live(&name)? else { continue };
        let interface = current(&live, &tables)?;
        fetch_parts(catalog, &interface, &mut deployment.parts)
            .with_context(|| format!("revision {} of `{name}` cannot run", live.number))?;
        deployment.add(interface, live.number, trust);
    }
    Ok(deployment)
}

impl Deployment {
    /// Adds a live revision whose parts are there: to what runs, or to what does not start.
    fn add(&mut self, interface: Interface, revision: u32, trust: &Trust) {
        let (mut alerts, mut reasons) = (Vec::new(), Vec::new());
        let steps = interface
            .all_steps()
            .filter_map(|step| Some((step, self.parts.component(&step.digest)?)));
        for (step, component) in steps {
            match trust.judge(component, &step.grants, Occasion::Load) {
                Ok(told) => alerts.extend(told),
                Err(distrust) => reasons.push(distrust),
            }
        }
        if reasons.is_empty() {
            self.interfaces.push(Live {
                interface,
                revision,
                drift: None,
                alerts,
            });
        } else {
            self.stopped.push(Stopped {
                interface,
                revision,
                reasons,
            });
        }
    }
}

/// Signatures that a package of the site has and the catalog's copy of it lacks: a certificate that was renewed.
fn take_signatures(catalog: &Catalog, site: &Site) -> anyhow::Result<()> {
    for component in site.parts.components() {
        if let Some(entry) = catalog.package(&component.identity.digest)?
            && let Some(signed) = Component::from_entry(entry)?.with_signatures_of(component)?
        {
            catalog.put_package(&signed.to_entry())?;
        }
    }
    Ok(())
}

fn make_live(
    catalog: &Catalog,
    site: &Site,
    interface: &Interface,
    apply: bool,
    change: &Change,
) -> anyhow::Result<()> {
    if let Some(refusal) = site.refusals.get(&interface.name).and_then(|faults| faults.first()) {
        anyhow::bail!("{}", refusal.message);
    }
    let (revision, _) = make_revision(catalog, &site.parts, interface, apply, change)?;
    let (author, reason) = (change.author.to_string(), &change.reason);
    catalog.set_live(&interface.name, revision.number, Expected::Anything, &author, reason)?;
    tracing::info!(
        interface = interface.name,
        revision = revision.number,
        reason,
        "made live"
    );
    Ok(())
}

/// Makes a revision that is not live yet, and gives it as it would run. The parts first: a revision must never name what the
/// catalog does not hold. A table that is live already changes only with `tables`: others use it too.
pub(crate) fn make_revision(
    catalog: &Catalog,
    parts: &Parts,
    interface: &Interface,
    tables: bool,
    change: &Change,
) -> anyhow::Result<(Revision, Interface)> {
    for step in interface.all_steps() {
        let component = parts.component(&step.digest).context("a component was not read")?;
        catalog.put_package(&component.to_entry())?;
    }
    let live = live_tables(catalog)?;
    for grant in interface.tables() {
        if tables || !live.contains_key(&grant.name) {
            let table = parts.table(&grant.digest).context("a table was not read")?;
            put_table(catalog, table, &change.author, &change.reason)?;
        }
    }
    let interface = with_tables(interface.clone(), &live_tables(catalog)?);
    let revision = catalog.add_revision(&NewRevision {
        interface: interface.name.clone(),
        content: serde_json::to_string(&interface)?,
        author: change.author.to_string(),
        reason: change.reason.clone(),
        note: change.note.clone(),
    })?;
    Ok((revision, interface))
}

/// The digest of the live version of each code table, by name.
pub(crate) fn live_tables(catalog: &Catalog) -> anyhow::Result<BTreeMap<String, String>> {
    let mut live = BTreeMap::new();
    for table in catalog.tables()? {
        // The newest of a name comes first.
        live.entry(table.name).or_insert(table.digest);
    }
    Ok(live)
}

/// Makes a version of a code table the live one of its name, for every start from now on.
pub(crate) fn put_table(catalog: &Catalog, table: &CodeTable, author: &Identity, reason: &str) -> anyhow::Result<()> {
    Ok(catalog.put_table(&table_entry(table), &author.to_string(), reason)?)
}

/// A revision as it runs: with the live versions of its code tables.
pub(crate) fn current(revision: &Revision, tables: &BTreeMap<String, String>) -> anyhow::Result<Interface> {
    Ok(with_tables(read_revision(revision)?, tables))
}

/// An interface with these versions of its code tables.
pub(crate) fn with_tables(mut interface: Interface, tables: &BTreeMap<String, String>) -> Interface {
    for grant in interface.tables_mut() {
        if let Some(live) = tables.get(&grant.name) {
            grant.digest.clone_from(live);
        }
    }
    interface
}

/// Adds what an interface is made of, from the catalog, as far as it is not there.
pub(crate) fn fetch_parts(catalog: &Catalog, interface: &Interface, parts: &mut Parts) -> anyhow::Result<()> {
    for step in interface.all_steps() {
        if parts.component(&step.digest).is_none() {
            let entry = catalog.package(&step.digest)?;
            let entry = entry.with_context(|| format!("the catalog does not hold {} {}", step.plugin, step.digest))?;
            parts.add_component(Component::from_entry(entry)?);
        }
    }
    for grant in interface.tables() {
        if parts.table(&grant.digest).is_none() {
            parts.add_table(fetch_table(catalog, &grant.name, &grant.digest)?);
        }
    }
    Ok(())
}

/// A version of a code table.
pub(crate) fn fetch_table(catalog: &Catalog, name: &str, digest: &str) -> anyhow::Result<CodeTable> {
    let missing = || format!("the catalog does not hold the table `{name}` {digest}");
    let entry = catalog.table(digest)?.with_context(missing)?;
    String::from_utf8(entry.content)
        .ok()
        .and_then(|content| CodeTable::from_content(name, &content))
        .filter(|table| table.digest == digest)
        .with_context(|| format!("the table `{name}` {digest} is damaged in the catalog"))
}

pub(crate) fn read_revision(revision: &Revision) -> anyhow::Result<Interface> {
    let Revision {
        interface,
        number,
        content,
        ..
    } = revision;
    let read: Interface = serde_json::from_str(content)
        .with_context(|| format!("revision {number} of `{interface}` cannot be read by this engine"))?;
    anyhow::ensure!(
        read.format <= crate::configuration::resolved::FORMAT,
        "revision {number} of `{interface}` was made by a newer engine; start that one"
    );
    Ok(read)
}

/// How the folder differs from what is live, in one line.
pub(crate) fn drift(live: &Interface, written: Option<&Interface>) -> Option<String> {
    let Some(written) = written else {
        return Some(format!("the site folder has no `interfaces/{}.toml`", live.name));
    };
    if live == written {
        return None;
    }
    let parts: Vec<String> = differing_keys(live, written)
        .into_iter()
        .map(|key| format!("`{key}`"))
        .collect();
    Some(format!("the site folder differs in {}", parts.join(", ")))
}

fn differing_keys(live: &Interface, written: &Interface) -> BTreeSet<String> {
    let keys = |interface| match serde_json::to_value(interface) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let (live, written) = (keys(live), keys(written));
    live.keys()
        .chain(written.keys())
        .filter(|key| live.get(*key) != written.get(*key))
        .cloned()
        .collect()
}

fn table_entry(table: &CodeTable) -> TableEntry {
    TableEntry {
        digest: table.digest.clone(),
        name: table.name.clone(),
        content: table.content().into_bytes(),
    }
}
