//! `transfuse plugin run`: messages of a file through a plugin, as it would be in a chain of its own.

mod report;

use std::path::PathBuf;

use clap::Args;
use transfuse_message::differences;
use transfuse_sandbox::Outcome as Ended;

use super::sample::Setting;
use super::subject::{Opened, load, sandbox, teller};
use super::told;
use crate::commands::hl7::changes::{self, changes};
use crate::configuration::show_size;
use crate::console::{Console, Palette, Tone};
use crate::failure::{Exit, Outcome};
use crate::layout::counted;
use crate::vectors::{Vector, VectorReport, output_bytes, report_of, told_outcome};
use crate::visible::visible;

/// Run a message through a plugin, without an engine
///
/// What the plugin forwards is written to standard output byte for byte; what it logged, how it ended and what it cost
/// go to standard error. Grants are what the manifest requests. With --diff, standard output has what changed instead,
/// field by field; with --json, it has everything. The exit code is 1 where the plugin rejects a message or fails.
///
/// Example: transfuse plugin run plugins/lab-normalize result.hl7 --table tables/lab-codes.csv --diff
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A plugin's source folder, or a package
    #[arg(value_name = "FOLDER|FILE")]
    plugin: PathBuf,
    /// A file with messages; `-` is standard input
    #[arg(value_name = "MESSAGE")]
    message: PathBuf,
    #[command(flatten)]
    setting: Setting,
    /// Show what changed instead of what came out
    #[arg(long)]
    diff: bool,
    /// Write the results as JSON: outcome, outputs or changes, log, fault and cost of each message
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let samples = arguments.setting.samples(std::slice::from_ref(&arguments.message))?;
    let opened = Opened::open(&arguments.plugin, &mut teller(console))?;
    let sandbox = sandbox()?;
    let plugin = load(&sandbox, &opened.subject, console)?;
    let mut exit = Exit::Success;
    let mut runs = Vec::new();
    for sample in &samples {
        let report = report_of(&sandbox, &plugin, &opened.subject, sample);
        if arguments.json {
            runs.push(report::Run::new(sample, &report, arguments.diff));
        } else {
            tell(sample, &report, arguments.diff, console)?;
        }
        if !is_good(&report) {
            exit = Exit::Failure;
        }
    }
    if arguments.json {
        console.json(&runs)?;
    }
    Ok(exit)
}

fn is_good(report: &VectorReport) -> bool {
    matches!(report.outcome, Ended::Forwarded(_) | Ended::Filtered { .. })
}

fn tell(sample: &Vector, report: &VectorReport, diff: bool, console: Console) -> std::io::Result<()> {
    ended(sample, report, console);
    if !diff {
        return write_outputs(report, console);
    }
    let lines = changed(sample, report, console.palette());
    lines.iter().try_for_each(|line| console.result(line))
}

/// How a message ended, what was logged, and what it cost.
fn ended(sample: &Vector, report: &VectorReport, console: Console) {
    let palette = console.notes_palette();
    for line in &report.log {
        console.note(told::log_line(line, palette));
    }
    if let Ended::Faulted(fault) = &report.outcome {
        for line in told::fault(fault, palette) {
            console.note(line);
        }
    }
    let tone = if is_good(report) { Tone::Good } else { Tone::Bad };
    let outcome = told_outcome(&report.outcome);
    let cost = report.cost.map_or_else(String::new, |cost| {
        format!(
            "  {} fuel, {}, {} µs",
            cost.fuel,
            show_size(cost.memory_bytes),
            cost.elapsed_us
        )
    });
    console.note(format_args!(
        "{}: {}{}",
        sample.name,
        palette.paint(tone, &*visible(&outcome)),
        palette.paint(Tone::Faint, &cost)
    ));
}

/// What the outputs have that the input has not, and the other way round.
pub(super) fn changed(sample: &Vector, report: &VectorReport, palette: Palette) -> Vec<String> {
    let Ended::Forwarded(outputs) = &report.outcome else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for (number, output) in (1..).zip(outputs) {
        let to = if output.to.is_empty() {
            String::new()
        } else {
            format!(" to {}", output.to.join(", "))
        };
        let Some(message) = output.message() else {
            let size = counted(output_bytes(output).len(), "byte");
            lines.push(format!("output {number}{to}: a document of {size}"));
            continue;
        };
        let changes = changes(differences(&sample.input, message), Some(&sample.input), message, &[]);
        lines.push(format!("output {number}{to}: {}", counted(changes.len(), "change")));
        lines.extend(changes::lines(&changes, palette));
    }
    lines
}

/// The outputs one after the other. A terminal gets lines, and no control character of a message.
fn write_outputs(report: &VectorReport, console: Console) -> std::io::Result<()> {
    let Ended::Forwarded(outputs) = &report.outcome else {
        return Ok(());
    };
    console.stream(|out| {
        for bytes in outputs.iter().map(output_bytes) {
            if !console.shows_results() {
                out.write_all(&bytes)?;
                continue;
            }
            let text = String::from_utf8_lossy(&bytes);
            for line in text.split(['\r', '\n']).filter(|line| !line.is_empty()) {
                writeln!(out, "{}", visible(line))?;
            }
        }
        Ok(())
    })
}
