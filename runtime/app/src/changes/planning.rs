//! What a change would do, before anything is done.

use std::sync::Arc;

use semver::VersionReq;
use transfuse_package::Library;
use transfuse_package::trust::Occasion;
use transfuse_store::Catalog;

use super::{ChangeError, Changes, Difference, Finding, difference};
use crate::configuration::{self, Fault, Site, resolved};
use crate::deployment;
use crate::parts::{Component, Parts};
use crate::tables::Running;
use crate::trust::Trust;

/// What is to become of one interface.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) interface: String,
    pub(crate) kind: Kind,
    /// The revision that is live; none of an interface that is new.
    pub(crate) before: Option<u32>,
    /// The revision that is live afterwards; known once it is made.
    pub(crate) after: Option<u32>,
    pub(crate) differences: Vec<Difference>,
    /// What somebody should know about its plugins.
    pub(crate) alerts: Vec<String>,
    /// Why the policy does not allow some of them.
    pub(crate) untrusted: Vec<Untrusted>,
    /// What its gates have found.
    pub(crate) findings: Vec<Finding>,
    /// Deliveries of the revision that was left, where they were to be held.
    pub(crate) held: Option<u64>,
}

/// A plugin that must not go live.
#[derive(Debug, Clone)]
pub(crate) struct Untrusted {
    /// Which, and why; with the line of the site folder that names it, where it was read from there.
    pub(crate) told: String,
    pub(crate) hint: String,
}

/// Which way an interface changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    New,
    Changed,
    /// The site folder has it no longer: it is taken out of use.
    Retired,
    /// An earlier revision goes live again.
    RolledBack,
    /// A new revision is tried, and the live one stays.
    OnTrial,
    /// A new revision waits for a second person, and the live one stays.
    Waiting,
    /// The same revision, with other versions of its code tables.
    OtherTables,
}

/// A plan, and what it is made of.
pub(super) struct Plan {
    pub(super) steps: Vec<(Planned, Target)>,
    pub(super) parts: Arc<Parts>,
    /// Whether live tables change with it.
    pub(super) takes_tables: bool,
}

/// What an interface is to become.
pub(super) enum Target {
    /// A revision that is to be made.
    New(Box<resolved::Interface>),
    /// One that there is; and whether it has to pass gates, because it was never live.
    Revision(Box<resolved::Interface>, u32, bool),
    /// One that has passed them, and that a second person approves.
    Approved(Box<resolved::Interface>, u32),
    Retired,
}

impl Changes {
    /// The site folder against what is live.
    pub(super) fn plan_apply(&self, running: &[Running]) -> Result<Plan, ChangeError> {
        let site = self.read_site()?;
        let mut steps = Vec::new();
        for interface in &site.interfaces {
            let before = running.iter().find(|one| one.interface.name == interface.name);
            if let Some(before) = before
                && before.interface == *interface
            {
                steps.extend(Self::renewed(before, &site.parts));
                continue;
            }
            let refusals = site.refusals.get(&interface.name);
            let planned = Planned {
                untrusted: refusals.into_iter().flatten().map(Untrusted::at).collect(),
                ..Planned::new(before, interface)
            };
            steps.push((planned, Target::New(Box::new(interface.clone()))));
        }
        let gone = running.iter().filter(|one| {
            let name = &one.interface.name;
            !site.interfaces.iter().any(|interface| interface.name == *name)
        });
        steps.extend(gone.map(|one| (Planned::retired(one), Target::Retired)));
        Ok(Plan {
            steps,
            parts: Arc::new(site.parts),
            takes_tables: true,
        })
    }

    /// The same revision with other values of its secrets, where they have changed since its chain was made.
    fn renewed(before: &Running, parts: &Parts) -> Option<(Planned, Target)> {
        let now = parts.secrets(&before.interface);
        let changed = now
            .iter()
            .filter(|(name, value)| before.secrets.get(*name) != Some(value));
        let differences: Vec<Difference> = changed
            .map(|(name, _)| Difference {
                place: format!("secrets.{name}"),
                before: Some("the value of before".to_owned()),
                after: Some("the value of now".to_owned()),
            })
            .collect();
        let planned = Planned {
            after: Some(before.live.revision().number()),
            differences,
            ..Planned::new(Some(before), &before.interface)
        };
        let number = before.live.revision().number();
        let target = Target::Revision(Box::new(before.interface.clone()), number, false);
        (!planned.differences.is_empty()).then_some((planned, target))
    }

    /// Room for what an interface is made of, with the secrets of today.
    pub(super) fn no_parts(&self) -> Parts {
        Parts::new(configuration::read_secrets(&self.site, self.environment.as_deref()))
    }

    /// One plugin of one interface in another version.
    pub(super) fn plan_deploy(
        &self,
        running: &[Running],
        interface: &str,
        plugin: &str,
        version: &str,
    ) -> Result<Plan, ChangeError> {
        let before = find(running, interface)?;
        let component = self.package(plugin, version)?;
        let mut after = before.interface.clone();
        let mut steps = after.all_steps_mut().filter(|step| step.plugin == plugin).peekable();
        if steps.peek().is_none() {
            return Err(ChangeError::UnknownStep {
                interface: interface.to_owned(),
                plugin: plugin.to_owned(),
            });
        }
        for step in steps {
            step.digest = component.identity.digest.to_string();
            step.version = component.identity.version.to_string();
        }
        let mut parts = self.no_parts();
        parts.add_component(component);
        self.plan_one(Some(before), after, parts)
    }

    /// An earlier revision of an interface, with the code tables of today.
    pub(super) fn plan_rollback(
        &self,
        running: &[Running],
        interface: &str,
        to: Option<u32>,
    ) -> Result<Plan, ChangeError> {
        let before = find(running, interface)?;
        let catalog = self.store.catalog();
        let number = match to {
            Some(number) => number,
            None => before_this(catalog, interface, before.live.revision().number())?,
        };
        let unknown = || ChangeError::UnknownRevision {
            interface: interface.to_owned(),
            number,
        };
        let revision = catalog.revision(interface, number)?.ok_or_else(unknown)?;
        let tables = deployment::live_tables(catalog).map_err(ChangeError::Failed)?;
        let after = deployment::current(&revision, &tables).map_err(ChangeError::Failed)?;
        if after.environment != self.environment {
            let interface = interface.to_owned();
            return Err(ChangeError::OtherEnvironment { interface, number });
        }
        let is_new = !catalog.was_live(interface, number)?;
        let mut plan = self.plan_one(Some(before), after.clone(), self.no_parts())?;
        for (planned, target) in &mut plan.steps {
            planned.kind = Kind::RolledBack;
            planned.after = Some(number);
            *target = Target::Revision(Box::new(after.clone()), number, is_new);
        }
        Ok(plan)
    }

    /// A revision that a second person approves, with the code tables of today.
    pub(super) fn plan_approved(
        &self,
        before: Option<&Running>,
        after: resolved::Interface,
    ) -> Result<Plan, ChangeError> {
        self.plan_one(before, after, self.no_parts())
    }

    fn plan_one(
        &self,
        before: Option<&Running>,
        after: resolved::Interface,
        mut parts: Parts,
    ) -> Result<Plan, ChangeError> {
        let fetched = deployment::fetch_parts(self.store.catalog(), &after, &mut parts);
        fetched.map_err(ChangeError::Failed)?;
        let mut planned = Planned::new(before, &after);
        (planned.alerts, planned.untrusted) = self.judge(&after, &parts)?;
        let is_same = planned.differences.is_empty();
        let target = Target::New(Box::new(after));
        Ok(Plan {
            steps: if is_same { Vec::new() } else { vec![(planned, target)] },
            parts: Arc::new(parts),
            takes_tables: false,
        })
    }

    /// What the policy says of every plugin of what is to go live: what somebody should know, and what it does not allow.
    fn judge(
        &self,
        interface: &resolved::Interface,
        parts: &Parts,
    ) -> Result<(Vec<String>, Vec<Untrusted>), ChangeError> {
        let trust = self.trust()?;
        let (mut alerts, mut untrusted) = (Vec::new(), Vec::new());
        for step in interface.all_steps() {
            let Some(component) = parts.component(&step.digest) else {
                continue;
            };
            match trust.judge(component, &step.grants, Occasion::Deploy) {
                Ok(told) => alerts.extend(told),
                Err(distrust) => untrusted.push(Untrusted {
                    told: distrust.message,
                    hint: distrust.hint,
                }),
            }
        }
        Ok((alerts, untrusted))
    }

    /// Of what runs or goes live without a plan: the policy has to allow every plugin of it.
    pub(super) fn refuse_untrusted(&self, interface: &resolved::Interface, parts: &Parts) -> Result<(), ChangeError> {
        let (_, untrusted) = self.judge(interface, parts)?;
        match untrusted.into_iter().next() {
            Some(first) => Err(ChangeError::Untrusted(first)),
            None => Ok(()),
        }
    }

    /// The site folder as it is now. Links every chain, and compiles what is not compiled yet.
    pub(super) fn read_site(&self) -> Result<Site, ChangeError> {
        let trust = self.trust()?;
        let (_, faults) = configuration::read_settings(&self.site);
        let environment = self.environment.as_deref();
        let site = configuration::read(&self.site, environment, &self.plugins, &trust, faults, &self.sandbox);
        site.map_err(ChangeError::Faults)
    }

    fn trust(&self) -> Result<Trust, ChangeError> {
        let (settings, faults) = configuration::read_settings(&self.site);
        let trust = Trust::read(&self.site, &self.data, &settings, &faults);
        let faults = faults.into_sorted();
        if faults.is_empty() {
            Ok(trust)
        } else {
            Err(ChangeError::Faults(faults))
        }
    }

    /// The newest version of a plugin in the site's library that fits.
    fn package(&self, plugin: &str, version: &str) -> Result<Component, ChangeError> {
        let unknown = |error: &dyn std::fmt::Display| ChangeError::UnknownPackage(error.to_string());
        // A whole version is that one, and no later one that would fit too.
        let exact = semver::Version::parse(version).is_ok();
        let requirement = if exact {
            format!("={version}")
        } else {
            version.to_owned()
        };
        let requirement: VersionReq = requirement
            .parse()
            .map_err(|_| ChangeError::UnknownPackage(format!("`{version}` is no version")))?;
        let library = Library::open(&self.plugins).map_err(|error| unknown(&error))?;
        let package = library.find(plugin, &requirement).map_err(|error| unknown(&error))?;
        Ok(Component::from(package))
    }
}

impl Planned {
    pub(super) fn new(before: Option<&Running>, after: &resolved::Interface) -> Self {
        Self {
            interface: after.name.clone(),
            kind: if before.is_some() { Kind::Changed } else { Kind::New },
            before: before.map(|before| before.live.revision().number()),
            after: None,
            differences: difference(before.map(|before| &before.interface), after),
            alerts: Vec::new(),
            untrusted: Vec::new(),
            findings: Vec::new(),
            held: None,
        }
    }

    fn retired(before: &Running) -> Self {
        Self {
            interface: before.interface.name.clone(),
            kind: Kind::Retired,
            before: Some(before.live.revision().number()),
            after: None,
            differences: Vec::new(),
            alerts: Vec::new(),
            untrusted: Vec::new(),
            findings: Vec::new(),
            held: None,
        }
    }
}

impl Untrusted {
    /// As the site folder has it.
    fn at(fault: &Fault) -> Self {
        Self {
            told: format!("{}: {}", fault.location.told(), fault.message),
            hint: fault.hints.join("; "),
        }
    }
}

pub(super) fn find<'r>(running: &'r [Running], interface: &str) -> Result<&'r Running, ChangeError> {
    let found = running.iter().find(|one| one.interface.name == interface);
    found.ok_or_else(|| ChangeError::UnknownInterface(interface.to_owned()))
}

/// The revision that was live before the one that is.
pub(super) fn before_this(catalog: &Catalog, interface: &str, live: u32) -> Result<u32, ChangeError> {
    let before = catalog.live_before(interface, live)?;
    before.ok_or_else(|| ChangeError::NothingBefore(interface.to_owned()))
}
