//! What has to be opened before an interface can run: addresses are bound and folders found, and nothing moves yet.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use transfuse_transport::{Handler, Inflow, files, http, mllp, net};

use crate::destination::Destination;
use crate::door::Door;
use crate::doors::Doors;
use crate::engine::StartError;
use crate::interface::Interface;
use crate::settings::{DestinationSettings, SourceSettings, WireSettings};
use crate::wire::{HandoverWire, MllpWire, Wire};

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
}

/// What outlives a source, for the next one at the same place: its port stays open, and what has come over HTTP is known.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    port: Option<net::OpenPort>,
    repeats: http::Repeats,
}

impl Opened {
    pub(crate) async fn open(
        interface: Interface,
        source: SourceSettings,
        destinations: Vec<DestinationSettings>,
        doors: &Doors,
    ) -> Result<Self, StartError> {
        let peers = net::Peers::new(interface.revision().admission.peers());
        let bound = Source::open(&interface.name, &source, &peers, &Kept::default()).await?;
        let mut wires = Vec::with_capacity(interface.destinations.len());
        for destination in &interface.destinations {
            wires.push((
                Arc::clone(destination),
                open_wires(&interface.name, destination, doors).await?,
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
            SourceSettings::Files(folder) => files::FolderSource::open(folder.clone())
                .await
                .map(|source| Self::Files(Box::new(source), folder.folder.clone()))
                .map_err(|source| StartError::SourceFolder {
                    interface: name(),
                    source,
                }),
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Mllp(listener) => listener.local_address().to_string(),
            Self::Http(listener, _) => listener.local_address().to_string(),
            Self::Files(_, folder) => folder.display().to_string(),
            Self::Interface => "other interfaces".to_owned(),
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
        }
    }
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
