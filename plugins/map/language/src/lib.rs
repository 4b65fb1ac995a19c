//! Mappings without programming: a mapping written in TOML, run by a plugin in the sandbox of every other.
//!
//! ```toml
//! [[rules]]
//! about = "Inpatients go to the ward system, in its own spelling"
//! when = 'PV1-2 == "I"'
//! set = { "MSH-5" = "WARD", "PID-5.1" = "{{ PID-5.1 | title }}" }
//! forward = "ward"
//! ```
//!
//! The language is described, by examples that its tests run, in `plugins/map/README.md`. What happens here:
//!
//! 1. `read` makes a `Mapping` of the text and finds everything that is wrong with it, with lines;
//! 2. `reach` finds rules that can never do anything;
//! 3. `requests` says which fields and tables it touches;
//! 4. `run` does what it says with a message.
//!
//! The first three happen in `init`, so that `check`, a deployment and `plugin build` see the same errors.

mod config;
mod document;
mod expression;
mod functions;
mod lexer;
mod mapping;
mod path;
mod problem;
mod reach;
mod read;
mod requests;
mod run;
mod tables;

pub use config::Config;
pub use tables::{CodeTable, NoTables};

#[cfg(test)]
mod tests;
