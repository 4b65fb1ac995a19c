//! Takes messages from clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::authentication::Authentication;
use super::exchange::{Conversation, Shared};
use super::guarded::Guarded;
use super::repeats::Repeats;
use crate::answer::Handler;
use crate::frame::next_connection;
use crate::inflow::Inflow;
use crate::net::{
    Accepted, BindError, CONNECTIONS_MAX, CONTENT_BYTES_MAX, KEEPALIVE, OpenPort, Peers, Port, PortSettings,
    RECEIVE_TIMEOUT, SHUTDOWN_WAIT, WRITE_TIMEOUT,
};
use crate::tls;

/// What the body of a message may be said to be. The answer is said to be the same.
pub(super) const MEDIA_TYPES: [&str; 3] = [super::MEDIA_TYPE, "x-application/hl7-v2+er7", "text/plain"];

/// The request line and all headers. Tokens of a few kilobytes are the largest thing that is sent there.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Browsers send twenty headers, proxies add ten.
const HEADERS_MAX: usize = 64;

/// Connections beyond those that are served, which hear that there is no room and may come again.
const TURNED_AWAY_MAX: usize = 64;

/// What proxies and clients with connections of their own commonly keep them for.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// What clients are commonly given; longer than all deadlines of a chain.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Often enough that a client whose requests are balanced over several engines comes to a new one now and then.
const REQUESTS_MAX: u64 = 10_000;

/// How a listener treats its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Address and port, `0.0.0.0:8080`; port 0 takes a free one. A host name is resolved once.
    pub address: String,
    /// Where messages are taken, `/hl7`; none for every path.
    pub path: Option<String>,
    /// What a client has to show; none for nothing.
    pub authentication: Option<Authentication>,
    /// The largest body.
    pub body_bytes_max: usize,
    /// Requests that are answered at one time; more are told to come again later.
    pub connections_max: usize,
    /// Requests of one connection, which is closed then.
    pub requests_max: u64,
    /// Between two requests, the head of the next one included.
    pub idle_timeout: Duration,
    /// How long a body may pause, and may take beyond what a line of 9,600 baud would.
    pub body_timeout: Duration,
    /// How long a client waits for its answer before it is told to come again. The message is processed all the same: a
    /// client that repeats its `Idempotency-Key` then hears what became of it.
    pub answer_timeout: Duration,
    /// How long the client may take nothing of a response.
    pub write_timeout: Duration,
    /// How long a shutdown waits for answers in flight.
    pub shutdown_wait: Duration,
    /// How TLS is spoken; `None` for plain connections.
    pub tls: Option<tls::ServerSettings>,
}

/// A bound port. Connections wait in the kernel until [`Listener::serve`] is called.
#[derive(Debug)]
pub struct Listener {
    port: Port,
    settings: ListenerSettings,
    repeats: Repeats,
}

impl ListenerSettings {
    /// The defaults, each with its reason at its constant.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            path: None,
            authentication: None,
            body_bytes_max: CONTENT_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            requests_max: REQUESTS_MAX,
            idle_timeout: IDLE_TIMEOUT,
            body_timeout: RECEIVE_TIMEOUT,
            answer_timeout: ANSWER_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            shutdown_wait: SHUTDOWN_WAIT,
            tls: None,
        }
    }
}

impl Listener {
    /// Binds the port, or goes on with one that a listener at the same address has open. Must be called in a tokio runtime
    /// with I/O and time.
    pub async fn bind(settings: ListenerSettings, open: Option<&OpenPort>) -> Result<Self, BindError> {
        let port = PortSettings {
            address: settings.address.clone(),
            connections_max: settings.connections_max + TURNED_AWAY_MAX,
            keepalive: KEEPALIVE,
            shutdown_wait: settings.shutdown_wait,
            tls: settings.tls.clone(),
        };
        Ok(Self {
            port: Port::bind(port, open).await?,
            settings,
            repeats: Repeats::default(),
        })
    }

    /// The same, taking connections only from these peers. They may change while it serves.
    #[must_use]
    pub fn admitting(self, peers: Peers) -> Self {
        let port = self.port.admitting(peers);
        Self { port, ..self }
    }

    /// The same, taking in no more than this allows it and others.
    #[must_use]
    pub fn within(self, inflow: Inflow) -> Self {
        let port = self.port.within(inflow);
        Self { port, ..self }
    }

    /// The same, remembering what has come to listeners before it.
    #[must_use]
    pub fn remembering(self, repeats: Repeats) -> Self {
        Self { repeats, ..self }
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

    /// Serves clients until `shutdown` is cancelled: then it stops accepting, answers what is in flight within the settings'
    /// wait, and closes. Trouble of one connection, a panic of the handler included, ends that connection and nothing else.
    /// What a client that has hung up has sent whole is handed over all the same, and its answer awaited.
    pub async fn serve(self, handler: Handler, shutdown: CancellationToken) {
        let shared = Arc::new(Shared {
            places: Arc::new(Semaphore::new(self.settings.connections_max)),
            handler,
            repeats: self.repeats,
            under_way: TaskTracker::new(),
            peers: self.port.peers().clone(),
            address: self.port.local_address(),
            settings: self.settings,
        });
        let of_connections = Arc::clone(&shared);
        let converse = move |accepted| converse(accepted, Arc::clone(&of_connections));
        self.port.serve(converse, shutdown).await;
        shared.under_way.close();
        // Nobody waits for them any more, but for those who come again.
        let _ = timeout(shared.settings.shutdown_wait, shared.under_way.wait()).await;
    }
}

/// Serves one connection to its end.
async fn converse(accepted: Accepted, shared: Arc<Shared>) {
    let Accepted {
        stream,
        peer,
        inflow,
        stop,
    } = accepted;
    let settings = &shared.settings;
    let io = TokioIo::new(Guarded::new(stream, settings.write_timeout));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.idle_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(true);
    let conversation = Arc::new(Conversation {
        shared: Arc::clone(&shared),
        peer,
        inflow,
        number: next_connection(),
        requests: AtomicU64::new(0),
    });
    let number = conversation.number;
    let service = service_fn(move |request| {
        let conversation = Arc::clone(&conversation);
        async move { Ok::<_, Infallible>(conversation.respond(request).await) }
    });
    let mut connection = pin!(http.serve_connection(io, service));
    tracing::debug!(source = %peer, connection = number, "connection opened");
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Ok(()) => tracing::debug!(source = %peer, connection = number, "connection closed"),
        Err(error) => tracing::debug!(source = %peer, connection = number, %error, "connection lost"),
    }
}
