//! Planned downtime of receivers: who is down until when, what waits for them, and how they caught up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use transfuse_engine::{Engine, RateMax};
use transfuse_store::{Catalog, CatalogError, Downtime, NewDowntime, ReadError, Status, Store};

/// How often the clock and the backlogs of receivers that catch up are looked at. A downtime ends at a minute, not at a second.
const LOOK: Duration = Duration::from_secs(1);

/// Downtimes that a list shows: a hospital has some a month.
const LISTED_MAX: usize = 100;

/// Whoever ends what nobody has ended before its time.
const BY_PLAN: &str = "the plan";

/// Downtimes of the receivers of one engine.
#[derive(Debug)]
pub(crate) struct Downtimes {
    store: Store,
    engine: Arc<Engine>,
}

/// A downtime, and what is known of its receiver now.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) downtime: Downtime,
    /// Deliveries that wait for it; none once it has caught up.
    pub(crate) waiting: Option<u64>,
    /// How long they will take, where that can be told.
    pub(crate) estimate: Option<Duration>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DowntimeError {
    #[error("no interface that runs has a destination `{0}`")]
    UnknownReceiver(String),
    #[error("`{0}` is down already")]
    DownAlready(String),
    #[error("`{0}` is not down")]
    NotDown(String),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Receivers to which nothing is delivered from the very start of an engine.
pub(crate) fn receivers_down(catalog: &Catalog) -> Result<Vec<Arc<str>>, CatalogError> {
    let open = catalog.open_downtimes()?.into_iter();
    let down = open.filter(|downtime| downtime.ended_at_ms.is_none());
    Ok(down.map(|downtime| downtime.planned.receiver.into()).collect())
}

/// Ends downtimes when they are over, and notices when receivers have caught up, until `done`.
pub(crate) async fn keep(downtimes: Arc<Downtimes>, done: CancellationToken) {
    loop {
        let looking = Arc::clone(&downtimes);
        let looked = spawn_blocking(move || looking.look()).await;
        if let Ok(Err(error)) = looked {
            tracing::error!(%error, "downtimes could not be looked at; it is tried again");
        }
        if done.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

impl Downtimes {
    /// Goes on where the last engine ended: receivers that had been catching up go on at their rate.
    pub(crate) fn take_up(store: Store, engine: Arc<Engine>) -> Result<Self, CatalogError> {
        let downtimes = Self { store, engine };
        for downtime in downtimes.store.catalog().open_downtimes()? {
            if downtime.ended_at_ms.is_some() {
                downtimes.open(&downtime);
            }
        }
        Ok(downtimes)
    }

    /// Holds what is for a receiver, in all interfaces. Durable when this returns. Blocks on the disk.
    pub(crate) fn start(&self, planned: &NewDowntime) -> Result<Standing, DowntimeError> {
        let receiver: Arc<str> = planned.receiver.as_str().into();
        if self.engine.receiver(&receiver).is_empty() {
            return Err(DowntimeError::UnknownReceiver(planned.receiver.clone()));
        }
        let started = self.store.catalog().start_downtime(planned)?;
        let started = started.ok_or_else(|| DowntimeError::DownAlready(planned.receiver.clone()))?;
        self.engine.close_receiver(&receiver);
        tracing::info!(%receiver, author = planned.author, reason = planned.reason, "downtime: deliveries wait");
        Ok(self.standing(started, &self.store.status()?))
    }

    /// Lets deliveries go to a receiver again. Blocks on the disk.
    pub(crate) fn end(&self, receiver: &str, by: &str) -> Result<Standing, DowntimeError> {
        let status = self.store.status()?;
        let ended = self
            .store
            .catalog()
            .end_downtime(receiver, by, waiting(&status, receiver))?;
        let ended = ended.ok_or_else(|| DowntimeError::NotDown(receiver.to_owned()))?;
        self.open(&ended);
        tracing::info!(receiver, by, waited = ended.waited, "downtime ended: deliveries go on");
        Ok(self.standing(ended, &status))
    }

    /// The last downtimes, newest first. Blocks on the disk.
    pub(crate) fn list(&self) -> Result<Vec<Standing>, DowntimeError> {
        let status = self.store.status()?;
        let downtimes = self.store.catalog().downtimes(LISTED_MAX)?.into_iter();
        Ok(downtimes.map(|downtime| self.standing(downtime, &status)).collect())
    }

    /// Those that are not over. Blocks on the disk.
    pub(crate) fn current(&self, status: &Status) -> Result<Vec<Standing>, DowntimeError> {
        let downtimes = self.store.catalog().open_downtimes()?.into_iter();
        Ok(downtimes.map(|downtime| self.standing(downtime, status)).collect())
    }

    fn look(&self) -> Result<(), DowntimeError> {
        let open = self.store.catalog().open_downtimes()?;
        if open.is_empty() {
            return Ok(());
        }
        let now_ms = Timestamp::now().as_millisecond();
        let status = self.store.status()?;
        for downtime in open {
            let receiver = downtime.planned.receiver.clone();
            match (downtime.ended_at_ms, downtime.planned.until_ms) {
                (None, Some(until_ms)) if until_ms <= now_ms => drop(self.end(&receiver, BY_PLAN)?),
                (Some(ended_at_ms), _) if is_caught_up(&status, &receiver, ended_at_ms) => self.caught_up(&downtime)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn caught_up(&self, downtime: &Downtime) -> Result<(), DowntimeError> {
        self.store.catalog().caught_up(downtime.id)?;
        let receiver: Arc<str> = downtime.planned.receiver.as_str().into();
        let down_again = receivers_down(self.store.catalog())?.contains(&receiver);
        if !down_again {
            self.engine.open_receiver(&receiver, None);
        }
        tracing::info!(%receiver, waited = downtime.waited, "caught up: everything that waited in the downtime is delivered");
        Ok(())
    }

    /// Opens its receiver's gate, at the rate that was planned.
    fn open(&self, downtime: &Downtime) {
        let receiver: Arc<str> = downtime.planned.receiver.as_str().into();
        self.engine.open_receiver(&receiver, rate(&downtime.planned));
    }

    fn standing(&self, downtime: Downtime, status: &Status) -> Standing {
        let is_over = downtime.caught_up_at_ms.is_some();
        let waiting = (!is_over).then(|| waiting(status, &downtime.planned.receiver));
        let estimate = waiting.and_then(|waiting| self.estimate(&downtime.planned, waiting, status));
        Standing {
            downtime,
            waiting,
            estimate,
        }
    }

    /// By the planned rate, or by how long the receiver took for its last deliveries, whichever is slower.
    fn estimate(&self, planned: &NewDowntime, waiting: u64, status: &Status) -> Option<Duration> {
        let deliveries = u32::try_from(waiting).unwrap_or(u32::MAX);
        let paced = rate(planned).map(|rate| (rate.per / rate.attempts.max(1)).saturating_mul(deliveries));
        let receivers = self.engine.receiver(&planned.receiver).into_iter();
        let as_before = receivers.filter_map(|(interface, destination)| {
            destination.estimate(waiting_at(status, &interface, &planned.receiver))
        });
        as_before.max().max(paced)
    }
}

/// Deliveries that wait for the destinations of this name.
fn waiting(status: &Status, receiver: &str) -> u64 {
    let interfaces = status.interfaces.iter();
    interfaces.map(|one| waiting_at(status, &one.interface, receiver)).sum()
}

fn waiting_at(status: &Status, interface: &str, receiver: &str) -> u64 {
    let interfaces = status.interfaces.iter().filter(|one| one.interface == interface);
    let destinations = interfaces.flat_map(|one| &one.destinations);
    let named = destinations.filter(|one| one.destination == receiver);
    named.map(|one| one.pending).sum()
}

/// Whether nothing waits any more that was queued before the end.
fn is_caught_up(status: &Status, receiver: &str, ended_at_ms: i64) -> bool {
    let destinations = status.interfaces.iter().flat_map(|one| &one.destinations);
    let mut named = destinations.filter(|one| one.destination == receiver);
    named.all(|one| one.oldest_queued_at_ms.is_none_or(|oldest| oldest > ended_at_ms))
}

fn rate(planned: &NewDowntime) -> Option<RateMax> {
    let (attempts, per_ms) = planned.attempts.zip(planned.per_ms)?;
    Some(RateMax {
        attempts,
        per: Duration::from_millis(per_ms.into()),
    })
}
