//! What can be wrong with an address.

use thiserror::Error;

use super::Path;
use crate::{Charset, TimeError};

/// What is wrong with a path, or with the node that it leads to. The message is as it was before the call.
///
/// The text never holds a value, nor a path that could not be parsed, because a plugin may have made it from one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The plugin's fault: this is not a path.
    #[error("not a path: {expected} is expected at position {position}, as in PID-3[2].1")]
    Malformed {
        /// Where in the text, counted in bytes from one.
        position: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// The plugin's fault: the node has parts, so that reading it as one value would lose some.
    #[error("{path} has parts in this message: ask for a component such as {path}.1, or for the raw bytes")]
    NotALeaf {
        /// The node.
        path: Path,
    },
    /// The plugin's fault: the node cannot be set, or not like this.
    #[error("{path} cannot be set: {reason}")]
    NotSettable {
        /// The node.
        path: Path,
        /// Why not, and what to do instead.
        reason: &'static str,
    },
    /// The plugin's fault: the value cannot stand in this message.
    #[error("the value for {path} cannot be written: {reason} (character set {charset})")]
    Unencodable {
        /// The node.
        path: Path,
        /// The character set of the message.
        charset: Charset,
        /// What it is about the value.
        reason: &'static str,
    },
    /// The plugin's fault: the structure of the message has no such group, or not there.
    #[error("the structure {structure} has no group {group} there; it has {known}")]
    NoSuchGroup {
        /// The group.
        group: Box<str>,
        /// The structure's name.
        structure: &'static str,
        /// The names of the groups that could stand there.
        known: Box<str>,
    },
    /// The plugin's fault: a path or an operation that this version does not offer.
    #[error("not supported: {reason}")]
    Unsupported {
        /// What was asked, and what to do instead.
        reason: &'static str,
    },
    /// The message's fault: it has no way to write the value, however right that is.
    #[error(
        "the value for {path} cannot be written: it holds a delimiter, and MSH-2 of this message names no escape character"
    )]
    NoEscape {
        /// The node.
        path: Path,
    },
    /// The message's fault: the bytes are not text in its character set.
    #[error("the bytes of {path} are not text in the character set {charset}: set the sender's charset on the source")]
    Undecodable {
        /// The node.
        path: Path,
        /// The character set of the message.
        charset: Charset,
    },
    /// The message's fault: the text is not a time, or not one moment.
    #[error("{path}: {fault}")]
    NotATime {
        /// The node.
        path: Path,
        /// What is wrong.
        fault: TimeError,
    },
}

impl PathError {
    /// The stable name of the error, as the plugin contract documents it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::NotALeaf { .. } => "not-a-leaf",
            Self::NotSettable { .. } => "not-settable",
            Self::Unencodable { .. } => "unencodable",
            Self::NoEscape { .. } => "no-escape",
            Self::NoSuchGroup { .. } => "no-such-group",
            Self::Unsupported { .. } => "unsupported",
            Self::Undecodable { .. } => "undecodable",
            Self::NotATime { fault, .. } => fault.code(),
        }
    }

    /// Whether the plugin asked for something wrong; otherwise the message is at fault.
    #[must_use]
    pub fn is_plugins_fault(&self) -> bool {
        !matches!(
            self,
            Self::NoEscape { .. } | Self::Undecodable { .. } | Self::NotATime { .. }
        )
    }
}
