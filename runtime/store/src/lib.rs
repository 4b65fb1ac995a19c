//! The durable side of the engine: what was received, decided and delivered, and what is live.
//!
//! The journal (`journal/NNNNNN.sqlite`) is the truth: append-only, synced before anything is promised. `live.sqlite`
//! is a projection of it for questions and for backlogs, and can be rebuilt at any time. `catalog.sqlite` holds
//! interfaces, revisions, packages and tables; `usage.sqlite` what the details of decisions add up to.
//!
//! **Invariant:** this crate names SQLite and nothing else of the system: it knows no HL7, no plugins, no transports,
//! no configuration format. Nothing outside it can make a [`Receipt`] or a [`Committed`], the proofs that an accepting
//! acknowledgement needs.

mod store;

mod exchange;
mod journal;
mod lanes;
mod operation;

mod delivery;

mod projection;
mod reading;

mod catalog;

mod clock;
mod digests;
mod error;
mod faults;
mod folder;
mod format;
mod identity;
mod keys;
mod sealed;
mod settings;
mod sync;
mod usage;

pub use catalog::{
    Catalog, Downtime, Evidence, Expected, LiveChange, NewDowntime, NewEvidence, NewRevision, PackageEntry,
    PackageSummary, Pause, Revision, TableChange, TableEntry, TableSummary,
};
pub use delivery::{DeliveryQueue, Lease, PendingSettlement, Settlement};
pub use digests::{Digest, Digests};
pub use error::{CatalogError, OpenError, OperateError, ReadError, UsageError, WriteError};
pub use exchange::{
    Arrival, Committed, Decision, NewOutput, PendingCommit, Receipt, Received, StateChange, StoredFault, Unfinished,
};
pub use lanes::{Lanes, OnFault, Precedence};
pub use operation::{AfterStep, OperationKind, Operator};

pub use journal::{DamagedSegment, SegmentRepair, SegmentReport};

pub use keys::{InterfaceKeys, KeyReport, MasterKeyFile, Rotated};

pub use identity::{DeliveryId, DeliveryStage, MessageId, ParseIdError, Stage};
pub use projection::{Rebuilt, TableDifference};
pub use reading::{
    DecisionRecord, DeliveryRecord, DestinationStatus, EditRecord, FaultSummary, HeldDeliveries, HeldLane,
    HeldLaneList, Hold, InterfaceStatus, MessageRecord, MessageSummary, NewerDelivered, OperationRecord, OutputRecord,
    Query, Recognised, Refusals, Status,
};
pub use sealed::Sealed;
pub use settings::StoreSettings;
pub use store::{HoldMade, NewDecision, Opened, Store};
pub use usage::{DetailRecord, Details, Mark, MarkQuery, Tally, Usage};
