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
mod again;
mod awaited;
mod backlog;
mod batch;
mod budget;
mod comparison;
mod condition;
mod control_ids;
mod destination_steps;
mod duplicates;
mod everywhere;
mod inquiry;
mod keeping;
mod lane_key;
mod owed;
mod plan;
mod processing;
mod recall;
mod received;
mod refused;
mod rerun;
mod revision;
mod routing;
mod stable_hash;
mod terms;
mod turns;
mod validator;

mod answers;
mod destination;
mod downtime;
mod pace;
mod recode;
mod retry;
mod standing;
mod wire;

mod detail;
mod door;
mod doors;
mod edit;
mod engine;
mod figures;
mod live;
mod opened;
mod origin;
mod replace;
mod trial;
mod usage;

pub use again::{Again, NotDecided};
pub use answers::{AnswerRule, AnswerTable, AnswerThen, StatusRule};
pub use budget::{Breach, Budget, Held};
pub use comparison::{Change, Differences, Group, Pair, Place, compare};
pub use condition::{Condition, ConditionError};
pub use destination::Destination;
pub use detail::{
    AccessNote, DestinationNote, Detail, DetailError, ExchangeNote, FindingNote, LogNote, MissNote, StepNote, TableNote,
};
pub use edit::{Edit, Edited, NotEdited};
pub use engine::{Engine, StartError};
pub use figures::Figures;
pub use interface::Interface;
pub use lane_key::{LaneKey, LaneKeyError, LaneKeys};
pub use origin::Origin;
pub use processing::{Chains, Processing};
pub use recode::OutputCharset;
pub use replace::ReplaceError;
pub use rerun::{Made, NotRun, Rerun};
pub use revision::Revision;
pub use settings::{
    AckStage, Acknowledged, AdmissionSettings, AllowedSender, DestinationSettings, DuplicateSettings, FileName,
    FileNameError, HandoverSettings, HttpSettings, InterfaceSettings, MllpSettings, NoReply, OnFinding, Order, RateMax,
    RejectsThen, ReplySettings, RetrySettings, SourceSettings, ValidationSettings, WireSettings,
};
pub use standing::{AnswerKind, DestinationStanding, HeldDelivery, LastAnswer, OpenCircuit};
pub use trial::{Filter, Observed, Selection, Share, Trial, TrialError};
pub use usage::{Count, Miss, MissQuery, Misses, ObserveError, Observer, PluginUse, misses};
