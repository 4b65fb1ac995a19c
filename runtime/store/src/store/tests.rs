//! The store as a whole, as the engine uses it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backlog;
mod crash;
mod damaged;
mod failures;
mod held;
mod journey;
mod lanes;
mod model;
mod opening;
mod quarantine;
mod rebuild;
mod refusals;
mod sealing;
mod searching;
mod state;
mod stopped;
mod support;
mod usage;
