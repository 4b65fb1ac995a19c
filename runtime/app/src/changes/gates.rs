//! What a change has to pass before it goes live.
//!
//! Gates look and decide nothing by themselves: each gives a finding, and one that failed refuses the whole change, unless somebody
//! waives it by name. They run between the plan and the change, when nothing is locked: what was planned has to be true still
//! when it is made. What goes back to a revision that was live before passes none, because it has been live, and is urgent.

mod approval;
mod replay;
mod vectors;

use std::sync::Arc;

use tokio::task::spawn_blocking;
use transfuse_package::digest_of;

use super::evidence::About;
use super::planning::{Plan, Target};
use super::{ChangeError, Changes, Finding, Mode, Planned, Probe, Verdict, Wish};
use crate::configuration::{self, GateSettings, resolved};
use crate::control::wire::evidence::Detail;
use crate::deployment::Change;
use crate::parts::Parts;

pub(crate) use replay::Replaying;
pub(crate) use vectors::PassedVectors;

/// The gates that may be waived.
const WAIVABLE: [Probe; 3] = [Probe::Vectors, Probe::Replay, Probe::Envelope];

impl Changes {
    /// Adds to a plan what its gates find.
    pub(super) async fn pass_gates(self: &Arc<Self>, plan: &mut Plan, wish: &Wish) -> Result<(), ChangeError> {
        if wish.is_ungated && wish.change.is_none() {
            return Ok(());
        }
        let settings = self.gates().await?;
        may_waive(wish, &settings)?;
        for (planned, target) in &mut plan.steps {
            planned.findings = match target {
                // What nobody vouches for is not run.
                _ if !planned.untrusted.is_empty() => vec![distrusted(planned)],
                Target::New(interface) | Target::Revision(interface, _, true) => {
                    let takes_tables = plan.takes_tables;
                    self.may_wait(interface, takes_tables, wish, &settings).await?;
                    self.look(planned, interface, &plan.parts, wish, &settings).await?
                }
                Target::Revision(.., false) | Target::Retired => Vec::new(),
                Target::Approved(..) => vec![approval::given(wish)],
            };
            if planned.kind == super::Kind::RolledBack && planned.findings.is_empty() {
                let why = "it was live before, and passes no gates";
                planned
                    .findings
                    .push(Finding::new(Probe::Rollback, Verdict::Skipped, why));
            }
        }
        self.refuse(plan, wish, &settings).await
    }

    /// What all gates find about one interface.
    async fn look(
        self: &Arc<Self>,
        planned: &Planned,
        interface: &resolved::Interface,
        parts: &Arc<Parts>,
        wish: &Wish,
        settings: &GateSettings,
    ) -> Result<Vec<Finding>, ChangeError> {
        tracing::info!(interface = planned.interface, "the gates of a change begin");
        let mut findings = vec![trusted(planned)];
        findings.push(self.try_vectors(interface, parts, settings).await?);
        if !wish.is_shadow() {
            findings.extend(self.try_messages(planned, interface, parts, wish, settings).await?);
            if settings.approval.is_some() {
                findings.push(approval::wanted(planned, wish));
            }
        }
        for finding in &mut findings {
            wish.waive(finding);
        }
        Ok(findings)
    }

    /// A change that a gate refuses is kept with what was found, and is not made.
    async fn refuse(
        self: &Arc<Self>,
        plan: &mut Plan,
        wish: &Wish,
        settings: &GateSettings,
    ) -> Result<(), ChangeError> {
        let has_failed = |planned: &Planned| planned.findings.iter().any(|one| one.verdict == Verdict::Failed);
        let Some(change) = &wish.change else { return Ok(()) };
        if !plan.steps.iter().any(|(planned, _)| has_failed(planned)) {
            return Ok(());
        }
        for (planned, target) in plan.steps.iter().filter(|(planned, _)| has_failed(planned)) {
            let about = About::of_target(planned, target)?;
            let findings = planned
                .findings
                .iter()
                .cloned()
                .map(|finding| finding.wanted_for(change));
            self.keep_findings(about, findings.collect(), &change.author).await?;
        }
        let planned = std::mem::take(&mut plan.steps).into_iter().map(|(planned, _)| planned);
        Err(ChangeError::Gated {
            planned: planned.collect(),
            may_waive: settings.waive,
        })
    }

    /// What the site folder says by now.
    pub(super) async fn gates(&self) -> Result<GateSettings, ChangeError> {
        let site = self.site.clone();
        let reading = spawn_blocking(move || configuration::read_settings(&site).0.gates);
        Ok(reading.await?)
    }
}

impl About {
    /// What is not a revision yet is known by what it would be.
    fn of_target(planned: &Planned, target: &Target) -> Result<Self, ChangeError> {
        let (content, revision) = match target {
            Target::New(interface) => (serde_json::to_string(interface), None),
            Target::Revision(interface, number, _) | Target::Approved(interface, number) => {
                (serde_json::to_string(interface), Some(*number))
            }
            Target::Retired => (Ok(String::new()), planned.before),
        };
        let content = content.map_err(|error| ChangeError::Failed(error.into()))?;
        Ok(Self {
            interface: planned.interface.clone(),
            digest: digest_of(content.as_bytes()),
            revision,
        })
    }
}

impl Wish {
    pub(super) fn is_shadow(&self) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| matches!(trial.mode, Mode::Shadow))
    }

    /// A gate that failed counts as waived where its name was given.
    fn waive(&self, finding: &mut Finding) {
        let is_named = self.waived.iter().any(|name| name == finding.probe.word());
        if finding.verdict != Verdict::Failed || !is_named {
            return;
        }
        finding.verdict = Verdict::Waived;
        if let Some(change) = &self.change {
            finding.summary = format!("{} (waived: {})", finding.summary, change.reason);
            finding.detail.reason.clone_from(&change.reason);
        }
    }
}

impl Finding {
    /// What refuses a change is kept with the reason that somebody gave for it.
    fn wanted_for(mut self, change: &Change) -> Self {
        if self.verdict == Verdict::Failed {
            self.detail.reason.clone_from(&change.reason);
        }
        self
    }
}

fn may_waive(wish: &Wish, settings: &GateSettings) -> Result<(), ChangeError> {
    let is_known = |name: &&String| !WAIVABLE.iter().any(|probe| probe.word() == name.as_str());
    if let Some(unknown) = wish.waived.iter().find(is_known) {
        return Err(ChangeError::NotWaivable(unknown.clone()));
    }
    if !wish.waived.is_empty() && !settings.waive {
        return Err(ChangeError::NoWaiving);
    }
    Ok(())
}

/// What the policy does not allow, plugin by plugin. Nobody can waive it.
fn distrusted(planned: &Planned) -> Finding {
    let told = planned.untrusted.iter().map(|one| one.told.clone());
    let summary = match planned.untrusted.as_slice() {
        [one] => one.told.clone(),
        several => format!(
            "the policy does not allow {}",
            crate::layout::counted(several.len(), "plugin")
        ),
    };
    Finding::new(Probe::Trust, Verdict::Failed, summary).with(Detail {
        lines: told.filter(|_| planned.untrusted.len() > 1).map(Into::into).collect(),
        against: planned.before,
        ..Detail::default()
    })
}

fn trusted(planned: &Planned) -> Finding {
    let summary = match planned.alerts.len() {
        0 => "the policy allows every plugin".to_owned(),
        some => format!(
            "the policy allows every plugin, with {}",
            crate::layout::counted(some, "alert")
        ),
    };
    Finding::new(Probe::Trust, Verdict::Passed, summary)
}
