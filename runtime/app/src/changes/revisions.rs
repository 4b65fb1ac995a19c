//! Revisions that run messages without being live.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::task::spawn_blocking;
use transfuse_engine::Revision;
use transfuse_sandbox::State;
use transfuse_store::{AfterStep, MessageRecord};

use super::planning::Target;
use super::{ChangeError, Changes};
use crate::configuration::resolved;
use crate::layout::counted;
use crate::parts::Parts;
use crate::{assembly, deployment, past};

/// What is to run messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RunOn {
    /// What is live.
    #[default]
    Live,
    /// The revision of that number, with the code tables of today.
    Revision(u32),
    /// What `deploy` would make live: the live revision with another version of one plugin. It is no revision, and has no number.
    Candidate { plugin: String, version: String },
}

/// A revision of an interface that runs, and what its plugins keep now.
pub(crate) struct Runnable {
    pub(crate) revision: Arc<Revision>,
    /// Its number, or that of the live revision that the candidate is made of.
    pub(crate) number: u32,
    pub(crate) state: State,
    /// What is other than live, where it is no revision: `transfuse/lab-normalize 1.1.0`.
    pub(crate) candidate: Option<String>,
}

/// Revisions whose first steps are those of others, for as long as one request takes. Messages of a day were decided by two or three.
#[derive(Debug, Default)]
pub(crate) struct Continued(Mutex<Vec<Ready>>);

/// One of them: the steps that are not its own, their code tables, and itself.
type Ready = (AfterStep, BTreeMap<String, String>, Arc<Revision>);

/// So many are kept, and made anew after that.
const CONTINUED_MAX: usize = 8;

impl Continued {
    fn find(&self, after: AfterStep, tables: &BTreeMap<String, String>) -> Option<Arc<Revision>> {
        let ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ready.iter().find(|(of, with, _)| *of == after && with == tables);
        found.map(|(.., revision)| Arc::clone(revision))
    }

    fn keep(&self, after: AfterStep, tables: BTreeMap<String, String>, revision: &Arc<Revision>) {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= CONTINUED_MAX {
            ready.remove(0);
        }
        ready.push((after, tables, Arc::clone(revision)));
    }
}

impl Changes {
    /// Something that may run messages of an interface: it has to be allowed to go live here.
    pub(crate) async fn revision_to_run(
        self: &Arc<Self>,
        interface: &str,
        on: &RunOn,
    ) -> Result<Runnable, ChangeError> {
        let live = self.engine.interface(interface);
        let live = live.ok_or_else(|| ChangeError::UnknownInterface(interface.to_owned()))?;
        let own = Arc::clone(live.revision());
        let (revision, candidate) = match on {
            RunOn::Revision(number) if *number != own.number() => {
                let (changes, interface, number) = (Arc::clone(self), interface.to_owned(), *number);
                let made = spawn_blocking(move || changes.make_runnable(&interface, number));
                (Arc::new(made.await??), None)
            }
            RunOn::Live | RunOn::Revision(_) => (own, None),
            RunOn::Candidate { plugin, version } => match self.planned(interface, plugin, version).await? {
                Some((revision, told)) => (Arc::new(revision), Some(told)),
                None => (own, None),
            },
        };
        let number = match &candidate {
            Some(_) => live.revision().number(),
            None => revision.number(),
        };
        Ok(Runnable {
            revision,
            number,
            state: live.state(),
            candidate,
        })
    }

    /// What `deploy` would make live, with the plugin's version; none where that is live already.
    async fn planned(
        self: &Arc<Self>,
        interface: &str,
        plugin: &str,
        version: &str,
    ) -> Result<Option<(Revision, String)>, ChangeError> {
        let running = self.running.lock().await.clone();
        let changes = Arc::clone(self);
        let [interface, name, version] = [interface, plugin, version].map(str::to_owned);
        let planning = spawn_blocking(move || changes.plan_deploy(&running, &interface, &name, &version));
        let mut plan = planning.await??;
        let Some((planned, Target::New(after))) = plan.steps.pop() else {
            return Ok(None);
        };
        if let Some(untrusted) = planned.untrusted.into_iter().next() {
            return Err(ChangeError::Untrusted(untrusted));
        }
        let step = after.all_steps().find(|step| step.plugin == plugin);
        let told = step.map_or_else(|| plugin.to_owned(), |step| format!("{plugin} {}", step.version));
        Ok(Some((self.candidate(&after, &plan.parts).await?, told)))
    }

    /// A revision that is not made yet, and has no number.
    pub(super) async fn candidate(
        self: &Arc<Self>,
        interface: &resolved::Interface,
        parts: &Arc<Parts>,
    ) -> Result<Revision, ChangeError> {
        let (changes, parts, interface) = (Arc::clone(self), Arc::clone(parts), interface.clone());
        let making =
            spawn_blocking(move || assembly::interface(&interface, 0, &parts, &changes.site, &changes.sandbox));
        Ok(Revision::new(making.await?.map_err(ChangeError::Failed)?))
    }

    /// What decided a message the last time, as far as so many steps, and from there on another revision: with the code tables of then, and
    /// those of today. The error is the reason why the message stays as it is.
    pub(crate) async fn continued(
        self: &Arc<Self>,
        record: &MessageRecord,
        steps: u32,
        number: u32,
        known: &Arc<Continued>,
    ) -> Result<(Arc<Revision>, AfterStep), String> {
        let (changes, of, known) = (Arc::clone(self), record.clone(), Arc::clone(known));
        let made = spawn_blocking(move || changes.make_continued(&of, steps, number, &known)).await;
        made.map_err(|error| error.to_string())?
            .map_err(|error| format!("{error:#}"))
    }

    /// Blocks while plugins are compiled.
    fn make_continued(
        &self,
        record: &MessageRecord,
        steps: u32,
        number: u32,
        known: &Continued,
    ) -> anyhow::Result<(Arc<Revision>, AfterStep)> {
        let catalog = self.store.catalog();
        let decision = record.decision.as_ref().context("it is not decided yet")?;
        let (then, tables) = past::as_it_was(catalog, record, decision)?;
        let after = AfterStep {
            steps,
            revision: decision.revision,
        };
        if let Some(revision) = known.find(after, &tables) {
            return Ok((revision, after));
        }
        let count = usize::try_from(steps)?;
        anyhow::ensure!(
            count <= then.steps.len(),
            "revision {}, which decided it, has {}",
            decision.revision,
            counted(then.steps.len(), "step")
        );
        let interface = &*record.summary.interface;
        let revision = catalog.revision(interface, number)?;
        let revision = revision.with_context(|| format!("`{interface}` has no revision {number} any more"))?;
        let (mut resolved, mut parts) = self.as_of_today(deployment::read_revision(&revision)?)?;
        let own = resolved.steps.split_off(count.min(resolved.steps.len()));
        resolved.steps = then.steps.into_iter().take(count).chain(own).collect();
        deployment::fetch_parts(catalog, &resolved, &mut parts)?;
        self.refuse_untrusted(&resolved, &parts)?;
        let settings = assembly::interface(&resolved, number, &parts, &self.site, &self.sandbox)?;
        let revision = Arc::new(Revision::new(settings));
        known.keep(after, tables, &revision);
        Ok((revision, after))
    }

    /// Blocks while plugins are compiled.
    fn make_runnable(&self, interface: &str, number: u32) -> Result<Revision, ChangeError> {
        let unknown = || ChangeError::UnknownRevision {
            interface: interface.to_owned(),
            number,
        };
        let revision = self.store.catalog().revision(interface, number)?.ok_or_else(unknown)?;
        let resolved = deployment::read_revision(&revision).map_err(ChangeError::Failed)?;
        if resolved.environment != self.environment {
            let interface = interface.to_owned();
            return Err(ChangeError::OtherEnvironment { interface, number });
        }
        let (resolved, parts) = self.as_of_today(resolved)?;
        self.refuse_untrusted(&resolved, &parts)?;
        let settings = assembly::interface(&resolved, number, &parts, &self.site, &self.sandbox);
        Ok(Revision::new(settings.map_err(ChangeError::Failed)?))
    }
}
