//! How a decision came about: what the journal keeps beside it, so that an operator can see it later.

use serde::{Deserialize, Serialize};
use transfuse_message::validation::Findings;
use transfuse_message::{Finding, Severity};
use transfuse_sandbox::Report;
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
const FORMAT: u8 = 2;

/// The format before validation: a detail without its findings.
const FORMAT_WITHOUT_FINDINGS: u8 = 1;

#[derive(Serialize, Deserialize)]
struct DetailWithoutFindings {
    steps: Vec<StepNote>,
    log: Vec<LogNote>,
    tables: Vec<TableNote>,
}

impl Detail {
    pub(crate) fn of(report: &Report) -> Self {
        let steps = report.steps.iter().map(|step| StepNote {
            plugin: step.plugin.name.to_string(),
            version: step.plugin.version.to_string(),
            digest: step.plugin.digest.to_string(),
            fuel: step.fuel,
            elapsed_us: step.elapsed_us,
            log_lines_dropped: step.log_lines_dropped,
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
        Self {
            steps: steps.collect(),
            log: log.collect(),
            tables: tables.collect(),
            ..Self::default()
        }
    }

    /// The same with what validation found.
    pub(crate) fn with(self, findings: &Findings) -> Self {
        Self {
            findings: findings.listed().iter().map(FindingNote::from).collect(),
            findings_unlisted: findings.unlisted() as u64,
            ..self
        }
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
            Some((&FORMAT_WITHOUT_FINDINGS, body)) => Ok(postcard::from_bytes::<DetailWithoutFindings>(body)?.into()),
            Some((&format, _)) => Err(DetailError::NewerFormat(format)),
        }
    }
}

impl From<DetailWithoutFindings> for Detail {
    fn from(old: DetailWithoutFindings) -> Self {
        let DetailWithoutFindings { steps, log, tables } = old;
        Self {
            steps,
            log,
            tables,
            ..Self::default()
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
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn detail() -> Detail {
        let step = StepNote {
            plugin: "transfuse/redact".into(),
            version: "1.0.0".into(),
            digest: "sha256:00".into(),
            fuel: 12_000,
            elapsed_us: 30,
            log_lines_dropped: 0,
        };
        let log = LogNote {
            step: 0,
            level: "warn".into(),
            text: "PRÓBA^BETEG has no address".into(),
        };
        Detail {
            steps: vec![step],
            log: vec![log],
            tables: Vec::new(),
            findings: vec![FindingNote {
                path: "PID-3".into(),
                code: "101".into(),
                severity: "error".into(),
                text: "the patient PRÓBA^BETEG has no number".into(),
            }],
            findings_unlisted: 7,
        }
    }

    #[test]
    fn a_detail_comes_back_as_it_was_stored() {
        let stored = detail().seal();
        assert_eq!(Detail::open(stored.bytes()).expect("a stored detail"), detail());
        assert_eq!(
            Detail::open(Detail::default().seal().bytes()).expect("an empty detail"),
            Detail::default()
        );
    }

    #[test]
    fn a_detail_from_before_validation_is_read_without_findings() {
        let Detail { steps, log, tables, .. } = detail();
        let old = DetailWithoutFindings { steps, log, tables };
        let stored = postcard::to_extend(&old, vec![1]).expect("an old detail");
        let read = Detail::open(&stored).expect("an old detail");
        assert_eq!((&read.steps, &read.log), (&detail().steps, &detail().log));
        assert_eq!((read.findings.len(), read.findings_unlisted), (0, 0));
    }

    /// As the format before wrote it, byte for byte: a log line of step 0.
    #[test]
    fn the_bytes_of_the_format_before_validation_mean_what_they_meant() {
        let stored = b"\x01\x00\x01\x00\x04info\x02ok\x00";
        let read = Detail::open(stored).expect("an old detail");
        assert_eq!(read.log.first().map(|line| line.text.as_str()), Some("ok"));
    }

    #[test]
    fn a_newer_or_damaged_detail_is_an_error_and_never_a_guess() {
        assert!(matches!(Detail::open(&[9, 1, 2]), Err(DetailError::NewerFormat(9))));
        assert!(matches!(Detail::open(&[FORMAT, 255]), Err(DetailError::Damaged(_))));
    }

    #[test]
    fn log_lines_and_findings_print_their_sizes_only() {
        assert!(!format!("{:?}", detail()).contains("BETEG"));
    }
}
