//! A change from beginning to end: planned, passed through the gates, and made.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_store::{CatalogError, Expected};

use super::planning::{Plan, Target};
use super::trials::Candidate;
use super::{ChangeError, Changes, Kind, Planned, Verdict, Wish};
use crate::configuration::chaining;
use crate::deployment::{self, Change};
use crate::parts::Parts;
use crate::tables::Running;

impl Changes {
    /// Plans, runs the gates, and makes what was planned where `wish` says who wants it. One change at a time: nothing is locked
    /// while gates run, so that what was planned has to be true still when it is made.
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        wish: Wish,
        plan: impl FnOnce(&Self, &[Running]) -> Result<Plan, ChangeError> + Send + 'static,
    ) -> Result<Vec<Planned>, ChangeError> {
        let (mut plan, known) = self.plan(&wish, plan).await?;
        self.pass_gates(&mut plan, &wish).await?;
        let Some(change) = wish.change.clone() else {
            return Ok(plan.steps.into_iter().map(|(planned, _)| planned).collect());
        };
        let mut running = self.running.lock().await;
        self.may_change(&plan.steps, &wish)?;
        still_true(&plan.steps, &known, &running)?;
        let Plan {
            steps,
            parts,
            takes_tables,
        } = plan;
        let mut made: Vec<Planned> = Vec::new();
        for (planned, target) in steps {
            match self
                .make(planned, target, &parts, takes_tables, &wish, &change, &mut running)
                .await
            {
                Ok(planned) => made.push(planned),
                Err(source) if made.is_empty() => return Err(source),
                Err(source) => {
                    let made = made.into_iter().map(|planned| planned.interface).collect();
                    let source = Box::new(source);
                    return Err(ChangeError::Partly { made, source });
                }
            }
        }
        self.tell_drift(&running).await?;
        Ok(made)
    }

    /// The plan, and what ran when it was made.
    async fn plan(
        self: &Arc<Self>,
        wish: &Wish,
        plan: impl FnOnce(&Self, &[Running]) -> Result<Plan, ChangeError> + Send + 'static,
    ) -> Result<(Plan, Vec<Running>), ChangeError> {
        let running = self.running.lock().await;
        let (changes, known) = (Arc::clone(self), running.clone());
        let planning = spawn_blocking(move || plan(&changes, &known).map(|plan| (plan, known)));
        let (mut plan, known) = planning.await??;
        self.may_change(&plan.steps, wish)?;
        refuse_cycle(&plan.steps, &known)?;
        plan.steps.iter().try_for_each(|(planned, _)| wish.fits(planned))?;
        for (planned, target) in plan.steps.iter_mut().filter(|_| !wish.is_shadow()) {
            if let Target::New(after) | Target::Revision(after, ..) | Target::Approved(after, _) = target {
                self.refuse_stranded(planned, after).await?;
            }
        }
        Ok((plan, known))
    }

    /// A shadow or pilot is ended before anything else is changed there, and there is one at a time.
    fn may_change(&self, steps: &[(Planned, Target)], wish: &Wish) -> Result<(), ChangeError> {
        for (planned, _) in steps {
            if let Some(trial) = self.trials.of(&planned.interface)
                && !trial.is_watch()
            {
                return Err(ChangeError::OnTrial {
                    interface: trial.interface.clone(),
                    number: trial.number,
                });
            }
        }
        let is_one = matches!(
            steps,
            [] | [(
                Planned {
                    kind: Kind::Changed,
                    ..
                },
                _
            )]
        );
        if wish.trial.is_some() && !is_one {
            let names: Vec<&str> = steps.iter().map(|(planned, _)| planned.interface.as_str()).collect();
            return Err(ChangeError::OneTrialAtATime(names.join(", ")));
        }
        Ok(())
    }

    /// Makes one of the planned changes.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another part of one plan, and they end here"
    )]
    async fn make(
        self: &Arc<Self>,
        mut planned: Planned,
        target: Target,
        parts: &Arc<Parts>,
        takes_tables: bool,
        wish: &Wish,
        change: &Change,
        running: &mut Vec<Running>,
    ) -> Result<Planned, ChangeError> {
        let expected = wish.expected(&planned);
        let name = planned.interface.clone();
        let now = match target {
            Target::Retired => {
                self.retire(&name, expected, change).await?;
                None
            }
            Target::New(interface) => {
                let (interface, number) = self.make_revision(*interface, parts, takes_tables, change).await?;
                planned.after = Some(number);
                let candidate = Candidate {
                    interface,
                    number,
                    parts: Arc::clone(parts),
                };
                match self.begin(candidate, expected, change, wish, &mut planned).await? {
                    Some(now) => Some(now),
                    None => return Ok(planned),
                }
            }
            Target::Revision(interface, number, true) | Target::Approved(interface, number) => {
                let candidate = Candidate {
                    interface: *interface,
                    number,
                    parts: Arc::clone(parts),
                };
                match self.begin(candidate, expected, change, wish, &mut planned).await? {
                    Some(now) => Some(now),
                    None => return Ok(planned),
                }
            }
            Target::Revision(interface, number, false) => {
                self.keep_of_plan(&planned, change).await?;
                let now = self.switch(*interface, number, parts, expected, change, &planned);
                Some(now.await?)
            }
        };
        running.retain(|one| one.interface.name != name);
        running.extend(now);
        let Change { author, reason, .. } = change;
        tracing::info!(
            interface = name,
            revision = planned.after,
            reason,
            %author,
            "changed what is live"
        );
        Ok(planned)
    }

    /// What was found is kept first. Then a new revision waits for a second person, is tried, or goes live: that alone gives what runs.
    async fn begin(
        self: &Arc<Self>,
        candidate: Candidate,
        expected: Expected,
        change: &Change,
        wish: &Wish,
        planned: &mut Planned,
    ) -> Result<Option<Running>, ChangeError> {
        self.keep_of_plan(planned, change).await?;
        if planned.findings.iter().any(|one| one.verdict == Verdict::Waiting) {
            let (interface, revision) = (&planned.interface, candidate.number);
            tracing::info!(interface, revision, "a revision waits for a second person");
            planned.kind = Kind::Waiting;
            return Ok(None);
        }
        if let (Some(trial), Some(live)) = (&wish.trial, planned.before) {
            self.try_out(candidate, live, trial.clone(), change.clone()).await?;
            planned.kind = Kind::OnTrial;
            return Ok(None);
        }
        let running = self.go_live(candidate, expected, change, wish, planned).await?;
        Ok(Some(running))
    }

    /// Keeps what the gates of a change have found, once its revision is known.
    async fn keep_of_plan(self: &Arc<Self>, planned: &Planned, change: &Change) -> Result<(), ChangeError> {
        let (Some(number), false) = (planned.after, planned.findings.is_empty()) else {
            return Ok(());
        };
        let findings = planned.findings.clone();
        self.keep_of_revision(&planned.interface, number, findings, &change.author)
            .await
    }

    /// The same after something else than an interface has changed: a table.
    pub(crate) async fn tell_drift_anew(self: &Arc<Self>) -> Result<(), ChangeError> {
        let running = self.running.lock().await;
        self.tell_drift(&running).await
    }

    /// How the site folder differs from what runs by now.
    pub(super) async fn tell_drift(self: &Arc<Self>, running: &[Running]) -> Result<(), ChangeError> {
        let (changes, running) = (Arc::clone(self), running.to_vec());
        let telling = spawn_blocking(move || {
            let site = changes.read_site();
            for Running { interface, .. } in &running {
                let drift = match &site {
                    Ok(site) => {
                        let written = site.interfaces.iter().find(|written| written.name == interface.name);
                        deployment::drift(interface, written)
                    }
                    Err(_) => Some("the site folder has faults".to_owned()),
                };
                changes.shown.set_drift(&interface.name, drift);
            }
        });
        Ok(telling.await?)
    }
}

/// Refuses what would let messages come back to where they came from, by way of interfaces that stay as they are.
fn refuse_cycle(steps: &[(Planned, Target)], running: &[Running]) -> Result<(), ChangeError> {
    let stays = |one: &&Running| !steps.iter().any(|(planned, _)| planned.interface == one.interface.name);
    let staying = running.iter().filter(stays).map(|one| &one.interface);
    let new = steps.iter().filter_map(|(_, target)| match target {
        Target::New(after) | Target::Revision(after, ..) | Target::Approved(after, _) => Some(&**after),
        Target::Retired => None,
    });
    match chaining::cycle(staying.chain(new)) {
        Some(cycle) => Err(ChangeError::Cycle(chaining::told(&cycle))),
        None => Ok(()),
    }
}

/// Nobody else may have changed what was planned by the time it is made.
fn still_true(steps: &[(Planned, Target)], known: &[Running], now: &[Running]) -> Result<(), ChangeError> {
    for (planned, _) in steps {
        let of = |list: &'_ [Running]| {
            let found = list.iter().find(|one| one.interface.name == planned.interface);
            found.map(|one| (one.live.revision().number(), one.interface.clone()))
        };
        let (then, now) = (of(known), of(now));
        let found = now.as_ref().map(|(number, _)| *number);
        if found != planned.before {
            return Err(conflict(&planned.interface, found, planned.before));
        }
        if then != now {
            return Err(ChangeError::Outdated(planned.interface.clone()));
        }
    }
    Ok(())
}

fn conflict(interface: &str, found: Option<u32>, expected: Option<u32>) -> ChangeError {
    let interface = interface.to_owned();
    ChangeError::Conflict {
        source: CatalogError::Conflict {
            interface,
            found,
            expected,
        },
    }
}

impl Wish {
    /// Whoever has seen something else live than what is hears of it before gates run.
    fn fits(&self, planned: &Planned) -> Result<(), ChangeError> {
        match self.expected.get(&planned.interface) {
            Some(seen) if *seen != planned.before => Err(conflict(&planned.interface, planned.before, *seen)),
            _ => Ok(()),
        }
    }
}
