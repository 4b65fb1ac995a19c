//! After a failed write: nobody knows whether the batch is on the disk, so nobody is told anything until it is known.
//!
//! The file is closed and looked at again. If the batch is not there, it never will be: its waiters are told, and its
//! senders keep their messages. If it is there, that proves nothing (after a failed sync the system may show from
//! memory what the disk never got), so it is written again into a new segment, which makes the old copy void. If
//! neither can be found out, both are tried again, with growing pauses, while new messages queue up to their limit.

use std::sync::Arc;
use std::time::Duration;

use super::intake::Taken;
use super::segment::{connect, holds};
use super::segments::segment_file;
use super::writer::Writer;
use crate::WriteError;
use crate::faults::{Failure, FaultPoint};

/// The first pause: long enough for a hiccup to pass, short enough that senders do not notice.
const PAUSE_FIRST: Duration = Duration::from_millis(20);

/// The longest pause: a disk that has room again is used within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Failures in a row after which a store that is to end gives up: then the next start finds out what is there.
const FAILURES_AT_END_MAX: u32 = 3;

/// What became of a batch whose write failed.
enum Finding {
    /// It is nowhere.
    Absent,
    /// It may be on the disk.
    Doubtful,
}

impl Writer {
    /// Brings the journal back after a failed write. `false` when the store ends instead; then the fate of the batch
    /// is found out by the next start.
    pub(super) fn recover(&mut self, taken: Taken, failure: Failure) -> bool {
        let mut failure = failure;
        // Closed before anything else: whatever state SQLite's caches are in, they are not used again.
        self.segment = None;
        loop {
            tracing::error!(error = %failure, "the journal could not be written");
            self.failures += 1;
            if self.is_hopeless(&failure) {
                return false;
            }
            let reason = Arc::from(failure.to_string());
            failure = match self.find(self.next_position) {
                Ok(Finding::Absent) => {
                    self.intake.fail(taken, &WriteError::NotWritten { reason });
                    self.intake.pause(self.failure_pause());
                    return true;
                }
                Ok(Finding::Doubtful) | Err(_) => match self.write_elsewhere(&taken) {
                    Ok(first_position) => {
                        self.publish(taken, first_position);
                        return true;
                    }
                    Err(failure) => failure,
                },
            };
            self.intake.pause(self.failure_pause());
        }
    }

    /// Looks for a batch in every segment that it may have been written to.
    fn find(&self, first_position: i64) -> Result<Finding, Failure> {
        self.faults.at(FaultPoint::Reopen)?;
        for number in self.number..=self.tried {
            let file = segment_file(self.segments.folder(), number);
            if holds(&connect(&file)?, first_position)? {
                return Ok(Finding::Doubtful);
            }
        }
        Ok(Finding::Absent)
    }

    /// Writes a batch, at the positions that it was to have, into a segment that has no entries yet.
    fn write_elsewhere(&mut self, taken: &Taken) -> Result<i64, Failure> {
        let mut number = self.number + 1;
        let segment = loop {
            let segment = self.keeper.segment(number)?;
            if segment.is_empty() {
                break segment;
            }
            number += 1;
        };
        self.segment = Some(segment);
        let written = self.write(&taken.slots, &taken.stamp);
        if written.is_err() {
            self.segment = None;
        }
        written
    }

    fn is_hopeless(&self, failure: &Failure) -> bool {
        matches!(failure, Failure::Crash) || self.intake.ending().is_some() && self.failures > FAILURES_AT_END_MAX
    }

    fn failure_pause(&self) -> Duration {
        PAUSE_FIRST.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX)
    }
}
