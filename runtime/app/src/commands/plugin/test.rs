//! `transfuse plugin test`: a plugin's vectors in the real sandbox.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use transfuse_package::Requests;
use transfuse_sandbox::Sandbox;

use super::found::Found;
use super::subject::{Opened, load, sandbox, serving, teller};
use super::told::{self, MismatchView};
use crate::configuration::show_size;
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Failure, Hint as _, Outcome};
use crate::layout::{counted, short_digest};
use crate::vectors::{self, BlessError, Needed, Subject, Vector, VectorFiles, VectorReport, told_outcome};

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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, on its own"
)]
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
    /// Propose the smallest grants that the vectors need, as lines for plugin.toml
    #[arg(long, conflicts_with = "bless")]
    record_access: bool,
    /// Begin with a snapshot of `init` where an engine would; each configuration is then compiled once more
    #[arg(long)]
    snapshots: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<NeededView<'r>>,
    vectors: Vec<VectorView<'r>>,
}

/// The smallest grants.
#[derive(Serialize)]
struct NeededView<'r> {
    read: &'r [String],
    write: &'r [String],
    tables: &'r [String],
    state: bool,
    create: bool,
    to: &'r [String],
    /// Vectors that end differently with exactly these.
    differing: &'r [String],
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
    /// What came out, where that is not as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let files = opened.vectors(arguments.vectors.as_deref())?;
    let vectors = chosen(&files, &opened.subject, arguments.filter.as_deref())?;
    if arguments.bless {
        blessable(&files)?;
    }
    let sandbox = if arguments.snapshots { serving() } else { sandbox() }?;
    // Held on to, so that nothing is compiled again.
    let _plugin = load(&sandbox, &opened.subject, console)?;
    if !arguments.json {
        console.result(heading(&opened, vectors.len(), console.palette()))?;
    }
    let reports = run_all(&sandbox, &opened, &vectors, arguments, console)?;
    let needed = arguments
        .record_access
        .then(|| vectors::needed(&sandbox, &opened.subject, &vectors, &reports))
        .transpose()?;
    if arguments.json {
        console.json(&json(&opened, &reports, needed.as_ref()))?;
    } else if let Some(needed) = &needed {
        propose(needed, &opened.subject.manifest.requests, console)?;
    }
    let failed = reports.iter().filter(|report| !report.passes()).count();
    if arguments.bless {
        return bless(&files, &vectors, &reports, console);
    }
    console.note(summary(reports.len(), failed));
    Ok(if failed == 0 { Exit::Success } else { Exit::Failure })
}

/// The vectors that are asked for; none at all is an error, because a test of nothing passes.
pub(super) fn chosen(files: &VectorFiles, subject: &Subject, filter: Option<&str>) -> Result<Vec<Vector>, Failure> {
    let mut vectors = vectors::read(files, subject).map_err(Failure::Configuration)?;
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
    let line = format!("{mark}  {name}  {}", palette.paint(Tone::Faint, &cost));
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(told::of_report(report, palette));
    lines
}

fn summary(count: usize, failed: usize) -> String {
    match failed {
        0 => format!("{} passed", counted(count, "vector")),
        _ => format!("{failed} of {} failed", counted(count, "vector")),
    }
}

/// The smallest grants as lines to paste, and what the manifest requests beyond them.
fn propose(needed: &Needed, requested: &Requests, console: Console) -> anyhow::Result<()> {
    let palette = console.palette();
    console.result("")?;
    let title = "# The smallest grants that these vectors need:";
    console.result(palette.paint(Tone::Faint, title))?;
    console.result("[requests]")?;
    let requests = &needed.requests;
    let lists = [
        ("read", &requests.read, &requested.read),
        ("write", &requests.write, &requested.write),
        ("tables", &requests.tables, &requested.tables),
    ];
    for (key, list, _) in lists.iter().filter(|(_, list, _)| !list.is_empty()) {
        console.result(format_args!("{key} = {}", toml::Value::from((*list).clone())))?;
    }
    for (key, _) in [("state", requests.state), ("create", requests.create)]
        .iter()
        .filter(|(_, is_needed)| *is_needed)
    {
        console.result(format_args!("{key} = true"))?;
    }
    if !needed.to.is_empty() {
        let to = toml::Value::from(needed.to.clone());
        console.result(palette.paint(Tone::Faint, &format!("# in the interface's step: grants.to = {to}")))?;
    }
    for (key, list, requested) in lists {
        let unused: Vec<&str> = requested
            .iter()
            .filter(|one| !list.contains(one))
            .map(String::as_str)
            .collect();
        if !unused.is_empty() {
            console.note(format_args!(
                "requested in {key}, and touched by no vector: {}",
                unused.join(", ")
            ));
        }
    }
    if needed.differing.is_empty() {
        console.note("tried: with exactly these, every vector ends as before");
    } else {
        console.note(format_args!(
            "with exactly these, other ends: {}",
            needed.differing.join(", ")
        ));
    }
    Ok(())
}

/// The folder whose vectors may be changed.
fn blessable(files: &VectorFiles) -> Result<&Path, Failure> {
    files
        .folder()
        .ok_or_else(|| anyhow::anyhow!("the vectors of a package cannot be changed"))
        .hint("bless them in the plugin's source folder, or in the one that --vectors names")
}

/// Makes what came out what is expected, for every vector where that differs.
fn bless(files: &VectorFiles, vectors: &[Vector], reports: &[VectorReport], console: Console) -> Outcome {
    let folder = blessable(files)?;
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

fn json<'r>(opened: &'r Opened, reports: &'r [VectorReport], needed: Option<&'r Needed>) -> Report<'r> {
    let identity = &opened.subject.identity;
    let passed = reports.iter().filter(|report| report.passes()).count();
    Report {
        plugin: &identity.name,
        version: &identity.version,
        digest: &identity.digest,
        passed,
        failed: reports.len() - passed,
        needed: needed.map(|needed| NeededView {
            read: &needed.requests.read,
            write: &needed.requests.write,
            tables: &needed.requests.tables,
            state: needed.requests.state,
            create: needed.requests.create,
            to: &needed.to,
            differing: &needed.differing,
        }),
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
            found: (!report.passes()).then(|| Found::from(report)),
        }
    }
}
