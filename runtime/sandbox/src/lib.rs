//! Runs plugins within limits: loads a component, links it to what its step grants, gives each message a fresh
//! instance, and explains what stopped one that failed.
//!
//! A [`Sandbox`] is started once. [`Sandbox::load`] turns a component into a [`Plugin`], [`Sandbox::chain`] turns steps
//! into a [`Chain`], and [`Chain::run`] takes one message through it. What crosses `run` is plain data, so that a
//! worker process could stand behind it.
//!
//! Invariant: this is the only crate that names wasmtime. It knows messages, and nothing of packages, stores, sockets
//! and configuration files. A plugin can reach nothing but the interfaces of `wit/`, and no plugin, however hostile,
//! costs more than its own message.

mod settings;

mod sandbox;

mod plugin;

mod access;
mod grants;
mod kept;
mod limits;
mod table;

mod chain;
mod outcome;
mod trace;

mod fault;

mod bindings;
mod cache;
mod compiler;
mod engine;
mod host;
mod instance;
mod meter;
mod permits;
mod pool;
mod proposals;
mod reuse;
mod state;
mod ticker;

pub use access::{Access, Touched};
pub use chain::{Chain, LinkError, Step};
pub use compiler::{CompilationError, Compiler, serve_compilation};
pub use fault::{Blame, Fault, FaultKind};
pub use grants::{FieldPatternError, FieldPatterns, Grants};
pub use kept::{STATE_KEY_BYTES_MAX, STATE_VALUE_BYTES_MAX, State, StateWrites};
pub use limits::Limits;
pub use outcome::{
    Content, Context, Document, Input, LogLevel, LogLine, LookUp, Outcome, Output, Rejection, Report, StepReport,
    TableMiss,
};
pub use plugin::{LoadError, Plugin, PluginIdentity};
pub use reuse::Instances;
pub use sandbox::{Sandbox, StartError};
pub use settings::{SNAPSHOT_FUEL_MIN, SandboxSettings};
pub use table::{Table, TableError};
pub use trace::{Deed, Edit, Place, Question, Raised, Trace};
