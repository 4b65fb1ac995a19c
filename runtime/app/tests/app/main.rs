//! The binary as a person at a terminal meets it. End-to-end behaviour under load and after kills is the suite's.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod configuration;
mod control;
mod deployment;
mod hl7;
mod onboarding;
mod precompile;
mod reference;
mod rehearsal;
mod support;
mod transcripts;
