//! The sandbox from outside: what its users rely on, with plugins written by hand.

mod support;

mod access;
mod chains;
mod documents;
mod fuel;
mod grants;
mod hostile;
mod loading;
mod reuse;
mod snapshots;
mod state;
mod threads;
mod times;
mod tracing;
