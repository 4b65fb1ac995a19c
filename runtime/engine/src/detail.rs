//! How a decision came about: what the journal keeps beside it, so that an operator can see it later.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use transfuse_message::validation::Findings;
use transfuse_message::{Finding, Payload, Severity};
use transfuse_sandbox::{Access, Report};
use transfuse_store::Sealed;

/// What a chain's run left behind. Log text is a guest's and may hold patient data, so the whole is sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The steps that ran, in order.
    pub steps: Vec<StepNote>,
    /// What the plugins wrote to their log.
    pub log: Vec<LogNote>,
    /// The code tables that were opened.
    pub tables: Vec<TableNote>,
    /// What validation found, the worst first.
    pub findings: Vec<FindingNote>,
    /// How many more it found.
    pub findings_unlisted: u64,
    /// What code tables were asked for and do not hold.
    pub table_misses: Vec<MissNote>,
    /// How many more there were.
    pub table_misses_unlisted: u64,
    /// The version of the engine; empty where an earlier one decided, or no chain ran.
    pub engine: String,
    /// What the steps of destinations did, in order: theirs are in `steps` behind those of the chain.
    pub destinations: Vec<DestinationNote>,
    /// What was asked of a destination while the sender waited.
    pub exchange: Option<ExchangeNote>,
}

/// A question to a destination, and its answer. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeNote {
    /// The destination.
    pub destination: String,
    /// What it was asked.
    pub question: Vec<u8>,
    /// What it said, before the steps of the reply; none where nothing came.
    pub answer: Option<Vec<u8>>,
    /// Wall-clock microseconds until then.
    pub elapsed_us: u64,
}

/// The same, as it is noted.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) destination: &'a str,
    pub(crate) question: &'a Payload,
    pub(crate) answer: Option<&'a Payload>,
    pub(crate) elapsed: Duration,
}

/// What the steps of a destination did with one output. `Debug` does not show the reason.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationNote {
    /// The destination.
    pub destination: String,
    /// Which of the detail's steps is the first of them, counted from 0.
    pub first_step: u32,
    /// How many of them ran.
    pub steps: u32,
    /// `forwarded`, `filtered` or `stopped`.
    pub ending: String,
    /// Why it was filtered, in the plugin's words; may hold patient data.
    pub reason: String,
}

/// What became of an output in the steps of a destination.
#[derive(Debug)]
pub(crate) enum Ending {
    Forwarded,
    /// With the plugin's reason.
    Filtered(Payload),
    Stopped,
}

/// One thing that validation found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingNote {
    /// Where; empty for what is no node of the message.
    pub path: String,
    /// A code of table 0357.
    pub code: String,
    /// `error`, `warning` or `information`.
    pub severity: String,
    /// What is wrong: the engine's or a profile's words.
    pub text: String,
}

/// One step that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepNote {
    /// `vendor/name` of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The digest of its component.
    pub digest: String,
    /// Fuel that its runs took together.
    pub fuel: u64,
    /// Wall-clock microseconds that its runs took together.
    pub elapsed_us: u64,
    /// Log lines that went over the limit.
    pub log_lines_dropped: u64,
    /// What the plugin touched.
    pub access: AccessNote,
}

/// What a plugin touched, as grants are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessNote {
    /// Fields that it read, such as `PID-5` and `OBX-*`.
    pub read: Vec<String>,
    /// Fields that it changed.
    pub written: Vec<String>,
    /// Code tables that it opened.
    pub tables: Vec<String>,
    /// Destinations that it named.
    pub to: Vec<String>,
    /// Whether it forwarded what it made itself.
    pub create: bool,
    /// Whether it used its state.
    pub state: bool,
    /// Whether it read the message whole.
    pub everything: bool,
}

/// A value that a code table was asked for and does not hold.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissNote {
    /// The step's place in the chain, counted from 0.
    pub step: u32,
    /// The table.
    pub table: String,
    /// The column that was searched.
    pub column: String,
    /// What it was searched for; may hold patient data.
    pub value: String,
}

/// One line of a plugin's log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNote {
    /// The step's place in the chain, counted from 0.
    pub step: u32,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What the plugin wrote; may hold patient data.
    pub text: String,
}

/// One code table that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableNote {
    /// The table's name.
    pub name: String,
    /// The digest of its content.
    pub digest: String,
}

/// Why a stored detail cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetailError {
    /// A newer engine wrote it.
    #[error("the detail is of format {0}, and this engine reads up to {FORMAT}; read it with the engine that wrote it")]
    NewerFormat(u8),
    /// The bytes are damaged.
    #[error("the detail cannot be decoded: {0}")]
    Damaged(#[from] postcard::Error),
}

/// The first byte of every stored detail.
const FORMAT: u8 = 5;

/// The format before destinations had steps, and were asked.
const FORMAT_WITHOUT_DESTINATIONS: u8 = 4;

/// The format before validation: a detail without its findings.
const FORMAT_WITHOUT_FINDINGS: u8 = 1;

/// The format before it was recorded what plugins touch.
const FORMAT_WITHOUT_ACCESS: u8 = 2;

/// The format before the engine's version was recorded.
const FORMAT_WITHOUT_ENGINE: u8 = 3;

#[derive(Serialize, Deserialize)]
struct DetailWithoutFindings {
    steps: Vec<StepWithoutAccess>,
    log: Vec<LogNote>,
    tables: Vec<TableNote>,
}

#[derive(Serialize, Deserialize)]
struct DetailWithoutAccess {
    steps: Vec<StepWithoutAccess>,
    log: Vec<LogNote>,
    tables: Vec<TableNote>,
    findings: Vec<FindingNote>,
    findings_unlisted: u64,
}

#[derive(Serialize, Deserialize)]
struct DetailWithoutEngine {
    steps: Vec<StepNote>,
    log: Vec<LogNote>,
    tables: Vec<TableNote>,
    findings: Vec<FindingNote>,
    findings_unlisted: u64,
    table_misses: Vec<MissNote>,
    table_misses_unlisted: u64,
}

#[derive(Serialize, Deserialize)]
struct DetailWithoutDestinations {
    steps: Vec<StepNote>,
    log: Vec<LogNote>,
    tables: Vec<TableNote>,
    findings: Vec<FindingNote>,
    findings_unlisted: u64,
    table_misses: Vec<MissNote>,
    table_misses_unlisted: u64,
    engine: String,
}

#[derive(Serialize, Deserialize)]
struct StepWithoutAccess {
    plugin: String,
    version: String,
    digest: String,
    fuel: u64,
    elapsed_us: u64,
    log_lines_dropped: u64,
}

impl Detail {
    /// The version of this engine, as details record it.
    pub const ENGINE: &'static str = env!("CARGO_PKG_VERSION");

    pub(crate) fn of(report: &Report) -> Self {
        let steps = report.steps.iter().map(|step| StepNote {
            plugin: step.plugin.name.to_string(),
            version: step.plugin.version.to_string(),
            digest: step.plugin.digest.to_string(),
            fuel: step.fuel,
            elapsed_us: step.elapsed_us,
            log_lines_dropped: step.log_lines_dropped,
            access: AccessNote::from(&step.access),
        });
        let log = report.log.iter().map(|line| LogNote {
            step: u32::try_from(line.step).unwrap_or(u32::MAX),
            level: line.level.as_str().to_owned(),
            text: line.text.lossy_text().into_owned(),
        });
        let tables = report.tables.iter().map(|(name, digest)| TableNote {
            name: name.clone(),
            digest: digest.clone(),
        });
        let misses = report.table_misses.iter().map(|miss| MissNote {
            step: u32::try_from(miss.step).unwrap_or(u32::MAX),
            table: miss.table.clone(),
            column: miss.column.clone(),
            value: miss.value.lossy_text().into_owned(),
        });
        Self {
            steps: steps.collect(),
            log: log.collect(),
            tables: tables.collect(),
            table_misses: misses.collect(),
            table_misses_unlisted: report.table_misses_unlisted,
            ..Self::default()
        }
    }

    /// Adds what the steps of a destination did with one output.
    pub(crate) fn add(&mut self, destination: &str, report: &Report, ending: &Ending) {
        let first_step = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        let Self {
            steps,
            mut log,
            tables,
            mut table_misses,
            table_misses_unlisted,
            ..
        } = Self::of(report);
        for line in &mut log {
            line.step += first_step;
        }
        for miss in &mut table_misses {
            miss.step += first_step;
        }
        self.destinations.push(DestinationNote {
            destination: destination.to_owned(),
            first_step,
            steps: u32::try_from(steps.len()).unwrap_or(u32::MAX),
            ending: ending.as_str().to_owned(),
            reason: ending.reason().lossy_text().into_owned(),
        });
        self.steps.extend(steps);
        self.log.extend(log);
        let is_new = |table: &TableNote| !self.tables.contains(table);
        let new: Vec<TableNote> = tables.into_iter().filter(is_new).collect();
        self.tables.extend(new);
        self.table_misses.extend(table_misses);
        self.table_misses_unlisted += table_misses_unlisted;
    }

    /// Adds what was asked while the sender waited.
    pub(crate) fn exchanged(&mut self, exchange: &Exchange<'_>) {
        self.exchange = Some(ExchangeNote {
            destination: exchange.destination.to_owned(),
            question: exchange.question.as_slice().to_vec(),
            answer: exchange.answer.map(|answer| answer.as_slice().to_vec()),
            elapsed_us: u64::try_from(exchange.elapsed.as_micros()).unwrap_or(u64::MAX),
        });
    }

    /// Fuel and microseconds that all steps took together.
    pub(crate) fn cost(&self) -> (u64, u64) {
        let steps = self.steps.iter();
        steps.fold((0, 0), |(fuel, elapsed_us), step| {
            (fuel + step.fuel, elapsed_us + step.elapsed_us)
        })
    }

    /// What the steps of a destination did with the output that begins with this step.
    #[must_use]
    pub fn destination_at(&self, step: usize) -> Option<&DestinationNote> {
        let mut destinations = self.destinations.iter();
        destinations.find(|note| {
            let first = note.first_step as usize;
            (first..first + note.steps as usize).contains(&step)
        })
    }

    /// The same with what validation found, by this engine.
    pub(crate) fn with(self, findings: &Findings) -> Self {
        Self {
            findings: findings.listed().iter().map(FindingNote::from).collect(),
            findings_unlisted: findings.unlisted() as u64,
            engine: Self::ENGINE.to_owned(),
            ..self
        }
    }

    /// Whether a plugin used what it keeps between messages.
    pub(crate) fn uses_state(&self) -> bool {
        self.steps.iter().any(|step| step.access.state)
    }

    /// The stored form; empty for a chain that never ran.
    pub(crate) fn seal(&self) -> Sealed {
        if *self == Self::default() {
            return Sealed::default();
        }
        // Nothing in the type can fail to encode into memory; should it, the decision matters more than its detail.
        Sealed::from(postcard::to_extend(self, vec![FORMAT]).unwrap_or_default())
    }

    /// Reads the stored form.
    pub fn open(stored: &[u8]) -> Result<Self, DetailError> {
        match stored.split_first() {
            None => Ok(Self::default()),
            Some((&FORMAT, body)) => Ok(postcard::from_bytes(body)?),
            Some((&FORMAT_WITHOUT_DESTINATIONS, body)) => {
                Ok(postcard::from_bytes::<DetailWithoutDestinations>(body)?.into())
            }
            Some((&FORMAT_WITHOUT_ENGINE, body)) => Ok(postcard::from_bytes::<DetailWithoutEngine>(body)?.into()),
            Some((&FORMAT_WITHOUT_ACCESS, body)) => Ok(postcard::from_bytes::<DetailWithoutAccess>(body)?.into()),
            Some((&FORMAT_WITHOUT_FINDINGS, body)) => Ok(postcard::from_bytes::<DetailWithoutFindings>(body)?.into()),
            Some((&format, _)) => Err(DetailError::NewerFormat(format)),
        }
    }
}

impl From<DetailWithoutFindings> for Detail {
    fn from(old: DetailWithoutFindings) -> Self {
        let DetailWithoutFindings { steps, log, tables } = old;
        Self {
            steps: steps.into_iter().map(StepNote::from).collect(),
            log,
            tables,
            ..Self::default()
        }
    }
}

impl From<DetailWithoutAccess> for Detail {
    fn from(old: DetailWithoutAccess) -> Self {
        Self {
            steps: old.steps.into_iter().map(StepNote::from).collect(),
            log: old.log,
            tables: old.tables,
            findings: old.findings,
            findings_unlisted: old.findings_unlisted,
            ..Self::default()
        }
    }
}

impl From<DetailWithoutEngine> for Detail {
    fn from(old: DetailWithoutEngine) -> Self {
        Self {
            steps: old.steps,
            log: old.log,
            tables: old.tables,
            findings: old.findings,
            findings_unlisted: old.findings_unlisted,
            table_misses: old.table_misses,
            table_misses_unlisted: old.table_misses_unlisted,
            ..Self::default()
        }
    }
}

impl From<DetailWithoutDestinations> for Detail {
    fn from(old: DetailWithoutDestinations) -> Self {
        Self {
            steps: old.steps,
            log: old.log,
            tables: old.tables,
            findings: old.findings,
            findings_unlisted: old.findings_unlisted,
            table_misses: old.table_misses,
            table_misses_unlisted: old.table_misses_unlisted,
            engine: old.engine,
            ..Self::default()
        }
    }
}

impl From<StepWithoutAccess> for StepNote {
    fn from(old: StepWithoutAccess) -> Self {
        Self {
            plugin: old.plugin,
            version: old.version,
            digest: old.digest,
            fuel: old.fuel,
            elapsed_us: old.elapsed_us,
            log_lines_dropped: old.log_lines_dropped,
            access: AccessNote::default(),
        }
    }
}

impl From<&Access> for AccessNote {
    fn from(access: &Access) -> Self {
        Self {
            read: access.read.clone(),
            written: access.written.clone(),
            tables: access.tables.clone(),
            to: access.to.clone(),
            create: access.create,
            state: access.state,
            everything: access.everything,
        }
    }
}

impl From<&Finding> for FindingNote {
    fn from(finding: &Finding) -> Self {
        Self {
            path: finding.path.clone().unwrap_or_default(),
            code: finding.code.clone(),
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Information => "information",
            }
            .to_owned(),
            text: finding.text.lossy_text().into_owned(),
        }
    }
}

impl std::fmt::Debug for FindingNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { severity, text, .. } = self;
        write!(formatter, "FindingNote {{ {severity}, {} bytes }}", text.len())
    }
}

impl std::fmt::Debug for MissNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, value, .. } = self;
        write!(formatter, "MissNote {{ {table}, {} bytes }}", value.len())
    }
}

impl std::fmt::Debug for DestinationNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            destination, ending, ..
        } = self;
        write!(formatter, "DestinationNote {{ {destination}, {ending} }}")
    }
}

impl std::fmt::Debug for ExchangeNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            destination,
            elapsed_us,
            ..
        } = self;
        write!(formatter, "ExchangeNote {{ {destination}, {elapsed_us} µs }}")
    }
}

impl Ending {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Filtered(_) => "filtered",
            Self::Stopped => "stopped",
        }
    }

    fn reason(&self) -> Payload {
        match self {
            Self::Filtered(reason) => reason.clone(),
            Self::Forwarded | Self::Stopped => Payload::default(),
        }
    }
}

impl std::fmt::Debug for LogNote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, level, text } = self;
        write!(
            formatter,
            "LogNote {{ step: {step}, level: {level}, text: {} bytes }}",
            text.len()
        )
    }
}

#[cfg(test)]
mod tests;
