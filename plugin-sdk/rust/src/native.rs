//! The host of a unit test: the modules and functions of the generated bindings, backed by the engine's own message
//! library, so that a path means the same in a unit test as on the host.
//!
//! What is *not* here is what protects the hospital: grants, limits and the sandbox itself.

pub(crate) mod exchanges;
pub(crate) mod hl7v2;
pub(crate) mod log;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod time;
