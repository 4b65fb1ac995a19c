//! The code tables of a running engine: what is missing in them, and how they change while messages pass.
//!
//! A change is made in the order in which a stop at any point leaves something that can be gone on with: first everything that
//! can be wrong is found out, chains included; then the site's file, then the catalog, then what runs.

mod rehearsal;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use transfuse_engine::{Miss, MissQuery, Misses, ObserveError, Processing, misses};
use transfuse_sandbox::Sandbox;
use transfuse_store::{Catalog, Store, TableChange};

use crate::changes::{RunningTrial, Trials};
use crate::configuration::{self, CodeTable, RowError, Secret, TableFile, TableFileError, is_name, resolved};
use crate::identity::Identity;
use crate::parts::Parts;
use crate::{assembly, deployment};

pub(crate) use rehearsal::{Rehearsed, Tried};

/// Rows in one change: a steward adds a few, and a program that has more writes the file.
pub(crate) const ROWS_MAX: usize = 1_000;

/// The code tables, and who uses them.
pub(crate) struct Tables {
    site: PathBuf,
    environment: Option<String>,
    store: Store,
    sandbox: Sandbox,
    /// One change is whole before the next one begins.
    running: RunningList,
    /// What is on trial changes with it.
    trials: Arc<Trials>,
}

/// What runs. Locked while any of it changes.
pub(crate) type RunningList = Arc<tokio::sync::Mutex<Vec<Running>>>;

/// An interface as it runs.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// With the versions of its tables that it runs with.
    pub(crate) interface: resolved::Interface,
    pub(crate) live: Arc<transfuse_engine::Interface>,
    /// The secrets that its chain was made with, by name: a change of one is found by that.
    pub(crate) secrets: BTreeMap<String, Secret>,
}

/// A wish to change a table.
#[derive(Clone)]
pub(crate) struct Change {
    /// The rows to add; none takes the file as it is.
    pub(crate) rows: Vec<Vec<String>>,
    /// The column by which rows are found; none for the first one.
    pub(crate) key: Option<String>,
    /// The digest of an earlier version, which is made live again; none takes the file.
    pub(crate) version: Option<String>,
    /// Only tells what would become of it.
    pub(crate) dry_run: bool,
    /// Who wants it.
    pub(crate) author: Identity,
    /// Why.
    pub(crate) reason: String,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    /// The version that was live; none of a table that nothing has used yet.
    pub(crate) before: Option<String>,
    pub(crate) after: String,
    pub(crate) row_count: usize,
    /// For each interface that uses it, what became of messages that rest.
    pub(crate) rehearsed: Vec<Rehearsed>,
}

/// A table of the site.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// The live version; none where no interface uses it.
    pub(crate) digest: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) row_count: usize,
    pub(crate) interfaces: Vec<String>,
    /// How the site's file differs from what is live.
    pub(crate) drift: Option<String>,
}

/// Why a table was not changed. Nothing of it has happened, unless the text says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("`{0}` cannot name a table")]
    Name(String),
    #[error(transparent)]
    File(#[from] TableFileError),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error("{found} rows are more than the {ROWS_MAX} that one change may add")]
    TooManyRows { found: usize },
    #[error("`tables/{0}.csv` is not what is live: somebody has changed the file")]
    Drifted(String),
    #[error("`{interface}` could not run with the changed table: {reason}")]
    Unusable { interface: String, reason: String },
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// A change that can be made.
struct Prepared {
    /// None where the table is an earlier version, and the file stays as it is.
    file: Option<TableFile>,
    table: CodeTable,
    before: Option<String>,
    /// Every interface that uses the table, as it would run.
    renewals: Vec<Renewal>,
    /// And every revision on trial.
    on_trial: Vec<(Arc<RunningTrial>, Processing)>,
}

struct Renewal {
    running: Running,
    processing: Processing,
}

impl Tables {
    pub(crate) fn new(
        site: PathBuf,
        environment: Option<String>,
        store: Store,
        sandbox: Sandbox,
        running: RunningList,
        trials: Arc<Trials>,
    ) -> Self {
        Self {
            site,
            environment,
            store,
            sandbox,
            running,
            trials,
        }
    }

    /// What runs now.
    pub(crate) async fn running(&self) -> Vec<Running> {
        self.running.lock().await.clone()
    }

    /// The tables that interfaces use and those that lie in the site folder, by name. Blocks on the disk.
    pub(crate) fn list(&self, running: &[Running]) -> anyhow::Result<Vec<Listed>> {
        let mut names = table_names(&self.site);
        names.extend(
            running
                .iter()
                .flat_map(|one| one.interface.tables())
                .map(|grant| grant.name.clone()),
        );
        names.sort();
        names.dedup();
        let live = deployment::live_tables(self.store.catalog())?;
        let names = names.into_iter();
        names.map(|name| self.listed(name, running, &live)).collect()
    }

    fn listed(&self, name: String, running: &[Running], live: &BTreeMap<String, String>) -> anyhow::Result<Listed> {
        let digest = live.get(&name).cloned();
        let file = TableFile::read(&self.site, &name);
        let drift = match (&digest, &file) {
            (_, Err(error)) => Some(error.to_string()),
            (Some(digest), Ok(file)) if *digest != file.table.digest => {
                Some("the file differs from what is live".to_owned())
            }
            _ => None,
        };
        let table = match (&digest, file) {
            (Some(digest), _) => Some(deployment::fetch_table(self.store.catalog(), &name, digest)?),
            (None, file) => file.ok().map(|file| file.table),
        };
        let (columns, row_count) = table.map_or_else(Default::default, |table| (table.columns, table.rows.len()));
        let users = running.iter().filter(|one| one.uses(&name));
        Ok(Listed {
            interfaces: users.map(|one| one.interface.name.clone()).collect(),
            name,
            digest,
            columns,
            row_count,
            drift,
        })
    }

    /// Which versions of a table went live, the newest first, each with its number of rows; none of a table that never did.
    /// Blocks on the disk.
    pub(crate) fn history(&self, name: &str) -> anyhow::Result<Vec<(TableChange, usize)>> {
        let catalog = self.store.catalog();
        let changes = catalog.table_history(name)?.into_iter();
        changes
            .map(|change| {
                let table = deployment::fetch_table(catalog, name, &change.digest)?;
                Ok((change, table.rows.len()))
            })
            .collect()
    }

    /// What tables were asked for and do not hold. Values that the live version has by now are left out, and counted.
    /// Blocks on the disk.
    pub(crate) fn misses(&self, query: &MissQuery) -> Result<(Misses, u64), MissesError> {
        let mut found = misses(&self.store, query)?;
        let catalog = self.store.catalog();
        let live = deployment::live_tables(catalog).map_err(MissesError::Tables)?;
        let mut tables: Vec<CodeTable> = Vec::new();
        for miss in &found.listed {
            if let Some(digest) = live.get(&miss.table)
                && !tables.iter().any(|table| table.name == miss.table)
            {
                let table = deployment::fetch_table(catalog, &miss.table, digest).map_err(MissesError::Tables)?;
                tables.push(table);
            }
        }
        let answers: Vec<_> = tables
            .iter()
            .map(|table| (table.name.as_str(), Answers::of(table)))
            .collect();
        let count = found.listed.len();
        found.listed.retain(|miss| {
            let table = answers.iter().find(|(name, _)| *name == miss.table);
            !table.is_some_and(|(_, answers)| answers.hold(miss))
        });
        let answered = (count - found.listed.len()) as u64;
        Ok((found, answered))
    }

    /// Changes a table, or tells what would come of it. What is changed is in force when this returns, and after a restart.
    pub(crate) async fn change(self: &Arc<Self>, name: &str, change: Change) -> Result<Changed, ChangeError> {
        if !is_name(name) {
            return Err(ChangeError::Name(name.to_owned()));
        }
        if change.rows.len() > ROWS_MAX {
            let found = change.rows.len();
            return Err(ChangeError::TooManyRows { found });
        }
        let mut running = self.running.lock().await;
        let (tables, users, wish) = (Arc::clone(self), running.clone(), change.clone());
        let table = name.to_owned();
        let prepared = tokio::task::spawn_blocking(move || tables.prepare(&table, &users, &wish)).await??;
        let mut changed = Changed {
            before: prepared.before.clone(),
            after: prepared.table.digest.clone(),
            row_count: prepared.table.rows.len(),
            rehearsed: Vec::new(),
        };
        if change.dry_run {
            drop(running);
            let trials = prepared.renewals.into_iter();
            let trials = trials.map(|renewal| (renewal.running, Arc::new(renewal.processing)));
            changed.rehearsed = rehearsal::rehearse(&self.store, trials.collect()).await;
            return Ok(changed);
        }
        let (tables, kept) = (Arc::clone(self), change.clone());
        let prepared = tokio::task::spawn_blocking(move || tables.keep(prepared, &kept)).await??;
        let mut trials = Vec::new();
        for Renewal {
            running: renewed,
            processing,
        } in prepared.renewals
        {
            let processing = Arc::new(processing);
            renewed.live.revision().renew(Arc::clone(&processing));
            if let Some(one) = running
                .iter_mut()
                .find(|one| one.interface.name == renewed.interface.name)
            {
                *one = renewed.clone();
            }
            trials.push((renewed, processing));
        }
        for (trial, processing) in prepared.on_trial {
            trial.renew(Arc::new(processing));
        }
        drop(running);
        let Change { author, reason, .. } = &change;
        tracing::info!(
            table = name,
            digest = changed.after,
            reason,
            %author,
            "a new version of a code table is live"
        );
        changed.rehearsed = rehearsal::rehearse(&self.store, trials).await;
        Ok(changed)
    }

    /// Finds out everything that could be wrong with a change. Blocks.
    fn prepare(&self, name: &str, running: &[Running], change: &Change) -> Result<Prepared, ChangeError> {
        let catalog = self.store.catalog();
        let before = deployment::live_tables(catalog)
            .map_err(ChangeError::Failed)?
            .remove(name);
        let (file, table) = if let Some(digest) = &change.version {
            let table = deployment::fetch_table(catalog, name, digest);
            (None, table.map_err(ChangeError::Failed)?)
        } else {
            let file = self.changed_file(name, before.as_deref(), change)?;
            let table = file.table.clone();
            (Some(file), table)
        };
        let users = running.iter().filter(|one| one.uses(name));
        let renewals = users.map(|one| self.renewal(one, &table, catalog));
        let trials = self.trials.using(name).into_iter();
        let on_trial = trials.map(|trial| {
            let (_, _, processing) = self.renewed(trial.resolved().clone(), &table, catalog)?;
            Ok((trial, processing))
        });
        Ok(Prepared {
            on_trial: on_trial.collect::<Result<_, ChangeError>>()?,
            renewals: renewals.collect::<Result<_, _>>()?,
            before,
            file,
            table,
        })
    }

    /// The site's file with the rows that are to be added.
    fn changed_file(&self, name: &str, live: Option<&str>, change: &Change) -> Result<TableFile, ChangeError> {
        let file = TableFile::read(&self.site, name)?;
        if change.rows.is_empty() {
            return Ok(file);
        }
        if live.is_some_and(|live| *live != *file.table.digest) {
            return Err(ChangeError::Drifted(name.to_owned()));
        }
        Ok(file.with_rows(&change.rows, change.key.as_deref())?)
    }

    /// What runs as it would with another version of a table.
    fn renewal(&self, running: &Running, table: &CodeTable, catalog: &Catalog) -> Result<Renewal, ChangeError> {
        let (interface, parts, processing) = self.renewed(running.interface.clone(), table, catalog)?;
        let running = Running {
            secrets: parts.secrets(&interface),
            live: Arc::clone(&running.live),
            interface,
        };
        Ok(Renewal { running, processing })
    }

    /// A revision with another version of a table, and what it is made of.
    fn renewed(
        &self,
        mut interface: resolved::Interface,
        table: &CodeTable,
        catalog: &Catalog,
    ) -> Result<(resolved::Interface, Parts, Processing), ChangeError> {
        for grant in interface.tables_mut().filter(|grant| grant.name == table.name) {
            grant.digest.clone_from(&table.digest);
        }
        let mut parts = Parts::new(configuration::read_secrets(&self.site, self.environment.as_deref()));
        parts.add_table(table.clone());
        let processing = deployment::fetch_parts(catalog, &interface, &mut parts).and_then(|()| {
            let chains = parts.chains(&self.sandbox, &interface)?;
            Ok(Processing::new(
                chains,
                assembly::validation(&interface.source, &parts)?,
            ))
        });
        match processing {
            Ok(processing) => Ok((interface, parts, processing)),
            Err(error) => Err(ChangeError::Unusable {
                interface: interface.name,
                reason: format!("{error:#}"),
            }),
        }
    }

    /// Makes a change durable. Blocks.
    fn keep(&self, prepared: Prepared, change: &Change) -> Result<Prepared, ChangeError> {
        if let Some(file) = prepared.file.as_ref().filter(|_| !change.rows.is_empty()) {
            file.write().map_err(ChangeError::Failed)?;
        }
        let (catalog, table) = (self.store.catalog(), &prepared.table);
        let put = deployment::put_table(catalog, table, &change.author, &change.reason);
        put.map_err(|error| {
            let told = "the file is written, and the table is not live; `transfuse tables apply` makes it so";
            ChangeError::Failed(error.context(told))
        })?;
        Ok(prepared)
    }
}

impl Running {
    fn uses(&self, table: &str) -> bool {
        self.interface.tables().any(|grant| grant.name == table)
    }
}

impl From<tokio::task::JoinError> for ChangeError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Failed(error.into())
    }
}

impl ChangeError {
    /// What to do about it.
    pub(crate) fn hint(&self, name: &str) -> Option<String> {
        match self {
            Self::Name(_) => Some(crate::configuration::NAME_RULE.to_owned()),
            Self::Drifted(_) => Some(format!(
                "`transfuse tables apply {name}` makes the file as it is live; then add the row"
            )),
            Self::File(TableFileError::Missing(_)) => Some("`transfuse tables list` shows which there are".to_owned()),
            Self::File(TableFileError::Faulty { .. }) => Some("`transfuse check` shows every fault".to_owned()),
            Self::Row(RowError::Cells { columns, .. }) => {
                let cells: Vec<String> = columns.iter().map(|column| format!("'{column}'")).collect();
                let cells = cells.join(" ");
                Some(format!(
                    "write a cell for each, '' for an empty one: `transfuse tables add {name} {cells} --reason \"..\"`"
                ))
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Tables({})", self.site.display())
    }
}

/// Why misses cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MissesError {
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error("cannot read the live tables: {0:#}")]
    Tables(anyhow::Error),
}

/// The values of a table, by column.
struct Answers<'t>(Vec<(&'t str, std::collections::HashSet<&'t str>)>);

impl<'t> Answers<'t> {
    fn of(table: &'t CodeTable) -> Self {
        let columns = table.columns.iter().enumerate();
        let values = |index: usize| {
            table
                .rows
                .iter()
                .filter_map(move |row| row.get(index).map(String::as_str))
        };
        Self(
            columns
                .map(|(index, column)| (column.as_str(), values(index).collect()))
                .collect(),
        )
    }

    fn hold(&self, miss: &Miss) -> bool {
        let value = miss.value.lossy_text();
        let column = self.0.iter().find(|(column, _)| *column == miss.column);
        column.is_some_and(|(_, values)| values.contains(&*value))
    }
}

/// The tables in the site folder.
fn table_names(site: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(site.join("tables")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| is_name(name))
        .collect()
}
