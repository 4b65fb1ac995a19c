//! Revisions that run messages without being live.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_engine::Revision;
use transfuse_sandbox::State;

use super::planning::Target;
use super::{ChangeError, Changes};
use crate::configuration::resolved;
use crate::parts::Parts;
use crate::{assembly, deployment};

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
