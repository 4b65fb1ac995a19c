//! `transfuse plugin bench`: what a plugin costs, per message.

mod show;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use transfuse_package::Language;
use transfuse_sandbox::{Chain, Input, Instances, Outcome as Ended, Plugin, Sandbox};

use super::sample::Setting;
use super::subject::{Opened, load, serving, teller, uncached};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::vectors::{self, Subject, Vector};

/// The most runs of one message in one way. Medians of so many differ by less than machines do from day to day.
const ROUNDS_MAX: usize = 200;

/// The least, however long they take: a median of fewer is chance.
const ROUNDS_MIN: usize = 5;

/// Time for one message in one way, after which only the least number of rounds is finished.
const TIME: Duration = Duration::from_millis(500);

/// Runs before the clock counts: they fill caches and grow the slots that instances lie in.
const WARM_UP: usize = 3;

/// Components are compiled so often, and the median is told.
const COMPILATIONS: usize = 3;

/// No further compilation begins after so long: those of JavaScript and Python take seconds, and differ little.
const COMPILING: Duration = Duration::from_secs(5);

/// An instance that is used again sees more messages than are measured.
const REUSE: NonZeroU32 = NonZeroU32::MAX;

/// Measure what a plugin costs: compiling, and each message with a fresh and with a reused instance
///
/// Messages are the plugin's vectors, or those of --message. Each is run until 200 rounds or half a second are over, and
/// the median is told; a message that the plugin fails on is left out. Times include making the instance, and the
/// engine's own work on the message; fuel is the same on every machine. `instances = { reuse = N }` in an interface
/// makes a plugin cost what stands under REUSED, at the price that one patient's message may leave traces for the next.
///
/// Of several plugins, one more table compares what the messages cost that all of them were measured with, on average,
/// and beside each figure stands how many times the first plugin's it is.
///
/// Example: transfuse plugin bench plugins/lab-normalize --filter panel
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Plugins: their source folders, or packages
    #[arg(required = true, value_name = "FOLDER|FILE")]
    plugins: Vec<PathBuf>,
    /// Take the vectors from this folder instead of each plugin's own
    #[arg(long, value_name = "DIR", conflicts_with = "message")]
    vectors: Option<PathBuf>,
    /// Only vectors whose names contain this text
    #[arg(long, value_name = "TEXT", conflicts_with = "message")]
    filter: Option<String>,
    /// Run the messages of this file instead of vectors; may be given again
    #[arg(long, value_name = "FILE")]
    message: Vec<PathBuf>,
    #[command(flatten)]
    setting: Setting,
    /// Write the results as JSON
    #[arg(long)]
    json: bool,
}

/// One plugin.
#[derive(Serialize)]
struct Report {
    plugin: String,
    version: String,
    /// `rust`, `javascript`, `typescript`, `python`, or `map`.
    language: Language,
    /// As it was given.
    path: PathBuf,
    component_bytes: usize,
    /// The median.
    compile_ms: f64,
    messages: Vec<Measured>,
}

/// One message. Times are medians, in microseconds.
#[derive(Serialize)]
struct Measured {
    name: String,
    bytes: usize,
    outcome: String,
    fresh_us: f64,
    fresh_rounds: usize,
    reused_us: f64,
    reused_rounds: usize,
    /// Of the reused rounds, those that had to make an instance all the same: the one before had failed, kept a handle, or
    /// grown too much.
    remade: usize,
    fuel: u64,
    memory_bytes: u64,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let mut reports = Vec::with_capacity(arguments.plugins.len());
    for plugin in &arguments.plugins {
        let report = bench(plugin, arguments, console)?;
        if !arguments.json {
            show::report(&report, console)?;
        }
        reports.push(report);
    }
    if arguments.json {
        console.json(&reports)?;
    } else if reports.len() > 1 {
        show::comparison(&reports, console)?;
    }
    let is_measured = reports.iter().all(|report| !report.messages.is_empty());
    Ok(if is_measured { Exit::Success } else { Exit::Failure })
}

fn bench(path: &Path, arguments: &Arguments, console: Console) -> Result<Report, Failure> {
    let opened = Opened::open(path, &mut teller(console))?;
    let subject = &opened.subject;
    let messages = if arguments.message.is_empty() {
        let files = opened.vectors(arguments.vectors.as_deref())?;
        super::test::chosen(&files, subject, arguments.filter.as_deref())?
    } else {
        arguments.setting.samples(&arguments.message)?
    };
    let compile_ms = compile_ms(subject, console)?;
    let sandbox = serving()?;
    let plugin = load(&sandbox, subject, console)?;
    let progress = console.progress("measuring", messages.len() as u64, "messages");
    let measured = messages.iter().filter_map(|message| {
        let measured = measure(&sandbox, &plugin, subject, message);
        progress.further(1);
        measured
    });
    let measured: Vec<Measured> = measured.collect();
    drop(progress);
    let left_out = messages.len() - measured.len();
    if left_out > 0 {
        console.note(format_args!("{left_out} left out: the plugin fails on them"));
    }
    Ok(Report {
        plugin: subject.identity.name.to_string(),
        version: subject.identity.version.to_string(),
        language: subject.manifest.build.language,
        path: path.to_owned(),
        component_bytes: subject.component.len(),
        compile_ms,
        messages: measured,
    })
}

/// Compiles the component in sandboxes that have never seen it.
fn compile_ms(subject: &Subject, console: Console) -> Result<f64, Failure> {
    let mut times = Vec::with_capacity(COMPILATIONS);
    let progress = console.progress("compiling", COMPILATIONS as u64, "times");
    let begun = Instant::now();
    while times.len() < COMPILATIONS && begun.elapsed() < COMPILING {
        let sandbox = uncached()?;
        let started = Instant::now();
        sandbox.load(subject.identity.clone(), &subject.component)?;
        times.push(started.elapsed());
        progress.further(1);
    }
    Ok(median_us(&mut times) / 1_000.0)
}

fn measure(sandbox: &Sandbox, plugin: &Plugin, subject: &Subject, message: &Vector) -> Option<Measured> {
    let report = vectors::report_of(sandbox, plugin, subject, message);
    if matches!(report.outcome, Ended::Faulted(_)) {
        return None;
    }
    let input = subject.input(message);
    let time = |instances| {
        let chain = subject.chain(sandbox, plugin, message, instances).ok()?;
        Some(rounds(&chain, &input))
    };
    let (mut fresh, _) = time(Instances::Fresh)?;
    let (mut reused, remade) = time(Instances::Reuse(REUSE))?;
    let cost = report.cost?;
    Some(Measured {
        name: message.name.clone(),
        bytes: message.input.encode().len(),
        outcome: vectors::told_outcome(&report.outcome),
        fresh_us: median_us(&mut fresh),
        fresh_rounds: fresh.len(),
        reused_us: median_us(&mut reused),
        reused_rounds: reused.len(),
        remade,
        fuel: cost.fuel,
        memory_bytes: cost.memory_bytes,
    })
}

/// What each round took, and how many of them made an instance.
fn rounds(chain: &Chain, input: &Input) -> (Vec<Duration>, usize) {
    for _ in 0..WARM_UP {
        chain.run_blocking(input.clone());
    }
    let begun = Instant::now();
    let (mut times, mut made) = (Vec::with_capacity(ROUNDS_MAX), 0);
    while times.len() < ROUNDS_MAX && (times.len() < ROUNDS_MIN || begun.elapsed() < TIME) {
        let input = input.clone();
        let started = Instant::now();
        let report = chain.run_blocking(input);
        times.push(started.elapsed());
        made += usize::from(report.steps.iter().any(|step| step.fresh_instances > 0));
    }
    (times, made)
}

fn median_us(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
