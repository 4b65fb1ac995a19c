//! `transfuse tables misses`: what tables were asked for and do not hold.

use clap::Args;
use jiff::Timestamp;

use crate::commands::moment::since;
use crate::commands::site::Engine;
use crate::console::{Console, Tone};
use crate::control::wire::tables::{MissList, MissListed, MissesQuery};
use crate::failure::{Exit, Outcome};
use crate::layout::{self, Cell, counted};
use crate::{story, visible};

/// List the values that code tables were asked for and do not hold, the most frequent first
///
/// Each with its column, how many messages asked for it, in which interfaces, and since when. Values that the live version of
/// their table has by now are left out. `transfuse tables add` makes a row of one.
///
/// What is shown may be patient data: a sender may write anything where a code belongs. It is read from the messages
/// themselves, and no log, list or figure holds it. The newest 5,000 messages with misses are looked at.
///
/// Example: transfuse tables misses examples/lab-results --table lab-codes --since 24h
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: Engine,
    /// Only of this interface
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Only of this table
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Only since then: a day (2026-11-20), a moment ("2026-11-20 08:00", 2026-11-20T08:00:00Z), or how long ago (24h)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// Write the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, console: Console) -> Outcome {
    let query = MissesQuery {
        interface: arguments.interface.clone(),
        table: arguments.table.clone(),
        since: arguments.since.map(|since| since.to_string()),
    };
    let found = arguments.engine.ask(async |client| client.misses(&query).await)?;
    if arguments.json {
        console.json(&found)?;
        return Ok(Exit::Success);
    }
    if found.misses.is_empty() {
        console.note("no table was asked for anything that it does not hold");
    } else {
        console.result(layout::table(&rows(&found.misses), console.palette()).join("\n"))?;
    }
    for note in notes(&found) {
        console.note(note);
    }
    Ok(Exit::Success)
}

fn rows(misses: &[MissListed]) -> Vec<Vec<Cell>> {
    let faint = |name: &str| Cell::new(name).tone(Tone::Faint);
    let mut rows = vec![vec![
        faint("TABLE"),
        faint("COLUMN"),
        faint("VALUE"),
        Cell::right("MESSAGES").tone(Tone::Faint),
        faint("SINCE"),
        faint("LAST"),
        faint("INTERFACES"),
    ]];
    rows.extend(misses.iter().map(|miss| {
        vec![
            Cell::new(&miss.table),
            Cell::new(visible::one_line(&miss.column)),
            Cell::new(visible::one_line(miss.value.as_str())).tone(Tone::Strong),
            Cell::number(miss.messages),
            Cell::new(story::local_time(&miss.first_at)),
            Cell::new(story::local_time(&miss.last_at)),
            Cell::new(miss.interfaces.join(", ")),
        ]
    }));
    rows
}

/// What the list does not hold.
fn notes(found: &MissList) -> Vec<String> {
    let mut notes = Vec::new();
    if found.added_since > 0 {
        let count = usize::try_from(found.added_since).unwrap_or(usize::MAX);
        notes.push(format!("{} more the tables have by now", counted(count, "value")));
    }
    if found.unlisted > 0 {
        notes.push(format!(
            "{} more misses are not listed: a message keeps 100 of at most 200 bytes",
            found.unlisted
        ));
    }
    if found.has_older {
        notes.push(format!(
            "of the newest {} messages with misses; there are older ones",
            found.messages
        ));
    }
    if found.behind > 0 {
        notes.push("the newest journal entries are not in it yet; ask again".to_owned());
    }
    notes
}
