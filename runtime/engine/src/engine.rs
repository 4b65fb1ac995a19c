//! The whole of it: interfaces brought up together, and brought down without losing anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transfuse_store::{Store, Unfinished};
use transfuse_transport::{Handler, files, mllp};

use crate::awaited::Awaited;
use crate::destination::Destination;
use crate::interface::Interface;
use crate::keeping::Keeping;
use crate::settings::{InterfaceSettings, SourceSettings, WireSettings};
use crate::wire::{MllpWire, Wire};

/// Live interfaces over one store.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    interfaces: DashMap<Arc<str>, Live>,
    /// Messages between the wire and the journal.
    journeys: TaskTracker,
    /// Sources and destinations.
    workers: TaskTracker,
    stop_sources: CancellationToken,
    stop_destinations: CancellationToken,
}

/// One live interface, as operators see it.
#[derive(Debug, Clone)]
struct Live {
    interface: Arc<Interface>,
    address: String,
    /// Ends its source alone.
    stop: CancellationToken,
}

/// A source that is bound, and not served yet.
enum Source {
    Mllp(mllp::Listener),
    Files(Box<files::FolderSource>, PathBuf),
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
        source: mllp::BindError,
    },
    /// A source folder could not be opened.
    #[error("`{interface}` cannot read its folder: {source}")]
    SourceFolder {
        /// The interface.
        interface: Arc<str>,
        /// What the transport says.
        source: files::SourceOpenError,
    },
    /// What an interface's plugins keep between messages could not be read.
    #[error("`{interface}` cannot read what its plugins keep: {reason}")]
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
    /// All or nothing: an address that is taken ends the start before any message has moved.
    pub async fn start(
        store: Store,
        interfaces: Vec<InterfaceSettings>,
        unfinished: Vec<Unfinished>,
        after_unclean_stop: bool,
    ) -> Result<Self, StartError> {
        let engine = Self::idle(store);
        let mut opened = Vec::with_capacity(interfaces.len());
        let awaited = Awaited::default();
        for settings in interfaces {
            let source = open_source(&settings).await?;
            let journeys = engine.journeys.clone();
            let keeping = Keeping::load(&engine.store, &settings.name, &settings.chain).await?;
            let interface =
                Interface::new(settings, &engine.store, &awaited, journeys, after_unclean_stop).with(keeping);
            let wires = open_wires(&interface).await?;
            opened.push((Arc::new(interface), source, wires));
        }
        Self::resume(unfinished, opened.iter().map(|(interface, ..)| interface));
        for (interface, source, wires) in opened {
            engine.serve(interface, source, wires);
        }
        Ok(engine)
    }

    /// The live interfaces: name, revision, and where they receive.
    #[must_use]
    pub fn interfaces(&self) -> Vec<(Arc<str>, u32, String)> {
        let mut live: Vec<_> = self
            .interfaces
            .iter()
            .map(|entry| {
                (
                    Arc::clone(entry.key()),
                    entry.interface.revision(),
                    entry.address.clone(),
                )
            })
            .collect();
        live.sort();
        live
    }

    /// A live interface by its name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<Arc<Interface>> {
        let live = self.interfaces.get(name)?;
        Some(Arc::clone(&live.interface))
    }

    /// Closes the source of one interface: nothing more comes in, and what is in is decided, answered and delivered. Says
    /// whether there is such an interface that was still receiving.
    #[must_use]
    pub fn stop_receiving(&self, interface: &str) -> bool {
        let live = self.interfaces.get(interface).filter(|live| !live.stop.is_cancelled());
        live.inspect(|live| live.stop.cancel()).is_some()
    }

    /// Stops in the order in which nothing is lost: first nothing more comes in, then everything that is in is decided
    /// and answered, then what is being sent is settled, and at last the store is synced and marked clean.
    pub async fn stop(self) {
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
        self.store.shutdown().await;
    }
}

/// How long a stop waits for chains, and then for receivers. Above every default deadline and reply timeout, and below
/// the minute and a half after which a service manager commonly kills.
const DRAIN_MAX: Duration = Duration::from_secs(40);

impl Engine {
    fn idle(store: Store) -> Self {
        Self {
            store,
            interfaces: DashMap::new(),
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

    fn serve(&self, interface: Arc<Interface>, source: Source, wires: Vec<(Arc<Destination>, Wire)>) {
        let stop = self.stop_sources.child_token();
        let live = Live {
            interface: Arc::clone(&interface),
            address: source.address(),
            stop: stop.clone(),
        };
        self.interfaces.insert(Arc::clone(&interface.name), live);
        for (destination, wire) in wires {
            let stop_destination = self.stop_destinations.clone();
            self.workers
                .spawn(async move { destination.deliver(wire, stop_destination).await });
        }
        let handler: Handler = Arc::new(move |frame| interface.take(frame));
        self.workers.spawn(async move {
            match source {
                Source::Mllp(listener) => listener.serve(handler, stop).await,
                Source::Files(folder, _) => folder.serve(handler, stop).await,
            }
        });
    }
}

impl Source {
    fn address(&self) -> String {
        match self {
            Self::Mllp(listener) => listener.local_address().to_string(),
            Self::Files(_, folder) => folder.display().to_string(),
        }
    }
}

async fn open_source(settings: &InterfaceSettings) -> Result<Source, StartError> {
    let interface = || Arc::clone(&settings.name);
    match &settings.source {
        SourceSettings::Mllp(listener) => {
            mllp::Listener::bind(listener.clone())
                .await
                .map(Source::Mllp)
                .map_err(|source| StartError::Listener {
                    interface: interface(),
                    source,
                })
        }
        SourceSettings::Files(folder) => files::FolderSource::open(folder.clone())
            .await
            .map(|source| Source::Files(Box::new(source), folder.folder.clone()))
            .map_err(|source| StartError::SourceFolder {
                interface: interface(),
                source,
            }),
    }
}

async fn open_wires(interface: &Interface) -> Result<Vec<(Arc<Destination>, Wire)>, StartError> {
    let mut wires = Vec::new();
    for destination in &interface.destinations {
        match &destination.wire {
            WireSettings::Mllp(mllp) => wires.extend((0..mllp.connections).map(|_| {
                let wire = Wire::Mllp(Box::new(MllpWire::new(mllp)));
                (Arc::clone(destination), wire)
            })),
            WireSettings::Files { folder, name } => {
                let settings = files::FolderDestinationSettings { folder: folder.clone() };
                let opened =
                    files::FolderDestination::open(settings)
                        .await
                        .map_err(|source| StartError::DestinationFolder {
                            interface: Arc::clone(&interface.name),
                            destination: Arc::clone(destination.name()),
                            source,
                        })?;
                wires.push((
                    Arc::clone(destination),
                    Wire::Files {
                        folder: opened,
                        name: name.clone(),
                    },
                ));
            }
        }
    }
    Ok(wires)
}
