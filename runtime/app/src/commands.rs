//! The commands, one file each: arguments with their help, and what they do.

mod asked;
pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod compile_component;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod downtime;
pub(crate) mod hl7;
pub(crate) mod interface;
pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod listen;
pub(crate) mod messages;
mod moment;
pub(crate) mod plugin;
pub(crate) mod precompile;
pub(crate) mod run;
mod selecting;
pub(crate) mod send;
mod site;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod tables;
