//! `[expect]`: what is to become of a vector's message.

use std::collections::BTreeMap;

use bytes::Bytes;
use transfuse_sandbox::FaultKind;

use super::files::VectorFiles;
use super::read::texts_by_key;
use crate::configuration::{Located, Section, suggest};

/// What is to become of a message. What a vector does not say is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) expected: Expected,
    /// Lines of the log, each as `level: text`.
    pub(crate) log: Option<Vec<String>>,
    /// What the plugin keeps afterwards, all of it.
    pub(crate) state: Option<BTreeMap<String, String>>,
}

/// How it is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    Forwarded(Vec<ExpectedOutput>),
    Filtered {
        reason: Option<String>,
    },
    Rejected {
        code: String,
        path: Option<String>,
        reason: Option<String>,
    },
    Faulted {
        kind: FaultKind,
    },
}

/// An output, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedOutput {
    /// The name of its file beside `vector.toml`.
    pub(crate) file: String,
    /// None where the file is not there: such an output fails until it is blessed.
    pub(crate) bytes: Option<Bytes>,
    /// The media type of a document; none where the output is a message.
    pub(crate) content_type: Option<String>,
    /// The destinations that the plugin is to name.
    pub(crate) to: Vec<String>,
}

impl Expectation {
    /// The files beside `vector.toml` that hold outputs.
    pub(super) fn files(&self) -> Vec<&str> {
        match &self.expected {
            Expected::Forwarded(outputs) => outputs.iter().map(|output| output.file.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Forwarded,
    Filtered,
    Rejected,
    Faulted,
}

const OUTCOMES: &[(&str, Outcome)] = &[
    ("forwarded", Outcome::Forwarded),
    ("filtered", Outcome::Filtered),
    ("rejected", Outcome::Rejected),
    ("faulted", Outcome::Faulted),
];

/// The kinds of faults that may be expected. The host's own and the passing of a deadline are not among them, because
/// neither says anything about the plugin: they depend on the machine.
const KINDS: &[FaultKind] = &[
    FaultKind::Trapped,
    FaultKind::OutOfFuel,
    FaultKind::OutOfMemory,
    FaultKind::OutOfStack,
    FaultKind::OutputTooLarge,
    FaultKind::TooManyCalls,
    FaultKind::TooManyHandles,
    FaultKind::Denied,
    FaultKind::NoOutcome,
    FaultKind::ConflictingOutcome,
    FaultKind::Misconfigured,
];

/// Whether a fault of this kind may be expected.
pub(super) fn may_be_expected(kind: FaultKind) -> bool {
    KINDS.contains(&kind)
}

/// Reads `[expect]` of a vector; the files that it names lie in `folder`.
pub(super) fn read(mut section: Section<'_>, files: &VectorFiles, folder: &str) -> Option<Expectation> {
    let expected = section
        .required_choice("outcome", OUTCOMES)
        .and_then(|outcome| match outcome.value {
            Outcome::Forwarded => outputs(&mut section, files, folder).map(Expected::Forwarded),
            Outcome::Filtered => Some(Expected::Filtered {
                reason: section.text("reason").map(|reason| reason.value),
            }),
            Outcome::Rejected => rejected(&mut section),
            Outcome::Faulted => kind(&mut section).map(|kind| Expected::Faulted { kind }),
        });
    let log = section
        .texts("log")
        .map(|lines| lines.into_iter().map(|line| line.value).collect());
    let state = texts_by_key(&mut section, "state");
    section.finish();
    Some(Expectation {
        expected: expected?,
        log,
        state,
    })
}

fn rejected(section: &mut Section<'_>) -> Option<Expected> {
    let code = section.required_text("code");
    let (path, reason) = (section.text("path"), section.text("reason"));
    Some(Expected::Rejected {
        code: code?.value,
        path: path.map(|path| path.value),
        reason: reason.map(|reason| reason.value),
    })
}

fn kind(section: &mut Section<'_>) -> Option<FaultKind> {
    let text = section.required_text("kind")?;
    let known = KINDS.iter().find(|kind| kind.as_str() == text.value).copied();
    if known.is_none() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.as_str()).collect();
        let message = format!("`{}` is not a kind of fault that a vector can expect", text.value);
        let hints = suggest::hints(&text.value, "kind", &names);
        section.faults().at_with_hints(&text.place, message, hints);
    }
    known
}

fn outputs(section: &mut Section<'_>, files: &VectorFiles, folder: &str) -> Option<Vec<ExpectedOutput>> {
    section.require("outputs");
    let is_there = section.has("outputs");
    let place = section.place_of("outputs");
    let written = section.sections("outputs", "an output");
    if is_there && written.is_empty() {
        let hint = "a message that goes nowhere is `filtered`, `rejected` or `faulted`";
        section.faults().at_with_hint(&place, "`outputs` is empty", hint);
    }
    let count = written.len();
    let outputs: Vec<ExpectedOutput> = written
        .into_iter()
        .filter_map(|section| output(section, files, folder))
        .collect();
    (count > 0 && outputs.len() == count).then_some(outputs)
}

fn output(mut section: Section<'_>, files: &VectorFiles, folder: &str) -> Option<ExpectedOutput> {
    let file = section.required_text("file");
    let to = section.texts("to").unwrap_or_default();
    let is_sound = |file: &Located<String>| {
        let is_beside = !file.value.contains('/') && !file.value.starts_with('.') && file.value != super::read::VECTOR;
        if !is_beside {
            let message = format!("`{}` cannot be the file of an output", file.value);
            let hint = "an output lies beside `vector.toml`, as in `expected.hl7`";
            section.faults().at_with_hint(&file.place, message, hint);
        }
        is_beside
    };
    let file = file.filter(is_sound);
    let content_type = section.text("content_type").map(|text| text.value);
    section.finish();
    let file = file?.value;
    Some(ExpectedOutput {
        bytes: files.message(&format!("{folder}/{file}")),
        file,
        content_type,
        to: to.into_iter().map(|name| name.value).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_depends_on_the_machine_is_expected() {
        assert!(may_be_expected(FaultKind::OutOfFuel) && may_be_expected(FaultKind::Denied));
        assert!(!may_be_expected(FaultKind::Deadline) && !may_be_expected(FaultKind::HostBroken));
    }
}
