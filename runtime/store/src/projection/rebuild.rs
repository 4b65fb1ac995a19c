//! Building the projection anew, and holding the one that grew against it.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::catch_up::{JournalEnd, is_usable, open_projection, remove};
use super::schema::connect;
use crate::OpenError;
use crate::faults::Faults;
use crate::format::{classify, unusable};
use crate::journal::Segments;

/// What building the projection anew came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// The last position of the journal that it includes.
    pub position: i64,
    /// Rows that it has, in all tables.
    pub rows: u64,
    /// Where the projection that was there said something else; none where there was none that could be read.
    pub differences: Option<Vec<TableDifference>>,
}

/// A table of which two projections of the same journal say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDifference {
    /// Its name in `live.sqlite`.
    pub table: String,
    /// Rows of the one built anew that the other did not have.
    pub missing: u64,
    /// Rows that only the other had.
    pub surplus: u64,
}

/// Builds the projection anew from the journal, compares it with the one that there is, and puts it in its place.
pub(crate) fn rebuild_projection(
    file: &Path,
    segments: &Arc<Segments>,
    journal: JournalEnd,
) -> Result<Rebuilt, OpenError> {
    // What the journal has beyond it is no difference.
    let has_grown = file.exists() && matches!(is_usable(file, journal), Ok(true));
    if has_grown {
        drop(open_projection(file, segments, journal, Faults::default())?);
    }
    let making = file.with_extension("rebuilding");
    remove(&making)?;
    let position = open_projection(&making, segments, journal, Faults::default())?.position();
    let made = connect(&making).map_err(|error| classify(&making, &error))?;
    let rebuilt = look(&made, has_grown.then_some(file)).map_err(|error| classify(&making, &error))?;
    made.close().map_err(|(_, error)| classify(&making, &error))?;
    remove(file)?;
    // A stop here leaves none, and the next start builds it.
    std::fs::rename(&making, file).map_err(|error| unusable(file, &error))?;
    Ok(Rebuilt { position, ..rebuilt })
}

fn look(made: &Connection, grown: Option<&Path>) -> rusqlite::Result<Rebuilt> {
    let tables = tables(made)?;
    let mut rebuilt = Rebuilt {
        position: 0,
        rows: 0,
        differences: grown.map(|_| Vec::new()),
    };
    for table in &tables {
        rebuilt.rows += count(made, &format!("SELECT * FROM main.{table}"))?;
    }
    let (Some(grown), Some(differences)) = (grown, &mut rebuilt.differences) else {
        return Ok(rebuilt);
    };
    made.execute("ATTACH ?1 AS grown", [grown.to_string_lossy()])?;
    for table in tables {
        let missing = count(
            made,
            &format!("SELECT * FROM main.{table} EXCEPT SELECT * FROM grown.{table}"),
        )?;
        let surplus = count(
            made,
            &format!("SELECT * FROM grown.{table} EXCEPT SELECT * FROM main.{table}"),
        )?;
        if missing + surplus > 0 {
            differences.push(TableDifference {
                table,
                missing,
                surplus,
            });
        }
    }
    made.execute("DETACH grown", [])?;
    Ok(rebuilt)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

fn count(connection: &Connection, rows: &str) -> rusqlite::Result<u64> {
    let counted: i64 = connection.query_row(&format!("SELECT count(*) FROM ({rows})"), [], |row| row.get(0))?;
    Ok(u64::try_from(counted).unwrap_or_default())
}
