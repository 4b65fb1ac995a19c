//! Traffic that is missed when it does not come: silence where there should be messages, and questions without their answer.
//!
//! Everything is asked of the store, off the message path, so that a restart knows as much as the engine before it did.

mod answers;
mod silence;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use transfuse_store::{CatalogError, ReadError, Store};

use crate::configuration::resolved::{Awaited, Expectation, Interface};
use crate::tables::RunningList;
use crate::trust::Alerts;

use answers::Following;

/// How often it is looked whether anything is due.
const LOOK: Duration = Duration::from_secs(1);

/// An expectation is looked at so many times while it may last: an alert is late by a twentieth of its time at most.
const LOOKS: u32 = 20;

/// The longest time between two looks: an alert of a monthly report need not be a day late.
const LOOK_MAX: Duration = Duration::from_mins(1);

/// Downtimes that are asked for mutes: the last ones.
const DOWNTIMES_MAX: usize = 100;

/// Looks whether what is expected came, and tells what did not, until `done`.
pub(crate) async fn keep(store: Store, running: RunningList, alerts: Alerts, done: CancellationToken) {
    let mut watch = Watch {
        store,
        alerts,
        started_at_ms: Timestamp::now().as_millisecond(),
        watched: HashMap::new(),
    };
    while done.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        let running = running.lock().await;
        let expecting: Vec<Arc<Interface>> = running
            .iter()
            .filter(|one| !one.interface.expectations.is_empty())
            .map(|one| Arc::new(one.interface.clone()))
            .collect();
        drop(running);
        let looked = tokio::task::spawn_blocking(move || {
            watch.look(&expecting);
            watch
        });
        let Ok(looked) = looked.await else {
            tracing::error!("looking for missing traffic has failed, and is not done again before a restart");
            return;
        };
        watch = looked;
    }
}

/// What is known of all expectations.
struct Watch {
    store: Store,
    alerts: Alerts,
    /// What came before was not missed: nobody could send it.
    started_at_ms: i64,
    /// By interface and name.
    watched: HashMap<(String, String), Watched>,
}

/// What is known of one.
struct Watched {
    expectation: Expectation,
    next_look: Instant,
    following: Option<Following>,
    /// What is missing, since it is told.
    alert: Option<String>,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the time zone `{0}` is not known")]
    TimeZone(String),
}

/// Since when nothing keeps traffic away, or that something does.
enum Mute {
    Muted,
    Since(i64),
}

impl Watch {
    fn look(&mut self, interfaces: &[Arc<Interface>]) {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut before = std::mem::take(&mut self.watched);
        for interface in interfaces {
            for expectation in &interface.expectations {
                let key = (interface.name.clone(), expectation.name.clone());
                let known = before.remove(&key).filter(|known| known.expectation == *expectation);
                let mut watched = known.unwrap_or_else(|| Watched::new(expectation));
                if watched.next_look <= Instant::now() {
                    self.look_at(interface, &mut watched);
                }
                told.entry(interface.name.clone())
                    .or_default()
                    .extend(watched.alert.clone());
                self.watched.insert(key, watched);
            }
        }
        for (interface, _) in before.into_keys() {
            // Nobody expects it any more.
            told.entry(interface).or_default();
        }
        for (interface, alerts) in told {
            self.alerts.set_of_traffic(&interface, alerts);
        }
    }

    fn look_at(&self, interface: &Interface, watched: &mut Watched) {
        watched.next_look = Instant::now() + watched.expectation.pause();
        let found = match self.found(interface, watched) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(interface = interface.name, expectation = watched.expectation.name, %error,
                    "cannot find out whether traffic is missing; it is tried again");
                return;
            }
        };
        let name = &watched.expectation.name;
        match (&watched.alert, &found) {
            (None, Some(alert)) => tracing::warn!(interface = interface.name, expectation = name, "{alert}"),
            (Some(_), None) => tracing::info!(interface = interface.name, expectation = name, "what was missing came"),
            _ => {}
        }
        watched.alert = found.map(|found| format!("{name}: {found}"));
    }

    /// What is missing now.
    fn found(&self, interface: &Interface, watched: &mut Watched) -> Result<Option<String>, LookError> {
        let expectation = &watched.expectation;
        let since_ms = match self.mute(&expectation.muted_by)? {
            Mute::Muted => return Ok(None),
            Mute::Since(since_ms) => since_ms,
        };
        match &expectation.awaited {
            Awaited::Silence { every_ms, hours } => {
                silence::found(&self.store, interface, expectation, (*every_ms, hours), since_ms)
            }
            Awaited::Answer { .. } => {
                let following = watched.following.get_or_insert_with(Following::default);
                following.found(&self.store, interface, expectation)
            }
        }
    }

    /// Whether one of these systems is down by plan, or since when none is.
    fn mute(&self, systems: &[String]) -> Result<Mute, LookError> {
        let mut since_ms = self.started_at_ms;
        if systems.is_empty() {
            return Ok(Mute::Since(since_ms));
        }
        for downtime in self.store.catalog().downtimes(DOWNTIMES_MAX)? {
            if !systems.contains(&downtime.planned.receiver) {
                continue;
            }
            match downtime.ended_at_ms {
                None => return Ok(Mute::Muted),
                Some(ended_at_ms) => since_ms = since_ms.max(ended_at_ms),
            }
        }
        Ok(Mute::Since(since_ms))
    }
}

impl Watched {
    fn new(expectation: &Expectation) -> Self {
        Self {
            expectation: expectation.clone(),
            next_look: Instant::now(),
            following: None,
            alert: None,
        }
    }
}

impl Expectation {
    /// Between two looks.
    fn pause(&self) -> Duration {
        let lasts_ms = match &self.awaited {
            Awaited::Silence { every_ms, .. } => *every_ms,
            Awaited::Answer { within_ms, .. } => *within_ms,
        };
        (Duration::from_millis(lasts_ms) / LOOKS).clamp(LOOK, LOOK_MAX)
    }
}
