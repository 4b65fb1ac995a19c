//! Figures of one run on one machine: what a parse, a plugin, a sync and a whole journey cost.
//!
//! Each measurement checks that what it measured did its work. The machines are shared: compare figures of one run with
//! each other, and runs by their ratios.
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]

mod checks;
mod journal;
mod load;
mod micro;
mod reading;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::load::{Flow, Shape};
use crate::reading::Row;

/// What to measure.
#[derive(Debug, Parser)]
struct Arguments {
    /// Messages of each end-to-end run.
    #[arg(long, default_value_t = 50_000)]
    messages: usize,
    /// Connections that send.
    #[arg(long, default_value_t = 32)]
    senders: usize,
    /// The library of built plugins.
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Only repeats the work of one of those that are compared, for a profiler.
    #[arg(long, default_value = "")]
    repeat: String,
    /// How many times.
    #[arg(long, default_value_t = 1_000)]
    rounds: u32,
    /// Only the measurements whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "end to end, no plugin, no order",
        ordered: false,
        connections: 16,
        normalizing: false,
    },
    Shape {
        name: "end to end, lab-normalize, no order",
        ordered: false,
        connections: 16,
        normalizing: true,
    },
    Shape {
        name: "end to end, lab-normalize, in order, one connection out",
        ordered: true,
        connections: 1,
        normalizing: true,
    },
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.repeat.is_empty() {
        return reading::repeat(&arguments.repeat, arguments.rounds);
    }
    let wanted = |name: &str| name.contains(&arguments.only);
    for (name, measure) in micro::MEASUREMENTS {
        if wanted(name) {
            show(name, measure(&arguments.plugins)?);
        }
    }
    if wanted(checks::NAME) {
        show_shares(
            &checks::measure(&arguments.plugins)?,
            reading::instructions(checks::names())?,
        );
    }
    if wanted(reading::NAME) {
        show_comparison(&reading::compare()?, reading::instructions(reading::names())?);
    }
    if wanted(reading::GROWTH) {
        show_growth(&reading::growth()?);
    }
    if wanted(journal::NAME) {
        println!("{:<58} {:>9.0} a second", journal::NAME, journal::measure()?);
    }
    for shape in SHAPES.iter().filter(|shape| wanted(shape.name)) {
        show_flow(shape.name, &load::run(*shape, arguments.senders, arguments.messages)?);
    }
    Ok(())
}

fn show(name: &str, each: Duration) {
    println!("{name:<58} {:>9.2} µs", each.as_secs_f64() * 1e6);
}

/// Times, how many times that of the first, which only looks for the ends of segments; and instructions.
fn show_comparison(found: &[(&str, Duration)], instructions: Option<Vec<(&str, u64)>>) {
    println!("{}", reading::NAME);
    let unit = found.first().map_or(1.0, |(_, time)| time.as_secs_f64());
    for (name, time) in found {
        let ratio = time.as_secs_f64() / unit;
        println!("  {name:<56} {:>9.2} µs {ratio:>9.1} ×", time.as_secs_f64() * 1e6);
    }
    for (name, count) in instructions.unwrap_or_default() {
        println!("  {name:<56} {count:>9} instructions");
    }
}

/// Times, and which share they are of the last one; and instructions.
fn show_shares(found: &[(&str, Duration)], instructions: Option<Vec<(&str, u64)>>) {
    println!("{}", checks::NAME);
    let whole = found.last().map_or(1.0, |(_, time)| time.as_secs_f64());
    for (name, time) in found {
        let share = time.as_secs_f64() / whole * 100.0;
        println!("  {name:<56} {:>9.2} µs {share:>9.1} %", time.as_secs_f64() * 1e6);
    }
    for (name, count) in instructions.unwrap_or_default() {
        println!("  {name:<56} {count:>9} instructions");
    }
}

fn show_growth(rows: &[Row]) {
    println!(
        "{:<58} {:>8} {:>8} {:>8} {:>8} {:>8}",
        reading::GROWTH,
        "1 KB",
        "10 KB",
        "100 KB",
        "1 MB",
        "10 MB"
    );
    for Row { name, nanoseconds } in rows {
        let cells: Vec<String> = nanoseconds.iter().map(|each| format!("{each:>8.3}")).collect();
        println!("  {name:<56} {} ns a byte", cells.join(" "));
    }
}

fn show_flow(name: &str, flow: &Flow) {
    let a_second = |time: Duration| flow.messages as f64 / time.as_secs_f64();
    let wait = |per_mille: usize| {
        flow.waits
            .get(flow.waits.len() * per_mille / 1000)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{name:<58} {:>9.0} in a second, {:.0} out; acknowledged in {:.1?} (median), {:.1?} (p99), {:.1?} (p99.9)",
        a_second(flow.acknowledged_in),
        a_second(flow.delivered_in),
        wait(500),
        wait(990),
        wait(999)
    );
}
