//! The one thread that writes the journal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::batch::Batch;
use super::entry::{Entry, Event};
use super::intake::{Ending, Intake, Slot, Taken};
use super::keeper::{CHECKPOINT_BYTES, Keeper};
use super::numbers::Stamp;
use super::record::SealedColumns;
use super::segment::Segment;
use super::segments::{SegmentPlace, Segments};
use crate::delivery::Queues;
use crate::faults::{Failure, FaultPoint, Faults};
use crate::projection::ProjectionFeed;
use crate::sync::lock;

/// What has become durable, for those who read behind the writer.
#[derive(Debug, Default)]
pub(crate) struct Written {
    horizon: Mutex<Horizon>,
    /// Batches written since the start.
    pub(crate) batches: AtomicU64,
}

/// A point between two batches. Every delivery up to `delivery` is either in an entry up to `position`, or will never
/// exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Horizon {
    pub(crate) position: i64,
    pub(crate) delivery: i64,
}

/// Writes batches and tells everybody concerned.
pub(crate) struct Writer {
    pub(super) intake: Arc<Intake>,
    pub(super) segments: Arc<Segments>,
    pub(super) keeper: Keeper,
    /// The segment that is appended to; `None` after a failure, until it is opened again.
    pub(super) segment: Option<Segment>,
    /// Number of the segment that is appended to, or was last.
    pub(super) number: u64,
    /// The last segment that was ever appended to, perhaps in vain.
    pub(super) tried: u64,
    pub(super) next_position: i64,
    pub(super) segment_bytes_max: u64,
    /// Appended since a checkpoint was last asked for.
    pub(super) unchecked_bytes: u64,
    /// Failures since the last batch that was written.
    pub(super) failures: u32,
    /// A buffer for the head of each row.
    pub(super) head: Vec<u8>,
    pub(super) faults: Faults,
    pub(super) written: Arc<Written>,
    pub(super) queues: Arc<Queues>,
    pub(super) feed: ProjectionFeed,
}

/// Ends every wait when the writer's thread ends, also when it does so by a panic.
struct LastWords {
    intake: Arc<Intake>,
    queues: Arc<Queues>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.intake.close();
        self.queues.close();
    }
}

impl Written {
    pub(crate) fn horizon(&self) -> Horizon {
        *lock(&self.horizon)
    }

    pub(crate) fn set(&self, horizon: Horizon) {
        *lock(&self.horizon) = horizon;
    }
}

/// What a writer is made of.
pub(crate) struct WriterParts {
    pub(crate) intake: Arc<Intake>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) keeper: Keeper,
    /// Number of the segment to go on with.
    pub(crate) current: u64,
    /// The last position so far.
    pub(crate) end: i64,
    pub(crate) segment_bytes_max: u64,
    pub(crate) faults: Faults,
    pub(crate) written: Arc<Written>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) feed: ProjectionFeed,
}

impl Writer {
    /// A writer that has yet to open its segment.
    pub(crate) fn new(parts: WriterParts) -> Self {
        Self {
            intake: parts.intake,
            segments: parts.segments,
            keeper: parts.keeper,
            segment: None,
            number: parts.current,
            tried: parts.current,
            next_position: parts.end + 1,
            segment_bytes_max: parts.segment_bytes_max,
            unchecked_bytes: 0,
            failures: 0,
            head: Vec::new(),
            faults: parts.faults,
            written: parts.written,
            queues: parts.queues,
            feed: parts.feed,
        }
    }

    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(String::from("journal-writer"))
            .spawn(move || self.run())
    }

    /// Marks the start of an engine, before the thread exists: a folder that cannot be written is found out here.
    pub(crate) fn mark_start(&mut self, stamp: &Stamp) -> Result<(), Failure> {
        let process = std::process::id();
        self.keeper.turned(None, self.number + 1);
        self.mark(Event::EngineStarted { process }, stamp)
    }

    /// Writes batches until the store ends.
    fn run(mut self) {
        let _last_words = LastWords {
            intake: self.intake.clone(),
            queues: self.queues.clone(),
        };
        while let Some(taken) = self.intake.next() {
            match self.write(&taken.slots, &taken.stamp) {
                Ok(first_position) => self.publish(taken, first_position),
                Err(failure) => {
                    if !self.recover(taken, failure) {
                        break;
                    }
                }
            }
        }
        if self.intake.ending() == Some(Ending::Clean) {
            self.mark_end();
        }
    }

    /// Writes a batch into the current segment, or into the next when that one is full, and gives its position.
    pub(super) fn write(&mut self, slots: &[Slot], stamp: &Stamp) -> Result<i64, Failure> {
        let mut segment = self.current(stamp)?;
        let starts = segment.is_empty();
        let first_position = self.next_position;
        self.tried = self.tried.max(segment.number);
        let bytes = segment.append(first_position, slots, stamp, &mut self.head, &self.faults)?;
        if starts {
            self.entered(segment.number, first_position);
        }
        self.segment = Some(segment);
        self.next_position += i64::try_from(slots.len()).unwrap_or(i64::MAX);
        self.grown(bytes);
        Ok(first_position)
    }

    /// A segment has its first entries: positions are found in it from now on.
    pub(super) fn entered(&mut self, number: u64, first_position: i64) {
        let left = (self.number != number).then_some(self.number);
        self.number = number;
        self.segments.add(SegmentPlace { number, first_position });
        self.keeper.turned(left, number + 1);
    }

    /// The batch is durable: first those who wait, then those who read.
    pub(super) fn publish(&mut self, taken: Taken, first_position: i64) {
        let Taken {
            mut slots,
            batch,
            stamp,
        } = taken;
        self.failures = 0;
        self.written.batches.fetch_add(1, Ordering::Relaxed);
        // Before anybody is told: who was told and asks must find it, and a queue that loads its backlog after missing
        // a delivery must find that below the horizon.
        let position = self.next_position - 1;
        self.written.set(Horizon {
            position,
            delivery: stamp.last_delivery.as_i64(),
        });
        // Whoever is told that deliveries were released finds them in front.
        self.queues.operated(&slots);
        batch.written();
        self.queues.publish(&slots);
        for slot in &mut slots {
            // On the disk: whoever reads behind takes the entry alone.
            slot.sealed = SealedColumns::default();
        }
        self.feed.send(first_position, slots);
    }

    /// Takes the current segment out; if the write fails, it stays out.
    fn current(&mut self, stamp: &Stamp) -> Result<Segment, Failure> {
        let segment = if let Some(segment) = self.segment.take() {
            segment
        } else {
            self.faults.at(FaultPoint::Reopen)?;
            Segment::open(self.segments.folder(), self.number)?
        };
        if !segment.is_full(stamp.day, self.segment_bytes_max) {
            return Ok(segment);
        }
        self.keeper.segment(segment.number + 1)
    }

    fn grown(&mut self, bytes: u64) {
        self.unchecked_bytes += bytes;
        if self.unchecked_bytes >= CHECKPOINT_BYTES {
            self.unchecked_bytes = 0;
            self.keeper.checkpoint(self.number);
        }
    }

    fn mark_end(&mut self) {
        let stamp = self.intake.stamp();
        if let Err(error) = self.mark(Event::EngineStopped, &stamp) {
            tracing::error!(%error, "the clean end could not be recorded: the next start will look unclean");
        }
    }

    /// Writes one entry about the engine itself.
    fn mark(&mut self, event: Event, stamp: &Stamp) -> Result<(), Failure> {
        let entry = Entry {
            at_ms: self.intake.now_ms(),
            event,
        };
        let slots = vec![Slot {
            entry,
            sealed: SealedColumns::default(),
            origin: 0,
            queue: None,
        }];
        let first_position = self.write(&slots, stamp)?;
        let taken = Taken {
            slots,
            batch: Batch::new(0),
            stamp: *stamp,
        };
        self.publish(taken, first_position);
        Ok(())
    }
}
