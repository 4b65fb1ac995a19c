//! Takes connections from senders.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::answer::Handler;
use crate::inflow::Inflow;
use crate::net::{
    Accepted, BindError, CONNECTIONS_MAX, CONTENT_BYTES_MAX, KEEPALIVE, OpenPort, Peers, Port, PortSettings,
    RECEIVE_TIMEOUT, SHUTDOWN_WAIT, WRITE_TIMEOUT,
};
use crate::tcp::{Acknowledging, Framing};
use crate::tls;

/// Enough that a pipelining sender fills the batches of one disk sync, few enough that a connection holds little.
const PIPELINE_MAX: usize = 64;

/// How a listener treats its senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Address and port, `0.0.0.0:2575`; port 0 takes a free one. A host name is resolved once.
    pub address: String,
    /// How frames stand in what the senders send, and in what they are told: a release of MLLP as a rule.
    pub framing: Framing,
    /// How senders are told what became of a frame.
    pub acknowledging: Acknowledging,
    /// The largest content of a frame. A connection can hold about twice as much.
    pub frame_bytes_max: usize,
    /// Connections at one time. Further ones are accepted, closed and logged.
    pub connections_max: usize,
    /// Frames of one connection that are not answered yet; while there are so many, nothing is read from it.
    pub pipeline_max: usize,
    /// Closes a connection on which nothing happened for so long. `None` keeps it: hospital links are persistent, and
    /// keepalive finds the dead ones.
    pub idle_timeout: Option<Duration>,
    /// How long a frame that has begun may pause, and may take beyond what a line of 9,600 baud would.
    pub frame_timeout: Duration,
    /// How long the peer may take nothing of a reply.
    pub write_timeout: Duration,
    /// After so much silence the kernel asks whether the peer still lives; a dead one is found a minute later.
    pub keepalive: Duration,
    /// How long a shutdown waits for answers in flight.
    pub shutdown_wait: Duration,
    /// How TLS is spoken; `None` for plain connections.
    pub tls: Option<tls::ServerSettings>,
}

/// A bound port. Connections wait in the kernel until [`Listener::serve`] is called.
#[derive(Debug)]
pub struct Listener {
    port: Port,
    settings: Arc<ListenerSettings>,
}

impl ListenerSettings {
    /// The defaults, each with its reason at its constant.
    pub fn new(address: impl Into<String>) -> ListenerSettings {
        ListenerSettings {
            address: address.into(),
            framing: Framing::default(),
            acknowledging: Acknowledging::default(),
            frame_bytes_max: CONTENT_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            pipeline_max: PIPELINE_MAX,
            idle_timeout: None,
            frame_timeout: RECEIVE_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            keepalive: KEEPALIVE,
            shutdown_wait: SHUTDOWN_WAIT,
            tls: None,
        }
    }
}

impl Listener {
    /// Binds the port. Must be called in a tokio runtime with I/O and time.
    pub async fn bind(settings: ListenerSettings) -> Result<Listener, BindError> {
        Self::bind_over(settings, None).await
    }

    /// The same, going on with a port that a listener at the same address has open.
    pub async fn bind_over(mut settings: ListenerSettings, open: Option<&OpenPort>) -> Result<Listener, BindError> {
        settings.pipeline_max = settings.pipeline_max.max(1);
        let port = PortSettings {
            address: settings.address.clone(),
            connections_max: settings.connections_max,
            keepalive: settings.keepalive,
            shutdown_wait: settings.shutdown_wait,
            tls: settings.tls.clone(),
        };
        Ok(Listener {
            port: Port::bind(port, open).await?,
            settings: Arc::new(settings),
        })
    }

    /// The same, taking connections only from these peers. They may change while it serves.
    #[must_use]
    pub fn admitting(self, peers: Peers) -> Listener {
        let port = self.port.admitting(peers);
        Listener { port, ..self }
    }

    /// The same, taking in no more than this allows it and others.
    #[must_use]
    pub fn within(self, inflow: Inflow) -> Listener {
        let port = self.port.within(inflow);
        Listener { port, ..self }
    }

    /// Where it listens; tells the port that was taken for port 0.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.port.local_address()
    }

    /// For the next listener at the same address, which takes the connections that this one does not.
    #[must_use]
    pub fn open_port(&self) -> OpenPort {
        self.port.open()
    }

    /// Serves connections until `shutdown` is cancelled: then it stops accepting and reading, answers what is in
    /// flight within the settings' wait, and closes. Trouble of one connection, a panic of the handler included, ends
    /// that connection and nothing else. Dropping the future closes everything at once.
    pub async fn serve(self, handler: Handler, shutdown: CancellationToken) {
        let settings = self.settings;
        let converse = move |accepted: Accepted| {
            let (settings, handler) = (Arc::clone(&settings), Arc::clone(&handler));
            let (source, account) = (accepted.peer.to_string(), accepted.inflow.account());
            Connection::new(accepted.stream, source, account, settings, handler).run(accepted.stop)
        };
        self.port.serve(converse, shutdown).await;
    }
}
