//! `transfuse plugin test`: a plugin's vectors in the real sandbox.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use transfuse_sandbox::Sandbox;

use super::subject::{Opened, sandbox, teller};
use super::told::{self, MismatchView};
use crate::configuration::show_size;
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::{counted, short_digest};
use crate::vectors::{self, BlessError, Vector, VectorFiles, VectorReport, told_outcome};

/// Run a plugin's test vectors in the real sandbox
///
/// A vector is a folder `vectors/NAME`: `input.hl7` is a message, and `vector.toml` says with which configuration, code
/// tables, time and grants it is run and what is to become of it: outputs byte for byte, a filter, a rejection by its
/// code, or a fault by its kind. Grants are what the manifest requests, unless the vector says otherwise. In `.hl7` files
/// a line feed ends a segment.
///
/// A folder with sources is built first. With --bless, what came out becomes what is expected: look at what it shows,
/// and at the files, before you keep it. A fault of the host or of the clock is never blessed.
///
/// The exit code is 0 where all vectors pass, 1 where one fails, 64 where the files of the vectors have faults.
///
/// Example: transfuse plugin test plugins/lab-normalize --filter units
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A plugin's source folder, or a package
    #[arg(value_name = "FOLDER|FILE")]
    plugin: PathBuf,
    /// Take the vectors from this folder instead of the plugin's own
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
    /// Only vectors whose names contain this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what came out as what is expected
    #[arg(long)]
    bless: bool,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'r> {
    plugin: &'r str,
    version: &'r str,
    digest: &'r str,
    passed: usize,
    failed: usize,
    vectors: Vec<VectorView<'r>>,
}

#[derive(Serialize)]
struct VectorView<'r> {
    name: &'r str,
    description: &'r str,
    passes: bool,
    outcome: String,
    /// The digest of each output.
    outputs: Vec<String>,
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
    elapsed_us: Option<u64>,
    mismatches: Vec<MismatchView>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let files = opened.vectors(arguments.vectors.as_deref())?;
    let vectors = chosen(&files, &opened, arguments.filter.as_deref())?;
    let sandbox = sandbox()?;
    if !arguments.json {
        console.result(heading(&opened, vectors.len(), console.palette()))?;
    }
    let reports = run_all(&sandbox, &opened, &vectors, arguments, console)?;
    if arguments.json {
        console.json(&json(&opened, &reports))?;
    }
    let failed = reports.iter().filter(|report| !report.passes()).count();
    if arguments.bless {
        return bless(&files, &vectors, &reports, console);
    }
    console.note(summary(reports.len(), failed));
    Ok(if failed == 0 { Exit::Success } else { Exit::Failure })
}

/// The vectors that are asked for; none at all is an error, because a test of nothing passes.
fn chosen(files: &VectorFiles, opened: &Opened, filter: Option<&str>) -> Result<Vec<Vector>, Failure> {
    let mut vectors = vectors::read(files, &opened.subject.manifest.requests).map_err(Failure::Configuration)?;
    let count = vectors.len();
    if let Some(filter) = filter {
        vectors.retain(|vector| vector.name.contains(filter));
    }
    match (vectors.is_empty(), filter) {
        (false, _) => Ok(vectors),
        (true, Some(filter)) => Err(anyhow::anyhow!("no vector's name contains `{filter}`"))
            .hint(format!("there are {}", counted(count, "vector"))),
        (true, None) => Err(anyhow::anyhow!("there are no vectors"))
            .hint("a vector is a folder `vectors/NAME` with `vector.toml` and `input.hl7`"),
    }
}

fn heading(opened: &Opened, count: usize, palette: Palette) -> String {
    let identity = &opened.subject.identity;
    let facts = format!("{}, {}", short_digest(&identity.digest), counted(count, "vector"));
    format!(
        "{}  {}",
        palette.paint(Tone::Strong, &identity.to_string()),
        palette.paint(Tone::Faint, &facts)
    )
}

fn run_all(
    sandbox: &Sandbox,
    opened: &Opened,
    vectors: &[Vector],
    arguments: &Arguments,
    console: Console,
) -> Result<Vec<VectorReport>, Failure> {
    let width = vectors.iter().map(|vector| vector.name.len()).max().unwrap_or_default();
    let mut shown = Ok(());
    let mut tell = |report: &VectorReport| {
        if !arguments.json && shown.is_ok() {
            let lines = told(report, width, console.palette());
            shown = lines.iter().try_for_each(|line| console.result(line));
        }
    };
    let reports = vectors::run(sandbox, &opened.subject, vectors, &mut tell)?;
    shown?;
    Ok(reports)
}

/// One line for a vector, and more where something is not as expected.
fn told(report: &VectorReport, width: usize, palette: Palette) -> Vec<String> {
    let mark = if report.passes() {
        palette.paint(Tone::Good, "ok  ")
    } else {
        palette.paint(Tone::Bad, "FAIL")
    };
    let cost = report.cost.map_or_else(String::new, |cost| {
        let memory = show_size(cost.memory_bytes);
        format!("{:>9} fuel  {memory:>8}  {:>6} µs", cost.fuel, cost.elapsed_us)
    });
    let name = format!("{:width$}", report.name);
    let mut lines = vec![format!("{mark}  {name}  {}", palette.paint(Tone::Faint, &cost))];
    lines.extend(shown_mismatches(report, palette));
    lines
}

fn shown_mismatches(report: &VectorReport, palette: Palette) -> Vec<String> {
    let mismatches = &report.mismatches;
    let mut lines: Vec<String> = mismatches.iter().flat_map(|one| told::mismatch(one, palette)).collect();
    if let transfuse_sandbox::Outcome::Faulted(fault) = &report.outcome
        && !report.passes()
    {
        lines.extend(told::fault(fault, palette).into_iter().map(|line| format!("  {line}")));
    }
    lines.into_iter().map(|line| format!("      {line}")).collect()
}

fn summary(count: usize, failed: usize) -> String {
    match failed {
        0 => format!("{} passed", counted(count, "vector")),
        _ => format!("{failed} of {} failed", counted(count, "vector")),
    }
}

/// Makes what came out what is expected, for every vector where that differs.
fn bless(files: &VectorFiles, vectors: &[Vector], reports: &[VectorReport], console: Console) -> Outcome {
    let Some(folder) = files.folder() else {
        return Err(anyhow::anyhow!("the vectors of a package cannot be changed"))
            .hint("bless them in the plugin's source folder, or in the one that --vectors names");
    };
    let failing = || vectors.iter().zip(reports).filter(|(_, report)| !report.passes());
    let mut unfit = 0;
    for (vector, report) in failing() {
        match vectors::bless(folder, vector, report) {
            Ok(()) => console.note(format_args!(
                "blessed {}: {}",
                vector.name,
                told_outcome(&report.outcome)
            )),
            Err(error @ BlessError::Unfit { .. }) => {
                unfit += 1;
                console.note(format_args!(
                    "{} {error}",
                    console.notes_palette().paint(Tone::Bad, "not blessed:")
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if failing().count() == 0 {
        console.note("every vector passes; nothing was changed");
    }
    Ok(if unfit == 0 { Exit::Success } else { Exit::Failure })
}

fn json<'r>(opened: &'r Opened, reports: &'r [VectorReport]) -> Report<'r> {
    let identity = &opened.subject.identity;
    let passed = reports.iter().filter(|report| report.passes()).count();
    Report {
        plugin: &identity.name,
        version: &identity.version,
        digest: &identity.digest,
        passed,
        failed: reports.len() - passed,
        vectors: reports.iter().map(VectorView::from).collect(),
    }
}

impl<'r> From<&'r VectorReport> for VectorView<'r> {
    fn from(report: &'r VectorReport) -> Self {
        Self {
            name: &report.name,
            description: &report.description,
            passes: report.passes(),
            outcome: told_outcome(&report.outcome),
            outputs: report.output_digests(),
            fuel: report.cost.map(|cost| cost.fuel),
            memory_bytes: report.cost.map(|cost| cost.memory_bytes),
            elapsed_us: report.cost.map(|cost| cost.elapsed_us),
            mismatches: report.mismatches.iter().map(MismatchView::from).collect(),
        }
    }
}
