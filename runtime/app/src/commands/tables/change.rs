//! `transfuse tables add` and `apply`: new versions of a table.

use std::path::PathBuf;

use clap::Args;

use super::table_name;
use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::Words;
use crate::control::wire::tables::{Rehearsed, TableChange, TableChanged, Tried};
use crate::failure::{Exit, Outcome};
use crate::layout::{counted, short_digest};

/// Add a row to a code table, at once and for good
///
/// The row is written at the end of `tables/TABLE.csv` as the file is: with its separator, quotes, line ends and character set.
/// The new version is in force with the next message, and after a restart. Refused, with nothing changed, are: a row with
/// another number of cells than the table has columns, a value that a row is found by already, a character that the file's
/// set does not have, a version that a plugin could not be started with, and any row where somebody has changed the file since it
/// became live (see `transfuse tables apply`).
///
/// Then the messages that rest are run once more, by the interfaces that use the table, with nothing decided or delivered: so
/// it is told how many would pass now. At most 500 in quarantine and 500 refused ones of each interface are run, for 20 s in
/// all. With --dry-run nothing but that happens. Who added it and why is kept: `transfuse tables history` tells it.
///
/// Example: transfuse tables add lab-codes CRP 1988-5 "C reactive protein" mg/L --reason "the new analyser sends it"
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    /// The cells, one for each column in the order of the file; '' is an empty one, and `--` stands before one like `-x`
    #[arg(required = true, value_name = "CELL", allow_negative_numbers = true)]
    cells: Vec<String>,
    /// The column by which rows are found, where that is not the first one: no two rows may have the same value in it
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Why: it is kept with the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Change nothing, and only tell what would come of it
    #[arg(long)]
    dry_run: bool,
    /// The site folder
    #[arg(long, default_value = ".", value_name = "DIR")]
    site: PathBuf,
    /// The engine's data folder, where it is not the site's own
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

/// Make a code table live as its file is now
///
/// For changes that were made in a spreadsheet: `tables/TABLE.csv` as it stands is in force with the next message, and after a
/// restart. A file with faults, or one that a plugin could not be started with, is refused and changes nothing. What would become of
/// messages that rest is told as by `transfuse tables add`. Who applied it and why is kept: `transfuse tables history` tells it.
///
/// Example: transfuse tables apply lab-codes examples/lab-results --reason "codes of the new analyser"
#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    #[command(flatten)]
    engine: Engine,
    /// Why: it is kept with the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Change nothing, and only tell what would come of it
    #[arg(long)]
    dry_run: bool,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn add(arguments: &AddArguments, console: Console) -> Outcome {
    let engine = Engine::new(arguments.site.clone(), arguments.data.clone());
    let change = TableChange {
        rows: vec![arguments.cells.iter().cloned().map(Words::from).collect()],
        key: arguments.key.clone(),
        dry_run: arguments.dry_run,
        reason: arguments.reason.clone(),
    };
    ask(&engine, &arguments.table, &change, arguments.json, console)
}

pub(super) fn apply(arguments: &ApplyArguments, console: Console) -> Outcome {
    let change = TableChange {
        dry_run: arguments.dry_run,
        reason: arguments.reason.clone(),
        ..TableChange::default()
    };
    ask(&arguments.engine, &arguments.table, &change, arguments.json, console)
}

fn ask(engine: &Engine, table: &str, change: &TableChange, json: bool, console: Console) -> Outcome {
    let table = table_name(table)?;
    let changed = engine.ask(async |client| client.change_table(table, change).await)?;
    if json {
        console.json(&changed)?;
    } else {
        console.result(told(&changed, console.palette()).join("\n"))?;
    }
    Ok(Exit::Success)
}

fn told(changed: &TableChanged, palette: Palette) -> Vec<String> {
    let table = palette.paint(Tone::Strong, &changed.table);
    let version = short_digest(&changed.after);
    let rows = counted(usize::try_from(changed.rows).unwrap_or(usize::MAX), "row");
    let is_same = changed.before.as_deref() == Some(changed.after.as_str());
    let mut lines = vec![match (is_same, changed.dry_run) {
        (true, _) => format!("{table} {version} is live already, {rows}"),
        (false, true) => format!("{table} would be {version}, {rows}; nothing is changed"),
        (false, false) => format!("{table} is {version} now, {rows}"),
    }];
    if changed.rehearsed.is_empty() {
        lines.push("no live interface uses it".to_owned());
    }
    for one in &changed.rehearsed {
        lines.extend(told_of(one));
    }
    lines
}

fn told_of(one: &Rehearsed) -> Vec<String> {
    let line = |tried: Tried, words: &str| {
        let Tried { run, pass, not_run } = tried;
        let beyond = if not_run > 0 { ", and there are more" } else { "" };
        format!("{}: {pass} of {run} {words} would pass{beyond}", one.interface)
    };
    let mut lines = vec![line(one.quarantined, "in quarantine")];
    if one.refused.run + one.refused.not_run > 0 {
        lines.push(line(one.refused, "refused") + ", if sent again");
    }
    lines.extend(
        one.trouble
            .iter()
            .map(|trouble| format!("{}: {trouble}", one.interface)),
    );
    lines
}
