//! Looking again at what runs: a certificate expires and a package is revoked while an engine is up for months.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use transfuse_package::trust::Occasion;

use super::{Distrust, Trust};
use crate::configuration::{Faults, Settings, resolved};
use crate::deployment::Deployment;
use crate::parts::{Component, Parts};

/// Everything that is looked at again: the plugins of the running interfaces, by what the site's files say at that moment
/// and by the `[trust]` section that the engine started with.
#[derive(Debug)]
pub(crate) struct Watch {
    site: PathBuf,
    data: PathBuf,
    settings: Settings,
    live: WatchList,
    /// What the files had wrong at the last look.
    faults: Vec<String>,
}

/// The running interfaces that are looked at, shared with whoever changes what runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchList(Arc<Mutex<Vec<Watched>>>);

/// An interface with the plugins of its steps, and what is known of them.
#[derive(Debug)]
struct Watched {
    interface: String,
    steps: Vec<(Component, resolved::Grants)>,
    alerts: Vec<String>,
    is_stopped: bool,
}

/// What a look has found that was not known before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) interface: String,
    /// Everything that somebody should know about its plugins by now.
    pub(crate) alerts: Vec<String>,
    /// Those of them that the last look had not found: each is told once.
    pub(crate) untold: Vec<String>,
    /// Whether it is to receive nothing more, because a plugin of it is revoked.
    pub(crate) stops: bool,
}

/// What somebody should know about each running interface: its plugins, changes that nobody made, traffic that does not come. Shared
/// with whoever tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alerts(Arc<Mutex<BTreeMap<String, AlertsOf>>>);

/// Those of one interface.
#[derive(Debug, Clone, Default)]
struct AlertsOf {
    plugins: Vec<String>,
    changes: Vec<String>,
    traffic: Vec<String>,
}

impl Watch {
    pub(crate) fn new(site: &Path, data: &Path, settings: Settings, deployment: &Deployment) -> Self {
        let live = WatchList::default();
        for one in &deployment.interfaces {
            live.set(&one.interface, &deployment.parts, &one.alerts);
        }
        Self {
            site: site.to_owned(),
            data: data.to_owned(),
            settings,
            live,
            faults: Vec::new(),
        }
    }

    /// What is looked at.
    pub(crate) fn list(&self) -> WatchList {
        self.live.clone()
    }

    /// How long to wait before a look.
    pub(crate) fn interval(&self) -> Duration {
        self.settings.trust.look_again
    }

    /// Judges everything as it would be at a start. Reads files, and blocks.
    ///
    /// Only a revocation stops what runs, where the policy says so. An approval that is gone, or a file that somebody is
    /// editing, would keep it from starting again, and is told.
    pub(crate) fn look(&mut self, now: Timestamp) -> Vec<News> {
        let faults = Faults::default();
        let trust = Trust::read_at(now, &self.site, &self.data, &self.settings, &faults);
        self.tell(faults);
        if let Err(error) = trust.keep(&self.data) {
            tracing::warn!(error = format!("{error:#}"), "an older revocation list could come back");
        }
        let mut live = self.live.lock();
        live.iter_mut().filter_map(|watched| watched.judge(&trust)).collect()
    }

    /// Each state of the files once.
    fn tell(&mut self, faults: Faults) {
        let found: Vec<String> = faults.into_sorted().into_iter().map(|fault| fault.message).collect();
        for fault in found.iter().filter(|fault| !self.faults.contains(fault)) {
            tracing::warn!(fault, "what the site trusts cannot be read; what was known holds on");
        }
        self.faults = found;
    }
}

impl WatchList {
    /// Looks at an interface from now on as it is now.
    pub(crate) fn set(&self, interface: &resolved::Interface, parts: &Parts, alerts: &[String]) {
        let steps = interface.all_steps().filter_map(|step| {
            let component = parts.component(&step.digest)?;
            Some((component.clone(), step.grants.clone()))
        });
        let watched = Watched {
            interface: interface.name.clone(),
            steps: steps.collect(),
            alerts: alerts.to_vec(),
            is_stopped: false,
        };
        let mut live = self.lock();
        live.retain(|one| one.interface != interface.name);
        live.push(watched);
    }

    /// Looks at it no more.
    pub(crate) fn forget(&self, interface: &str) {
        self.lock().retain(|one| one.interface != interface);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn judge(&mut self, trust: &Trust) -> Option<News> {
        let (mut alerts, mut stops) = (Vec::new(), false);
        for (component, grants) in &self.steps {
            match trust.judge(component, grants, Occasion::Load) {
                Ok(told) => alerts.extend(told),
                Err(Distrust {
                    message, is_revoked, ..
                }) => {
                    stops |= is_revoked;
                    let effect = if is_revoked {
                        "it receives nothing more"
                    } else {
                        "it would not start again"
                    };
                    alerts.push(format!("{effect}: {message}"));
                }
            }
        }
        let stops = stops && !self.is_stopped;
        self.is_stopped |= stops;
        if alerts == self.alerts && !stops {
            return None;
        }
        let untold = alerts.iter().filter(|alert| !self.alerts.contains(alert));
        let untold = untold.cloned().collect();
        self.alerts.clone_from(&alerts);
        Some(News {
            interface: self.interface.clone(),
            alerts,
            untold,
            stops,
        })
    }
}

impl Alerts {
    /// What is to be known of an interface's plugins by now.
    pub(crate) fn set(&self, interface: &str, alerts: Vec<String>) {
        self.lock().entry(interface.to_owned()).or_default().plugins = alerts;
    }

    /// Something that a change came to without a person's doing.
    pub(crate) fn add_of_change(&self, interface: &str, alert: String) {
        let mut known = self.lock();
        known.entry(interface.to_owned()).or_default().changes.push(alert);
    }

    /// What is missing of its traffic now.
    pub(crate) fn set_of_traffic(&self, interface: &str, alerts: Vec<String>) {
        self.lock().entry(interface.to_owned()).or_default().traffic = alerts;
    }

    /// Somebody has changed what is live, and knows what there was to know of the last change.
    pub(crate) fn forget_changes(&self, interface: &str) {
        self.lock().entry(interface.to_owned()).or_default().changes.clear();
    }

    pub(crate) fn of(&self, interface: &str) -> Vec<String> {
        let known = self.lock();
        let of = known.get(interface).cloned().unwrap_or_default();
        [of.plugins, of.changes, of.traffic].concat()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, AlertsOf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
