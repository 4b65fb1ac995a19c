//! `transfuse store check`: whether every entry of the journal can be read.

use serde::Serialize;
use transfuse_store::{SegmentReport, Store};

use super::{Files, opened};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};
use crate::layout::counted;

/// One segment.
#[derive(Serialize)]
struct Segment {
    file: String,
    entries: u64,
    /// Entries that are there and cannot be read.
    unreadable: u64,
    /// What is wrong.
    findings: Vec<String>,
}

pub(crate) fn run(files: &Files, console: Console) -> Outcome {
    let settings = files.settings()?;
    let progress = console.working("reading the journal");
    let checked = Store::check(&settings, |report| {
        progress.doing(format!("read {}", report.file.display()));
    });
    drop(progress);
    let reports = opened(&settings, checked)?;
    if files.json {
        console.json(&reports.iter().map(Segment::from).collect::<Vec<_>>())?;
    } else {
        for report in &reports {
            console.result(told(report, console))?;
        }
    }
    let damaged = reports.iter().filter(|report| !report.is_sound()).count();
    if damaged == 0 {
        return Ok(Exit::Success);
    }
    let segments = counted(damaged, "segment");
    console.note(format_args!(
        "{segments} damaged: restore it from a backup while no engine runs, or save the rest of it with `transfuse store repair`"
    ));
    Ok(Exit::Failure)
}

fn told(report: &SegmentReport, console: Console) -> String {
    let palette = console.palette();
    let file = report.file.display().to_string();
    let entries = format!("{} entries", report.entries);
    if report.is_sound() {
        return format!("{}  {entries}", palette.paint(Tone::Strong, &file));
    }
    let mut lines = vec![format!(
        "{}  {entries}, and {} that cannot be read",
        palette.paint(Tone::Bad, &file),
        report.unreadable
    )];
    lines.extend(report.findings.iter().map(|finding| format!("  {finding}")));
    lines.join("\n")
}

impl From<&SegmentReport> for Segment {
    fn from(report: &SegmentReport) -> Self {
        Self {
            file: report.file.display().to_string(),
            entries: report.entries,
            unreadable: report.unreadable,
            findings: report.findings.clone(),
        }
    }
}
