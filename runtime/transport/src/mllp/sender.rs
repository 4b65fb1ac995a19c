//! Sends messages to one receiver, one at a time, and waits for its reply.

mod idle;

use std::io;
use std::time::Duration;

use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use transfuse_message::Payload;

use super::connection::END_GRACE;
use super::decoder::{Event, Pending};
use super::release::{Commit, Release};
use crate::frame::Truncation;
use crate::net::{self, CONNECT_TIMEOUT, KEEPALIVE, REPLY_BYTES_MAX, REPLY_TIMEOUT, WRITE_TIMEOUT, Watchdog};
use crate::send::{NotSent, SendError, Unknown};
use crate::tcp::{Decoder, Framing, Unframeable};
use crate::tls::{self, ClientStream};

/// Replies are small; one buffer lasts for some ten of them.
const READ_BYTES: usize = 4 * 1024;

/// How to reach a receiver, and how long to wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderSettings {
    /// Host and port, `ehr.hospital.example:2575`. A name is resolved at every connect.
    pub address: String,
    /// How frames stand in what the receiver is sent: a release of MLLP as a rule.
    pub framing: Framing,
    /// How its answers stand in what it says, where that is another way.
    pub reply_framing: Option<Framing>,
    /// For the name, the connection and what TLS needs to begin, together.
    pub connect_timeout: Duration,
    /// How long the receiver may take no byte of a frame.
    pub write_timeout: Duration,
    /// From the frame's last byte to the reply's last byte; in release 2 to the commit block, and from there to the
    /// reply.
    pub reply_timeout: Duration,
    /// The largest reply.
    pub reply_bytes_max: usize,
    /// After so much silence the kernel asks whether the receiver still lives.
    pub keepalive: Duration,
    /// How TLS is spoken; `None` for plain connections.
    pub tls: Option<tls::ClientSettings>,
}

/// A connection to one receiver, opened at the first message and kept.
#[derive(Debug)]
pub struct Sender {
    settings: SenderSettings,
    /// Made at the first connection, because a file may be missing until then.
    tls: Option<tls::Client>,
    /// Present only while it can carry the next message: it is taken out for each exchange, so that a failed or
    /// abandoned one never leaves a connection on which an answer is outstanding.
    link: Option<Link>,
}

/// A message that the receiver has been sent, and what it answers. Dropped before [`Exchange::finish`], it closes the
/// connection.
#[derive(Debug)]
pub struct Exchange<'a> {
    sender: &'a mut Sender,
    link: Link,
}

impl SenderSettings {
    /// The defaults, each with its reason at its constant.
    pub fn new(address: impl Into<String>) -> SenderSettings {
        SenderSettings {
            address: address.into(),
            framing: Framing::default(),
            reply_framing: None,
            connect_timeout: CONNECT_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            reply_timeout: REPLY_TIMEOUT,
            reply_bytes_max: REPLY_BYTES_MAX,
            keepalive: KEEPALIVE,
            tls: None,
        }
    }
}

impl Sender {
    /// A sender that is not connected yet.
    #[must_use]
    pub fn new(settings: SenderSettings) -> Sender {
        Sender {
            settings,
            tls: None,
            link: None,
        }
    }

    /// Sends one message and waits for its reply. Connects where needed; a connection that the receiver has closed
    /// meanwhile, or on which something unasked for is waiting, is replaced first. After any error, and when the
    /// future is dropped, the connection is closed, so that a late reply is never taken for the next message's. When
    /// the receiver sends more than its reply, the reply counts and the connection is closed.
    ///
    /// Whether the reply is about this message (MSA-2) is for the caller to see.
    pub async fn send(&mut self, content: &Payload) -> Result<Payload, SendError> {
        let reply_timeout = self.settings.reply_timeout;
        let quiet = match self.link.take() {
            Some(link) => link.if_quiet().await,
            None => None,
        };
        let mut exchange = self.write(content, quiet).await?;
        let reply = exchange.next(reply_timeout).await?;
        if exchange.link.holds_nothing() {
            exchange.finish();
        } else {
            tracing::warn!(
                address = self.settings.address,
                "connection closed: the receiver sent more than a reply"
            );
        }
        Ok(reply)
    }

    /// Sends one message to a receiver that may say more than one thing about it, and that may still have to say
    /// something about earlier ones: all of it comes out of [`Exchange::next`]. Connects where needed, also where the
    /// receiver has closed the connection meanwhile.
    pub async fn begin(&mut self, content: &Payload) -> Result<Exchange<'_>, SendError> {
        let open = match self.link.take() {
            Some(link) => link.if_open().await,
            None => None,
        };
        self.write(content, open).await
    }

    async fn write(&mut self, content: &Payload, link: Option<Link>) -> Result<Exchange<'_>, SendError> {
        check_framing(content, &self.settings.framing)?;
        let mut link = match link {
            Some(link) => link,
            None => self.connect().await?,
        };
        link.write(content.as_slice(), &self.settings).await?;
        if self.settings.framing.release() == Release::Two {
            link.committed(&self.settings).await?;
        }
        Ok(Exchange { sender: self, link })
    }

    /// Closes the connection, if there is one. The next message opens another.
    pub async fn close(&mut self) {
        if let Some(mut link) = self.link.take() {
            // The receiver may have closed already: then there is nothing left to tell it.
            let _ = link.stream.shutdown().await;
        }
    }

    async fn connect(&mut self) -> Result<Link, NotSent> {
        let tls = self.tls()?;
        let SenderSettings {
            address,
            connect_timeout,
            keepalive,
            ..
        } = &self.settings;
        let connected = net::connect(address, tls.as_ref(), *keepalive, *connect_timeout).await;
        let stream = connected.map_err(|failed| NotSent::of(failed, address, *connect_timeout))?;
        tracing::debug!(address, "connected");
        Ok(Link {
            stream,
            decoder: Decoder::new(
                self.settings.reply_framing.as_ref().unwrap_or(&self.settings.framing),
                self.settings.reply_bytes_max,
            ),
            early: None,
            watchdog: Watchdog::default(),
        })
    }

    fn tls(&mut self) -> Result<Option<tls::Client>, NotSent> {
        let SenderSettings { tls, address, .. } = &self.settings;
        if let (None, Some(settings)) = (&self.tls, tls) {
            let client = tls::Client::new(settings, address).map_err(|source| NotSent::TlsFiles {
                address: address.clone(),
                source,
            })?;
            self.tls = Some(client);
        }
        Ok(self.tls.clone())
    }
}

impl Exchange<'_> {
    /// What the receiver sends next, within `patience`. In release 2 it is told that it was stored, which is true as
    /// far as a reply goes: it settles a message that the caller still has.
    ///
    /// Cancel-safe: a dropped call loses nothing.
    pub async fn next(&mut self, patience: Duration) -> Result<Payload, Unknown> {
        let settings = &self.sender.settings;
        if let Some(early) = self.link.early.take() {
            return Ok(early);
        }
        let content = self.link.content(patience, settings).await?;
        if settings.framing.release() == Release::Two {
            self.link.commit(Commit::Stored, settings).await?;
        }
        Ok(content)
    }

    /// Keeps the connection for the next message. What the receiver still says on it comes out of a later exchange.
    pub fn finish(self) {
        if !self.sender.settings.framing.ends_with_connection() {
            self.sender.link = Some(self.link);
        }
    }
}

/// One connection to the receiver.
#[derive(Debug)]
struct Link {
    stream: ClientStream,
    decoder: Decoder,
    /// What the receiver said while a commit block was awaited.
    early: Option<Payload>,
    watchdog: Watchdog,
}

impl Link {
    /// Whether what was taken out is all that came.
    fn holds_nothing(&mut self) -> bool {
        self.decoder.next_event().is_none() && self.decoder.pending() == Pending::Nothing
    }

    async fn write(&mut self, content: &[u8], settings: &SenderSettings) -> Result<(), SendError> {
        let before = settings.framing.before(content.len());
        let content = Buf::chain(content, settings.framing.behind());
        let mut rest = Buf::chain(before, content);
        let bytes = rest.remaining();
        while rest.has_remaining() {
            let deadline = Instant::now() + settings.write_timeout;
            let written = self.watchdog.guard(deadline, self.stream.write_buf(&mut rest)).await;
            let written = written.map(|result| match result {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                result => result.map(drop),
            });
            check_written(written, rest.remaining() == bytes, settings)?;
        }
        let deadline = Instant::now() + settings.write_timeout;
        let ends = settings.framing.ends_with_connection();
        let stream = &mut self.stream;
        let flushing = async {
            stream.flush().await?;
            // The end of what is written is the end of the frame.
            if ends { stream.shutdown().await } else { Ok(()) }
        };
        let flushed = self.watchdog.guard(deadline, flushing).await;
        check_written(flushed, false, settings)
    }

    /// Waits for the commit block of what was written. What HL7 says of an earlier message may come before it; only
    /// one such message, because a release 2 receiver waits for our commit block before it sends another.
    async fn committed(&mut self, settings: &SenderSettings) -> Result<(), SendError> {
        let address = || settings.address.clone();
        let deadline = Instant::now() + settings.reply_timeout;
        loop {
            let content = self.frame(deadline, settings.reply_timeout, settings).await?;
            match Commit::of(&content, settings.framing.release()) {
                Some(Commit::Stored) => return Ok(()),
                Some(Commit::NotStored) => return Err(NotSent::NotStored { address: address() }.into()),
                None if self.early.is_some() => return Err(Unknown::NoCommit { address: address() }.into()),
                None => {
                    self.commit(Commit::Stored, settings).await?;
                    self.early = Some(content);
                }
            }
        }
    }

    /// The next frame that is no commit block.
    async fn content(&mut self, patience: Duration, settings: &SenderSettings) -> Result<Payload, Unknown> {
        let deadline = Instant::now() + patience;
        loop {
            let content = self.frame(deadline, patience, settings).await?;
            if Commit::of(&content, settings.framing.release()).is_none() {
                return Ok(content);
            }
        }
    }

    async fn frame(
        &mut self,
        deadline: Instant,
        patience: Duration,
        settings: &SenderSettings,
    ) -> Result<Payload, Unknown> {
        let mut event = self.decoder.next_event();
        loop {
            match event {
                None => event = self.receive(deadline, patience, settings).await?,
                Some(Event::Frame(content)) => return Ok(content),
                Some(Event::Defect { defect, .. }) => {
                    return Err(Unknown::BadReply {
                        address: settings.address.clone(),
                        defect,
                    });
                }
            }
        }
    }

    async fn commit(&mut self, commit: Commit, settings: &SenderSettings) -> Result<(), Unknown> {
        match self.write(commit.content(), settings).await {
            Err(SendError::Unknown(unknown)) => Err(unknown),
            Err(SendError::NotSent(_)) => Err(Unknown::Closed {
                address: settings.address.clone(),
            }),
            Ok(()) => Ok(()),
        }
    }

    /// What one read brings, or what its end or the lack of one makes of the bytes before.
    async fn receive(
        &mut self,
        deadline: Instant,
        patience: Duration,
        settings: &SenderSettings,
    ) -> Result<Option<Event>, Unknown> {
        let address = || settings.address.clone();
        let grace = match self.decoder.pending() {
            Pending::ByteAfterEnd => deadline.min(Instant::now() + END_GRACE),
            _ => deadline,
        };
        let event = match self
            .watchdog
            .guard(grace, read(&mut self.stream, &mut self.decoder))
            .await
        {
            Ok(Ok(1..)) => return Ok(self.next_event()),
            Ok(Err(source)) => {
                return Err(Unknown::Read {
                    address: address(),
                    source,
                });
            }
            Ok(Ok(0)) => {
                let rest = self.decoder.finish(Truncation::StreamEnd);
                rest.ok_or_else(|| Unknown::Closed { address: address() })?
            }
            Err(_) => {
                let whole = self.decoder.accept_end();
                whole.ok_or_else(|| Unknown::ReplyTimeout {
                    address: address(),
                    timeout: patience,
                })?
            }
        };
        Ok(Some(event))
    }

    /// Bytes before the start of a reply are no reply, and there is no use in waiting for the end of them.
    fn next_event(&mut self) -> Option<Event> {
        match self.decoder.next_event() {
            None if self.decoder.pending() == Pending::Start => self.decoder.finish(Truncation::StreamEnd),
            event => event,
        }
    }
}

/// What became of bytes that were to leave. Where none has left, the receiver cannot have the message.
fn check_written<E>(
    written: Result<io::Result<()>, E>,
    has_none_left: bool,
    settings: &SenderSettings,
) -> Result<(), SendError> {
    let address = || settings.address.clone();
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) if has_none_left => Err(NotSent::Write {
            address: address(),
            source,
        }
        .into()),
        Ok(Err(source)) => Err(Unknown::Write {
            address: address(),
            source,
        }
        .into()),
        Err(_) => Err(Unknown::WriteTimeout {
            address: address(),
            timeout: settings.write_timeout,
        }
        .into()),
    }
}

fn check_framing(content: &Payload, framing: &Framing) -> Result<(), NotSent> {
    match framing.refuses(content.as_slice()) {
        None => Ok(()),
        Some(Unframeable::Holds { byte, offset }) => Err(NotSent::Unframeable { byte, offset }),
        Some(Unframeable::TooLong { bytes, bytes_max }) => Err(NotSent::TooLong { bytes, bytes_max }),
    }
}

async fn read(stream: &mut ClientStream, decoder: &mut Decoder) -> io::Result<usize> {
    let buffer = decoder.buffer();
    if buffer.capacity() - buffer.len() < READ_BYTES / 4 {
        buffer.reserve(READ_BYTES);
    }
    stream.read_buf(buffer).await
}
