//! What has to be opened before an interface can run: addresses are bound and folders found, and nothing moves yet.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use transfuse_store::{Query, ReadError, Store};
use transfuse_transport::{Handler, Inflow, files, http, mllp, net, timer};

use crate::destination::Destination;
use crate::door::Door;
use crate::doors::Doors;
use crate::engine::{Engine, StartError};
use crate::interface::Interface;
use crate::recall;
use crate::settings::{DestinationSettings, SourceSettings, WireSettings};
use crate::wire::{HandoverWire, HttpWire, MllpWire, Wire};

/// An interface with everything open that it needs.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) interface: Arc<Interface>,
    /// The way into it.
    pub(crate) door: Arc<Door>,
    pub(crate) source_settings: SourceSettings,
    pub(crate) destination_settings: Vec<DestinationSettings>,
    pub(crate) source: Source,
    /// From where the source takes connections.
    pub(crate) peers: net::Peers,
    pub(crate) wires: Vec<(Arc<Destination>, Vec<Wire>)>,
}

/// A source that is bound, and not served yet.
#[derive(Debug)]
pub(crate) enum Source {
    Mllp(Box<mllp::Listener>),
    Http(Box<http::Listener>, http::Repeats),
    Files(Box<files::FolderSource>, PathBuf),
    /// Nothing of its own: other interfaces bring what it gets.
    Interface,
    Timer(Box<timer::Timer>, timer::Ticked),
}

/// The newest messages among which the last one of a timer is looked for: behind it an operator may have sent some.
const NEWEST_MAX: usize = 100;

/// What outlives a source, for the next one at the same place: its port stays open, what has come over HTTP is known, and so are
/// the ticks that are done.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    port: Option<net::OpenPort>,
    repeats: http::Repeats,
    ticked: timer::Ticked,
}

impl Opened {
    pub(crate) async fn open(
        interface: Interface,
        source: SourceSettings,
        destinations: Vec<DestinationSettings>,
        engine: &Engine,
    ) -> Result<Self, StartError> {
        let peers = net::Peers::new(interface.revision().admission.peers());
        let bound = Source::open(&interface.name, &source, &peers, &Kept::default(), &engine.store).await?;
        let mut wires = Vec::with_capacity(interface.destinations.len());
        for destination in &interface.destinations {
            wires.push((
                Arc::clone(destination),
                open_wires(&interface.name, destination, &engine.doors).await?,
            ));
        }
        let interface = Arc::new(interface);
        Ok(Self {
            door: Arc::new(Door::new(Arc::clone(&interface))),
            interface,
            source_settings: source,
            destination_settings: destinations,
            source: bound,
            peers,
            wires,
        })
    }
}

impl Source {
    pub(crate) async fn open(
        interface: &Arc<str>,
        settings: &SourceSettings,
        peers: &net::Peers,
        kept: &Kept,
        store: &Store,
    ) -> Result<Self, StartError> {
        let name = || Arc::clone(interface);
        let not_bound = |source| StartError::Listener {
            interface: name(),
            source,
        };
        let port = kept.port.as_ref();
        match settings {
            SourceSettings::Mllp(listener) => mllp::Listener::bind_over(listener.clone(), port)
                .await
                .map(|listener| Self::Mllp(Box::new(listener.admitting(peers.clone()))))
                .map_err(not_bound),
            SourceSettings::Http(listener) => {
                let bound = http::Listener::bind(listener.clone(), port).await.map_err(not_bound)?;
                let repeats = kept.repeats.clone();
                let listener = bound.admitting(peers.clone()).remembering(repeats.clone());
                Ok(Self::Http(Box::new(listener), repeats))
            }
            SourceSettings::Interface => Ok(Self::Interface),
            SourceSettings::Files(folder) => {
                let recall = asked(interface, store, recall::recall).await?;
                let opened = files::FolderSource::open(folder.clone()).await;
                let source = opened.map_err(|source| StartError::SourceFolder {
                    interface: name(),
                    source,
                })?;
                Ok(Self::Files(Box::new(source.recalling(recall)), folder.folder.clone()))
            }
            SourceSettings::Timer(settings) => {
                let ticked = kept.ticked.clone();
                if !ticked.is_known()
                    && let Some(last) = asked(interface, store, last_tick).await?
                {
                    ticked.take_up(last);
                }
                let timer = timer::Timer::new(settings.clone(), ticked.clone());
                Ok(Self::Timer(Box::new(timer), ticked))
            }
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Mllp(listener) => listener.local_address().to_string(),
            Self::Http(listener, _) => listener.local_address().to_string(),
            Self::Files(_, folder) => folder.display().to_string(),
            Self::Interface => "other interfaces".to_owned(),
            Self::Timer(..) => "timer".to_owned(),
        }
    }

    pub(crate) fn kept(&self) -> Kept {
        match self {
            Self::Mllp(listener) => Kept {
                port: Some(listener.open_port()),
                ..Kept::default()
            },
            Self::Http(listener, repeats) => Kept {
                port: Some(listener.open_port()),
                repeats: repeats.clone(),
                ..Kept::default()
            },
            Self::Timer(_, ticked) => Kept {
                ticked: ticked.clone(),
                ..Kept::default()
            },
            Self::Files(..) | Self::Interface => Kept::default(),
        }
    }

    pub(crate) async fn serve(self, handler: Handler, inflow: Inflow, stop: CancellationToken) {
        match self {
            Self::Mllp(listener) => listener.within(inflow).serve(handler, stop).await,
            Self::Http(listener, _) => listener.within(inflow).serve(handler, stop).await,
            Self::Files(folder, _) => folder.serve(handler, stop).await,
            Self::Interface => stop.cancelled().await,
            Self::Timer(timer, _) => timer.serve(handler, stop).await,
        }
    }
}

/// The last tick that the journal has a message of. It is in the same entry as the message, so that neither is without the other.
fn last_tick(interface: &str, store: &Store) -> Result<Option<Timestamp>, ReadError> {
    let newest = store.messages(&Query {
        interface: Some(interface.to_owned()),
        limit: NEWEST_MAX,
        ..Query::default()
    })?;
    Ok(newest
        .iter()
        .filter_map(|message| timer::tick_of(&message.source))
        .max())
}

/// What the store says to a question about an interface.
async fn asked<T: Send + 'static>(
    interface: &Arc<str>,
    store: &Store,
    ask: fn(&str, &Store) -> Result<T, ReadError>,
) -> Result<T, StartError> {
    let (name, store) = (Arc::clone(interface), store.clone());
    let answer = tokio::task::spawn_blocking(move || ask(&name, &store)).await;
    let answer = answer.map_err(|error| error.to_string());
    let answer = answer.and_then(|answer| answer.map_err(|error| error.to_string()));
    answer.map_err(|reason| StartError::Taken {
        interface: Arc::clone(interface),
        reason,
    })
}

/// The connections of a destination.
pub(crate) async fn open_wires(
    interface: &Arc<str>,
    destination: &Destination,
    doors: &Doors,
) -> Result<Vec<Wire>, StartError> {
    match &destination.settings.wire {
        WireSettings::Interface(handover) => {
            let wire = || HandoverWire::new(&handover.to, doors, destination.store());
            Ok((0..handover.connections).map(|_| Wire::Interface(wire())).collect())
        }
        WireSettings::Mllp(mllp) => {
            let wires = (0..mllp.connections).map(|_| Wire::Mllp(Box::new(MllpWire::new(mllp))));
            Ok(wires.collect())
        }
        WireSettings::Http(http) => {
            let wires = HttpWire::several(http).into_iter();
            Ok(wires.map(|wire| Wire::Http(Box::new(wire))).collect())
        }
        WireSettings::Files { folder, name } => {
            let settings = files::FolderDestinationSettings { folder: folder.clone() };
            let folder =
                files::FolderDestination::open(settings)
                    .await
                    .map_err(|source| StartError::DestinationFolder {
                        interface: Arc::clone(interface),
                        destination: Arc::clone(destination.name()),
                        source,
                    })?;
            let name = name.clone();
            Ok(vec![Wire::Files { folder, name }])
        }
    }
}
