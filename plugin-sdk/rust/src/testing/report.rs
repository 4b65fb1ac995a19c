//! What a plugin's function did.

use crate::log::Level;
use crate::native::run::Run;
use crate::native::{log, run};
use crate::outcome::{Fault, Outcome, Stop};
use crate::reject::Reject;

/// What a plugin's function did with a message.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// What it wrote to the log.
    pub log: Vec<(Level, String)>,
    /// The attributes after it, in the order in which they were set last.
    pub attributes: Vec<(String, String)>,
    /// What the plugin keeps for later messages, sorted by key.
    pub state: Vec<(String, Vec<u8>)>,
}

/// How a plugin's function ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// It forwarded these messages and documents, in this order.
    Forwarded(Vec<Forwarded>),
    /// It filtered the message, for this reason.
    Filtered(String),
    /// It rejected the message.
    Rejected(Reject),
    /// The plugin is at fault: the message rests in quarantine, and an operator is told.
    Faulted(Fault),
    /// The configuration is wrong: the interface would not start.
    Misconfigured(String),
}

/// A message or document that the plugin sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// The message as bytes, or the document.
    pub raw: Vec<u8>,
    /// The media type of a document; none for a message.
    pub content_type: Option<String>,
    /// The destinations named; empty where routing decides.
    pub to: Vec<String>,
}

impl Report {
    /// The one message that the plugin forwarded, as text, one segment a line.
    ///
    /// # Panics
    ///
    /// Where the plugin did anything else; the panic tells what.
    #[must_use]
    #[track_caller]
    pub fn forwarded_once(&self) -> String {
        match &self.end {
            End::Forwarded(messages) if messages.len() == 1 => messages.iter().map(Forwarded::text).collect(),
            other => panic!("one forwarded message is expected, this happened: {other:#?}"),
        }
    }

    /// The rejection.
    ///
    /// # Panics
    ///
    /// Where the plugin did anything else; the panic tells what.
    #[track_caller]
    pub fn rejected(&self) -> &Reject {
        match &self.end {
            End::Rejected(reject) => reject,
            other => panic!("a rejection is expected, this happened: {other:#?}"),
        }
    }

    pub(super) fn of(run: &Run, end: End) -> Self {
        let log = run
            .log
            .borrow()
            .iter()
            .map(|(level, text)| (Level::from(*level), text.clone()))
            .collect();
        Self {
            end,
            log,
            attributes: run.attributes.borrow().clone(),
            state: run.state.borrow().values.clone().into_iter().collect(),
        }
    }
}

impl Forwarded {
    /// The message as text, one segment a line. Bytes that are not UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw)
            .trim_end_matches('\r')
            .replace('\r', "\n")
    }
}

impl End {
    pub(super) fn of(outcome: Outcome, run: &Run) -> Self {
        let forwarded = run.forwarded.borrow();
        let filtered = run.filtered.borrow().clone();
        match (outcome, filtered) {
            (Err(Stop::Reject(reject)), _) => Self::Rejected(reject),
            (Err(Stop::Fault(fault)), _) => Self::Faulted(fault),
            (Ok(_), Some(_)) if !forwarded.is_empty() => Self::Faulted(Fault::new(
                "two-outcomes",
                "the plugin filtered the message and forwarded it as well",
            )),
            (Ok(_), Some(reason)) => Self::Filtered(reason),
            (Ok(_), None) => Self::Forwarded(forwarded.iter().map(Forwarded::from).collect()),
        }
    }
}

impl From<&run::Forwarded> for Forwarded {
    fn from(forwarded: &run::Forwarded) -> Self {
        let (raw, content_type) = match &forwarded.content {
            run::Content::Message(message) => (message.encode().to_vec(), None),
            run::Content::Document { content_type, body } => (body.clone(), Some(content_type.clone())),
        };
        Self {
            raw,
            content_type,
            to: forwarded.to.clone(),
        }
    }
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}
