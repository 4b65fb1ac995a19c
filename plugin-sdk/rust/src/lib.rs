#![doc = include_str!("../../README.md")]

pub mod document;
pub mod exchange;
pub mod log;
pub mod message;
pub mod outcome;
pub mod path_error;
pub mod prelude;
pub mod reject;
pub mod state;
pub mod tables;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod time;

#[doc(hidden)]
pub mod component;
mod config;

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
use native as host;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[rustfmt::skip]
#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; see its first line"
)]
pub mod wit;
#[cfg(target_family = "wasm")]
use wit::transfuse::plugin as host;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wit_bindgen;

pub use document::Document;
pub use exchange::{Exchange, NotHl7};
pub use message::{Message, ParseError};
pub use outcome::{Done, Fault, Outcome, Stop};
pub use path_error::PathError;
pub use reject::{Code, Reject};
pub use state::{State, StateError};
pub use tables::{Row, Table, TableError};
pub use time::{AmbiguousTime, Moment, Precision};
pub use transfuse_plugin_macros::transform;
