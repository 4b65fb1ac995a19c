//! `live.sqlite`: the state that the journal adds up to, for questions and for backlogs.
//!
//! A thread of its own applies the journal in large batches, with the journal's position in the same transaction. It
//! is handed what was just written; what it could not take in time it reads from the files. Everything here follows
//! from the journal alone, entry by entry, so a projection that was built anew equals one that grew.

mod apply;
mod catch_up;
mod changes;
mod fold;
mod names;
mod operate;
mod rebuild;
mod refusals;
mod schema;
mod worker;

pub(crate) use apply::value_place;
pub(crate) use catch_up::{
    JournalEnd, Known, ProjectionStart, Undecided, holds, interfaces, known, open_projection, undecided,
};
pub(crate) use rebuild::rebuild_projection;
pub use rebuild::{Rebuilt, TableDifference};
#[cfg(test)]
pub(crate) use schema::FORMAT;
pub(crate) use schema::connect_for_reading;
pub(crate) use worker::{ProjectionFeed, ProjectionHandle, start};
