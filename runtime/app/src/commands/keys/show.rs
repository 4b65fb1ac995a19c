//! `transfuse keys show`: which keys there are.

use clap::Args;
use serde::Serialize;
use transfuse_store::{InterfaceKeys, KeyReport, Store};

use super::none_yet;
use crate::commands::store::{Files, opened};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};
use crate::layout::{Cell, table};

/// Show which keys a data folder has, and never a key
///
/// A fingerprint tells master keys apart, and tells nothing of them. An engine may work on the folder meanwhile.
///
/// Example: transfuse keys show examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
}

#[derive(Serialize)]
struct Shown {
    file: String,
    fingerprint: String,
    since_ms: i64,
    interfaces: Vec<Interface>,
}

#[derive(Serialize)]
struct Interface {
    name: String,
    first_day: Option<String>,
    last_day: Option<String>,
    keys: u64,
    destroyed: u64,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let settings = arguments.files.settings()?;
    let Some(report) = opened(&settings, Store::keys(&settings))? else {
        return none_yet();
    };
    let shown = Shown::from(report);
    if arguments.files.json {
        console.json(&shown)?;
    } else {
        let palette = console.palette();
        let fingerprint = palette.paint(Tone::Strong, &shown.fingerprint);
        console.result(format_args!("{}  master key {fingerprint}", shown.file))?;
        for line in table(&rows(&shown.interfaces), palette) {
            console.result(line)?;
        }
    }
    Ok(Exit::Success)
}

fn rows(interfaces: &[Interface]) -> Vec<Vec<Cell>> {
    if interfaces.is_empty() {
        return Vec::new();
    }
    let head = ["INTERFACE", "FROM", "TO"].map(Cell::new).into_iter();
    let head = head.chain(["KEYS", "DESTROYED"].map(Cell::right)).collect();
    let row = |interface: &Interface| {
        let day = |day: &Option<String>| Cell::new(day.as_deref().unwrap_or("-"));
        vec![
            Cell::new(interface.name.as_str()),
            day(&interface.first_day),
            day(&interface.last_day),
            Cell::number(interface.keys),
            Cell::number(interface.destroyed),
        ]
    };
    std::iter::once(head).chain(interfaces.iter().map(row)).collect()
}

/// A day as the calendar has it.
fn day(number: i64) -> String {
    format!("{:04}-{:02}-{:02}", number / 10_000, number / 100 % 100, number % 100)
}

impl From<KeyReport> for Shown {
    fn from(report: KeyReport) -> Self {
        Self {
            file: report.master_file.display().to_string(),
            fingerprint: report.fingerprint,
            since_ms: report.since_ms,
            interfaces: report.interfaces.into_iter().map(Interface::from).collect(),
        }
    }
}

impl From<InterfaceKeys> for Interface {
    fn from(keys: InterfaceKeys) -> Self {
        Self {
            name: keys.interface,
            first_day: keys.first_day.map(day),
            last_day: keys.last_day.map(day),
            keys: keys.keys,
            destroyed: keys.destroyed,
        }
    }
}
