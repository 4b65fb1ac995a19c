//! An interface that runs: its door, its source and the workers of its destinations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transfuse_transport::{Handler, net};

use crate::destination::Destination;
use crate::door::Door;
use crate::engine::Engine;
use crate::interface::Interface;
use crate::opened::{Kept, Opened, Source};
use crate::settings::{DestinationSettings, SourceSettings};
use crate::wire::Wire;

/// One interface, for as long as it has that name.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) door: Arc<Door>,
    address: Mutex<String>,
    /// From where its listener takes connections, whichever listener that is.
    pub(crate) peers: net::Peers,
    /// Locked while the interface changes: one change is whole before the next one begins.
    pub(crate) parts: tokio::sync::Mutex<Parts>,
}

/// What runs for it, and the settings that it was started with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) source_settings: SourceSettings,
    pub(crate) destination_settings: Vec<DestinationSettings>,
    pub(crate) source: Running,
    /// What the next source at the same place goes on with.
    pub(crate) kept: Kept,
    pub(crate) destinations: HashMap<Arc<str>, Running>,
}

/// Tasks that end together.
#[derive(Debug)]
pub(crate) struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Live {
    pub(crate) fn start(engine: &Engine, opened: Opened) -> Self {
        let door = opened.door;
        let address = opened.source.address();
        let wires = opened.wires.into_iter();
        let parts = Parts {
            source_settings: opened.source_settings,
            destination_settings: opened.destination_settings,
            kept: opened.source.kept(),
            source: Running::source(engine, &door, opened.source),
            destinations: wires
                .map(|(destination, wires)| {
                    let name = Arc::clone(destination.name());
                    (name, Running::destination(engine, &destination, wires, None))
                })
                .collect(),
        };
        Self {
            door,
            address: Mutex::new(address),
            peers: opened.peers,
            parts: tokio::sync::Mutex::new(parts),
        }
    }

    pub(crate) fn interface(&self) -> Arc<Interface> {
        self.door.interface()
    }

    /// Where it receives.
    pub(crate) fn address(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_address(&self, address: String) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

impl Running {
    /// Serves a source, whose frames go through the door.
    pub(crate) fn source(engine: &Engine, door: &Arc<Door>, source: Source) -> Self {
        let running = Self::new(&engine.stop_sources);
        let door = Arc::clone(door);
        let handler: Handler = Arc::new(move |frame| door.take(frame));
        let stop = running.stop.clone();
        running.spawn(engine, source.serve(handler, engine.inflow.clone(), stop));
        running
    }

    /// Delivers over each of a destination's connections, from when those before have ended.
    pub(crate) fn destination(
        engine: &Engine,
        destination: &Arc<Destination>,
        wires: Vec<Wire>,
        before: Option<Self>,
    ) -> Self {
        let running = Self::new(&engine.stop_destinations);
        let before = before.map(|before| before.tasks);
        for wire in wires {
            let (destination, stop, before) = (Arc::clone(destination), running.stop.clone(), before.clone());
            running.spawn(engine, async move {
                if let Some(before) = before {
                    before.wait().await;
                }
                destination.deliver(wire, stop).await;
            });
        }
        running
    }

    fn new(stop: &CancellationToken) -> Self {
        Self {
            stop: stop.child_token(),
            tasks: TaskTracker::new(),
        }
    }

    fn spawn(&self, engine: &Engine, task: impl Future<Output = ()> + Send + 'static) {
        engine.workers.spawn(self.tasks.track_future(task));
    }

    /// Tells the tasks to end: what they hold is finished or goes back to where it was.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until they have.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}
