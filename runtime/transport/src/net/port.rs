//! A bound port, and the connections that come to it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use super::peers::Peers;
use super::socket;
use crate::inflow::Inflow;
use crate::tls::{self, TlsError};

/// Between two attempts to accept when the process has no file descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// How a port treats those who connect, before anything is said.
#[derive(Clone, Debug)]
pub(crate) struct PortSettings {
    /// Address and port; a host name is resolved once.
    pub(crate) address: String,
    /// Connections at one time. Further ones are accepted, closed and logged.
    pub(crate) connections_max: usize,
    /// After so much silence the kernel asks whether the peer still lives.
    pub(crate) keepalive: Duration,
    /// How long a shutdown waits for what is under way.
    pub(crate) shutdown_wait: Duration,
    /// How TLS is spoken; none for plain connections.
    pub(crate) tls: Option<tls::ServerSettings>,
}

/// A port that stays open while what listens there is replaced: the next listener takes connections from it too, and the
/// kernel closes it when the last one has let go.
#[derive(Clone, Debug)]
pub struct OpenPort {
    address: String,
    socket: Arc<std::net::TcpListener>,
}

/// A bound port. Connections wait in the kernel until [`Port::serve`] is called.
#[derive(Debug)]
pub(crate) struct Port {
    socket: TcpListener,
    open: OpenPort,
    address: SocketAddr,
    settings: PortSettings,
    peers: Peers,
    inflow: Inflow,
    tls: Option<tls::Server>,
}

/// A connection that was let in, with TLS or without.
pub(crate) struct Accepted {
    pub(crate) stream: Either<TcpStream, Box<tokio_rustls::server::TlsStream<TcpStream>>>,
    pub(crate) peer: SocketAddr,
    /// What all connections together may take in.
    pub(crate) inflow: Inflow,
    /// Cancelled when it is to end.
    pub(crate) stop: CancellationToken,
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

impl Port {
    /// Binds the port, or goes on with one that is open at the same address. Must be called in a tokio runtime with I/O and
    /// time.
    pub(crate) async fn bind(settings: PortSettings, open: Option<&OpenPort>) -> Result<Self, BindError> {
        let tls = load(&settings).await?;
        let address = &settings.address;
        let other = |source| BindError::new(address, source);
        let open = match open.filter(|open| open.address == *address) {
            Some(open) => open.clone(),
            None => OpenPort::bind(address).await?,
        };
        let socket = open.socket.try_clone().and_then(TcpListener::from_std).map_err(other)?;
        let local = socket.local_addr().map_err(other)?;
        Ok(Self {
            socket,
            open,
            address: local,
            settings,
            peers: Peers::default(),
            inflow: Inflow::default(),
            tls,
        })
    }

    /// The same, taking connections only from these peers.
    pub(crate) fn admitting(self, peers: Peers) -> Self {
        Self { peers, ..self }
    }

    /// The same, taking in no more than this allows it and others.
    pub(crate) fn within(self, inflow: Inflow) -> Self {
        Self { inflow, ..self }
    }

    /// Where it is; tells the port that was taken for port 0.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// For the next listener at the same address.
    pub(crate) fn open(&self) -> OpenPort {
        self.open.clone()
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Has each connection served by `converse` until `shutdown` is cancelled: then it stops accepting, tells those that are
    /// open, waits for them within the settings' wait, and closes. Trouble of one connection, a panic included, ends that
    /// connection and nothing else. Dropping the future closes everything at once.
    pub(crate) async fn serve<F>(
        self,
        converse: impl Fn(Accepted) -> F + Clone + Send + 'static,
        shutdown: CancellationToken,
    ) where
        F: Future<Output = ()> + Send,
    {
        let mut connections = Connections::default();
        let mut changes = self.peers.watch();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(()) = connections.ended() => {}
                // The sender lives as long as the port.
                Ok(()) = changes.changed() => connections.keep(&self.peers),
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, converse.clone(), &shutdown, &mut connections),
                    Err(error) => self.back_off(&error).await,
                },
            }
        }
        let Self {
            socket,
            open,
            address,
            settings,
            ..
        } = self;
        drop((socket, open));
        let ended = timeout(settings.shutdown_wait, async {
            while connections.ended().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(%address, connections = connections.tasks.len(), "closed with frames still unanswered");
        }
    }

    fn admit<F>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        converse: impl Fn(Accepted) -> F + Send + 'static,
        shutdown: &CancellationToken,
        connections: &mut Connections,
    ) where
        F: Future<Output = ()> + Send,
    {
        if !self.peers.allow(peer.ip()) {
            let why = "its address is not among the listener's peers";
            self.peers.turn_away(peer, self.address, why);
            return;
        }
        if connections.tasks.len() >= self.settings.connections_max {
            let why = "as many connections as this listener takes are open";
            self.peers.turn_away(peer, self.address, why);
            return;
        }
        let Some(place) = self.inflow.connect() else {
            let why = "as many connections as all listeners together take are open";
            self.peers.turn_away(peer, self.address, why);
            return;
        };
        socket::set_up(&stream, self.settings.keepalive);
        let stop = shutdown.child_token();
        let (tls, told, inflow) = (self.tls.clone(), stop.clone(), self.inflow.clone());
        let task = connections.tasks.spawn(async move {
            let stream = match tls {
                None => Some(Either::Left(stream)),
                Some(tls) => secured(&tls, stream, peer, &told).await,
            };
            if let Some(stream) = stream {
                let stop = told;
                converse(Accepted {
                    stream,
                    peer,
                    inflow,
                    stop,
                })
                .await;
            }
            drop(place);
        });
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

impl OpenPort {
    async fn bind(address: &str) -> Result<Self, BindError> {
        let resolved = tokio::net::lookup_host(address)
            .await
            .map_err(|source| BindError::Resolve {
                address: address.to_owned(),
                source,
            })?;
        let addresses: Vec<SocketAddr> = resolved.collect();
        let bound = TcpListener::bind(addresses.as_slice()).await;
        let socket = bound.and_then(TcpListener::into_std);
        Ok(Self {
            address: address.to_owned(),
            socket: Arc::new(socket.map_err(|source| BindError::new(address, source))?),
        })
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
    peer: SocketAddr,
    stop: &CancellationToken,
) -> Option<Either<TcpStream, Box<tokio_rustls::server::TlsStream<TcpStream>>>> {
    let accepted = stop.run_until_cancelled(tls.accept(stream)).await?;
    let accepted = accepted.inspect_err(|error| {
        let hint = error.hint().unwrap_or_default();
        tracing::warn!(source = %peer, %error, hint, "connection refused: no TLS with this peer");
    });
    Some(Either::Right(Box::new(accepted.ok()?)))
}

async fn load(settings: &PortSettings) -> Result<Option<tls::Server>, BindError> {
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
