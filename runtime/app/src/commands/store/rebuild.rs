//! `transfuse store rebuild`: the projection, anew from the journal.

use serde::Serialize;
use transfuse_store::{Rebuilt, Store};

use super::{Files, alone};
use crate::console::{Console, Tone};
use crate::failure::{Exit, Outcome};

#[derive(Serialize)]
struct Report {
    /// The last position of the journal.
    position: i64,
    rows: u64,
    /// None where there was nothing to compare with.
    differences: Option<Vec<Difference>>,
}

#[derive(Serialize)]
struct Difference {
    table: String,
    /// Rows that the journal adds up to, and that were not there.
    missing: u64,
    /// Rows that were there, and that nothing in the journal adds up to.
    surplus: u64,
}

pub(crate) fn run(files: &Files, console: Console) -> Outcome {
    let settings = files.settings()?;
    let progress = console.working("building live.sqlite anew");
    let rebuilt = Store::rebuild(&settings);
    drop(progress);
    let rebuilt = alone(&settings, rebuilt)?;
    let differs = rebuilt.differences.as_ref().is_some_and(|found| !found.is_empty());
    if files.json {
        console.json(&Report::from(rebuilt))?;
    } else {
        console.result(told(&rebuilt, console))?;
    }
    Ok(if differs { Exit::Failure } else { Exit::Success })
}

fn told(rebuilt: &Rebuilt, console: Console) -> String {
    let palette = console.palette();
    let mut lines = vec![format!(
        "live.sqlite built from {} entries of the journal: {} rows",
        rebuilt.position, rebuilt.rows
    )];
    match &rebuilt.differences {
        None => lines.push("there was none to compare it with".to_owned()),
        Some(found) if found.is_empty() => {
            let same = palette.paint(Tone::Good, "the one that was there said the same");
            lines.push(same.to_string());
        }
        Some(found) => lines.extend(found.iter().map(|one| {
            let table = palette.paint(Tone::Bad, &one.table);
            format!(
                "{table}: {} rows were missing, {} were too many",
                one.missing, one.surplus
            )
        })),
    }
    lines.join("\n")
}

impl From<Rebuilt> for Report {
    fn from(rebuilt: Rebuilt) -> Self {
        let difference = |one: transfuse_store::TableDifference| Difference {
            table: one.table,
            missing: one.missing,
            surplus: one.surplus,
        };
        Self {
            position: rebuilt.position,
            rows: rebuilt.rows,
            differences: rebuilt
                .differences
                .map(|found| found.into_iter().map(difference).collect()),
        }
    }
}
