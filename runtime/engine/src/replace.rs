//! A running interface takes on its next revision: connections stay open, and nothing is lost, doubled or reordered.
//!
//! Steps, plugins, validation, acknowledgement and who may send change with the next message, and messages that are under way end on the
//! revision that they began with. Where the order or the set of destinations changes, or whether plugins keep anything, the
//! door is closed until nothing is under way; senders wait meanwhile. Only a changed source is bound anew, and only a changed
//! destination gets new connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use transfuse_transport::net;

use crate::destination::Destination;
use crate::door::Closed;
use crate::doors::Doors;
use crate::duplicates::Duplicates;
use crate::engine::{Engine, StartError};
use crate::interface::Interface;
use crate::keeping::Keeping;
use crate::live::{Live, Parts, Running};
use crate::opened::{Kept, Source, open_wires};
use crate::settings::{DestinationSettings, InterfaceSettings, SourceSettings};
use crate::wire::Wire;

/// How long senders may have to wait while an interface drains. Below the ten seconds and more after which senders commonly
/// give a connection up, and long enough for what a chain's default deadlines and a disk's hiccups take together.
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// How often a destination that is to go is looked at, until nothing waits for it.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Why an interface runs on as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// Nothing of that name runs.
    #[error("there is no interface `{0}` that runs")]
    Unknown(Arc<str>),
    /// The new revision cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What was to be kept of the change could not be.
    #[error("{0:#}")]
    NotKept(Box<dyn std::error::Error + Send + Sync>),
    /// Messages are still between the wire and the journal.
    #[error(
        "the change needs a moment without messages, and after {} seconds some were still in the chain of `{interface}`",
        DRAIN_MAX.as_secs()
    )]
    NotDrained {
        /// The interface.
        interface: Arc<str>,
    },
    /// Deliveries to a destination that is to go have not been made.
    #[error("deliveries of `{interface}` to `{destination}`, which is to go, have not been made yet")]
    Undelivered {
        /// The interface.
        interface: Arc<str>,
        /// The destination.
        destination: Arc<str>,
    },
}

/// What of a running interface has to change beside the interface itself.
struct Change {
    source: Option<SourceSettings>,
    /// Whether the new source can be opened beside the old one: it is elsewhere, or takes over the old one's port.
    is_beside: bool,
    /// Destinations that get new connections.
    rewired: Vec<Arc<str>>,
    gone: Vec<Arc<str>>,
    needs_drain: bool,
}

/// The next revision, ready to take over.
struct Prepared {
    interface: Arc<Interface>,
    destination_settings: Vec<DestinationSettings>,
    wires: Vec<(Arc<Destination>, Vec<Wire>)>,
    source: Option<Source>,
}

impl Engine {
    /// Makes the next revision of a running interface take its place. Once everything that could fail has been done, `keep`
    /// makes the change durable; then it is made. An error leaves the old revision running.
    pub async fn replace<E>(
        &self,
        settings: InterfaceSettings,
        keep: impl Future<Output = Result<(), E>> + Send,
    ) -> Result<(), ReplaceError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let name = Arc::clone(&settings.name);
        let live = self
            .live(&name)
            .ok_or_else(|| ReplaceError::Unknown(Arc::clone(&name)))?;
        let mut parts = live.parts.lock().await;
        let old = live.interface();
        let change = Change::between(&parts, &old, &settings);
        if change.needs_drain {
            live.door.close(Closed::Changing);
        }
        let replaced = match self.prepare(&old, &change, settings, &live.peers, &parts.kept).await {
            Ok(prepared) => match keep.await {
                Ok(()) => self
                    .switch(&live, &mut parts, change, prepared)
                    .await
                    .map_err(Into::into),
                Err(error) => Err(ReplaceError::NotKept(error.into())),
            },
            Err(error) => Err(error),
        };
        live.door.open(Closed::Changing);
        replaced
    }

    /// Brings up an interface beside those that run. Once everything is open that it needs, `keep` makes that durable; then it
    /// receives and delivers.
    pub async fn add<E>(
        &self,
        settings: InterfaceSettings,
        keep: impl Future<Output = Result<(), E>> + Send,
    ) -> Result<(), ReplaceError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let opened = self.open(settings, false).await?;
        keep.await.map_err(|error| ReplaceError::NotKept(error.into()))?;
        self.serve(opened);
        Ok(())
    }

    /// Ends one interface: nothing more comes in, what is in is decided and answered, what is being sent is settled. Deliveries
    /// that nobody has taken yet stay in the store.
    pub async fn remove(&self, name: &str) {
        let Some((_, live)) = self.interfaces.remove(name) else {
            return;
        };
        let parts = live.parts.lock().await;
        self.doors.remove(name);
        live.door.shut();
        parts.source.stop();
        parts.source.ended().await;
        live.interface().backlog().drained().await;
        for destination in parts.destinations.values() {
            destination.stop();
            destination.ended().await;
        }
    }

    /// Keeps new messages in front of the interface, on their connections.
    pub fn pause(&self, name: &str) -> Result<(), ReplaceError> {
        self.with_live(name, |live| live.door.close(Closed::Paused))
    }

    /// Lets them in again.
    pub fn resume_receiving(&self, name: &str) -> Result<(), ReplaceError> {
        self.with_live(name, |live| live.door.open(Closed::Paused))
    }

    /// Whether an operator has paused it.
    #[must_use]
    pub fn is_paused(&self, name: &str) -> bool {
        self.live(name).is_some_and(|live| live.door.is_paused())
    }

    fn with_live(&self, name: &str, act: impl FnOnce(&Live)) -> Result<(), ReplaceError> {
        let live = self.live(name).ok_or_else(|| ReplaceError::Unknown(name.into()))?;
        act(&live);
        Ok(())
    }

    /// Everything that can fail, and nothing that messages notice beside the wait.
    async fn prepare(
        &self,
        old: &Arc<Interface>,
        change: &Change,
        settings: InterfaceSettings,
        peers: &net::Peers,
        kept: &Kept,
    ) -> Result<Prepared, ReplaceError> {
        if change.needs_drain {
            drain(old, &change.gone).await?;
        }
        let destination_settings = settings.destinations.clone();
        let keeping = self.keeping_for(old, &settings).await?;
        let duplicates = self.duplicates_for(old, &settings).await?;
        let interface = Arc::new(old.successor(settings, keeping, duplicates));
        let wires = open_changed(&interface, &change.rewired, &self.doors).await?;
        let source = match &change.source {
            Some(settings) if change.is_beside => {
                Some(Source::open(&interface.name, settings, peers, kept, &self.store).await?)
            }
            _ => None,
        };
        Ok(Prepared {
            interface,
            destination_settings,
            wires,
            source,
        })
    }

    async fn switch(
        &self,
        live: &Live,
        parts: &mut Parts,
        change: Change,
        prepared: Prepared,
    ) -> Result<(), StartError> {
        let Prepared {
            interface,
            destination_settings,
            wires,
            source,
        } = prepared;
        live.door.replace(Arc::clone(&interface));
        live.peers.set(interface.revision().admission.peers());
        for name in &change.gone {
            if let Some(gone) = parts.destinations.remove(name) {
                gone.stop();
            }
        }
        for (destination, wires) in wires {
            let before = parts.destinations.remove(destination.name());
            if let Some(before) = &before {
                before.stop();
            }
            let running = Running::destination(self, &destination, wires, before);
            parts.destinations.insert(Arc::clone(destination.name()), running);
        }
        parts.destination_settings = destination_settings;
        match change.source {
            Some(settings) => self.rebind(live, parts, &interface.name, settings, source).await,
            None => Ok(()),
        }
    }

    /// What the next revision's plugins find kept: what the old one's keep, if they keep anything.
    async fn keeping_for(
        &self,
        old: &Interface,
        settings: &InterfaceSettings,
    ) -> Result<Option<Arc<Keeping>>, StartError> {
        let keeps = settings.chains.state_schemas().next().is_some();
        match &old.keeping {
            Some(keeping) if keeps => {
                keeping.fits(&settings.name, &settings.chains)?;
                Ok(Some(Arc::clone(keeping)))
            }
            _ => Ok(Keeping::load(&self.store, &settings.name, &settings.chains)
                .await?
                .map(Arc::new)),
        }
    }

    /// What the next revision recognises: what the old one has accepted, and within its own window.
    async fn duplicates_for(
        &self,
        old: &Interface,
        settings: &InterfaceSettings,
    ) -> Result<Option<Arc<Duplicates>>, StartError> {
        match (old.duplicates(), &settings.duplicates) {
            (Some(known), Some(settings)) => {
                known.set_window(settings);
                Ok(Some(Arc::clone(known)))
            }
            (_, settings_of_next) => Duplicates::load(&self.store, &settings.name, settings_of_next.as_ref()).await,
        }
    }

    /// A source at another place has been opened already, and so has a listener that takes over a port; a folder can only be
    /// opened again once the old source has ended. Where that fails, the source goes on as it was.
    async fn rebind(
        &self,
        live: &Live,
        parts: &mut Parts,
        interface: &Arc<str>,
        settings: SourceSettings,
        opened: Option<Source>,
    ) -> Result<(), StartError> {
        parts.source.stop();
        let (source, failed) = if let Some(source) = opened {
            (source, None)
        } else {
            parts.source.ended().await;
            match Source::open(interface, &settings, &live.peers, &parts.kept, &self.store).await {
                Ok(source) => (source, None),
                Err(error) => {
                    let before =
                        Source::open(interface, &parts.source_settings, &live.peers, &parts.kept, &self.store).await?;
                    (before, Some(error))
                }
            }
        };
        live.set_address(source.address());
        parts.kept = source.kept();
        parts.source = Running::source(self, &live.door, source);
        if let Some(error) = failed {
            return Err(error);
        }
        parts.source_settings = settings;
        Ok(())
    }
}

impl Change {
    fn between(parts: &Parts, old: &Interface, new: &InterfaceSettings) -> Self {
        let before: HashMap<&Arc<str>, &DestinationSettings> =
            parts.destination_settings.iter().map(|one| (&one.name, one)).collect();
        let rewired = new.destinations.iter();
        let rewired: Vec<_> = rewired
            .filter(|one| before.get(&one.name).is_none_or(|before| !before.delivers_like(one)))
            .map(|one| Arc::clone(&one.name))
            .collect();
        let gone: Vec<_> = before
            .keys()
            .filter(|name| !new.destinations.iter().any(|one| one.name == ***name))
            .map(|name| Arc::clone(name))
            .collect();
        let keeps = new.chains.state_schemas().next().is_some();
        let is_new = |name: &&Arc<str>| !before.contains_key(*name);
        let changes_set = !gone.is_empty() || rewired.iter().any(|name| is_new(&name));
        let changes_order = *old.order() != new.order;
        Self {
            source: (parts.source_settings != new.source).then(|| new.source.clone()),
            is_beside: parts.source_settings.place() != new.source.place() || new.source.is_listener(),
            needs_drain: changes_set || changes_order || old.keeping.is_some() != keeps,
            rewired,
            gone,
        }
    }
}

impl SourceSettings {
    /// What two sources cannot have at once.
    fn place(&self) -> &std::path::Path {
        match self {
            Self::Mllp(listener) => listener.address.as_ref(),
            Self::Http(listener) => listener.address.as_ref(),
            Self::Files(folder) => &folder.folder,
            Self::Interface => std::path::Path::new(""),
            // One timer ends before the next one begins, so that both agree on what is done.
            Self::Timer(_) => "timer".as_ref(),
        }
    }

    fn is_listener(&self) -> bool {
        matches!(self, Self::Mllp(_) | Self::Http(_))
    }
}

impl DestinationSettings {
    /// Whether two differ in nothing that a connection knows: routing is asked before.
    pub(crate) fn delivers_like(&self, other: &Self) -> bool {
        let routed_alike = Self {
            name: Arc::clone(&other.name),
            types: other.types.clone(),
            when: other.when.clone(),
            ..self.clone()
        };
        routed_alike == *other
    }
}

/// Waits until no message is under way, and until nothing waits for the destinations that are to go.
async fn drain(interface: &Interface, gone: &[Arc<str>]) -> Result<(), ReplaceError> {
    let is_drained = tokio::time::timeout(DRAIN_MAX, interface.backlog().drained()).await;
    is_drained.map_err(|_| ReplaceError::NotDrained {
        interface: Arc::clone(&interface.name),
    })?;
    for destination in &interface.destinations {
        if gone.contains(destination.name()) {
            let idle = tokio::time::timeout(DRAIN_MAX, idle(destination)).await;
            idle.map_err(|_| ReplaceError::Undelivered {
                interface: Arc::clone(&interface.name),
                destination: Arc::clone(destination.name()),
            })?;
        }
    }
    Ok(())
}

async fn idle(destination: &Destination) {
    while !destination.is_idle() {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

async fn open_changed(
    interface: &Interface,
    rewired: &[Arc<str>],
    doors: &Doors,
) -> Result<Vec<(Arc<Destination>, Vec<Wire>)>, StartError> {
    let mut wires = Vec::new();
    for destination in &interface.destinations {
        if rewired.contains(destination.name()) {
            wires.push((
                Arc::clone(destination),
                open_wires(&interface.name, destination, doors).await?,
            ));
        }
    }
    Ok(wires)
}
