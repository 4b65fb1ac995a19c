//! Takes connections from senders.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::peers::Peers;
use super::{Release, socket};
use crate::answer::Handler;
use crate::tls::{self, TlsError};

/// A report of 10 MB, embedded in base64, is 14 MB.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A hospital's systems open one to a few connections each; a sender that opens one for every message and forgets to
/// close it is noticed before file descriptors run out.
const CONNECTIONS_MAX: usize = 256;

/// Enough that a pipelining sender fills the batches of one disk sync, few enough that a connection holds little.
const PIPELINE_MAX: usize = 64;

/// A frame comes in one piece from a working sender; a congested line recovers within this.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// A sender that does not take a reply of a few hundred bytes for so long is not reading.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Before firewalls forget a silent connection, which the strict ones do after five minutes.
pub(super) const KEEPALIVE: Duration = Duration::from_mins(1);

/// Below the ten seconds after which a service manager or a container runtime kills.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(8);

/// Between two attempts to accept when the process has no file descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// How a listener treats its senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Address and port, `0.0.0.0:2575`; port 0 takes a free one. A host name is resolved once.
    pub address: String,
    /// Which MLLP the senders speak.
    pub release: Release,
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
    socket: TcpListener,
    address: SocketAddr,
    settings: Arc<ListenerSettings>,
    peers: Peers,
    tls: Option<tls::Server>,
}

/// The connections that are open.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// By their tasks: where each comes from, and how it is told to end.
    known: HashMap<Id, (IpAddr, CancellationToken)>,
}

/// Why a port could not be bound. Nothing is left behind; trying again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is not an address with a port, or its host name is unknown.
    #[error("cannot resolve the address `{address}`")]
    Resolve {
        /// As it was given.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Something else listens there.
    #[error("the address `{address}` is in use")]
    InUse {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process may not bind it.
    #[error("no permission to listen on `{address}`")]
    Denied {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The address belongs to no interface of this machine.
    #[error("this machine does not have the address `{address}`")]
    NotHere {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// TLS cannot be spoken there with these files.
    #[error("cannot speak TLS on `{address}`")]
    Tls {
        /// As it was given.
        address: String,
        /// What is wrong with them.
        source: TlsError,
    },
    /// Anything else.
    #[error("cannot listen on `{address}`")]
    Other {
        /// As it was given.
        address: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl ListenerSettings {
    /// The defaults, each with its reason at its constant.
    pub fn new(address: impl Into<String>) -> ListenerSettings {
        ListenerSettings {
            address: address.into(),
            release: Release::One,
            frame_bytes_max: FRAME_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            pipeline_max: PIPELINE_MAX,
            idle_timeout: None,
            frame_timeout: FRAME_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            keepalive: KEEPALIVE,
            shutdown_wait: SHUTDOWN_WAIT,
            tls: None,
        }
    }
}

impl Listener {
    /// Binds the port. Must be called in a tokio runtime with I/O and time.
    pub async fn bind(mut settings: ListenerSettings) -> Result<Listener, BindError> {
        settings.pipeline_max = settings.pipeline_max.max(1);
        let tls = load(&settings).await?;
        let address = &settings.address;
        let resolved = tokio::net::lookup_host(address)
            .await
            .map_err(|source| BindError::Resolve {
                address: address.clone(),
                source,
            })?;
        let addresses: Vec<SocketAddr> = resolved.collect();
        let bound = TcpListener::bind(addresses.as_slice()).await;
        let socket = bound.map_err(|source| BindError::new(address, source))?;
        let local = socket.local_addr().map_err(|source| BindError::new(address, source))?;
        Ok(Listener {
            socket,
            address: local,
            settings: Arc::new(settings),
            peers: Peers::default(),
            tls,
        })
    }

    /// The same, taking connections only from these peers. They may change while it serves.
    #[must_use]
    pub fn admitting(self, peers: Peers) -> Listener {
        Listener { peers, ..self }
    }

    /// Where it listens; tells the port that was taken for port 0.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until `shutdown` is cancelled: then it stops accepting and reading, answers what is in
    /// flight within the settings' wait, and closes. Trouble of one connection, a panic of the handler included, ends
    /// that connection and nothing else. Dropping the future closes everything at once.
    pub async fn serve(self, handler: Handler, shutdown: CancellationToken) {
        let mut connections = Connections::default();
        let mut changes = self.peers.watch();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(()) = connections.ended() => {}
                // The sender lives as long as the listener.
                Ok(()) = changes.changed() => connections.keep(&self.peers),
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &handler, &shutdown, &mut connections),
                    Err(error) => self.back_off(&error).await,
                },
            }
        }
        let Listener {
            socket,
            address,
            settings,
            ..
        } = self;
        drop(socket);
        let ended = timeout(settings.shutdown_wait, async {
            while connections.ended().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(%address, connections = connections.tasks.len(), "closed with frames still unanswered");
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        handler: &Handler,
        shutdown: &CancellationToken,
        connections: &mut Connections,
    ) {
        if !self.peers.allow(peer.ip()) {
            self.peers.turn_away(peer, self.address);
            return;
        }
        if connections.tasks.len() >= self.settings.connections_max {
            let connections_max = self.settings.connections_max;
            tracing::warn!(source = %peer, address = %self.address, connections_max, "connection refused: too many");
            return;
        }
        socket::set_up(&stream, self.settings.keepalive);
        let (settings, handler, source) = (Arc::clone(&self.settings), Arc::clone(handler), peer.to_string());
        let stop = shutdown.child_token();
        let task = match &self.tls {
            None => {
                let connection = Connection::new(stream, source, settings, handler);
                connections.tasks.spawn(connection.run(stop.clone()))
            }
            Some(tls) => {
                let (tls, stop) = (tls.clone(), stop.clone());
                connections.tasks.spawn(async move {
                    if let Some(stream) = secured(&tls, stream, &source, &stop).await {
                        Connection::new(stream, source, settings, handler).run(stop).await;
                    }
                })
            }
        };
        connections.known.insert(task.id(), (peer.ip(), stop));
    }

    /// A connection that was gone before it was accepted is nothing; a lack of descriptors or memory passes when a
    /// connection ends, and accepting at once would only burn the processor.
    async fn back_off(&self, error: &io::Error) {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        ) {
            return;
        }
        tracing::warn!(address = %self.address, %error, "cannot accept a connection, trying again");
        tokio::time::sleep(ACCEPT_BACKOFF).await;
    }
}

impl Connections {
    /// Waits until one has ended; none where none is open.
    async fn ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                report(&error);
                error.id()
            }
        };
        self.known.remove(&id);
        Some(())
    }

    /// Ends those that come from where none is taken any more.
    fn keep(&self, peers: &Peers) {
        for (address, stop) in self.known.values() {
            if !peers.allow(*address) {
                stop.cancel();
            }
        }
    }
}

impl BindError {
    fn new(address: &str, source: io::Error) -> BindError {
        let address = address.to_owned();
        match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address, source },
            io::ErrorKind::PermissionDenied => BindError::Denied { address, source },
            io::ErrorKind::AddrNotAvailable => BindError::NotHere { address, source },
            _ => BindError::Other { address, source },
        }
    }

    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            BindError::Resolve { .. } => Some("write an address and a port, like `0.0.0.0:2575`"),
            BindError::InUse { .. } => Some("stop the other program (`ss -ltnp` shows it) or choose another port"),
            BindError::Denied { .. } => Some("ports below 1024 need a privilege; choose one above"),
            BindError::NotHere { .. } => {
                Some("use `0.0.0.0` for all of this machine's addresses (`ip address` lists them)")
            }
            BindError::Tls { source, .. } => source.hint(),
            BindError::Other { .. } => None,
        }
    }
}

/// The connection with TLS, where both sides agree on it before anybody stops listening.
async fn secured(
    tls: &tls::Server,
    stream: TcpStream,
    source: &str,
    stop: &CancellationToken,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let accepted = stop.run_until_cancelled(tls.accept(stream)).await?;
    accepted
        .inspect_err(|error| {
            let hint = error.hint().unwrap_or_default();
            tracing::warn!(source, %error, hint, "connection refused: no TLS with this peer");
        })
        .ok()
}

async fn load(settings: &ListenerSettings) -> Result<Option<tls::Server>, BindError> {
    let Some(tls) = settings.tls.clone() else {
        return Ok(None);
    };
    let address = || settings.address.clone();
    let loading = tokio::task::spawn_blocking(move || tls::Server::load(&tls)).await;
    let loaded = loading.map_err(|error| BindError::Other {
        address: address(),
        source: io::Error::other(error),
    })?;
    loaded.map(Some).map_err(|source| BindError::Tls {
        address: address(),
        source,
    })
}

fn report(error: &JoinError) {
    if error.is_panic() {
        tracing::error!("a connection ended with a panic");
    }
}
