//! Interfaces, their revisions, and which one is live.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::{Catalog, Expected, LiveChange, NewRevision, Revision};
use crate::CatalogError;

const COLUMNS: &str = "interface, number, content, digest, author, reason, created_at_ms, note";

/// The number of the live revision of an interface: that of the last change, unless it took the interface out of use.
const LIVE: &str = "SELECT number FROM (SELECT number, is_retired FROM live_changes WHERE interface = ?1 ORDER BY id DESC LIMIT 1) \
    WHERE NOT is_retired";

impl Catalog {
    /// Names of all interfaces that have a revision, sorted.
    pub fn interfaces(&self) -> Result<Vec<String>, CatalogError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT DISTINCT interface FROM revisions ORDER BY 1")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// The live revision of an interface.
    pub fn live(&self, interface: &str) -> Result<Option<Revision>, CatalogError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM revisions WHERE interface = ?1 AND number = ({LIVE})");
            connection
                .prepare_cached(&sql)?
                .query_row([interface], revision)
                .optional()
        })
    }

    /// The last changes of what was live, newest first, at most `limit` of them.
    pub fn live_history(&self, interface: &str, limit: usize) -> Result<Vec<LiveChange>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT number, author, reason, at_ms, is_retired FROM live_changes WHERE interface = ?1 \
                ORDER BY id DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            statement.query_map(params![interface, limit], live_change)?.collect()
        })
    }

    /// Whether a revision has ever been live.
    pub fn was_live(&self, interface: &str, number: u32) -> Result<bool, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM live_changes WHERE interface = ?1 AND number = ?2)";
            connection
                .prepare_cached(sql)?
                .query_row(params![interface, number], |row| row.get(0))
        })
    }

    /// The revision that was the last to be live before this one was; none where there was no other.
    pub fn live_before(&self, interface: &str, number: u32) -> Result<Option<u32>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT number FROM live_changes WHERE interface = ?1 AND number <> ?2 AND NOT is_retired \
                ORDER BY id DESC LIMIT 1";
            connection
                .prepare_cached(sql)?
                .query_row(params![interface, number], |row| row.get(0))
                .optional()
        })
    }

    /// Makes the next revision of an interface. Content equal to that of the newest revision makes none: that one is
    /// given back, with its own author and reason.
    pub fn add_revision(&self, new: &NewRevision) -> Result<Revision, CatalogError> {
        let digest = digest(new.content.as_bytes());
        let created_at_ms = self.clock.now_ms();
        self.transact(|connection| {
            let newest = newest(connection, &new.interface)?;
            let number = match newest {
                Some(newest) if newest.digest == digest => return Ok(newest),
                Some(newest) => newest.number + 1,
                None => 1,
            };
            let sql = format!("INSERT INTO revisions({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
            let NewRevision {
                interface,
                content,
                author,
                reason,
                note,
            } = new.clone();
            connection.execute(
                &sql,
                params![interface, number, content, digest, author, reason, created_at_ms, note],
            )?;
            Ok(Revision {
                interface,
                number,
                content,
                digest,
                author,
                reason,
                note,
                created_at_ms,
            })
        })
    }

    /// Makes a revision live, and keeps that it was done. What is live already is not recorded again. Nothing changes where
    /// something else is live than was expected.
    pub fn set_live(
        &self,
        interface: &str,
        number: u32,
        expected: Expected,
        author: &str,
        reason: &str,
    ) -> Result<(), CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            if find(connection, interface, number)?.is_none() {
                return Err(CatalogError::UnknownRevision {
                    interface: interface.to_owned(),
                    number,
                });
            }
            let live = expect(connection, interface, expected)?;
            if live != Some(number) {
                let sql =
                    "INSERT INTO live_changes(interface, number, author, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
                connection.execute(sql, params![interface, number, author, reason, at_ms])?;
            }
            Ok(())
        })
    }

    /// Takes an interface out of use: from now on no revision of it is live. Its revisions and its history stay.
    pub fn retire(&self, interface: &str, expected: Expected, author: &str, reason: &str) -> Result<(), CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            if let Some(number) = expect(connection, interface, expected)? {
                let sql = "INSERT INTO live_changes(interface, number, author, reason, at_ms, is_retired) \
                    VALUES (?1, ?2, ?3, ?4, ?5, 1)";
                connection.execute(sql, params![interface, number, author, reason, at_ms])?;
            }
            Ok(())
        })
    }

    /// One revision.
    pub fn revision(&self, interface: &str, number: u32) -> Result<Option<Revision>, CatalogError> {
        self.read(|connection| find(connection, interface, number))
    }

    /// The last revisions of an interface, newest first, at most `limit` of them.
    pub fn revisions(&self, interface: &str, limit: usize) -> Result<Vec<Revision>, CatalogError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM revisions WHERE interface = ?1 ORDER BY number DESC LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            statement.query_map(params![interface, limit], revision)?.collect()
        })
    }
}

/// What is live, where that is as expected.
fn expect(connection: &Connection, interface: &str, expected: Expected) -> Result<Option<u32>, CatalogError> {
    let found: Option<u32> = connection
        .prepare_cached(LIVE)?
        .query_row([interface], |row| row.get(0))
        .optional()?;
    let expected = match expected {
        Expected::Anything => return Ok(found),
        Expected::Nothing => None,
        Expected::Revision(number) => Some(number),
    };
    if found == expected {
        return Ok(found);
    }
    Err(CatalogError::Conflict {
        interface: interface.to_owned(),
        found,
        expected,
    })
}

fn newest(connection: &Connection, interface: &str) -> rusqlite::Result<Option<Revision>> {
    let sql = format!("SELECT {COLUMNS} FROM revisions WHERE interface = ?1 ORDER BY number DESC LIMIT 1");
    connection
        .prepare_cached(&sql)?
        .query_row([interface], revision)
        .optional()
}

fn find(connection: &Connection, interface: &str, number: u32) -> rusqlite::Result<Option<Revision>> {
    let sql = format!("SELECT {COLUMNS} FROM revisions WHERE interface = ?1 AND number = ?2");
    connection
        .prepare_cached(&sql)?
        .query_row((interface, number), revision)
        .optional()
}

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    Ok(Revision {
        interface: row.get(0)?,
        number: row.get(1)?,
        content: row.get(2)?,
        digest: row.get(3)?,
        author: row.get(4)?,
        reason: row.get(5)?,
        created_at_ms: row.get(6)?,
        note: row.get(7)?,
    })
}

fn live_change(row: &Row<'_>) -> rusqlite::Result<LiveChange> {
    Ok(LiveChange {
        number: row.get(0)?,
        author: row.get(1)?,
        reason: row.get(2)?,
        at_ms: row.get(3)?,
        is_retired: row.get(4)?,
    })
}

fn digest(content: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(content) {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text
}
