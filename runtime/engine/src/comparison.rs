//! What two runs of one message differ in, field by field, and what many messages differ in, by place and value.

mod group;

use bytes::Bytes;
use transfuse_message::{Message, ParseOptions, Path, Payload, differences};
use transfuse_store::{NewOutput, Sealed};

use crate::rerun::Made;

pub use group::{Differences, Group, Pair};

/// One place in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which of the outputs, from 0; none for what concerns the message as a whole.
    pub output: Option<usize>,
    /// Where.
    pub place: Place,
    /// What the first run has there; none where there is nothing.
    pub before: Option<Payload>,
    /// The same of the second run.
    pub after: Option<Payload>,
}

/// What can differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// How it ended: processed, filtered, or what it failed with.
    Outcome,
    /// Why it was filtered, or what it failed with in the plugin's words.
    Reason,
    /// How many outputs there are.
    Outputs,
    /// Where an output goes.
    Destinations,
    /// The media type of an output.
    ContentType,
    /// A node of an output, as a path such as `OBX[3]-3.1`.
    Field(String),
    /// The bytes of a document.
    Document,
    /// Only how an output is written: the ends of segments, or the spelling of the same text.
    Spelling,
}

/// Everything that two runs differ in; empty where they made the same, byte for byte.
#[must_use]
pub fn compare(before: &Made, after: &Made) -> Vec<Change> {
    match (before, after) {
        (Made::Processed(before), Made::Processed(after)) => compare_outputs(before, after),
        (Made::Filtered(before), Made::Filtered(after)) => {
            let change = || Change::of(Place::Reason, before.clone(), after.clone());
            (before != after).then(change).into_iter().collect()
        }
        (Made::Failed(before), Made::Failed(after)) if before.summary == after.summary => {
            let [before, after] = [before, after].map(|fault| Payload::from(fault.text.bytes().clone()));
            let change = || Change::of(Place::Reason, before.clone(), after.clone());
            (before != after).then(change).into_iter().collect()
        }
        _ => {
            let [before, after] = [before, after].map(|made| Payload::from(ending(made).to_owned()));
            let change = || Change::of(Place::Outcome, before.clone(), after.clone());
            (before != after).then(change).into_iter().collect()
        }
    }
}

impl Place {
    /// The place with all its occurrences and repetitions, which is how places are told together: `OBX-3.1`.
    #[must_use]
    pub fn group(&self) -> String {
        match self {
            Self::Outcome => "outcome".to_owned(),
            Self::Reason => "reason".to_owned(),
            Self::Outputs => "outputs".to_owned(),
            Self::Destinations => "destinations".to_owned(),
            Self::ContentType => "content type".to_owned(),
            Self::Document => "document".to_owned(),
            Self::Spelling => "spelling".to_owned(),
            Self::Field(path) => without_numbers(path),
        }
    }

    /// Whether one of these paths leads to it, or above it.
    #[must_use]
    pub fn is_below(&self, paths: &[Path]) -> bool {
        let Self::Field(path) = self else { return false };
        let path = path.parse::<Path>().ok();
        path.is_some_and(|path| paths.iter().any(|above| above.covers(&path)))
    }
}

impl Change {
    fn of(place: Place, before: Payload, after: Payload) -> Self {
        Self {
            output: None,
            place,
            before: Some(before),
            after: Some(after),
        }
    }
}

/// How a message ended, in words that hold nothing of it.
fn ending(made: &Made) -> &str {
    match made {
        Made::Processed(_) => "processed",
        Made::Filtered(_) => "filtered",
        Made::Failed(fault) => &fault.summary,
    }
}

fn compare_outputs(before: &[NewOutput], after: &[NewOutput]) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.len() != after.len() {
        let [before, after] = [before, after].map(|outputs| Payload::from(outputs.len().to_string()));
        changes.push(Change::of(Place::Outputs, before, after));
    }
    for (index, (before, after)) in before.iter().zip(after).enumerate() {
        let of_output = compare_output(before, after).into_iter();
        changes.extend(of_output.map(|change| Change {
            output: Some(index),
            ..change
        }));
    }
    changes
}

fn compare_output(before: &NewOutput, after: &NewOutput) -> Vec<Change> {
    let mut changes = Vec::new();
    let [left, right] = [before, after].map(|output| output.stopped.as_ref().map(|fault| fault.summary.clone()));
    if left != right {
        let [left, right] =
            [left, right].map(|stopped| Payload::from(stopped.unwrap_or_else(|| "processed".to_owned())));
        changes.push(Change::of(Place::Outcome, left, right));
    }
    if before.destinations != after.destinations {
        let [left, right] = [before, after].map(|output| Payload::from(output.destinations.join(", ")));
        changes.push(Change::of(Place::Destinations, left, right));
    }
    if before.content_type != after.content_type {
        let told = |output: &NewOutput| Payload::from(output.content_type.as_deref().unwrap_or("HL7 v2").to_owned());
        changes.push(Change::of(Place::ContentType, told(before), told(after)));
    }
    if before.content != after.content {
        changes.extend(compare_content(before, after));
    }
    changes
}

fn compare_content(before: &NewOutput, after: &NewOutput) -> Vec<Change> {
    let read = |content: &Sealed| Message::parse(content.bytes().clone(), &ParseOptions::default());
    let is_document = before.content_type.is_some() || after.content_type.is_some();
    let (Ok(left), Ok(right), false) = (read(&before.content), read(&after.content), is_document) else {
        let [left, right] = [before, after].map(|output| Payload::from(output.content.bytes().clone()));
        return vec![Change::of(Place::Document, left, right)];
    };
    let found = differences(&left, &right);
    if found.is_empty() {
        let [left, right] = [before, after].map(|output| Payload::from(output.content.bytes().clone()));
        return vec![Change::of(Place::Spelling, left, right)];
    }
    let found = found.into_iter().map(|difference| Change {
        output: None,
        place: Place::Field(difference.path),
        before: difference.before,
        after: difference.after,
    });
    found.collect()
}

/// A path without what stands in brackets.
fn without_numbers(path: &str) -> String {
    let mut depth = 0_u32;
    let kept = path.chars().filter(|character| match character {
        '[' => {
            depth += 1;
            false
        }
        ']' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    kept.collect()
}

/// A value as it is kept to be told: a copy, so that it keeps no message in memory, and no longer than can be read.
fn kept(value: &Payload) -> Payload {
    let end = value.len().min(VALUE_BYTES_MAX);
    Payload::from(Bytes::copy_from_slice(value.as_slice().get(..end).unwrap_or_default()))
}

/// What is kept of a value that differs: a line or two of text. The message itself has it whole.
const VALUE_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
