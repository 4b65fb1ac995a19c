//! A second person, where the site wants one: a revision is made, and waits until somebody else than its author lets it go live.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_store::{Catalog, Evidence};

use super::super::evidence::open;
use super::super::planning::{Plan, Target};
use super::super::{ChangeError, Changes, Finding, Mode, Planned, Probe, Verdict, Wish};
use crate::configuration::{self, GateSettings, resolved};
use crate::control::wire::evidence::{Asker, Detail};
use crate::deployment;
use crate::identity::{Account, Identity, SecondPerson};
use crate::tables::Running;

/// A revision that waits.
struct Waiting {
    asked_by: Account,
    /// What was live when it was asked for.
    against: Option<u32>,
}

impl Changes {
    /// Makes a revision live that waits for a second person.
    pub(crate) async fn approve(
        self: &Arc<Self>,
        interface: String,
        number: u32,
        wish: Wish,
    ) -> Result<Vec<Planned>, ChangeError> {
        let author = wish.change.as_ref().map(|change| change.author.clone());
        self.carry_out(wish, move |changes, running| {
            changes.plan_approval(running, &interface, number, author.as_ref())
        })
        .await
    }

    fn plan_approval(
        &self,
        running: &[Running],
        interface: &str,
        number: u32,
        author: Option<&Identity>,
    ) -> Result<Plan, ChangeError> {
        let catalog = self.store.catalog();
        let unknown = || ChangeError::UnknownRevision {
            interface: interface.to_owned(),
            number,
        };
        let revision = catalog.revision(interface, number)?.ok_or_else(unknown)?;
        let not_waiting = || ChangeError::NotWaiting {
            interface: interface.to_owned(),
            number,
        };
        let waiting = waiting(catalog, interface, number)?.ok_or_else(not_waiting)?;
        if let Some(author) = author {
            let settings = configuration::read_settings(&self.site).0.gates;
            // A revision waits on also where the site has ceased to want that.
            let told_by = settings.approval.unwrap_or(SecondPerson::Account);
            is_second(&Identity::Account(waiting.asked_by), author, told_by)?;
        }
        let tables = deployment::live_tables(catalog).map_err(ChangeError::Failed)?;
        let after = deployment::current(&revision, &tables).map_err(ChangeError::Failed)?;
        let before = running.iter().find(|one| one.interface.name == interface);
        let mut plan = self.plan_approved(before, after.clone())?;
        for (planned, target) in &mut plan.steps {
            // What else has gone live since it was asked for is a conflict.
            planned.before = waiting.against;
            planned.after = Some(number);
            *target = Target::Approved(Box::new(after.clone()), number);
        }
        Ok(plan)
    }

    /// Refuses what a second person could not decide on.
    pub(super) async fn may_wait(
        self: &Arc<Self>,
        interface: &resolved::Interface,
        takes_tables: bool,
        wish: &Wish,
        settings: &GateSettings,
    ) -> Result<(), ChangeError> {
        if settings.approval.is_none() {
            return Ok(());
        }
        let mode = wish.trial.as_ref().map(|trial| &trial.mode);
        if matches!(mode, Some(Mode::Filter(_) | Mode::Shares { .. })) {
            return Err(ChangeError::PilotNeedsApproval);
        }
        let (changes, interface) = (Arc::clone(self), interface.clone());
        let looking = spawn_blocking(move || {
            let live = deployment::live_tables(changes.store.catalog()).map_err(ChangeError::Failed)?;
            let mut grants = interface.tables();
            let other = grants.find(|grant| live.get(&grant.name).is_some_and(|digest| *digest != grant.digest));
            match other.filter(|_| takes_tables) {
                Some(grant) => Err(ChangeError::TableNeedsApproval(grant.name.clone())),
                None => Ok(()),
            }
        });
        looking.await?
    }

    /// Whether somebody may make the revision of a trial live.
    pub(in crate::changes) async fn may_promote(
        self: &Arc<Self>,
        asked_by: &Identity,
        promoted_by: &Identity,
    ) -> Result<bool, ChangeError> {
        let Some(told_by) = self.gates().await?.approval else {
            return Ok(false);
        };
        is_second(asked_by, promoted_by, told_by)?;
        Ok(true)
    }

    /// Which of its revisions wait for a second person. Blocks on the disk.
    pub(in crate::changes) fn waiting_revisions(
        &self,
        interface: &str,
        live: Option<u32>,
        numbers: &[u32],
    ) -> Result<Vec<u32>, ChangeError> {
        let catalog = self.store.catalog();
        let mut found = Vec::new();
        for number in numbers {
            if waiting(catalog, interface, *number)?.is_some_and(|one| one.against == live) {
                found.push(*number);
            }
        }
        Ok(found)
    }
}

/// None where nobody waits for it any more.
fn waiting(catalog: &Catalog, interface: &str, number: u32) -> Result<Option<Waiting>, ChangeError> {
    let last = catalog.last_evidence(interface, Some(number), Probe::Approval.word())?;
    let is_waiting = |one: &Evidence| one.found.verdict == Verdict::Waiting.word();
    let Some(last) = last.filter(is_waiting) else {
        return Ok(None);
    };
    let detail = open(&last.found.detail).map_err(ChangeError::Failed)?;
    // An earlier engine has kept no account: nobody can say who a second person would be, and it is to be asked for anew.
    Ok(detail.asked_by.map(|asker| Waiting {
        asked_by: account(asker),
        against: detail.against,
    }))
}

/// The engine is no person, and what it was told to do has been asked for by one.
fn is_second(first: &Identity, second: &Identity, told_by: SecondPerson) -> Result<(), ChangeError> {
    match (first, second) {
        (Identity::Account(one), Identity::Account(other)) if other.is_another_than(one, told_by) => Ok(()),
        _ => Err(ChangeError::SamePerson {
            first: first.clone(),
            second: second.clone(),
        }),
    }
}

/// What is found of a change that has to wait.
pub(super) fn wanted(planned: &Planned, wish: &Wish) -> Finding {
    let why = "a second person has to approve it";
    let asked_by = match wish.change.as_ref().map(|change| &change.author) {
        Some(Identity::Account(account)) => Some(asker(account)),
        _ => None,
    };
    Finding::new(Probe::Approval, Verdict::Waiting, why).with(Detail {
        against: planned.before,
        asked_by,
        ..Detail::default()
    })
}

fn asker(account: &Account) -> Asker {
    let Account { uid, name, claimed } = account.clone();
    Asker { uid, name, claimed }
}

fn account(asker: Asker) -> Account {
    let Asker { uid, name, claimed } = asker;
    Account { uid, name, claimed }
}

/// What is found of a change that somebody approves.
pub(super) fn given(wish: &Wish) -> Finding {
    let change = wish.change.as_ref();
    let told = change.map_or_else(
        || "nobody approves a plan".to_owned(),
        |change| format!("approved by {}: {}", change.author, change.reason),
    );
    Finding::new(Probe::Approval, Verdict::Passed, told)
}
