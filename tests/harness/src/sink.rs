//! A receiver that does what a script says, and remembers everything.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::mllp::{Connection, NOT_STORED, STORED, frame};
use crate::sample::control_id_of;
use crate::wait::wait_until;

/// A receiver on a port of its own, until the test ends.
#[derive(Debug, Clone)]
pub struct Sink {
    address: String,
    received: Arc<Mutex<Vec<Delivered>>>,
    keeps: Keeps,
    /// Commit blocks for what it answered.
    commits: Arc<AtomicUsize>,
}

/// Which MLLP a receiver speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    One,
    Two,
}

/// What a receiver remembers of a message beside how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Content,
    ControlId,
}

/// One message that arrived.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// MSH-10.
    pub control_id: String,
    /// The message without its frame; empty at a receiver that keeps ids only.
    pub content: Vec<u8>,
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    /// How it was answered.
    pub reply: Reply,
    /// When it was there.
    pub at: Instant,
}

/// What the receiver does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// AA.
    Accept,
    /// This code: `AE`, `AR`.
    Code(&'static str),
    /// An answer with each of these codes, one after the other.
    Codes(&'static [&'static str]),
    /// Release 2: that it could not store the message.
    NotStored,
    /// AA for a message that nobody sent.
    AnotherControlId,
    /// AA after a pause.
    Late(Duration),
    /// Nothing; the connection stays open.
    Hang,
    /// Half an answer, and the connection is closed.
    DropMidFrame,
    /// These bytes, without a frame around them.
    Bytes(&'static [u8]),
    /// AA, one byte after the other with a pause after each.
    Dribble(Duration),
    /// Nothing, and nothing more is ever said on this connection; what comes is still read.
    HalfClose,
}

impl Sink {
    /// A receiver that accepts everything.
    pub fn accepting() -> Result<Self> {
        Self::scripted(|_, _| Reply::Accept)
    }

    /// The same, for millions of messages: it forgets what was in them.
    pub fn keeping_ids() -> Result<Self> {
        Self::serving("127.0.0.1:0", Release::One, Keeps::ControlId, |_, _| Reply::Accept)
    }

    /// A receiver whose answers `script` decides, from how many messages came before and the message's control id.
    pub fn scripted(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::listening("127.0.0.1:0", script)
    }

    /// The same, speaking release 2 of MLLP.
    pub fn release_2(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::serving("127.0.0.1:0", Release::Two, Keeps::Content, script)
    }

    /// A receiver that accepts everything, but resets its first `resets` connections in the middle of the first frame on each.
    pub fn resetting(resets: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding a sink")?;
        let sink = Self::at(&listener, Keeps::Content)?;
        let serving = sink.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                if number < resets {
                    reset_in_mid_frame(stream);
                    continue;
                }
                let sink = serving.clone();
                std::thread::spawn(move || serve(stream, number, Release::One, &sink, &|_, _| Reply::Accept));
            }
        });
        Ok(sink)
    }

    /// The same at an address that the test chose: for a receiver that comes up later.
    pub fn listening(address: &str, script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::serving(address, Release::One, Keeps::Content, script)
    }

    fn serving(
        address: &str,
        release: Release,
        keeps: Keeps,
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("binding a sink to {address}"))?;
        let sink = Self::at(&listener, keeps)?;
        let (serving, script) = (sink.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (sink, script) = (serving.clone(), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, number, release, &sink, &*script));
            }
        });
        Ok(sink)
    }

    fn at(listener: &TcpListener, keeps: Keeps) -> Result<Self> {
        Ok(Self {
            address: listener.local_addr()?.to_string(),
            received: Arc::default(),
            keeps,
            commits: Arc::default(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everything that has arrived, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Delivered> {
        lock(&self.received).clone()
    }

    /// How many have arrived.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.received).len()
    }

    /// How many of its answers were committed, in release 2.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::Relaxed)
    }

    /// The control ids of what has arrived, in order.
    #[must_use]
    pub fn control_ids(&self) -> Vec<String> {
        lock(&self.received).iter().map(|one| one.control_id.clone()).collect()
    }

    /// Waits until so many messages have arrived.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Result<Vec<Delivered>> {
        wait_until(&format!("{count} messages at the receiver"), limit, || {
            // Counted, and copied only once: to copy millions of messages keeps the receiver from answering.
            (self.count() >= count).then(|| self.received())
        })
        .with_context(|| format!("{} have arrived", self.count()))
    }
}

fn lock(received: &Mutex<Vec<Delivered>>) -> MutexGuard<'_, Vec<Delivered>> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the beginning of what comes. A socket that is closed with something unread in it resets the connection.
fn reset_in_mid_frame(mut stream: TcpStream) {
    let mut beginning = [0; 8];
    drop(stream.read_exact(&mut beginning));
    drop(stream.peek(&mut beginning));
}

fn serve(stream: TcpStream, connection: usize, release: Release, sink: &Sink, script: &dyn Fn(usize, &str) -> Reply) {
    let Ok(mut writing) = stream.try_clone() else { return };
    drop(stream.set_nodelay(true));
    let mut reading = Connection::over(stream);
    while let Ok(Some(content)) = reading.next_frame() {
        if release == Release::Two && content == STORED {
            sink.commits.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let control_id = control_id_of(&content);
        let reply = {
            let mut received = lock(&sink.received);
            let reply = script(received.len(), &control_id);
            let at = Instant::now();
            received.push(Delivered {
                control_id: control_id.clone(),
                content: if sink.keeps == Keeps::Content {
                    content
                } else {
                    Vec::new()
                },
                connection,
                reply,
                at,
            });
            reply
        };
        let commit = if reply == Reply::NotStored { NOT_STORED } else { STORED };
        if release == Release::Two && writing.write_all(&frame(commit)).is_err() {
            return;
        }
        if !answer(&mut writing, reply, &control_id) {
            return;
        }
    }
}

/// Answers as the script says; false where the connection ends with it.
fn answer(stream: &mut TcpStream, reply: Reply, control_id: &str) -> bool {
    let framed = |code: &str, control_id: &str| {
        frame(
            format!("MSH|^~\\&|SINK|TEST|||20261123||ACK|S{control_id}|P|2.5.1\rMSA|{code}|{control_id}\r").as_bytes(),
        )
    };
    match reply {
        Reply::Accept => stream.write_all(&framed("AA", control_id)).is_ok(),
        Reply::Code(code) => stream.write_all(&framed(code, control_id)).is_ok(),
        Reply::Codes(codes) => codes
            .iter()
            .all(|code| stream.write_all(&framed(code, control_id)).is_ok()),
        Reply::AnotherControlId => stream.write_all(&framed("AA", "NOBODY-SENT-THIS")).is_ok(),
        Reply::Late(pause) => {
            std::thread::sleep(pause);
            stream.write_all(&framed("AA", control_id)).is_ok()
        }
        Reply::NotStored | Reply::Hang => true,
        Reply::Bytes(bytes) => stream.write_all(bytes).is_ok(),
        Reply::Dribble(pause) => framed("AA", control_id).chunks(1).all(|byte| {
            std::thread::sleep(pause);
            stream.write_all(byte).is_ok()
        }),
        Reply::HalfClose => stream.shutdown(std::net::Shutdown::Write).is_ok(),
        Reply::DropMidFrame => {
            let answer = framed("AA", control_id);
            drop(stream.write_all(answer.get(..answer.len() / 2).unwrap_or_default()));
            drop(stream.shutdown(std::net::Shutdown::Both));
            false
        }
    }
}
