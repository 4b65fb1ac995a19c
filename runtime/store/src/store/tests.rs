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
mod rebuild;
mod sealing;
mod searching;
mod state;
mod support;
mod usage;
