//! Interfaces: the journey of a message from the wire to the journal and from the journal to the wire.
//!
//! Two functions carry it, and a reader should start with them: [`Interface::accept`] and [`Destination::deliver`].
//! Everything else in this crate is one of their steps.
//!
//! Invariant: this crate knows no TOML, no JSON API, no command line, no SQL and no wasmtime. It is given plain
//! settings, and it asks the store, the sandbox and the transports through their types only.

mod settings;

mod interface;

mod acknowledge;
mod admission;
mod awaited;
mod backlog;
mod batch;
mod keeping;
mod lane;
mod owed;
mod plan;
mod processing;
mod received;
mod terms;
mod validator;

mod destination;
mod recode;
mod retry;
mod wire;

mod detail;
mod door;
mod engine;
mod live;
mod opened;
mod rehearsal;
mod replace;
mod usage;

pub use destination::Destination;
pub use detail::{AccessNote, Detail, DetailError, FindingNote, LogNote, MissNote, StepNote, TableNote};
pub use engine::{Engine, StartError};
pub use interface::Interface;
pub use processing::Processing;
pub use recode::OutputCharset;
pub use rehearsal::Rehearsal;
pub use replace::ReplaceError;
pub use settings::{
    AckStage, Acknowledged, AdmissionSettings, AllowedSender, DestinationSettings, FileName, FileNameError,
    InterfaceSettings, MllpSettings, OnFinding, Order, RetrySettings, SourceSettings, ValidationSettings, WireSettings,
};
pub use usage::{Count, Miss, MissQuery, Misses, ObserveError, Observer, PluginUse, misses};
