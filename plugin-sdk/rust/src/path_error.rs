//! What is wrong with a path, or with the node that it leads to.

use std::panic::Location;

use thiserror::Error;

use crate::host::hl7v2 as host;

/// A path could not be read or changed. An absent node is not an error.
///
/// `?` does the right thing: where the plugin is at fault (a path that is none, a node with parts, a value that the
/// message's character set does not have), the message ends as a fault of the plugin, with the place in its source;
/// where the message is (bytes that are not text in its character set, a text that is no time, a delimiter in a value for a
/// message that names no escape character), it is rejected with code 102 and the path.
#[derive(Debug, Error)]
#[error("{path}: {text} ({code})")]
pub struct PathError {
    code: String,
    path: String,
    text: String,
    location: &'static Location<'static>,
}

/// The codes that are the message's fault; every other one, today's and later ones, is the plugin's.
const OF_MESSAGE: [&str; 5] = [
    "undecodable",
    "no-escape",
    "not-a-time",
    "ambiguous-time",
    "skipped-time",
];

impl PathError {
    /// `malformed`, `not-a-leaf`, `not-settable`, `no-such-group`, `unencodable`, `unsupported`, `undecodable`,
    /// `no-escape`, `not-a-time`, `ambiguous-time`, `skipped-time`; the set may grow.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, without the value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place in the plugin's source that asked.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Whether the message is at fault, and not the plugin.
    #[must_use]
    pub fn is_fault_of_message(&self) -> bool {
        OF_MESSAGE.contains(&self.code.as_str())
    }

    pub(crate) fn new(error: host::PathError, location: &'static Location<'static>) -> Self {
        Self {
            code: error.code,
            path: error.path,
            text: error.text,
            location,
        }
    }
}
