//! What a site trusts: the one place where packages are held against the policy, the approvals and the revocations.

mod approvals;
mod revocations;
mod watch;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use transfuse_package::trust::{
    Approval, CertifiedGrants, Occasion, Policy, Refusal, RevocationList, Role, Signature, Subject,
};

use crate::configuration::{self, Fault, Faults, Settings, resolved};
use crate::parts::Component;

pub(crate) use approvals::{approval, approve};
pub(crate) use watch::{Alerts, News, Watch, WatchList};

/// Everything that a judgement about a package depends on.
#[derive(Debug)]
pub(crate) struct Trust {
    site: PathBuf,
    policy: Policy,
    /// None where `approved.toml` cannot be read.
    approvals: Option<Vec<Approval>>,
    revocations: revocations::Revocations,
    now_ms: i64,
}

/// A package that must not be used, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distrust {
    /// One sentence, which names the package and the reason.
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The package, or its signer's key, was taken back, and the policy says that it is to stop.
    pub(crate) is_revoked: bool,
}

impl Trust {
    /// Reads what the site folder and the data folder hold; nothing is written. What is wrong with the files becomes a
    /// fault, and what they said before holds on.
    pub(crate) fn read(site: &Path, data: &Path, settings: &Settings, faults: &Faults) -> Self {
        Self::read_at(Timestamp::now(), site, data, settings, faults)
    }

    /// The same, for judgements at a moment.
    pub(crate) fn read_at(now: Timestamp, site: &Path, data: &Path, settings: &Settings, faults: &Faults) -> Self {
        let settings = &settings.trust;
        Self {
            site: site.to_owned(),
            policy: settings.policy.clone(),
            approvals: configuration::read_approvals(site, faults),
            revocations: revocations::read(site, data, settings, faults),
            now_ms: now.as_millisecond(),
        }
    }

    /// Keeps the revocation list in the data folder, so that an older one is refused from now on.
    pub(crate) fn keep(&self, data: &Path) -> anyhow::Result<()> {
        self.revocations.keep(data)
    }

    /// Whether a plugin may be used by a step, and what somebody should know about it.
    pub(crate) fn judge(
        &self,
        component: &Component,
        grants: &resolved::Grants,
        occasion: Occasion,
    ) -> Result<Vec<String>, Distrust> {
        let identity = &component.identity;
        let name = format!("{} {}", identity.name, identity.version);
        let about = |text: String| format!("`{name}`: {text}");
        let package = component.package();
        let subject = Subject {
            digest: &identity.digest,
            envelopes: package.map(|package| package.envelopes.as_slice()).unwrap_or_default(),
            granted: Some(&granted(grants)),
        };
        let judged = self.judge_subject(subject, occasion);
        match judged {
            Ok(alerts) => Ok(alerts.into_iter().map(about).collect()),
            // Nobody can have approved what an earlier engine stored before there were packages; it runs on.
            Err(Refusal::Missing { .. }) if package.is_none() && occasion == Occasion::Load => Ok(vec![about(
                "an earlier engine deployed it without a package; deploy it again from one that is approved".to_owned(),
            )]),
            Err(refusal) => Err(Distrust {
                message: format!("`{name}` {}: {refusal}", forbidden(occasion)),
                hint: self.hint(&refusal, &format!("{}@{}", identity.name, identity.version)),
                is_revoked: refusal.is_revocation(),
            }),
        }
    }

    /// The same of a package that is no part of the site yet.
    pub(crate) fn judge_subject(&self, subject: Subject<'_>, occasion: Occasion) -> Result<Vec<String>, Refusal> {
        let revocations = self.revocations();
        let unreadable = occasion == Occasion::Load && self.approvals.is_none();
        let approvals = self.approvals.as_deref().unwrap_or_default();
        let judged = self
            .policy
            .judge(subject, approvals, revocations, self.now_ms, occasion);
        let alerts = match judged {
            // What is live does not stop because somebody is editing the file.
            Err(Refusal::Missing { role }) if unreadable => {
                vec![format!("whether it is approved as {role} cannot be read")]
            }
            judged => judged?.iter().map(ToString::to_string).collect(),
        };
        Ok(alerts)
    }

    /// Whether a package may be put into the site's library. The hospital's own word may come later: it is asked for before a
    /// deployment. What another hospital said about it says nothing here.
    pub(crate) fn judge_install(&self, subject: Subject<'_>) -> Result<Vec<String>, Refusal> {
        match self.judge_subject(subject, Occasion::Install) {
            Err(
                Refusal::Missing { role: Role::Hospital }
                | Refusal::UnknownKey {
                    role: Role::Hospital, ..
                },
            ) => Ok(vec!["the hospital's approval may follow".to_owned()]),
            judged => judged,
        }
    }

    /// What a person can do about a refusal of this site. `package` is what its commands call the package.
    pub(crate) fn hint(&self, refusal: &Refusal, package: &str) -> String {
        refusal.hint(package, &self.site.display().to_string())
    }

    /// Every signature of a package with what it is worth here.
    pub(crate) fn signatures(&self, subject: Subject<'_>, occasion: Occasion) -> Vec<Signature<'_>> {
        self.policy
            .signatures(subject, self.revocations(), self.now_ms, occasion)
    }

    /// The hospital's line about a package.
    pub(crate) fn approval(&self, digest: &str) -> Option<&Approval> {
        self.approvals
            .iter()
            .flatten()
            .find(|approval| approval.digest == digest)
    }

    fn revocations(&self) -> Option<&RevocationList> {
        self.revocations.list.as_ref()
    }
}

impl Distrust {
    /// As a fault of the line that names the plugin.
    pub(crate) fn fault(self, location: configuration::Location) -> Fault {
        Fault {
            location,
            message: self.message,
            hints: vec![self.hint],
        }
    }
}

/// A step's grants, as a certificate would say them.
fn granted(grants: &resolved::Grants) -> CertifiedGrants {
    CertifiedGrants {
        read: grants.read.clone(),
        write: grants.write.clone(),
        tables: grants.tables.iter().map(|table| table.name.clone()).collect(),
        create: grants.create,
        state: grants.state,
    }
}

fn forbidden(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Install => "must not be installed",
        Occasion::Deploy => "must not be deployed",
        Occasion::Load => "must not be loaded",
    }
}
