//! Unit tests of a plugin without a host.
//!
//! ```
//! use transfuse_plugin::prelude::*;
//! use transfuse_plugin::testing::Input;
//!
//! #[transform]
//! fn redact(exchange: &Exchange) -> Outcome {
//!     let mut message = exchange.message()?;
//!     message.clear("PID-11")?;
//!     exchange.forward(message)
//! }
//!
//! let report = Input::hl7("MSH|^~\\&|LAB\nPID|1||4711||Szabó^Őrs||||||Fő utca 1.").run(redact);
//! assert_eq!(report.forwarded_once(), "MSH|^~\\&|LAB\nPID|1||4711||Szabó^Őrs||||||");
//! ```
//!
//! Paths, escapes and character sets are the engine's own. Grants, limits and the sandbox are not here: a plugin that
//! passes its unit tests may still ask for something that an interface does not grant.

mod input;
mod report;

pub use input::Input;
pub use report::{End, Forwarded, Report};
