//! Changes of what is live, made while it runs.
//!
//! Each is planned first, and the plan is what a reviewer sees; made, it is a new revision in the catalog, which is the truth from
//! then on, and the running interface takes it over with its connections open. The order leaves the old or the new revision live
//! at whatever point the engine is killed: the revision is kept, then everything that can fail is done, then the catalog says
//! that it is live, then it is.

mod difference;
mod evidence;
mod gates;
mod making;
mod planning;
mod revisions;
mod switching;
mod tables_of_then;
pub(crate) mod trials;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use transfuse_engine::{Engine, ReplaceError, TrialError};
use transfuse_message::Path;
use transfuse_sandbox::Sandbox;
use transfuse_store::{CatalogError, Expected, LiveChange, Operator, Revision, Store, WriteError};

use crate::configuration::{self, BudgetSettings, Fault, chaining};
use crate::control::view::LiveList;
use crate::deployment::{self, Change};
use crate::identity::Identity;
use crate::selection::SelectionError;
use crate::tables::RunningList;
use crate::trust::{Alerts, WatchList};

pub(crate) use difference::{Difference, difference};
pub(crate) use evidence::{Finding, Probe, Verdict, open as open_detail};
pub(crate) use gates::{PassedVectors, Replaying};
pub(crate) use planning::{Kind, Planned, Untrusted};
pub(crate) use revisions::{Continued, RunOn, Runnable};
pub(crate) use trials::{Mode, RunningTrial, Standing, TrialWish, Trials, rolled_back};

/// What changes are made of and made to.
pub(crate) struct Changes {
    pub(crate) site: PathBuf,
    pub(crate) plugins: PathBuf,
    pub(crate) data: PathBuf,
    /// The environment that the engine was started in.
    pub(crate) environment: Option<String>,
    pub(crate) store: Store,
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Arc<Engine>,
    /// Locked while anything changes, tables too.
    pub(crate) running: RunningList,
    pub(crate) shown: LiveList,
    pub(crate) alerts: Alerts,
    pub(crate) watched: WatchList,
    pub(crate) trials: Arc<Trials>,
    pub(crate) passed_vectors: PassedVectors,
    /// Cancelled when the engine is to stop.
    pub(crate) stop: CancellationToken,
}

/// How a change is to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) change: Option<Change>,
    /// The revisions that whoever asks has seen live, by interface; what is missing here is not asked.
    pub(crate) expected: BTreeMap<String, Option<u32>>,
    /// How a new revision is tried before it goes live; none where it goes live at once.
    pub(crate) trial: Option<TrialWish>,
    /// Whether what goes live at once is held against what was live before.
    pub(crate) is_unwatched: bool,
    /// Of a rollback: what the revision that is left has made and not delivered is held.
    pub(crate) hold: bool,
    /// Fields that are expected to differ, beside those of the site.
    pub(crate) expected_to_differ: Vec<Path>,
    /// Gates that may fail, by name.
    pub(crate) waived: Vec<String>,
    /// The stored messages that the gate `replay` runs, where somebody has chosen them.
    pub(crate) replaying: Option<Replaying>,
    /// Whether a plan is enough, without what its gates would find. Only where nothing is changed.
    pub(crate) is_ungated: bool,
}

/// Why something was not changed. Nothing was, but for what [`ChangeError::Partly`] names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("the site folder has faults")]
    Faults(Vec<Fault>),
    #[error("there is no interface `{0}` that runs")]
    UnknownInterface(String),
    #[error("`{interface}` has no revision {number}")]
    UnknownRevision { interface: String, number: u32 },
    #[error("revision {number} of `{interface}` has the addresses of another environment")]
    OtherEnvironment { interface: String, number: u32 },
    #[error("{0}")]
    Cycle(String),
    #[error("`{0}` has never had another revision")]
    NothingBefore(String),
    #[error("`{interface}` has no step of the plugin `{plugin}`")]
    UnknownStep { interface: String, plugin: String },
    #[error("{0}")]
    UnknownPackage(String),
    #[error("{}", .0.told)]
    Untrusted(Untrusted),
    #[error("{}", gates_failed(planned))]
    Gated { planned: Vec<Planned>, may_waive: bool },
    #[error("`{0}` is no gate that can be waived")]
    NotWaivable(String),
    #[error("this site lets nobody waive a gate")]
    NoWaiving,
    #[error("{0}")]
    Selection(#[from] SelectionError),
    #[error("a pilot decides messages, and here a second person has to approve that")]
    PilotNeedsApproval,
    #[error("the table `{0}` would change with it, and a revision that waits for a second person brings no tables")]
    TableNeedsApproval(String),
    #[error("revision {number} of `{interface}` does not wait for a second person")]
    NotWaiting { interface: String, number: u32 },
    #[error("{first} has asked for it, and a second person has to approve it: {second} may be the same one")]
    SamePerson { first: Identity, second: Identity },
    #[error("what `{0}` is made of was changed in the meantime")]
    Outdated(String),
    #[error("{source}")]
    Conflict { source: CatalogError },
    #[error("{source}")]
    NotReplaced { source: ReplaceError },
    #[error("`{interface}` has revision {number} on trial")]
    OnTrial { interface: String, number: u32 },
    #[error("deliveries of revision {number} of `{interface}` are held, and would be from the next one on")]
    Held { interface: String, number: u32 },
    #[error(
        "deliveries of revision {revision} of `{interface}` to `{destination}`, which is to go, are held: {deliveries}"
    )]
    Stranded {
        interface: String,
        revision: u32,
        destination: String,
        deliveries: u64,
    },
    #[error("`{0}` has no trial")]
    NoTrial(String),
    #[error("revision {number} of `{interface}` is live already, and only watched")]
    LiveAlready { interface: String, number: u32 },
    #[error("a trial is of one interface that runs, and this would change {0}")]
    OneTrialAtATime(String),
    #[error("{source}")]
    NotTried { source: TrialError },
    #[error("the rollback is made, and what revision {number} has made could not be held: {source}")]
    NotHeld { number: u32, source: WriteError },
    #[error("{source}; changed before that: {}", made.join(", "))]
    Partly { made: Vec<String>, source: Box<Self> },
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// The past of an interface, as far back as it is told.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) revisions: Vec<Revision>,
    /// Those that wait for a second person.
    pub(crate) waiting: Vec<u32>,
    pub(crate) changes: Vec<LiveChange>,
    /// Whether there are older revisions or changes.
    pub(crate) is_cut: bool,
}

/// Revisions, and changes of what was live, that are told at once: more than anybody looks through. All of them stay in the
/// catalog, and each can be compared and made live again.
const HISTORY_MAX: usize = 1_000;

impl Changes {
    /// Compares the site folder with what is live, and makes it so where `wish` says who wants it.
    pub(crate) async fn apply(self: &Arc<Self>, wish: Wish) -> Result<Vec<Planned>, ChangeError> {
        self.carry_out(wish, Self::plan_apply).await
    }

    /// Gives the steps of one plugin another version.
    pub(crate) async fn deploy(
        self: &Arc<Self>,
        interface: String,
        plugin: String,
        version: String,
        wish: Wish,
    ) -> Result<Vec<Planned>, ChangeError> {
        self.carry_out(wish, move |changes, running| {
            changes.plan_deploy(running, &interface, &plugin, &version)
        })
        .await
    }

    /// Makes an earlier revision live again: the one that was live before, or the one of that number.
    pub(crate) async fn roll_back(
        self: &Arc<Self>,
        interface: String,
        to: Option<u32>,
        wish: Wish,
    ) -> Result<Vec<Planned>, ChangeError> {
        let (hold, change) = (wish.hold, wish.change.clone());
        let planning = move |changes: &Self, running: &[_]| changes.plan_rollback(running, &interface, to);
        let mut planned = self.carry_out(wish, planning).await?;
        if let (true, Some(change)) = (hold, change) {
            for planned in &mut planned {
                planned.held = self.hold_what_was_left(planned, &change).await?;
            }
        }
        Ok(planned)
    }

    /// Holds what the revision that is live no longer has made and not delivered. It is left behind by then, so that nothing new is
    /// held for long.
    async fn hold_what_was_left(&self, planned: &Planned, change: &Change) -> Result<Option<u64>, ChangeError> {
        let (Some(number), interface) = (planned.before, planned.interface.clone()) else {
            return Ok(None);
        };
        let operator = Operator {
            author: change.author.to_string(),
            reason: change.reason.clone(),
        };
        let held = self.store.hold(&interface, number, &operator).await;
        held.map_err(|source| ChangeError::NotHeld { number, source })?;
        let store = self.store.clone();
        let counted = spawn_blocking(move || store.held_of(&interface, number)).await?;
        counted.map(Some).map_err(|error| ChangeError::Failed(error.into()))
    }

    /// Keeps messages in front of an interface, on their connections, until `resume`; also after a restart.
    pub(crate) fn pause(&self, interface: &str, author: &Identity, reason: &str) -> Result<(), ChangeError> {
        self.known(interface)?;
        self.store.catalog().pause(interface, &author.to_string(), reason)?;
        let paused = self.engine.pause(interface);
        paused.map_err(|_| ChangeError::UnknownInterface(interface.to_owned()))
    }

    /// Lets them in. Says whether the interface was paused.
    pub(crate) fn resume(&self, interface: &str) -> Result<bool, ChangeError> {
        self.known(interface)?;
        let was_paused = self.store.catalog().end_pause(interface)?;
        let resumed = self.engine.resume_receiving(interface);
        resumed.map_err(|_| ChangeError::UnknownInterface(interface.to_owned()))?;
        Ok(was_paused)
    }

    /// The last revisions of an interface, and when each was live; newest first. Blocks on the disk.
    pub(crate) fn history(&self, interface: &str) -> Result<History, ChangeError> {
        let catalog = self.store.catalog();
        let mut revisions = catalog.revisions(interface, HISTORY_MAX + 1)?;
        if revisions.is_empty() {
            return Err(ChangeError::UnknownInterface(interface.to_owned()));
        }
        let mut changes = catalog.live_history(interface, HISTORY_MAX + 1)?;
        let is_cut = revisions.len() > HISTORY_MAX || changes.len() > HISTORY_MAX;
        revisions.truncate(HISTORY_MAX);
        changes.truncate(HISTORY_MAX);
        let last = changes.first().filter(|change| !change.is_retired);
        let numbers: Vec<u32> = revisions.iter().map(|revision| revision.number).collect();
        let waiting = self.waiting_revisions(interface, last.map(|change| change.number), &numbers)?;
        Ok(History {
            revisions,
            waiting,
            changes,
            is_cut,
        })
    }

    /// How two revisions of an interface differ; without `from`, the one before `to`. Blocks on the disk.
    pub(crate) fn compare(
        &self,
        interface: &str,
        from: Option<u32>,
        to: Option<u32>,
    ) -> Result<(u32, u32, Vec<Difference>), ChangeError> {
        let catalog = self.store.catalog();
        let newest = catalog.revisions(interface, 1)?.pop();
        let newest = newest.ok_or_else(|| ChangeError::UnknownInterface(interface.to_owned()))?;
        let to = to.unwrap_or(newest.number);
        let from = from.unwrap_or_else(|| to.saturating_sub(1).max(1));
        let read = |number| {
            let revision = catalog.revision(interface, number)?;
            let revision = revision.ok_or_else(|| ChangeError::UnknownRevision {
                interface: interface.to_owned(),
                number,
            })?;
            deployment::read_revision(&revision).map_err(ChangeError::Failed)
        };
        Ok((from, to, difference(Some(&read(from)?), &read(to)?)))
    }

    /// How much worse than the one before a revision may be, as the site folder has it now.
    pub(crate) async fn budget(&self) -> Result<BudgetSettings, ChangeError> {
        let site = self.site.clone();
        Ok(tokio::task::spawn_blocking(move || configuration::read_settings(&site).0.budget).await?)
    }

    fn known(&self, interface: &str) -> Result<(), ChangeError> {
        let live = self.engine.interface(interface);
        live.map(drop)
            .ok_or_else(|| ChangeError::UnknownInterface(interface.to_owned()))
    }
}

impl Wish {
    fn expected(&self, planned: &Planned) -> Expected {
        let seen = self.expected.get(&planned.interface).copied();
        match seen.unwrap_or(planned.before) {
            None => Expected::Nothing,
            Some(number) => Expected::Revision(number),
        }
    }
}

impl ChangeError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Partly { source, .. } => return source.hint(),
            Self::Faults(_) => "`transfuse check` shows them with their lines".to_owned(),
            Self::UnknownInterface(_) => "`transfuse status` shows which run".to_owned(),
            Self::UnknownRevision { interface, .. } | Self::NothingBefore(interface) => {
                format!("`transfuse history {interface}` shows which there are")
            }
            Self::OtherEnvironment { interface, .. } => {
                format!("write what you want of it into `interfaces/{interface}.toml`, and `transfuse apply` that")
            }
            Self::UnknownStep { interface, .. } => format!("`transfuse diff {interface}` shows its steps"),
            Self::OnTrial { interface, .. } => {
                format!(
                    "`transfuse trial stop {interface}` ends it, `transfuse trial promote {interface}` makes it live"
                )
            }
            Self::Held { interface, number } => {
                format!(
                    "`transfuse deliveries held {interface}` shows them, and `transfuse deliveries release {interface} --revision {number}` ends it"
                )
            }
            Self::Stranded {
                interface, revision, ..
            } => {
                format!(
                    "`transfuse deliveries discard {interface} --revision {revision}` gives them up, `transfuse deliveries release {interface} \
                     --revision {revision}` lets them go on; or leave the destination in for now"
                )
            }
            Self::Cycle(_) => chaining::HINT.to_owned(),
            Self::NoTrial(_) => "`transfuse trial list` shows those that there are".to_owned(),
            Self::LiveAlready { interface, .. } => format!("`transfuse rollback {interface}` takes it back"),
            Self::OneTrialAtATime(_) => "try one, and apply the others before or after it".to_owned(),
            Self::NotTried {
                source: TrialError::NotShared { .. },
            } => "try it as a shadow, or make it live at once".to_owned(),
            Self::UnknownPackage(_) => "`transfuse plugin list` shows what is installed".to_owned(),
            Self::Untrusted(untrusted) => untrusted.hint.clone(),
            Self::Gated { planned, may_waive } => return gated_hint(planned, *may_waive),
            Self::NotWaivable(_) => "there are `vectors`, `replay` and `envelope`".to_owned(),
            Self::Selection(error) => return error.hint(),
            Self::NoWaiving => "`waive` in `[gates]` of transfuse.toml says so".to_owned(),
            Self::PilotNeedsApproval => "try it as a shadow, or ask for it without a trial".to_owned(),
            Self::TableNeedsApproval(table) => {
                format!("change the table first, with `transfuse tables change {table}`")
            }
            Self::NotWaiting { interface, .. } => format!("`transfuse history {interface}` shows what waits"),
            Self::SamePerson { .. } => {
                "ask somebody else to run this, from an account of their own: `group` in `[control]` of \
                                        transfuse.toml lets them in"
                    .to_owned()
            }
            Self::Outdated(interface) => format!("look at `transfuse diff {interface}`, and ask again"),
            Self::Conflict {
                source: CatalogError::Conflict { interface, .. },
            } => {
                format!("look at `transfuse diff {interface}`, and ask again")
            }
            Self::NotReplaced {
                source: ReplaceError::Undelivered { .. },
            } => "wait until they are delivered (`transfuse status`), or leave the destination in for now".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

/// Which gates, of which interfaces.
fn gates_failed(planned: &[Planned]) -> String {
    let told = planned.iter().filter_map(|one| {
        let failed = failed(one);
        let untrusted: Vec<&str> = one.untrusted.iter().map(|one| one.told.as_str()).collect();
        let why = if untrusted.is_empty() {
            String::new()
        } else {
            format!(" ({})", untrusted.join("; "))
        };
        (!failed.is_empty()).then(|| format!("`{}` does not pass: {}{why}", one.interface, failed.join(", ")))
    });
    format!("{}; nothing was changed", told.collect::<Vec<_>>().join("; "))
}

fn gated_hint(planned: &[Planned], may_waive: bool) -> Option<String> {
    let first = planned.iter().find(|one| !failed(one).is_empty())?;
    if let Some(untrusted) = first.untrusted.first() {
        return Some(untrusted.hint.clone());
    }
    let interface = &first.interface;
    let look = format!("`transfuse evidence {interface}` shows what was found");
    if !may_waive {
        return Some(look);
    }
    let waive: Vec<String> = failed(first).iter().map(|gate| format!("--waive {gate}")).collect();
    Some(format!("{look}; if that is as it should be, say {}", waive.join(" ")))
}

fn failed(planned: &Planned) -> Vec<&'static str> {
    let failed = planned.findings.iter().filter(|one| one.verdict == Verdict::Failed);
    failed.map(|one| one.probe.word()).collect()
}

impl From<tokio::task::JoinError> for ChangeError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CatalogError> for ChangeError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Conflict { .. } => Self::Conflict { source: error },
            CatalogError::UnknownRevision { interface, number } => Self::UnknownRevision { interface, number },
            other => Self::Failed(other.into()),
        }
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Changes({})", self.site.display())
    }
}
