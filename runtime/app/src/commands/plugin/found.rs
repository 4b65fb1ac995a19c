//! What came of a vector, whole, as programs read it: what was found where that is not what is expected. The SDKs' testing
//! helpers are such programs.

use std::collections::BTreeMap;

use serde::Serialize;
use transfuse_sandbox::{Content as Sent, Fault, Outcome, Output};

use crate::control::wire::{Content, Words};
use crate::vectors::{VectorReport, log_lines, output_bytes};

/// What came of a vector.
#[derive(Serialize)]
pub(super) struct Found {
    #[serde(flatten)]
    end: End,
    log: Vec<Words>,
    /// What the plugin keeps afterwards.
    state: BTreeMap<String, Words>,
}

/// How it ended.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum End {
    Forwarded {
        outputs: Vec<OutputView>,
    },
    Filtered {
        reason: Words,
    },
    Rejected {
        code: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        reason: Words,
    },
    Faulted {
        fault: FaultView,
    },
}

#[derive(Serialize)]
struct OutputView {
    content: Content,
    /// The media type of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    to: Vec<String>,
}

#[derive(Serialize)]
struct FaultView {
    kind: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    text: Words,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&VectorReport> for Found {
    fn from(report: &VectorReport) -> Self {
        Self {
            end: End::from(&report.outcome),
            log: log_lines(&report.log).into_iter().map(Words::from).collect(),
            state: report
                .state
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect(),
        }
    }
}

impl From<&Outcome> for End {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Forwarded(outputs) => Self::Forwarded {
                outputs: outputs.iter().map(OutputView::from).collect(),
            },
            Outcome::Filtered { reason, .. } => Self::Filtered {
                reason: reason.lossy_text().into_owned().into(),
            },
            Outcome::Rejected { rejection, .. } => Self::Rejected {
                code: rejection.code.clone(),
                path: rejection.path.clone(),
                reason: rejection.reason.lossy_text().into_owned().into(),
            },
            Outcome::Faulted(fault) => Self::Faulted { fault: fault.into() },
        }
    }
}

impl From<&Output> for OutputView {
    fn from(output: &Output) -> Self {
        Self {
            content: Content::new(&output_bytes(output)),
            content_type: match &output.content {
                Sent::Message(_) => None,
                Sent::Document(document) => Some(document.content_type.clone()),
            },
            to: output.to.clone(),
        }
    }
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        Self {
            kind: fault.kind.as_str(),
            detail: fault.detail.clone(),
            location: fault.location.clone(),
            text: fault.text.lossy_text().into_owned().into(),
            hint: fault.hint.clone(),
        }
    }
}
