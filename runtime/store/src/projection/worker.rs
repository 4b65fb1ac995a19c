//! The thread that keeps the projection behind the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::catch_up::{Applier, ProjectionStart};
use crate::ReadError;
use crate::journal::{Slot, Written};

/// Changes wait this long for company: an everyday message is then written once, in its final state, and a page is
/// touched by many messages rather than by one.
const GATHER: Duration = Duration::from_millis(200);

/// Batches and bytes that may wait for this thread. Beyond that the writer drops them: they are read from the files.
const BATCHES_MAX: usize = 1024;
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long to wait after the projection could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a question waits for the projection; then it is answered from what is there.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// The writer's end: hands over what was written.
#[derive(Clone)]
pub(crate) struct ProjectionFeed {
    commands: SyncSender<Command>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// Everybody else's end: asks how far it is, and brings it up to date.
#[derive(Clone)]
pub(crate) struct ProjectionHandle {
    commands: SyncSender<Command>,
    applied: Arc<AtomicI64>,
    file: PathBuf,
}

enum Command {
    Written {
        first_position: i64,
        slots: Vec<Slot>,
        bytes: usize,
    },
    CatchUp {
        position: i64,
        reply: Sender<bool>,
    },
    Stop,
}

/// Starts the thread.
pub(crate) fn start(
    start: ProjectionStart,
    written: Arc<Written>,
) -> std::io::Result<(ProjectionFeed, ProjectionHandle, JoinHandle<()>)> {
    let (commands, received) = sync_channel(BATCHES_MAX);
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let applied = Arc::new(AtomicI64::new(start.applier.applied()));
    let feed = ProjectionFeed {
        commands: commands.clone(),
        waiting_bytes: waiting_bytes.clone(),
    };
    let handle = ProjectionHandle {
        commands,
        applied: applied.clone(),
        file: start.applier.file().to_owned(),
    };
    let worker = Worker {
        applier: start.applier,
        written,
        received,
        waiting_bytes,
        applied,
        flush_at: None,
        failed: false,
    };
    let thread = std::thread::Builder::new()
        .name(String::from("projection"))
        .spawn(|| worker.run())?;
    Ok((feed, handle, thread))
}

impl ProjectionFeed {
    /// Hands over a batch, or drops it when too much waits.
    pub(crate) fn send(&self, first_position: i64, slots: Vec<Slot>) {
        let bytes = slots.iter().map(|slot| slot.entry.bytes()).sum();
        if self.waiting_bytes.load(Ordering::Relaxed) + bytes > WAITING_BYTES_MAX {
            return;
        }
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self
            .commands
            .try_send(Command::Written {
                first_position,
                slots,
                bytes,
            })
            .is_err()
        {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl ProjectionHandle {
    /// Waits until the projection includes a position. The error says that it does not; what is there can be read all
    /// the same.
    pub(crate) fn catch_up(&self, position: i64) -> Result<(), ReadError> {
        if self.applied() >= position {
            return Ok(());
        }
        let (reply, replied) = channel();
        let sent = self.commands.send(Command::CatchUp { position, reply }).is_ok();
        if sent && replied.recv_timeout(CATCH_UP_MAX) == Ok(true) {
            return Ok(());
        }
        let reason = format!("it has not come to position {position} of the journal");
        Err(ReadError::File {
            file: self.file.clone(),
            reason,
        })
    }

    /// The position that it includes.
    pub(crate) fn applied(&self) -> i64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Ends the thread once everything written so far is applied.
    pub(crate) fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }
}

struct Worker {
    applier: Applier,
    written: Arc<Written>,
    received: Receiver<Command>,
    waiting_bytes: Arc<AtomicUsize>,
    applied: Arc<AtomicI64>,
    /// When what was gathered is written, or the next try is due; `None` when there is nothing to do.
    flush_at: Option<Instant>,
    failed: bool,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.next() {
                Ok(Command::Written {
                    first_position,
                    slots,
                    bytes,
                }) => {
                    self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                    self.take(first_position, slots);
                }
                Ok(Command::CatchUp { position, reply }) => {
                    let done = self.catch_up(position);
                    // The asker may have stopped waiting.
                    let _ = reply.send(done);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.catch_up(self.written.horizon().position);
                }
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.catch_up(self.written.horizon().position);
    }

    fn next(&mut self) -> Result<Command, RecvTimeoutError> {
        // A batch that was dropped is noticed here at the latest: it was counted before it was dropped.
        if self.flush_at.is_none() && self.applier.folded() < self.written.horizon().position {
            self.flush_at = Some(Instant::now() + GATHER);
        }
        match self.flush_at {
            None => self.received.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => self.received.recv_timeout(at.saturating_duration_since(Instant::now())),
        }
    }

    fn take(&mut self, first_position: i64, slots: Vec<Slot>) {
        let flush_at = *self.flush_at.get_or_insert_with(|| Instant::now() + GATHER);
        // After a failure nothing is gathered until the next try: it will be read from the files.
        let full = !self.failed && {
            let folded = self
                .applier
                .fold(first_position, slots.into_iter().map(|slot| slot.entry));
            self.note(folded).unwrap_or_default()
        };
        if full || flush_at <= Instant::now() {
            let flushed = self.applier.flush();
            self.flushed(flushed);
        }
    }

    /// Applies everything up to a position, from what was handed over and from the files.
    fn catch_up(&mut self, position: i64) -> bool {
        let caught_up = self.applier.catch_up(position);
        self.flushed(caught_up)
    }

    fn flushed(&mut self, result: Result<(), ReadError>) -> bool {
        self.applied.store(self.applier.applied(), Ordering::Release);
        self.flush_at = None;
        self.failed = false;
        self.note(result).is_some()
    }

    fn note<T>(&mut self, result: Result<T, ReadError>) -> Option<T> {
        if let Err(error) = &result {
            tracing::error!(%error, "the projection could not be brought up to date; it will be tried again");
            self.failed = true;
            self.flush_at = Some(Instant::now() + RETRY_AFTER);
        }
        result.ok()
    }
}
