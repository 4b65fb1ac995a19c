//! The journal: append-only entries in segments, written by one thread, read by anybody.
//!
//! ```text
//! receive ─┐                        ┌─▶ waiters      (receipts, commits, settlements)
//! decide  ─┼─▶ Intake ─▶ Writer ────┼─▶ delivery queues
//! settle  ─┘   (batch)   (one sync) └─▶ projection   (or it reads the files itself)
//! ```
//!
//! **A batch is always everything that waits.** So a decision is never durable before one that was made earlier, even
//! when its entry stands in front of the other's because it was merged with its message's arrival: both are in the
//! same transaction. Positions say where an entry is; delivery ids alone say what comes first at a destination.
//!
//! **A segment counts up to where the next one begins.** Each segment states the first position it holds. After a
//! failed sync nobody knows whether a batch is on the disk, so it is written again, at the same positions, into a new
//! segment; what the old file may hold from there on is void.

mod batch;
mod check;
mod entry;
mod intake;
mod keeper;
mod numbers;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
mod segments;
mod writer;

pub(crate) use batch::{Batch, Waiting};
pub use check::{SegmentRepair, SegmentReport};
pub(crate) use check::{check, repair};
pub(crate) use entry::{Address, Entry, Event, MessageEvent, Ruling};
pub(crate) use intake::{Ending, Intake, Redeciding, Slot};
pub(crate) use keeper::Keeper;
pub(crate) use numbers::{LEFT_OUT, Numbers};
pub(crate) use reader::{JournalReader, Payloads};
pub(crate) use scan::{Scan, is_sealed, scan};
pub use segments::DamagedSegment;
pub(crate) use segments::Segments;
pub(crate) use writer::{Horizon, Writer, WriterParts, Written};
