//! `transfuse plugin bench`: what a plugin costs, per message.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use transfuse_sandbox::{Chain, Input, Instances, Outcome as Ended, Plugin, Sandbox};

use super::sample::Setting;
use super::subject::{Opened, sandbox, teller};
use crate::configuration::show_size;
use crate::console::{Console, Tone};
use crate::failure::{Exit, Failure, Outcome};
use crate::layout::{Cell, table};
use crate::vectors::{self, Subject, Vector};

/// The most runs of one message in one way. Medians of so many differ by less than machines do from day to day.
const ROUNDS_MAX: usize = 200;

/// The least, however long they take: a median of fewer is chance.
const ROUNDS_MIN: usize = 5;

/// Time for one message in one way, after which only the least number of rounds is finished.
const TIME: Duration = Duration::from_millis(500);

/// Runs before the clock counts: they fill caches and grow the slots that instances lie in.
const WARM_UP: usize = 3;

/// Components are compiled so often, and the median is told. Seconds for JavaScript and Python, so few.
const COMPILATIONS: usize = 3;

/// An instance that is used again sees more messages than are measured.
const REUSE: NonZeroU32 = NonZeroU32::MAX;

/// Measure what a plugin costs: compiling, and each message with a fresh and with a reused instance
///
/// Messages are the plugin's vectors, or those of --message. Each is run until 200 rounds or half a second are over, and
/// the median is told; a message that the plugin fails on is left out. Times include making the instance, and the
/// engine's own work on the message; fuel is the same on every machine. `instances = { reuse = N }` in an interface
/// makes a plugin cost what stands under REUSED, at the price that one patient's message may leave traces for the next.
///
/// Example: transfuse plugin bench plugins/lab-normalize --filter panel
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A plugin's source folder, or a package
    #[arg(value_name = "FOLDER|FILE")]
    plugin: PathBuf,
    /// Take the vectors from this folder instead of the plugin's own
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

#[derive(Serialize)]
struct Report<'r> {
    plugin: &'r str,
    version: &'r str,
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
    fuel: u64,
    memory_bytes: u64,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let messages = if arguments.message.is_empty() {
        let files = opened.vectors(arguments.vectors.as_deref())?;
        super::test::chosen(&files, &opened.subject, arguments.filter.as_deref())?
    } else {
        arguments.setting.samples(&arguments.message)?
    };
    let subject = &opened.subject;
    let compile_ms = compile_ms(subject)?;
    let sandbox = sandbox()?;
    let plugin = sandbox.load(subject.identity.clone(), &subject.component)?;
    let bar = super::subject::bar(messages.len() as u64, "messages");
    let measured = messages.iter().filter_map(|message| {
        let measured = measure(&sandbox, &plugin, subject, message);
        bar.inc(1);
        measured
    });
    let report = Report {
        plugin: &subject.identity.name,
        version: &subject.identity.version,
        component_bytes: subject.component.len(),
        compile_ms,
        messages: measured.collect(),
    };
    bar.finish_and_clear();
    let left_out = messages.len() - report.messages.len();
    if left_out > 0 {
        console.note(format_args!("{left_out} left out: the plugin fails on them"));
    }
    if arguments.json {
        console.json(&report)?;
    } else {
        show(&report, console)?;
    }
    Ok(if report.messages.is_empty() {
        Exit::Failure
    } else {
        Exit::Success
    })
}

/// Compiles the component in sandboxes that have never seen it.
fn compile_ms(subject: &Subject) -> Result<f64, Failure> {
    let mut times = Vec::with_capacity(COMPILATIONS);
    for _ in 0..COMPILATIONS {
        let sandbox = sandbox()?;
        let started = Instant::now();
        sandbox.load(subject.identity.clone(), &subject.component)?;
        times.push(started.elapsed());
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
    let (mut fresh, mut reused) = (time(Instances::Fresh)?, time(Instances::Reuse(REUSE))?);
    let cost = report.cost?;
    Some(Measured {
        name: message.name.clone(),
        bytes: message.input.encode().len(),
        outcome: vectors::told_outcome(&report.outcome),
        fresh_us: median_us(&mut fresh),
        fresh_rounds: fresh.len(),
        reused_us: median_us(&mut reused),
        reused_rounds: reused.len(),
        fuel: cost.fuel,
        memory_bytes: cost.memory_bytes,
    })
}

fn rounds(chain: &Chain, input: &Input) -> Vec<Duration> {
    for _ in 0..WARM_UP {
        chain.run_blocking(input.clone());
    }
    let begun = Instant::now();
    let mut times = Vec::with_capacity(ROUNDS_MAX);
    while times.len() < ROUNDS_MAX && (times.len() < ROUNDS_MIN || begun.elapsed() < TIME) {
        let input = input.clone();
        let started = Instant::now();
        chain.run_blocking(input);
        times.push(started.elapsed());
    }
    times
}

fn median_us(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn show(report: &Report<'_>, console: Console) -> std::io::Result<()> {
    let palette = console.palette();
    let head = format!("{} {}", report.plugin, report.version);
    let size = show_size(report.component_bytes.div_ceil(1024) as u64 * 1024);
    let facts = format!("{size}, compiled in {:.1} ms", report.compile_ms);
    console.result(format_args!(
        "{}  {}",
        palette.paint(Tone::Strong, &head),
        palette.paint(Tone::Faint, &facts)
    ))?;
    let titles = ["MESSAGE", "BYTES", "FRESH", "REUSED", "FUEL", "MEMORY", "ROUNDS"];
    let mut rows = vec![
        titles
            .iter()
            .enumerate()
            .map(|(index, title)| {
                if index == 0 {
                    Cell::new(*title)
                } else {
                    Cell::right(*title)
                }
                .tone(Tone::Faint)
            })
            .collect::<Vec<_>>(),
    ];
    rows.extend(report.messages.iter().map(|one| {
        vec![
            Cell::new(&*one.name),
            Cell::number(one.bytes as u64),
            Cell::right(format!("{:.1} µs", one.fresh_us)),
            Cell::right(format!("{:.1} µs", one.reused_us)),
            Cell::number(one.fuel),
            Cell::right(show_size(one.memory_bytes)),
            Cell::number(one.fresh_rounds as u64),
        ]
    }));
    table(&rows, palette).iter().try_for_each(|line| console.result(line))
}
