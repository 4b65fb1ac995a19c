//! What stopped a plugin, whose fault it was, and what would change it.

mod explain;
mod location;
mod stop;

use std::fmt;

use transfuse_message::Payload;

use crate::PluginIdentity;

pub(crate) use explain::{Explanation, explain, halted_at};
pub(crate) use location::printable;
pub(crate) use stop::{Limit, Stop};

/// What stopped a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The step, counted from zero.
    pub step: usize,
    /// The plugin of that step.
    pub plugin: PluginIdentity,
    /// Function, file and line in the plugin's source, as far as the component tells.
    pub location: Option<String>,
    /// What happened, in words that hold nothing of the message.
    pub detail: String,
    /// The plugin's own words. May hold patient data.
    pub text: Payload,
    /// The line of the interface's file that would change it, or what to do.
    pub hint: Option<String>,
}

/// What happened. The set may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The plugin failed: it said so, did what WebAssembly forbids, or returned what is not of its interface.
    Trapped,
    /// It used up its instructions.
    OutOfFuel,
    /// It ran longer than its deadline.
    Deadline,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It called itself more deeply than the stack allows.
    OutOfStack,
    /// It forwarded or handed over more than it may.
    OutputTooLarge,
    /// It called the host too often.
    TooManyCalls,
    /// It kept more handles than it may.
    TooManyHandles,
    /// It did what no grant allows.
    Denied,
    /// It returned without forwarding, filtering or rejecting: the message would have been lost.
    NoOutcome,
    /// It both forwarded and filtered the message.
    ConflictingOutcome,
    /// It forwarded a document although other steps follow, which work on messages.
    MisplacedDocument,
    /// Its `init` refused the configuration that it had accepted when the chain was made.
    Misconfigured,
    /// A traced run was ended on purpose, to see where the plugin stands. No other run is.
    Halted,
    /// The host failed. Trying again later may help.
    HostBroken,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The plugin's, or that of its configuration, grants and limits.
    Plugin,
    /// The message's.
    Message,
    /// This engine's.
    Host,
}

impl FaultKind {
    /// The stable name, such as `out-of-fuel`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trapped => "trapped",
            Self::OutOfFuel => "out-of-fuel",
            Self::Deadline => "deadline",
            Self::OutOfMemory => "out-of-memory",
            Self::OutOfStack => "out-of-stack",
            Self::OutputTooLarge => "output-too-large",
            Self::TooManyCalls => "too-many-calls",
            Self::TooManyHandles => "too-many-handles",
            Self::Denied => "denied",
            Self::NoOutcome => "no-outcome",
            Self::ConflictingOutcome => "conflicting-outcome",
            Self::MisplacedDocument => "misplaced-document",
            Self::Misconfigured => "misconfigured",
            Self::Halted => "halted",
            Self::HostBroken => "host-broken",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Halted | Self::HostBroken => Blame::Host,
            _ => Blame::Plugin,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line for operational logs: nothing of the message is in it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "step {} ({}): {}: {}",
            self.step + 1,
            self.plugin,
            self.kind,
            self.detail
        )?;
        if let Some(location) = &self.location {
            write!(f, " at {location}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}
