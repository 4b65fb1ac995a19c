//! The housekeeper: checkpoints, and the next segment, on a thread of their own.
//!
//! A checkpoint copies the write-ahead log into the file and syncs both; on the writer's thread it would be a pause of
//! tens of milliseconds for everybody who waits.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::segment::{Segment, connect_existing};
use super::segments::{Segments, segment_file};
use crate::faults::Failure;
use crate::format::remove_database;
use crate::sync::lock;

/// The writer asks for a checkpoint whenever it has appended this much: the log that a restart has to read stays
/// short, and the work comes in portions that a disk does not notice.
pub(super) const CHECKPOINT_BYTES: u64 = 16 * 1024 * 1024;

/// Requests that may wait. Each one is idempotent and comes again, so the writer drops what does not fit.
const REQUESTS_MAX: usize = 16;

/// The writer's hold on the housekeeper. Dropping it ends the thread.
pub(crate) struct Keeper {
    requests: SyncSender<Request>,
    spare: Arc<Mutex<Option<Segment>>>,
    folder: PathBuf,
}

enum Request {
    /// A segment has grown.
    Checkpoint(u64),
    /// A segment is complete: move its log into the file for good.
    Finish(u64),
    /// Have the segment of this number ready.
    Spare(u64),
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(segments: &Arc<Segments>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (requests, received) = sync_channel(REQUESTS_MAX);
        let spare = Arc::new(Mutex::new(None));
        let work = Work {
            segments: segments.clone(),
            spare: spare.clone(),
            current: None,
        };
        let thread = std::thread::Builder::new().name(String::from("journal-keeper"));
        let thread = thread.spawn(move || work.run(&received))?;
        Ok((
            Self {
                requests,
                spare,
                folder: segments.folder().to_owned(),
            },
            thread,
        ))
    }

    pub(super) fn checkpoint(&self, number: u64) {
        // Full: a checkpoint is on its way, and the next portion asks again.
        let _ = self.requests.try_send(Request::Checkpoint(number));
    }

    /// The writer has left `finished` and may want `next` later.
    pub(super) fn turned(&self, finished: Option<u64>, next: u64) {
        if let Some(finished) = finished {
            let _ = self.requests.try_send(Request::Finish(finished));
        }
        let _ = self.requests.try_send(Request::Spare(next));
    }

    /// The segment of this number, which nobody has written to: ready, or made now. The lock is held meanwhile, so that
    /// the writer and the housekeeper never make the same file at once.
    pub(super) fn segment(&self, number: u64) -> Result<Segment, Failure> {
        let mut spare = lock(&self.spare);
        match spare.take() {
            Some(segment) if segment.number == number => Ok(segment),
            _ => Segment::open(&self.folder, number),
        }
    }
}

struct Work {
    segments: Arc<Segments>,
    spare: Arc<Mutex<Option<Segment>>>,
    current: Option<(u64, Connection)>,
}

impl Work {
    fn run(mut self, requests: &Receiver<Request>) {
        while let Ok(request) = requests.recv() {
            match request {
                Request::Checkpoint(number) => self.checkpoint(number, "PASSIVE"),
                Request::Finish(number) => self.finish(number),
                Request::Spare(number) => self.prepare(number),
            }
        }
        if let Some(last) = self.segments.numbers().last() {
            self.finish(*last);
        }
        self.discard_spare();
    }

    /// Leaves one file that stands alone: when everybody else has closed it, its log and index are removed.
    fn finish(&mut self, number: u64) {
        self.checkpoint(number, "TRUNCATE");
        self.current = None;
    }

    /// A checkpoint that does not succeed is no loss: the log holds everything, and the next one makes up for it.
    fn checkpoint(&mut self, number: u64, mode: &str) {
        if self.current.as_ref().is_none_or(|(open, _)| *open != number) {
            self.current = connect_existing(&self.file(number))
                .ok()
                .map(|connection| (number, connection));
        }
        let Some((_, connection)) = &self.current else { return };
        let done = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(segment = number, %error, "checkpoint postponed");
        }
    }

    /// Without a spare the writer makes the segment itself, and may have done so by now. A new day begins a new segment: so this
    /// is also when the keys of the day after it are made.
    fn prepare(&mut self, number: u64) {
        if let Err(error) = self.segments.keys().prepare_ahead() {
            tracing::warn!(%error, "the keys of the next day are not made yet");
        }
        let mut spare = lock(&self.spare);
        if self.segments.numbers().last().is_some_and(|last| *last >= number) {
            return;
        }
        match Segment::open(self.segments.folder(), number) {
            Ok(segment) => *spare = Some(segment),
            Err(error) => tracing::warn!(segment = number, %error, "cannot prepare the next journal segment"),
        }
    }

    /// The next start makes its own. Nobody has ever written to it: whoever does takes it out first.
    fn discard_spare(&self) {
        let Some(spare) = lock(&self.spare).take() else { return };
        let file = self.file(spare.number);
        drop(spare);
        if let Err(error) = remove_database(&file) {
            tracing::warn!(file = %file.display(), %error, "an unused journal segment stays");
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        segment_file(self.segments.folder(), number)
    }
}
