//! `transfuse tables list`: which tables there are, and who uses them.

use clap::Args;

use crate::commands::site::Engine;
use crate::console::{Console, Palette, Tone};
use crate::control::wire::tables::TableListed;
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, short_digest};

/// List the code tables: versions, columns, rows, and the interfaces that use them
///
/// A version is known by the digest of its cells, however they were saved. Where the file in the site folder is not what is
/// live, that is told.
///
/// Example: transfuse tables list examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let found = arguments.engine.ask(async |client| client.tables().await)?;
    if arguments.json {
        console.json(&found)?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    let mut lines = layout::table(&rows(&found.tables), palette);
    lines.extend(drifts(&found.tables, palette));
    console.result(lines.join("\n"))?;
    Ok(Exit::Success)
}

fn rows(tables: &[TableListed]) -> Vec<Vec<Cell>> {
    let faint = |name: &str| Cell::new(name).tone(Tone::Faint);
    let mut rows = vec![vec![
        faint("TABLE"),
        faint("VERSION"),
        Cell::right("ROWS").tone(Tone::Faint),
        faint("COLUMNS"),
        faint("USED BY"),
    ]];
    rows.extend(tables.iter().map(|table| {
        let version = table
            .digest
            .as_deref()
            .map_or_else(|| "not live".to_owned(), short_digest);
        vec![
            Cell::new(&table.name).tone(Tone::Strong),
            Cell::new(version),
            Cell::number(table.rows),
            Cell::new(table.columns.join(", ")),
            Cell::new(table.interfaces.join(", ")),
        ]
    }));
    rows
}

fn drifts(tables: &[TableListed], palette: Palette) -> Vec<String> {
    let label = palette.paint(Tone::Odd, "drift:");
    let told = |table: &TableListed| Some(format!("{label} {}: {}", table.name, table.drift.as_ref()?));
    let mut lines: Vec<String> = tables.iter().filter_map(told).collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}
