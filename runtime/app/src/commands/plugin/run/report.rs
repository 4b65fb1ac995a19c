//! What became of a message, as JSON has it. It holds the message: it is written where the person who ran it wants it.

use serde::Serialize;
use transfuse_message::{Payload, differences};
use transfuse_sandbox::{Content as Made, Fault, LogLine, Outcome, Output};

use crate::commands::hl7::changes::{Change, changes};
use crate::control::wire::{Content, Words};
use crate::vectors::{Vector, VectorReport, output_bytes};

#[derive(Serialize)]
pub(super) struct Run {
    message: String,
    /// `forwarded`, `filtered`, `rejected` or `faulted`.
    outcome: &'static str,
    /// What the plugin forwards; empty where it forwards nothing.
    outputs: Vec<OutputView>,
    /// Why it was filtered or rejected, in the plugin's words.
    reason: Option<Words>,
    /// Of a rejection: a code of HL7 table 0357.
    code: Option<String>,
    /// Of a rejection: where in the message.
    path: Option<String>,
    fault: Option<FaultView>,
    log: Vec<Logged>,
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    elapsed_us: Option<u64>,
}

#[derive(Serialize)]
struct OutputView {
    /// The destinations that the plugin names; empty where it leaves that to the interface.
    to: Vec<String>,
    /// Of a document; none of a message.
    content_type: Option<String>,
    /// Left out with `--diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
    /// With `--diff`, of a message: what it has that the input has not, and the other way round.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
}

#[derive(Serialize)]
struct FaultView {
    kind: &'static str,
    detail: String,
    /// Function, file and line in the plugin's sources.
    location: Option<String>,
    /// What the plugin said.
    text: Words,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Logged {
    level: &'static str,
    text: Words,
}

impl Run {
    pub(super) fn new(sample: &Vector, report: &VectorReport, diff: bool) -> Self {
        let mut run = Self {
            message: sample.name.clone(),
            outcome: "forwarded",
            outputs: Vec::new(),
            reason: None,
            code: None,
            path: None,
            fault: None,
            log: report.log.iter().map(Logged::from).collect(),
            fuel: report.cost.map(|cost| cost.fuel),
            memory_bytes: report.cost.map(|cost| cost.memory_bytes),
            elapsed_us: report.cost.map(|cost| cost.elapsed_us),
        };
        match &report.outcome {
            Outcome::Forwarded(outputs) => {
                run.outputs = outputs.iter().map(|output| made(sample, output, diff)).collect();
            }
            Outcome::Filtered { reason, .. } => {
                run.outcome = "filtered";
                run.reason = Some(words(reason));
            }
            Outcome::Rejected { rejection, .. } => {
                run.outcome = "rejected";
                run.reason = Some(words(&rejection.reason));
                run.code = Some(rejection.code.clone());
                run.path.clone_from(&rejection.path);
            }
            Outcome::Faulted(fault) => {
                run.outcome = "faulted";
                run.fault = Some(fault.into());
            }
        }
        run
    }
}

fn made(sample: &Vector, output: &Output, diff: bool) -> OutputView {
    let changed = |after| changes(differences(&sample.input, after), Some(&sample.input), after, &[]);
    OutputView {
        to: output.to.clone(),
        content_type: match &output.content {
            Made::Message(_) => None,
            Made::Document(document) => Some(document.content_type.clone()),
        },
        content: (!diff).then(|| Content::new(&output_bytes(output))),
        changes: output.message().filter(|_| diff).map(changed),
    }
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        Self {
            kind: fault.kind.as_str(),
            detail: fault.detail.clone(),
            location: fault.location.clone(),
            text: words(&fault.text),
            hint: fault.hint.clone(),
        }
    }
}

impl From<&LogLine> for Logged {
    fn from(line: &LogLine) -> Self {
        Self {
            level: line.level.as_str(),
            text: words(&line.text),
        }
    }
}

fn words(payload: &Payload) -> Words {
    payload.lossy_text().into_owned().into()
}
