//! The tables of the catalog.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::OpenError;
use crate::format::{Format, classify};

/// How the catalog came to its present form. Revisions, packages and tables are never changed once they are in; the
/// triggers hold that against this program too. Only the signatures of a package may come later.
pub(super) const FORMAT: Format = Format {
    steps: &[
        "CREATE TABLE revisions(
            interface TEXT NOT NULL,
            number INTEGER NOT NULL,
            content TEXT NOT NULL,
            digest TEXT NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL,
            PRIMARY KEY (interface, number)
        );
        CREATE TABLE live_changes(
            id INTEGER PRIMARY KEY,
            interface TEXT NOT NULL,
            number INTEGER NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        );
        CREATE INDEX live_changes_by_interface ON live_changes(interface, id);
        CREATE TABLE packages(
            digest TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            manifest TEXT NOT NULL,
            stored_at_ms INTEGER NOT NULL,
            component BLOB NOT NULL
        );
        CREATE TABLE tables(
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            stored_at_ms INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (name, digest)
        );
        CREATE INDEX tables_by_digest ON tables(digest);
        CREATE TRIGGER revisions_are_never_changed BEFORE UPDATE ON revisions
            BEGIN SELECT raise(ABORT, 'a revision is never changed'); END;
        CREATE TRIGGER live_changes_are_never_changed BEFORE UPDATE ON live_changes
            BEGIN SELECT raise(ABORT, 'history is never changed'); END;
        CREATE TRIGGER packages_are_never_changed BEFORE UPDATE ON packages
            BEGIN SELECT raise(ABORT, 'a package is never changed'); END",
        // Packages became files with everything in them. What an earlier engine stored stays what it is: a component.
        "DROP TRIGGER packages_are_never_changed;
        ALTER TABLE packages RENAME COLUMN component TO content;
        ALTER TABLE packages DROP COLUMN manifest;
        CREATE TRIGGER packages_keep_their_identity BEFORE UPDATE OF digest, name, version ON packages
            BEGIN SELECT raise(ABORT, 'a package is never changed'); END",
        // What a revision is, in the words of whoever made it; and interfaces that somebody has paused, or taken out of use.
        "ALTER TABLE revisions ADD COLUMN note TEXT NOT NULL DEFAULT '';
        ALTER TABLE live_changes ADD COLUMN is_retired INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE pauses(
            interface TEXT PRIMARY KEY,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        )",
        // Who made a version of a code table live, and why. Of what an earlier engine made live nobody has said so.
        "CREATE TABLE table_changes(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        );
        CREATE INDEX table_changes_by_name ON table_changes(name, id);
        INSERT INTO table_changes(name, digest, author, reason, at_ms)
            SELECT name, digest, '', '', stored_at_ms FROM tables ORDER BY sequence;
        CREATE TRIGGER table_changes_are_never_changed BEFORE UPDATE ON table_changes
            BEGIN SELECT raise(ABORT, 'history is never changed'); END",
        // What was found out about revisions, and about contents that became none. Only the detail may hold what messages said.
        "CREATE TABLE evidence(
            id INTEGER PRIMARY KEY,
            interface TEXT NOT NULL,
            digest TEXT NOT NULL,
            revision INTEGER,
            kind TEXT NOT NULL,
            verdict TEXT NOT NULL,
            summary TEXT NOT NULL,
            detail BLOB NOT NULL,
            author TEXT NOT NULL,
            at_ms INTEGER NOT NULL
        );
        CREATE INDEX evidence_by_interface ON evidence(interface, id);
        CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON evidence
            BEGIN SELECT raise(ABORT, 'evidence is never changed'); END",
        // Receivers that are down because somebody has planned it, one at a time for each.
        "CREATE TABLE downtimes(
            id INTEGER PRIMARY KEY,
            receiver TEXT NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            started_at_ms INTEGER NOT NULL,
            until_ms INTEGER,
            attempts INTEGER,
            per_ms INTEGER,
            ended_at_ms INTEGER,
            ended_by TEXT,
            waited INTEGER,
            caught_up_at_ms INTEGER
        );
        CREATE UNIQUE INDEX downtimes_one_at_a_time ON downtimes(receiver) WHERE ended_at_ms IS NULL;
        CREATE INDEX downtimes_open ON downtimes(id) WHERE caught_up_at_ms IS NULL",
        // The details of evidence are sealed; those of an earlier engine are as it wrote them.
        "ALTER TABLE evidence ADD COLUMN key INTEGER",
    ],
};

/// Another tool looks into the catalog: wait for it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a catalog for reading, beside whoever works on it.
pub(super) fn look_into(file: &Path) -> Result<Option<Connection>, OpenError> {
    if !file.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| classify(file, &error))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| classify(file, &error))?;
    Ok(Some(connection))
}

pub(super) fn open(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| classify(file, &error))?;
    let configured = connection
        .busy_timeout(BUSY_TIMEOUT)
        .and_then(|()| connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
    configured.map_err(|error| classify(file, &error))?;
    FORMAT.bring_up_to_date(&connection, file)?;
    Ok(connection)
}
