//! `transfuse plugin dev`: build and run again at every save.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use notify::{RecursiveMode, Watcher as _};
use transfuse_package::Source;

use super::sample::Setting;
use super::subject::{Opened, load, require_source, sandbox, teller};
use super::{run::changed, told};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::layout::counted;
use crate::vectors::{self, Vector, VectorReport, report_of, told_outcome};

/// Editors write a file in several steps; what follows within this time belongs to the same save.
const SETTLED: Duration = Duration::from_millis(120);

/// Saves that keep following each other are built after this long in any case.
const SETTLED_MAX: Duration = Duration::from_secs(2);

/// Build a plugin and run it at every save
///
/// Watches the folder, and at every save builds the plugin, runs its vectors and the messages of --message, and shows
/// what is not as expected and what the plugin changes, field by field, with the time from the save to the result. What
/// the compiler says is shown, and a plugin that does not build is no reason to stop. Ctrl-C ends it.
///
/// Example: transfuse plugin dev plugins/lab-normalize --message result.hl7 --table tables/lab-codes.csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A plugin's source folder
    #[arg(value_name = "FOLDER")]
    plugin: PathBuf,
    /// Show what the plugin changes in the messages of this file; may be given again
    #[arg(long, value_name = "FILE")]
    message: Vec<PathBuf>,
    #[command(flatten)]
    setting: Setting,
    /// Take the vectors from this folder instead of the plugin's own
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    require_source(&arguments.plugin)?;
    let folders = std::iter::once(&arguments.plugin).chain(&arguments.vectors);
    let folders: Vec<PathBuf> = folders
        .map(|folder| {
            folder
                .canonicalize()
                .with_context(|| format!("cannot find `{}`", folder.display()))
        })
        .collect::<anyhow::Result<_>>()?;
    let authors = folders.clone();
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_save(&event, &authors)) {
            // Nobody listens any more where this fails.
            let _ = sender.send(Instant::now());
        }
    })
    .context("this machine cannot watch folders")?;
    for folder in &folders {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("`{}` cannot be watched", folder.display()))?;
    }
    let mut seen = None;
    let mut saved = Instant::now();
    loop {
        let now = digests(arguments);
        if seen.is_none() || seen != now {
            round(arguments, saved, console)?;
            console.note(console.notes_palette().paint(Tone::Faint, "watching; Ctrl-C ends it"));
            // As it was before: what was saved meanwhile is still to be built.
            seen = now;
        }
        match settled(&events) {
            Some(at) => saved = at,
            None => return Ok(Exit::Success),
        }
    }
}

/// Reading a file is none, and neither is what happens in hidden folders and in those that tools fill.
fn is_save(event: &notify::Event, folders: &[PathBuf]) -> bool {
    const FILLED: [&str; 3] = ["target", "node_modules", "__pycache__"];
    let below = |path: &PathBuf| {
        let below = folders.iter().find_map(|folder| path.strip_prefix(folder).ok());
        below.unwrap_or(path).to_owned()
    };
    let is_authors = |path: &PathBuf| {
        below(path).components().all(|part| {
            let name = part.as_os_str().to_string_lossy();
            !name.starts_with('.') && !FILLED.contains(&name.as_ref())
        })
    };
    !event.kind.is_access() && event.paths.iter().any(is_authors)
}

/// When the next save happened, once it is over; none where no more will come.
fn settled(saves: &Receiver<Instant>) -> Option<Instant> {
    let first = saves.recv().ok()?;
    while first.elapsed() < SETTLED_MAX {
        match saves.recv_timeout(SETTLED) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Some(first),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    Some(first)
}

/// What the author's files hold, so that a save that changes nothing builds nothing. None while they cannot be read.
fn digests(arguments: &Arguments) -> Option<Vec<String>> {
    let folders = std::iter::once(&arguments.plugin).chain(&arguments.vectors);
    folders.map(|folder| Source::digest(folder).ok()).collect()
}

/// One build and its runs. Only a closed standard output is an error: everything else is told, and the next save helps.
fn round(arguments: &Arguments, saved: Instant, console: Console) -> Result<(), Failure> {
    let lines = match try_round(arguments, console) {
        Ok(lines) => lines,
        Err(failure) => {
            failure.report(console);
            vec![console.palette().paint(Tone::Bad, "not run").to_string()]
        }
    };
    let palette = console.palette();
    let took = format!("{} ms after the save", saved.elapsed().as_millis());
    for line in lines.iter().chain([&palette.paint(Tone::Faint, &took).to_string()]) {
        console.result(line)?;
    }
    Ok(())
}

fn try_round(arguments: &Arguments, console: Console) -> Result<Vec<String>, Failure> {
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let sandbox = sandbox()?;
    let plugin = load(&sandbox, &opened.subject, console)?;
    let samples = arguments.setting.samples(&arguments.message)?;
    let mut lines = Vec::new();
    let has_vectors = arguments.vectors.is_some() || arguments.plugin.join("vectors").is_dir();
    if has_vectors {
        let files = opened.vectors(arguments.vectors.as_deref())?;
        let vectors = super::test::chosen(&files, &opened.subject, None)?;
        let reports = vectors::run(&sandbox, &opened.subject, &vectors, &mut |_| {})?;
        lines.extend(told_vectors(&reports, console));
    }
    for sample in &samples {
        let report = report_of(&sandbox, &plugin, &opened.subject, sample);
        lines.extend(told_sample(sample, &report, console));
    }
    if !has_vectors && samples.is_empty() {
        lines.push("it builds; give it vectors or a --message to be run on".to_owned());
    }
    Ok(lines)
}

fn told_vectors(reports: &[VectorReport], console: Console) -> Vec<String> {
    let palette = console.palette();
    let failing: Vec<&VectorReport> = reports.iter().filter(|report| !report.passes()).collect();
    let mut lines = Vec::new();
    for report in &failing {
        lines.push(format!("{}  {}", palette.paint(Tone::Bad, "FAIL"), report.name));
        lines.extend(told::of_report(report, palette));
    }
    let passed = reports.len() - failing.len();
    let summary = format!("{passed} of {} passed", counted(reports.len(), "vector"));
    let tone = if failing.is_empty() { Tone::Good } else { Tone::Bad };
    lines.push(palette.paint(tone, &summary).to_string());
    lines
}

fn told_sample(sample: &Vector, report: &VectorReport, console: Console) -> Vec<String> {
    let palette = console.palette();
    let outcome = told_outcome(&report.outcome);
    let mut lines = vec![format!("{}: {}", sample.name, crate::visible::visible(&outcome))];
    lines.extend(
        report
            .log
            .iter()
            .map(|line| format!("  {}", told::log_line(line, palette))),
    );
    if let transfuse_sandbox::Outcome::Faulted(fault) = &report.outcome {
        lines.extend(told::fault(fault, palette));
    }
    lines.extend(changed(sample, report, palette));
    lines
}
