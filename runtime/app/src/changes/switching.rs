//! How a revision goes live. Compiling and the disk block, and are left to threads that may.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_engine::ReplaceError;
use transfuse_store::Expected;

use super::trials::{Before, Candidate, RunningTrial, TrialWish};
use super::{ChangeError, Changes, Kind, Planned, Wish};
use crate::assembly;
use crate::configuration::resolved;
use crate::control::view::LiveInterface;
use crate::deployment::{self, Change, Live};
use crate::parts::Parts;
use crate::tables::Running;

impl Changes {
    pub(super) async fn make_revision(
        self: &Arc<Self>,
        interface: resolved::Interface,
        parts: &Arc<Parts>,
        takes_tables: bool,
        change: &Change,
    ) -> Result<(resolved::Interface, u32), ChangeError> {
        let (changes, parts, change) = (Arc::clone(self), Arc::clone(parts), change.clone());
        let made = spawn_blocking(move || {
            deployment::make_revision(changes.store.catalog(), &parts, &interface, takes_tables, &change)
        });
        let (revision, interface) = made.await?.map_err(ChangeError::Failed)?;
        Ok((interface, revision.number))
    }

    /// Makes a new revision live, and watches it.
    pub(super) async fn go_live(
        self: &Arc<Self>,
        candidate: Candidate,
        expected: Expected,
        change: &Change,
        wish: &Wish,
        planned: &Planned,
    ) -> Result<Running, ChangeError> {
        let budget = self.budget().await?;
        let before = self.engine.interface(&planned.interface).map(|live| Before {
            revision: Arc::clone(live.revision()),
            recent: live.recent(),
        });
        let Candidate {
            interface,
            number,
            parts,
        } = candidate.clone();
        let running = self
            .switch(interface, number, &parts, expected, change, planned)
            .await?;
        let watch = TrialWish::watch(&budget).filter(|_| !wish.is_unwatched);
        if let (Some(before), Some(watch)) = (before, watch)
            && let Err(error) = self.watch(candidate, before, watch, change.clone()).await
        {
            tracing::warn!(interface = planned.interface, %error, "what has gone live is not watched");
        }
        Ok(running)
    }

    /// Makes the revision of a trial live, as if it had been deployed.
    pub(super) async fn make_live(self: &Arc<Self>, trial: &RunningTrial, change: &Change) -> Result<(), ChangeError> {
        let mut running = self.running.lock().await;
        let planned = Planned {
            interface: trial.interface.clone(),
            kind: Kind::Changed,
            before: Some(trial.against),
            after: Some(trial.number),
            differences: Vec::new(),
            alerts: Vec::new(),
            untrusted: Vec::new(),
            findings: Vec::new(),
            held: None,
        };
        let (changes, candidate) = (Arc::clone(self), trial.resolved().clone());
        let preparing = spawn_blocking(move || {
            let (interface, parts) = changes.as_of_today(candidate)?;
            // It may have been revoked while it was tried.
            changes.refuse_untrusted(&interface, &parts)?;
            Ok::<_, ChangeError>((interface, parts))
        });
        let (interface, parts) = preparing.await??;
        let (parts, number) = (Arc::new(parts), trial.number);
        let expected = Expected::Revision(trial.against);
        let now = self
            .switch(interface, number, &parts, expected, change, &planned)
            .await?;
        running.retain(|one| one.interface.name != trial.interface);
        running.push(now);
        self.tell_drift(&running).await
    }

    /// A revision with the code tables of today, and what it is made of. Blocks on the disk.
    pub(super) fn as_of_today(
        &self,
        interface: resolved::Interface,
    ) -> Result<(resolved::Interface, Parts), ChangeError> {
        let catalog = self.store.catalog();
        let tables = deployment::live_tables(catalog).map_err(ChangeError::Failed)?;
        let interface = deployment::with_tables(interface, &tables);
        let mut parts = self.no_parts();
        deployment::fetch_parts(catalog, &interface, &mut parts).map_err(ChangeError::Failed)?;
        Ok((interface, parts))
    }

    /// A revision whose deliveries are held would receive, and deliver nothing.
    pub(super) async fn refuse_held(self: &Arc<Self>, interface: &str, number: u32) -> Result<(), ChangeError> {
        let changes = Arc::clone(self);
        let holds = spawn_blocking(move || changes.store.holds()).await?;
        let holds = holds.map_err(|error| ChangeError::Failed(error.into()))?;
        let is_held = holds
            .iter()
            .any(|hold| hold.interface == interface && hold.revision == number);
        if is_held {
            let interface = interface.to_owned();
            return Err(ChangeError::Held { interface, number });
        }
        Ok(())
    }

    /// What is held for a destination that a change takes away: let go, it would wait there for good. A change is refused for it; a way
    /// back, which may be urgent, tells it.
    pub(super) async fn refuse_stranded(
        self: &Arc<Self>,
        planned: &mut Planned,
        after: &resolved::Interface,
    ) -> Result<(), ChangeError> {
        let stranded = self.stranded(planned.before, after).await?;
        match stranded {
            Some(stranded) if planned.kind == Kind::RolledBack => {
                planned.alerts.push(format!("{stranded}; they stay so"));
                Ok(())
            }
            Some(stranded) => Err(stranded),
            None => Ok(()),
        }
    }

    async fn stranded(
        self: &Arc<Self>,
        before: Option<u32>,
        after: &resolved::Interface,
    ) -> Result<Option<ChangeError>, ChangeError> {
        let Some(before) = before else { return Ok(None) };
        let (changes, after) = (Arc::clone(self), after.clone());
        let looking = spawn_blocking(move || {
            let held = changes.store.held();
            let held = held.map_err(|error| ChangeError::Failed(error.into()))?;
            let Some(before) = changes.store.catalog().revision(&after.name, before)? else {
                return Ok(None);
            };
            let before = deployment::read_revision(&before).map_err(ChangeError::Failed)?;
            let goes = |name: &str| before.sends_to(name) && !after.sends_to(name);
            let mut held = held.into_iter();
            let stranded = held.find(|one| one.interface == after.name && goes(&one.destination));
            Ok(stranded.map(|held| ChangeError::Stranded {
                interface: held.interface,
                revision: held.revision,
                destination: held.destination,
                deliveries: held.deliveries,
            }))
        });
        looking.await?
    }

    /// Makes a revision live that the catalog holds.
    pub(super) async fn switch(
        self: &Arc<Self>,
        interface: resolved::Interface,
        number: u32,
        parts: &Arc<Parts>,
        expected: Expected,
        change: &Change,
        planned: &Planned,
    ) -> Result<Running, ChangeError> {
        self.refuse_held(&interface.name, number).await?;
        // What was planned has told it already; in the meantime somebody may have held something.
        self.refuse_stranded(&mut planned.clone(), &interface).await?;
        let (changes, of_parts, to_run) = (Arc::clone(self), Arc::clone(parts), interface.clone());
        let settings =
            spawn_blocking(move || assembly::interface(&to_run, number, &of_parts, &changes.site, &changes.sandbox));
        let settings = settings.await?.map_err(ChangeError::Failed)?;
        let name = interface.name.clone();
        let keep = self.keep(name.clone(), number, expected, change.clone());
        let switched = if planned.kind == Kind::New {
            self.engine.add(settings, keep).await
        } else {
            self.engine.replace(settings, keep).await
        };
        switched.map_err(ChangeError::of_replacing)?;
        self.end_watch(&planned.interface).await;
        self.show(interface, number, parts, planned)
    }

    /// The moment from which on the catalog says so.
    fn keep(
        self: &Arc<Self>,
        interface: String,
        number: u32,
        expected: Expected,
        change: Change,
    ) -> impl Future<Output = Result<(), ChangeError>> + Send + use<> {
        let changes = Arc::clone(self);
        async move {
            let kept = spawn_blocking(move || {
                let catalog = changes.store.catalog();
                let author = change.author.to_string();
                catalog.set_live(&interface, number, expected, &author, &change.reason)
            });
            Ok(kept.await??)
        }
    }

    /// What runs, for everybody who tells of it.
    fn show(
        &self,
        interface: resolved::Interface,
        number: u32,
        parts: &Parts,
        planned: &Planned,
    ) -> Result<Running, ChangeError> {
        let name = interface.name.clone();
        let live = self.engine.interface(&name);
        let live = live.ok_or_else(|| ChangeError::UnknownInterface(name.clone()))?;
        let addresses = self.engine.interfaces();
        let address = addresses.iter().find(|(known, ..)| **known == *name);
        let address = address.map(|(_, _, address)| address.as_str()).unwrap_or_default();
        let told = Live {
            interface: interface.clone(),
            revision: number,
            drift: None,
            alerts: planned.alerts.clone(),
        };
        self.shown.set(&name, LiveInterface::new(&told, address));
        self.alerts.set(&name, planned.alerts.clone());
        self.alerts.forget_changes(&name);
        self.watched.set(&interface, parts, &planned.alerts);
        let secrets = parts.secrets(&interface);
        Ok(Running {
            interface,
            live,
            secrets,
        })
    }

    pub(super) async fn retire(
        self: &Arc<Self>,
        name: &str,
        expected: Expected,
        change: &Change,
    ) -> Result<(), ChangeError> {
        let (changes, interface, change) = (Arc::clone(self), name.to_owned(), change.clone());
        let retired = spawn_blocking(move || {
            let catalog = changes.store.catalog();
            catalog.retire(&interface, expected, &change.author.to_string(), &change.reason)
        });
        retired.await??;
        self.engine.remove(name).await;
        self.end_watch(name).await;
        self.shown.forget(name);
        self.watched.forget(name);
        Ok(())
    }
}

impl ChangeError {
    /// What `keep` said is told as if it had been asked directly.
    fn of_replacing(error: ReplaceError) -> Self {
        match error {
            ReplaceError::NotKept(source) => match source.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => Self::Failed(anyhow::anyhow!(other)),
            },
            source => Self::NotReplaced { source },
        }
    }
}
