//! What the tests share: handlers whose answers the test gives, and peers that misbehave as told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transfuse_message::Payload;
use transfuse_transport::mllp::{Listener, ListenerSettings};
use transfuse_transport::{Answer, Frame, Handler};

/// The frames that a handler was given, each with the place for its answer. One that is dropped counts as unanswered.
pub(crate) type Frames = mpsc::UnboundedReceiver<(Frame, oneshot::Sender<Answer>)>;

/// What has not happened after this never will, however busy the machine is; shorter than the default time limits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn handler() -> (Handler, Frames) {
    let (sender, frames) = mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |frame| {
        let (answer, answered) = oneshot::channel();
        sender.send((frame, answer)).unwrap();
        async move { answered.await.unwrap_or(Answer::Unanswered) }.boxed()
    });
    (handler, frames)
}

/// Answers each frame with its own content.
pub(crate) fn echo() -> Handler {
    Arc::new(|frame| std::future::ready(Answer::Accepted(frame.content.into())).boxed())
}

/// A listener that runs until the test says otherwise.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

pub(crate) async fn listen(handler: Handler, change: impl FnOnce(&mut ListenerSettings)) -> Running {
    let mut settings = ListenerSettings::new("127.0.0.1:0");
    change(&mut settings);
    let listener = Listener::bind(settings).await.unwrap();
    let address = listener.local_address().to_string();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(listener.serve(handler, shutdown.clone()));
    Running {
        address,
        shutdown,
        ended,
    }
}

/// A receiver that the test plays by hand.
pub(crate) struct Peer(TcpListener);

impl Peer {
    pub(crate) async fn bind() -> (Peer, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (Peer(listener), address)
    }

    pub(crate) async fn accept(&self) -> Wire {
        Wire(timeout(PATIENCE, self.0.accept()).await.unwrap().unwrap().0)
    }

    /// Whether somebody tried to connect again.
    pub(crate) fn has_another(&self) -> bool {
        self.0.accept().now_or_never().is_some()
    }
}

/// One end of a connection, byte by byte.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn connect(address: &str) -> Wire {
        Wire(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.0.write_all(bytes)).await.unwrap().unwrap();
    }

    pub(crate) async fn reads(&mut self, expected: &[u8]) {
        let mut found = vec![0; expected.len()];
        timeout(PATIENCE, self.0.read_exact(&mut found)).await.unwrap().unwrap();
        assert_eq!(found, expected);
    }

    /// What is still sent until the other side closes; a reset counts as closing.
    pub(crate) async fn reads_to_the_end(&mut self) -> Vec<u8> {
        let mut found = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut found)).await.unwrap();
        found
    }

    /// What is sent up to the end of a frame, or until the other side closes.
    pub(crate) async fn reads_to_the_end_of_a_frame(&mut self) -> Vec<u8> {
        let mut found = Vec::new();
        while !found.ends_with(b"\x1C\r") {
            match self.0.read_u8().await {
                Ok(byte) => found.push(byte),
                Err(_) => break,
            }
        }
        found
    }

    /// Closes in the way of a process that was killed with unread bytes: the other side is reset.
    pub(crate) fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}

pub(crate) fn payload(content: &'static str) -> Payload {
    Payload::from(content.as_bytes())
}
