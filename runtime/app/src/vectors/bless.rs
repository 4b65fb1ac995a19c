//! Writing what came out as what is expected.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use transfuse_sandbox::{Outcome, Output};

use super::compare::{found_content_type, log_lines, output_bytes};
use super::expectation::may_be_expected;
use super::files::message_text;
use super::read::VECTOR;
use super::{Expectation, Expected, Vector, VectorReport};

/// What came out cannot be written as what is expected. The vector is as it was, or an output of it is new.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlessError {
    /// It says nothing about the plugin.
    #[error("`{vector}` ended with a fault that depends on the machine ({kind}), which no vector can expect")]
    Unfit { vector: String, kind: &'static str },
    /// `[expect]` is not written as a section of its own.
    #[error("`{path}` is too unusual to be rewritten: begin what is expected with a line `[expect]`, and write nothing of it elsewhere", path = path.display())]
    Unusual { path: PathBuf },
    /// A file cannot be written.
    #[error("`{path}` cannot be written: {error}", path = path.display())]
    Write { path: PathBuf, error: io::Error },
}

const SECTION: &str = "[expect]";

/// Whether what came out may be what is expected.
pub(crate) fn is_blessable(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Faulted(fault) if !may_be_expected(fault.kind))
}

/// Writes what came of a vector into its folder below `vectors`. Everything that `vector.toml` says beside `[expect]`
/// stays as it is, comments included. A reason, a log or a state that it did not mention is not added to one that was
/// there, because leaving them out was a decision.
pub(crate) fn bless(vectors: &Path, vector: &Vector, report: &VectorReport) -> Result<(), BlessError> {
    if let Outcome::Faulted(fault) = &report.outcome
        && !is_blessable(&report.outcome)
    {
        return Err(BlessError::Unfit {
            vector: vector.name.clone(),
            kind: fault.kind.as_str(),
        });
    }
    let folder = vectors.join(&vector.name);
    let path = folder.join(VECTOR);
    let text = fs::read_to_string(&path).map_err(failed(&path))?;
    let (before, after) =
        around(&text, vector.expect.is_some()).ok_or_else(|| BlessError::Unusual { path: path.clone() })?;
    let files = write_outputs(&folder, vector, &report.outcome)?;
    let section = section(vector.expect.as_ref(), report, &files);
    let text = format!("{}\n\n{section}{}", before.trim_end(), with_gap(after));
    fs::write(&path, text).map_err(failed(&path))?;
    remove_outputs(&folder, vector, &files)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BlessError {
    let path = path.to_owned();
    move |error| BlessError::Write { path, error }
}

/// What stands in front of `[expect]` and behind it; none where the section is there and cannot be found as a line.
fn around(text: &str, is_there: bool) -> Option<(&str, &str)> {
    let mut start = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        match start {
            None if line.trim() == SECTION => start = Some(offset),
            Some(start) if line.starts_with('[') => {
                let is_part = line.starts_with("[expect.") || line.starts_with("[[expect.");
                return (!is_part)
                    .then(|| text.split_at(offset))
                    .and_then(|(head, after)| Some((head.get(..start)?, after)));
            }
            _ => {}
        }
        offset += line.len();
    }
    match start {
        Some(start) => Some((text.get(..start)?, "")),
        None => (!is_there).then_some((text, "")),
    }
}

fn with_gap(after: &str) -> String {
    if after.is_empty() {
        String::new()
    } else {
        format!("\n{after}")
    }
}

/// The files of the outputs: those that the vector named already, and then new ones.
fn write_outputs(folder: &Path, vector: &Vector, outcome: &Outcome) -> Result<Vec<String>, BlessError> {
    let Outcome::Forwarded(outputs) = outcome else {
        return Ok(Vec::new());
    };
    let known = vector.expect.as_ref().map(Expectation::files).unwrap_or_default();
    let mut files = Vec::with_capacity(outputs.len());
    for (index, output) in outputs.iter().enumerate() {
        let usual = match outputs.len() {
            1 => "expected".to_owned(),
            _ => format!("expected-{}", index + 1),
        };
        let stem = known
            .get(index)
            .and_then(|file| file.rsplit_once('.'))
            .map_or(usual.as_str(), |(stem, _)| stem);
        files.push(write_output(folder, stem, output)?);
    }
    Ok(files)
}

fn write_output(folder: &Path, stem: &str, output: &Output) -> Result<String, BlessError> {
    let bytes = output_bytes(output);
    let text = output.message().and_then(|_| message_text(&bytes));
    let (file, content) = match (text, found_content_type(output)) {
        (Some(text), _) => (format!("{stem}.hl7"), text),
        (None, content_type) => (format!("{stem}.{}", extension(content_type)), bytes.to_vec()),
    };
    let path = folder.join(&file);
    fs::write(&path, content).map_err(failed(&path))?;
    Ok(file)
}

/// What the file of a document is called, so that editors know what it is.
fn extension(content_type: Option<&str>) -> &'static str {
    let essence = content_type.and_then(|content_type| content_type.split(';').next());
    match essence.map(str::trim) {
        Some("text/csv") => "csv",
        Some("text/plain") => "txt",
        Some("text/html") => "html",
        Some("application/xml" | "text/xml" | "application/fhir+xml") => "xml",
        Some("application/json" | "application/fhir+json") => "json",
        Some("application/pdf") => "pdf",
        _ => "bin",
    }
}

fn remove_outputs(folder: &Path, vector: &Vector, kept: &[String]) -> Result<(), BlessError> {
    let known = vector.expect.as_ref().map(Expectation::files).unwrap_or_default();
    let stale: BTreeSet<&str> = known
        .into_iter()
        .filter(|file| !kept.iter().any(|kept| kept == file))
        .collect();
    for file in stale {
        let path = folder.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// The text of `[expect]`.
fn section(before: Option<&Expectation>, report: &VectorReport, files: &[String]) -> String {
    let wants_reason = match before.map(|before| &before.expected) {
        Some(Expected::Filtered { reason } | Expected::Rejected { reason, .. }) => reason.is_some(),
        _ => true,
    };
    let mut text = format!("{SECTION}\n");
    let mut line = |key: &str, value: &str| {
        // Writing to a string has no way to fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    match &report.outcome {
        Outcome::Forwarded(outputs) => {
            line("outcome", "\"forwarded\"");
            let written: Vec<String> = files
                .iter()
                .zip(outputs)
                .map(|(file, output)| written(file, output))
                .collect();
            line("outputs", &format!("[{}]", written.join(", ")));
        }
        Outcome::Filtered { reason, .. } => {
            line("outcome", "\"filtered\"");
            if wants_reason {
                line("reason", &quoted(&reason.lossy_text()));
            }
        }
        Outcome::Rejected { rejection, .. } => {
            line("outcome", "\"rejected\"");
            line("code", &quoted(&rejection.code));
            if let Some(path) = &rejection.path {
                line("path", &quoted(path));
            }
            if wants_reason {
                line("reason", &quoted(&rejection.reason.lossy_text()));
            }
        }
        Outcome::Faulted(fault) => {
            line("outcome", "\"faulted\"");
            line("kind", &quoted(fault.kind.as_str()));
        }
    }
    if before.is_some_and(|before| before.log.is_some()) {
        line("log", &toml::Value::from(log_lines(&report.log)).to_string());
    }
    let is_new_state = before.is_none() && !report.state.is_empty();
    if is_new_state || before.is_some_and(|before| before.state.is_some()) {
        let pairs: Vec<String> = report
            .state
            .iter()
            .map(|(key, value)| format!("{} = {}", quoted(key), quoted(value)))
            .collect();
        line("state", &format!("{{ {} }}", pairs.join(", ")));
    }
    text
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// One element of `outputs`.
fn written(file: &str, output: &Output) -> String {
    let mut keys = vec![format!("file = {}", quoted(file))];
    keys.extend(found_content_type(output).map(|content_type| format!("content_type = {}", quoted(content_type))));
    if !output.to.is_empty() {
        keys.push(format!("to = {}", toml::Value::from(output.to.clone())));
    }
    format!("{{ {} }}", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_around_the_expectation_stays() {
        let text = "# why\ndescription = \"x\"\n\n[expect]\noutcome = \"filtered\"\n\n[context]\nattempt = 2\n";
        let (before, after) = around(text, true).unwrap_or_default();
        assert_eq!(before, "# why\ndescription = \"x\"\n\n");
        assert_eq!(after, "[context]\nattempt = 2\n");
        assert_eq!(
            around("description = \"x\"\n", false),
            Some(("description = \"x\"\n", ""))
        );
    }

    #[test]
    fn an_expectation_that_cannot_be_found_is_not_rewritten() {
        assert_eq!(around("expect = { outcome = \"filtered\" }\n", true), None);
        assert_eq!(
            around(
                "[expect]\noutcome = \"forwarded\"\n[[expect.outputs]]\nfile = \"a\"\n",
                true
            ),
            None
        );
    }
}
