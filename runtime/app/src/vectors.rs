//! Test vectors: messages with what a plugin is to make of them, run in the real sandbox.
//!
//! A vector is a folder `vectors/NAME` with `vector.toml` and `input.hl7`; `vectors/tables` holds the code tables that
//! vectors share. [`read`] takes a whole set, from a folder or from a package, and reports everything that is wrong with
//! it at once; [`run`] takes each message through the plugin and compares byte for byte; [`bless`] writes what came out
//! as what is expected.
//!
//! Vectors are published with their plugin. They hold invented people only, and unlike messages they may be shown.

mod bless;
mod compare;
mod config;
mod context;
mod expectation;
mod files;
mod fuzz;
mod grants;
mod mutate;
mod needed;
mod random;
mod read;
mod runner;
mod synthetic;
mod vector;

pub(crate) use bless::{BlessError, bless};
pub(crate) use compare::{Mismatch, log_lines, output_bytes, told as told_outcome};
pub(crate) use config::check_configs;
pub(crate) use context::usual as usual_context;
pub(crate) use expectation::{Expectation, Expected, ExpectedOutput};
pub(crate) use files::{VectorFiles, message_text};
pub(crate) use fuzz::{Finding, FuzzReport, FuzzSettings, fuzz};
pub(crate) use grants::WrittenGrants;
pub(crate) use needed::{Needed, needed};
pub(crate) use read::read;
pub(crate) use runner::{Subject, VectorReport, report_of, run};
pub(crate) use synthetic::{Extent, Synthetic, synthetic};
pub(crate) use vector::Vector;
