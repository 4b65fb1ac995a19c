//! `usage.sqlite`: what the details of decisions add up to, for whoever understands them.
//!
//! The store keeps a detail as bytes that it does not look into. Somebody who can read them follows the journal, adds them up,
//! and keeps here how far it has come, its sums, and which decisions it wants to find again: all three in one transaction,
//! so that a stop counts nothing twice and leaves nothing out. No detail is kept here, so that what may hold patient data
//! stays in the journal and goes with it. The file follows from the journal: one that cannot be read is begun anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use crate::format::{Format, classify, remove_database, unusable, version};
use crate::sync::lock;
use crate::{MessageId, OpenError, Sealed, UsageError};

/// The sums of one store. Its calls block on the disk; use them outside the message path.
pub struct Usage {
    file: PathBuf,
    connection: Mutex<Connection>,
}

/// A sum, under a name of its keeper's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What it is kept under.
    pub key: String,
    /// In the encoding of whoever keeps it.
    pub content: Vec<u8>,
}

/// A decision to be found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The decision's position in the journal.
    pub position: i64,
    /// When it was made, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The interface that made it.
    pub interface: Arc<str>,
}

/// Which marked decisions to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkQuery {
    /// Only of this interface.
    pub interface: Option<String>,
    /// Only from this moment on, in milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    /// At most this many.
    pub limit: usize,
}

/// What the journal says of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailRecord {
    /// The decision's position in the journal.
    pub position: i64,
    /// When it was made, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// The message.
    pub message: MessageId,
    /// The interface that decided.
    pub interface: Arc<str>,
    /// Its revision.
    pub revision: u32,
    /// Where its outputs go, in their order.
    pub destinations: Vec<Arc<str>>,
    /// What the engine kept about the run.
    pub detail: Sealed,
}

/// A stretch of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The decisions in it, in order.
    pub records: Vec<DetailRecord>,
    /// The last position that was looked at.
    pub through: i64,
    /// Positions that are durable behind it.
    pub left: u64,
}

/// How the file came to its present form. One of an older format is not migrated but begun anew.
const FORMAT: Format = Format {
    steps: &["CREATE TABLE progress(position INTEGER NOT NULL);
        INSERT INTO progress VALUES (0);
        CREATE TABLE tallies(key TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE marks(position INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, interface TEXT NOT NULL);
        CREATE INDEX marks_by_interface ON marks(interface, position)"],
};

/// Marked decisions that are kept; older ones are forgotten. Whoever has not looked for so long begins with the newest.
const MARKS_MAX: u32 = 100_000;

/// Another tool looks into the file: wait for it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Usage {
    /// Opens the file beside a journal that ends at `journal_end`, and begins it anew where it does not fit that.
    pub(crate) fn open(file: &Path, journal_end: i64) -> Result<Self, OpenError> {
        match is_usable(file, journal_end) {
            Ok(true) => {}
            Ok(false) => remove(file)?,
            Err(error @ OpenError::Damaged { .. }) => {
                tracing::warn!(%error, "what the journal's details add up to is counted anew");
                remove(file)?;
            }
            Err(error) => return Err(error),
        }
        let connection = connect(file).map_err(|error| classify(file, &error))?;
        FORMAT.bring_up_to_date(&connection, file)?;
        Ok(Self {
            file: file.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// The last position of the journal that the sums include.
    pub fn position(&self) -> Result<i64, UsageError> {
        self.with(|connection| connection.query_row("SELECT position FROM progress", [], |row| row.get(0)))
    }

    /// All sums, by key.
    pub fn tallies(&self) -> Result<Vec<Tally>, UsageError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT key, content FROM tallies ORDER BY key")?;
            let rows = statement.query_map([], |row| {
                Ok(Tally {
                    key: row.get(0)?,
                    content: row.get(1)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Moves on to a position, with the sums that changed on the way and the decisions to be found again. All of it, or
    /// nothing.
    pub fn advance(&self, position: i64, tallies: &[Tally], marks: &[Mark]) -> Result<(), UsageError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for Tally { key, content } in tallies {
                let sql = "INSERT INTO tallies(key, content) VALUES (?1, ?2) \
                           ON CONFLICT DO UPDATE SET content = excluded.content";
                transaction.prepare_cached(sql)?.execute(params![key, content])?;
            }
            for mark in marks {
                let sql = "INSERT OR IGNORE INTO marks(position, at_ms, interface) VALUES (?1, ?2, ?3)";
                let row = params![mark.position, mark.at_ms, mark.interface];
                transaction.prepare_cached(sql)?.execute(row)?;
            }
            if !marks.is_empty() {
                let sql = "DELETE FROM marks WHERE position <= \
                           (SELECT position FROM marks ORDER BY position DESC LIMIT 1 OFFSET ?1)";
                transaction.prepare_cached(sql)?.execute([MARKS_MAX])?;
            }
            transaction.execute("UPDATE progress SET position = ?1", [position])?;
            transaction.commit()
        })
    }

    /// The marked decisions that a question is about, newest first.
    pub fn marks(&self, query: &MarkQuery) -> Result<Vec<Mark>, UsageError> {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let since = query.since_ms.unwrap_or(i64::MIN);
        let select = "SELECT position, at_ms, interface FROM marks";
        self.with(|connection| {
            if let Some(interface) = &query.interface {
                let sql = format!("{select} WHERE interface = ?1 AND at_ms >= ?2 ORDER BY position DESC LIMIT ?3");
                let mut statement = connection.prepare_cached(&sql)?;
                return statement.query_map(params![interface, since, limit], mark)?.collect();
            }
            let sql = format!("{select} WHERE at_ms >= ?1 ORDER BY position DESC LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map([since, limit], mark)?.collect()
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, UsageError> {
        run(&mut lock(&self.connection)).map_err(|error| UsageError::File {
            file: self.file.clone(),
            reason: error.to_string(),
        })
    }
}

fn mark(row: &rusqlite::Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark {
        position: row.get(0)?,
        at_ms: row.get(1)?,
        interface: row.get(2)?,
    })
}

/// Whether the file is of this format, and of this journal.
fn is_usable(file: &Path, journal_end: i64) -> Result<bool, OpenError> {
    if !file.exists() {
        return Ok(true);
    }
    let connection = connect(file).map_err(|error| classify(file, &error))?;
    let found = version(&connection).map_err(|error| classify(file, &error))?;
    if found == 0 {
        return Ok(true);
    }
    if found != FORMAT.newest() {
        return Ok(false);
    }
    let position: i64 = connection
        .query_row("SELECT position FROM progress", [], |row| row.get(0))
        .map_err(|error| classify(file, &error))?;
    Ok(position <= journal_end)
}

fn remove(file: &Path) -> Result<(), OpenError> {
    remove_database(file).map_err(|error| unusable(file, &error))
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A lost tail is read from the journal again, so a sync for each transaction would buy nothing.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    Ok(connection)
}

impl std::fmt::Debug for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Usage").finish_non_exhaustive()
    }
}
