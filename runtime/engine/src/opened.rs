//! What has to be opened before an interface can run: addresses are bound and folders found, and nothing moves yet.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use transfuse_transport::{Handler, files, mllp};

use crate::destination::Destination;
use crate::engine::StartError;
use crate::interface::Interface;
use crate::settings::{DestinationSettings, SourceSettings, WireSettings};
use crate::wire::{MllpWire, Wire};

/// An interface with everything open that it needs.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) interface: Arc<Interface>,
    pub(crate) source_settings: SourceSettings,
    pub(crate) destination_settings: Vec<DestinationSettings>,
    pub(crate) source: Source,
    /// From where the source takes connections.
    pub(crate) peers: mllp::Peers,
    pub(crate) wires: Vec<(Arc<Destination>, Vec<Wire>)>,
}

/// A source that is bound, and not served yet.
#[derive(Debug)]
pub(crate) enum Source {
    Mllp(mllp::Listener),
    Files(Box<files::FolderSource>, PathBuf),
}

impl Opened {
    pub(crate) async fn open(
        interface: Interface,
        source: SourceSettings,
        destinations: Vec<DestinationSettings>,
    ) -> Result<Self, StartError> {
        let peers = mllp::Peers::new(interface.revision().admission.peers());
        let bound = Source::open(&interface.name, &source, &peers).await?;
        let mut wires = Vec::with_capacity(interface.destinations.len());
        for destination in &interface.destinations {
            wires.push((Arc::clone(destination), open_wires(&interface.name, destination).await?));
        }
        Ok(Self {
            interface: Arc::new(interface),
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
        peers: &mllp::Peers,
    ) -> Result<Self, StartError> {
        let name = || Arc::clone(interface);
        match settings {
            SourceSettings::Mllp(listener) => mllp::Listener::bind(listener.clone())
                .await
                .map(|listener| Self::Mllp(listener.admitting(peers.clone())))
                .map_err(|source| StartError::Listener {
                    interface: name(),
                    source,
                }),
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
            Self::Files(_, folder) => folder.display().to_string(),
        }
    }

    pub(crate) async fn serve(self, handler: Handler, stop: CancellationToken) {
        match self {
            Self::Mllp(listener) => listener.serve(handler, stop).await,
            Self::Files(folder, _) => folder.serve(handler, stop).await,
        }
    }
}

/// The connections of a destination.
pub(crate) async fn open_wires(interface: &Arc<str>, destination: &Destination) -> Result<Vec<Wire>, StartError> {
    match &destination.settings.wire {
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
