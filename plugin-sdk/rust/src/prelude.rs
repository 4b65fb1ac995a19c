//! What nearly every plugin uses: `use transfuse_plugin::prelude::*;`.

pub use crate::exchange::Exchange;
pub use crate::log;
pub use crate::message::Message;
pub use crate::outcome::{Done, Outcome, Stop};
pub use crate::reject::{Code, Reject, reject};
pub use crate::state::State;
pub use crate::tables::Table;
pub use crate::time::{AmbiguousTime, Moment, Precision};
pub use transfuse_plugin_macros::transform;
