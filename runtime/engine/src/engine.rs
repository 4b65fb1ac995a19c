//! The whole of it: interfaces brought up together, and brought down without losing anything.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transfuse_store::{Store, Unfinished};
use transfuse_transport::{Inflow, files, net};

use crate::awaited::Awaited;
use crate::destination::Destination;
use crate::doors::Doors;
use crate::downtime::Gates;
use crate::duplicates::Duplicates;
use crate::interface::Interface;
use crate::keeping::Keeping;
use crate::live::Live;
use crate::opened::Opened;
use crate::refused::Refused;
use crate::settings::{InterfaceSettings, RateMax};

/// Live interfaces over one store.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) interfaces: DashMap<Arc<str>, Arc<Live>>,
    pub(crate) awaited: Awaited,
    pub(crate) gates: Gates,
    /// What all sources have taken in together.
    pub(crate) inflow: Inflow,
    /// The ways into the interfaces, for each other.
    pub(crate) doors: Doors,
    /// Messages between the wire and the journal.
    pub(crate) journeys: TaskTracker,
    /// Sources and destinations.
    pub(crate) workers: TaskTracker,
    pub(crate) stop_sources: CancellationToken,
    pub(crate) stop_destinations: CancellationToken,
}

/// Why the engine did not start. Nothing has been received or sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be bound.
    #[error("`{interface}` cannot listen: {source}")]
    Listener {
        /// The interface.
        interface: Arc<str>,
        /// What the transport says.
        source: net::BindError,
    },
    /// A source folder could not be opened.
    #[error("`{interface}` cannot read its folder: {source}")]
    SourceFolder {
        /// The interface.
        interface: Arc<str>,
        /// What the transport says.
        source: files::SourceOpenError,
    },
    /// What an interface's timer or folder is done with could not be read.
    #[error("`{interface}` cannot read what it has taken before: {reason}")]
    Taken {
        /// The interface.
        interface: Arc<str>,
        /// What the store says.
        reason: String,
    },
    /// What an interface's plugins keep between messages, or what it has refused, could not be read.
    #[error("`{interface}` cannot read what it has kept: {reason}")]
    State {
        /// The interface.
        interface: Arc<str>,
        /// What the store says.
        reason: String,
    },
    /// A later version of a plugin has written what this one would not understand.
    #[error(
        "`{interface}` cannot run this version of {plugin}: it keeps state of schema {own}, and a later version has written \
         schema {found}; deploy that version again, or a later one (`state_schema` in its `plugin.toml`)"
    )]
    NewerState {
        /// The interface.
        interface: Arc<str>,
        /// The plugin.
        plugin: Arc<str>,
        /// The schema of what is kept.
        found: u32,
        /// The schema of the plugin that was to run.
        own: u32,
    },
    /// A destination folder could not be opened.
    #[error("`{interface}` cannot write to `{destination}`: {source}")]
    DestinationFolder {
        /// The interface.
        interface: Arc<str>,
        /// The destination.
        destination: Arc<str>,
        /// What the transport says.
        source: files::DestinationOpenError,
    },
}

impl Engine {
    /// Opens every source and destination, takes up what the last stop left, and then starts to receive and deliver.
    ///
    /// Nothing is delivered to destinations that are `down`, until [`Engine::open_receiver`]. What sources take in together is
    /// bounded by `inflow`.
    ///
    /// All or nothing: an address that is taken ends the start before any message has moved.
    pub async fn start(
        store: Store,
        interfaces: Vec<InterfaceSettings>,
        unfinished: Vec<Unfinished>,
        after_unclean_stop: bool,
        down: &[Arc<str>],
        inflow: Inflow,
    ) -> Result<Self, StartError> {
        let engine = Self::idle(store, inflow);
        for receiver in down {
            engine.gates.of(receiver).close();
        }
        let mut opened = Vec::with_capacity(interfaces.len());
        for settings in interfaces {
            opened.push(engine.open(settings, after_unclean_stop).await?);
        }
        // Before anything is delivered: it may go to one of them.
        for one in &opened {
            engine.doors.add(&one.interface.name, &one.door);
        }
        Self::resume(unfinished, opened.iter().map(|one| &one.interface));
        for one in opened {
            engine.serve(one);
        }
        Ok(engine)
    }

    /// The live interfaces: name, revision, and where they receive.
    #[must_use]
    pub fn interfaces(&self) -> Vec<(Arc<str>, u32, String)> {
        let lives = self.interfaces.iter();
        let mut live: Vec<_> = lives
            .map(|live| (Arc::clone(live.key()), live.interface().revision.number, live.address()))
            .collect();
        live.sort();
        live
    }

    /// A live interface by its name, as it is now.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<Arc<Interface>> {
        self.live(name).map(|live| live.interface())
    }

    /// Connections that an interface's listener has closed because of where they came from; none where there is no such
    /// interface.
    #[must_use]
    pub fn turned_away(&self, interface: &str) -> Option<net::TurnedAway> {
        self.live(interface).map(|live| live.peers.turned_away())
    }

    /// What all sources have taken in together.
    #[must_use]
    pub fn inflow(&self) -> &Inflow {
        &self.inflow
    }

    /// A destination of a live interface.
    #[must_use]
    pub fn destination(&self, interface: &str, destination: &str) -> Option<Arc<Destination>> {
        let interface = self.live(interface)?.interface();
        let found = interface.destinations.iter().find(|one| **one.name() == *destination);
        found.map(Arc::clone)
    }

    /// Delivers nothing more to the destinations of this name, in any interface, until [`Engine::open_receiver`]. What is being
    /// sent is finished.
    pub fn close_receiver(&self, receiver: &Arc<str>) {
        self.gates.of(receiver).close();
    }

    /// Delivers to them again, with a rate at so many attempts in a time, all of them together.
    pub fn open_receiver(&self, receiver: &Arc<str>, rate: Option<RateMax>) {
        self.gates.of(receiver).open(rate);
    }

    /// The destinations of this name, each with its interface.
    #[must_use]
    pub fn receiver(&self, receiver: &str) -> Vec<(Arc<str>, Arc<Destination>)> {
        let lives = self.interfaces.iter();
        let found = lives.flat_map(|live| {
            let interface = live.interface();
            let named: Vec<_> = interface
                .destinations
                .iter()
                .filter(|one| **one.name() == *receiver)
                .cloned()
                .collect();
            named.into_iter().map(move |one| (Arc::clone(&interface.name), one))
        });
        found.collect()
    }

    pub(crate) fn live(&self, name: &str) -> Option<Arc<Live>> {
        self.interfaces.get(name).map(|live| Arc::clone(&live))
    }

    /// Closes the source of one interface: nothing more comes in, and what is in is decided, answered and delivered. Says
    /// whether there is such an interface that was still receiving.
    pub async fn stop_receiving(&self, interface: &str) -> bool {
        let Some(live) = self.live(interface) else { return false };
        let parts = live.parts.lock().await;
        let was_receiving = !parts.source.is_stopped();
        live.door.stop();
        parts.source.stop();
        was_receiving
    }

    /// Stops in the order in which nothing is lost: first nothing more comes in, then everything that is in is decided
    /// and answered, then what is being sent is settled, and at last the store is synced and marked clean.
    pub async fn stop(&self) {
        for live in &self.interfaces {
            live.door.shut();
        }
        self.stop_sources.cancel();
        self.journeys.close();
        if tokio::time::timeout(DRAIN_MAX, self.journeys.wait()).await.is_err() {
            tracing::warn!(
                left = self.journeys.len(),
                "messages are still in their chains; the next start takes them up"
            );
        }
        self.stop_destinations.cancel();
        self.workers.close();
        if tokio::time::timeout(DRAIN_MAX, self.workers.wait()).await.is_err() {
            tracing::warn!(
                left = self.workers.len(),
                "receivers have not answered; the next start sends again"
            );
        }
        // Each has a handle to the store, and the last one closes its files.
        self.interfaces.clear();
        self.store.clone().shutdown().await;
    }
}

/// How long a stop waits for chains, and then for receivers. Above every default deadline and reply timeout, and below
/// the minute and a half after which a service manager commonly kills.
const DRAIN_MAX: Duration = Duration::from_secs(40);

impl Engine {
    fn idle(store: Store, inflow: Inflow) -> Self {
        Self {
            store,
            interfaces: DashMap::new(),
            awaited: Awaited::default(),
            gates: Gates::default(),
            inflow,
            doors: Doors::default(),
            journeys: TaskTracker::new(),
            workers: TaskTracker::new(),
            stop_sources: CancellationToken::new(),
            stop_destinations: CancellationToken::new(),
        }
    }

    /// Takes up what a stop cut short, before anything new can overtake it.
    fn resume<'a>(unfinished: Vec<Unfinished>, interfaces: impl Iterator<Item = &'a Arc<Interface>>) {
        let mut left = unfinished;
        for interface in interfaces {
            let (mine, others) = left
                .into_iter()
                .partition(|message| message.arrival.interface == interface.name);
            interface.resume(mine);
            left = others;
        }
        for message in left {
            tracing::warn!(
                interface = %message.arrival.interface, message = %message.received.id(),
                "received but never processed, and its interface no longer exists"
            );
        }
    }

    /// Everything that can fail before an interface has moved its first message.
    pub(crate) async fn open(
        &self,
        settings: InterfaceSettings,
        after_unclean_stop: bool,
    ) -> Result<Opened, StartError> {
        let keeping = Keeping::load(&self.store, &settings.name, &settings.chains).await?;
        let refused = Refused::load(&self.store, &settings.name).await?;
        let duplicates = Duplicates::load(&self.store, &settings.name, settings.duplicates.as_ref()).await?;
        let journeys = self.journeys.clone();
        let (source, destinations) = (settings.source.clone(), settings.destinations.clone());
        let interface = Interface::new(settings, &self.store, &self.awaited, journeys, after_unclean_stop)
            .with(keeping.map(Arc::new))
            .after(refused, duplicates)
            .behind(self.gates.clone());
        Opened::open(interface, source, destinations, self).await
    }

    /// Lets an interface receive and deliver.
    pub(crate) fn serve(&self, opened: Opened) {
        let name = Arc::clone(&opened.interface.name);
        self.doors.add(&name, &opened.door);
        self.interfaces.insert(name, Arc::new(Live::start(self, opened)));
    }
}
