//! How a plugin ends.

use std::panic::Location;

use crate::exchange::NotHl7;
use crate::message::ParseError;
use crate::path_error::PathError;
use crate::reject::{Code, Reject};
use crate::state::StateError;
use crate::tables::TableError;

/// What a plugin's function returns: proof that something became of the message, or why not.
pub type Outcome = Result<Done, Stop>;

/// Proof that the message was forwarded or filtered.
///
/// Only the `forward` functions of [`Exchange`](crate::Exchange) and its [`filter`](crate::Exchange::filter) make one: a
/// plugin that does nothing would lose the message, and does not compile.
#[derive(Debug)]
pub struct Done(());

/// Why a plugin does not go on. Made by `?` from rejections and from the SDK's errors.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stop {
    /// The message is not acceptable: it is answered with a negative acknowledgement.
    Reject(Reject),
    /// The plugin or its configuration is wrong: an operator is told.
    Fault(Fault),
}

/// What is wrong with the plugin or its configuration.
#[derive(Debug)]
pub struct Fault {
    /// What sort of trouble it is, in kebab-case: `path-error`, `table-error`, `state-error`, `parse-error` or the plugin's own. Shown
    /// in operational logs, so it is part of the program and never of the message.
    pub kind: &'static str,
    /// Where in the plugin's source.
    pub location: &'static Location<'static>,
    /// What happened, for the plugin's author. Kept with the message only, because it may hold patient data.
    pub text: String,
}

impl Stop {
    /// Ends the message with a fault of the plugin's own: an invariant that does not hold, a configuration that
    /// cannot be served.
    #[track_caller]
    #[must_use]
    pub fn fault(kind: &'static str, text: impl Into<String>) -> Self {
        Self::Fault(Fault::new(kind, text))
    }
}

impl Fault {
    #[track_caller]
    pub(crate) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            location: Location::caller(),
            text: text.into(),
        }
    }
}

impl Done {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<PathError> for Stop {
    fn from(error: PathError) -> Self {
        if error.is_fault_of_message() {
            return Self::Reject(Reject::new(Code::DataTypeError, error.text()).at(error.path()));
        }
        Self::Fault(Fault {
            kind: "path-error",
            location: error.location(),
            text: error.to_string(),
        })
    }
}

impl From<TableError> for Stop {
    fn from(error: TableError) -> Self {
        Self::Fault(Fault {
            kind: "table-error",
            location: error.location(),
            text: error.to_string(),
        })
    }
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::Fault(Fault {
            kind: "state-error",
            location: error.location(),
            text: error.to_string(),
        })
    }
}

impl From<ParseError> for Stop {
    fn from(error: ParseError) -> Self {
        Self::Fault(Fault {
            kind: "parse-error",
            location: error.location(),
            text: error.to_string(),
        })
    }
}

impl From<NotHl7> for Stop {
    fn from(error: NotHl7) -> Self {
        Self::Reject(Reject::new(Code::UnsupportedMessageType, error.to_string()))
    }
}
