//! `transfuse tables history`: which versions of a table were live, and who made them so.

use clap::Args;

use super::table_name;
use crate::commands::site::Engine;
use crate::console::{Console, Tone};
use crate::control::wire::tables::{TableHistory, TableVersionLive};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, short_digest};

/// Show which versions of a code table were live: since when, who made them so, and why
///
/// The newest comes first, and is the one that is live. A version that came with an interface has the reason of that change.
///
/// Example: transfuse tables history lab-codes examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    #[command(flatten)]
    engine: Engine,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = table_name(&arguments.table)?;
    let history = arguments.engine.ask(async |client| client.table_history(name).await)?;
    if arguments.json {
        console.json(&history)?;
        return Ok(Exit::Success);
    }
    console.result(layout::table(&rows(&history), console.palette()).join("\n"))?;
    Ok(Exit::Success)
}

fn rows(history: &TableHistory) -> Vec<Vec<Cell>> {
    let faint = |name: &str| Cell::new(name).tone(Tone::Faint);
    let mut rows = vec![vec![
        faint("VERSION"),
        faint(""),
        Cell::right("ROWS").tone(Tone::Faint),
        faint("LIVE SINCE"),
        faint("BY"),
        faint("WHY"),
    ]];
    rows.extend(history.changes.iter().enumerate().map(|(index, change)| {
        let TableVersionLive {
            digest,
            rows,
            author,
            reason,
            at,
        } = change;
        vec![
            Cell::new(short_digest(digest)).tone(Tone::Strong),
            Cell::new(if index == 0 { "live" } else { "" }).tone(Tone::Good),
            Cell::number(*rows),
            Cell::new(at),
            Cell::new(if author.is_empty() { "not known" } else { author }),
            Cell::new(reason),
        ]
    }));
    rows
}
