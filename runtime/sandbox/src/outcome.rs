//! What goes into a chain and what comes out of it: plain data.

use std::fmt;
use std::sync::Arc;

use transfuse_message::{Message, Payload};

use crate::{Access, Fault, PluginIdentity, State, StateWrites, Trace};

/// One message and its context, on its way into a chain.
#[derive(Debug, Clone)]
pub struct Input {
    /// The message.
    pub message: Message,
    /// What is known about it.
    pub context: Context,
    /// What the chain's plugins kept of earlier messages.
    pub state: State,
}

/// What a plugin may know about a message beside its content. `Debug` shows no attribute, because plugins write them.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    /// The message's id in this engine, the same at every attempt.
    pub id: String,
    /// The name of the interface.
    pub interface: Arc<str>,
    /// When it arrived, in milliseconds since 1970-01-01 UTC. The only clock that plugins have.
    pub received_at_ms: i64,
    /// The time zone of the source, an IANA name.
    pub time_zone: Arc<str>,
    /// 1 for the first run of this message.
    pub attempt: u32,
    /// Names and values that the source left.
    pub attributes: Vec<(String, String)>,
}

/// What became of one message in a chain. `Debug` shows no attribute.
#[derive(Clone)]
pub struct Report {
    /// What the chain decided.
    pub outcome: Outcome,
    /// The steps that ran, in order; the last one is where the outcome comes from.
    pub steps: Vec<StepReport>,
    /// The lines that plugins logged, in order.
    pub log: Vec<LogLine>,
    /// Names and values as the last step left them.
    pub attributes: Vec<(String, String)>,
    /// The tables that plugins opened: names and digests.
    pub tables: Vec<(String, String)>,
    /// The values that tables were asked for and do not hold, each once, in order.
    pub table_misses: Vec<TableMiss>,
    /// How many more there were than are listed.
    pub table_misses_unlisted: u64,
    /// How it came about; none but of [`Chain::run_traced`](crate::Chain::run_traced).
    pub trace: Option<Trace>,
    /// What is to be kept for later messages, to be made durable together with the outcome; nothing where the message was
    /// rejected or a step failed.
    pub state: Vec<StateWrites>,
}

/// What one step used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The plugin.
    pub plugin: PluginIdentity,
    /// Instructions, and what host functions charged on top: the same for the same input, configuration and tables.
    pub fuel: u64,
    /// Wall-clock time, in microseconds.
    pub elapsed_us: u64,
    /// The most linear memory that any run had, in bytes.
    pub memory_bytes: u64,
    /// Runs: one for each message that the step before forwarded.
    pub runs: u32,
    /// Instances that were made for them; the other runs used one that an earlier message left.
    pub fresh_instances: u32,
    /// Runs that were repeated because the host's clock could not be trusted.
    pub repeated: u32,
    /// Log lines over the limits, which were dropped.
    pub log_lines_dropped: u64,
    /// What the plugin touched.
    pub access: Access,
}

/// A value that a table was asked for and does not hold: most often a code that somebody has to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMiss {
    /// The step, counted from zero.
    pub step: usize,
    /// The table.
    pub table: String,
    /// The column that was searched.
    pub column: String,
    /// What it was searched for. May hold patient data.
    pub value: Payload,
}

/// A row that a plugin asked a table for, and got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    /// The step, counted from zero.
    pub step: usize,
    /// The table.
    pub table: String,
    /// The column that was searched.
    pub column: String,
    /// What it was searched for. May hold patient data.
    pub value: Payload,
    /// The row, counted from zero.
    pub row: usize,
}

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The step, counted from zero.
    pub step: usize,
    /// How much it matters.
    pub level: LogLevel,
    /// What the plugin wrote. May hold patient data.
    pub text: Payload,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For developers.
    Debug,
    /// Worth keeping.
    Info,
    /// Odd, and coped with.
    Warn,
    /// Wrong.
    Error,
}

impl LogLevel {
    /// The name, as the contract has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What a chain decided.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// What to deliver, in order; at least one.
    Forwarded(Vec<Output>),
    /// The message ends here on purpose, at each branch of it.
    Filtered {
        /// What the plugin said, that of the first branch where there are several. May hold patient data.
        reason: Payload,
        /// The step, counted from zero.
        step: usize,
    },
    /// A plugin does not accept the message.
    Rejected {
        /// What it says.
        rejection: Rejection,
        /// The step, counted from zero.
        step: usize,
    },
    /// A step failed.
    Faulted(Fault),
}

/// Something to deliver.
#[derive(Debug, Clone)]
pub struct Output {
    /// What it is.
    pub content: Content,
    /// The destinations that the plugin named; empty where routing decides.
    pub to: Vec<String>,
}

/// What an output is.
#[derive(Debug, Clone)]
pub enum Content {
    /// An HL7 v2 message.
    Message(Message),
    /// Bytes that a plugin made, which no later step has seen.
    Document(Document),
}

/// Bytes that a plugin made, such as a CSV line or a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its media type, such as `text/csv`. One that is none has `application/octet-stream` put in its place.
    pub content_type: String,
    /// The bytes.
    pub body: Payload,
}

/// Why a plugin does not accept a message: what an ERR segment is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A code of HL7 table 0357: up to 20 letters, digits and `-._`. A plugin that gives anything else has `207`,
    /// application internal error, put in its place.
    pub code: String,
    /// Where in the message; `None` where the plugin gave none, or gave what is no path.
    pub path: Option<String>,
    /// What the plugin says. May hold patient data.
    pub reason: Payload,
}

impl Rejection {
    /// One sentence for operators, without what the plugin says. Steps are counted from zero.
    #[must_use]
    pub fn summary(&self, step: usize) -> String {
        let place = self
            .path
            .as_deref()
            .map(|path| format!(" at {path}"))
            .unwrap_or_default();
        format!("step {} rejected the message with code {}{place}", step + 1, self.code)
    }
}

impl Output {
    /// The message, where it is one.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.content {
            Content::Message(message) => Some(message),
            Content::Document(_) => None,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id)
            .field("interface", &self.interface)
            .field("received_at_ms", &self.received_at_ms)
            .field("time_zone", &self.time_zone)
            .field("attempt", &self.attempt)
            .field("attributes", &self.attributes.len())
            .finish()
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("outcome", &self.outcome)
            .field("steps", &self.steps)
            .field("log", &self.log)
            .field("attributes", &self.attributes.len())
            .field("tables", &self.tables)
            .field("table_misses", &self.table_misses)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
