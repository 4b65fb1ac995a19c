//! `transfuse history`: which revisions there are, and when each was live.

use clap::Args;

use super::{Site, interface};
use crate::console::{Console, Palette, Tone};
use crate::control::wire::changes::{History, LiveChanged};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell};

/// Show the revisions of an interface: who made them, when, why, and which one is live
///
/// Example: transfuse history lab-results --site examples/lab-results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The interface
    #[arg(value_name = "INTERFACE")]
    interface: String,
    #[command(flatten)]
    site: Site,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let name = interface(&arguments.interface)?;
    let engine = arguments.site.engine();
    let history = engine.ask(async |client| client.history(name).await)?;
    if arguments.json {
        console.json(&history)?;
        return Ok(Exit::Success);
    }
    let palette = console.palette();
    let mut lines = layout::table(&revisions(&history), palette);
    lines.push(String::new());
    lines.extend(history.changes.iter().map(|change| told(change, palette)));
    if history.cut {
        lines.push(palette.paint(Tone::Faint, "older ones are not shown").to_string());
    }
    console.result(lines.join("\n"))?;
    Ok(Exit::Success)
}

fn revisions(history: &History) -> Vec<Vec<Cell>> {
    let faint = |name: &str| Cell::new(name).tone(Tone::Faint);
    let mut rows = vec![vec![
        Cell::right("REVISION").tone(Tone::Faint),
        faint(""),
        faint("MADE"),
        faint("BY"),
        faint("WHY"),
        faint("NOTE"),
    ]];
    rows.extend(history.revisions.iter().map(|revision| {
        let is_live = history.live == Some(revision.number);
        let standing = match (is_live, revision.waiting) {
            (true, _) => Cell::new("live").tone(Tone::Good),
            (false, true) => Cell::new("waits").tone(Tone::Odd),
            (false, false) => Cell::new(""),
        };
        vec![
            Cell::right(revision.number.to_string()).tone(Tone::Strong),
            standing,
            Cell::new(&revision.made_at),
            Cell::new(&revision.author),
            Cell::new(&revision.reason),
            Cell::new(&revision.note),
        ]
    }));
    rows
}

fn told(change: &LiveChanged, palette: Palette) -> String {
    let LiveChanged {
        number,
        retired,
        author,
        reason,
        at,
    } = change;
    let what = if *retired { "out of use at" } else { "live with" };
    let at = palette.paint(Tone::Faint, at);
    format!("{at} {what} revision {number}, by {author}: {reason}")
}
