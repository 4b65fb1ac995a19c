//! The format version that every file carries, and how older ones are brought up to date.

use std::path::Path;

use rusqlite::Connection;

use crate::OpenError;

/// How one kind of file came to its present form.
pub(crate) struct Format {
    /// Statements that bring a file from version `index` to `index + 1`; the first makes an empty file.
    pub(crate) steps: &'static [&'static str],
}

impl Format {
    /// The newest version.
    pub(crate) fn newest(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    /// Brings a file up to the newest version, each step in a transaction of its own with the version in it, or
    /// refuses a file that is newer than this program.
    pub(crate) fn bring_up_to_date(&self, connection: &Connection, file: &Path) -> Result<(), OpenError> {
        let found = version(connection).map_err(|error| damaged(file, &error))?;
        if found > self.newest() {
            return Err(OpenError::NewerFormat {
                file: file.to_owned(),
                found,
                supported: self.newest(),
            });
        }
        for (step, statements) in self
            .steps
            .iter()
            .enumerate()
            .skip(usize::try_from(found).unwrap_or_default())
        {
            let sql = format!(
                "BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {}; COMMIT;",
                step + 1
            );
            connection.execute_batch(&sql).map_err(|error| unusable(file, &error))?;
        }
        Ok(())
    }
}

/// The version that a file states; 0 when it is new and empty.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// The file holds what SQLite cannot read.
pub(crate) fn damaged(file: &Path, reason: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// The file or folder cannot be used at all.
pub(crate) fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Tells damage from trouble with the disk or permissions.
pub(crate) fn classify(file: &Path, error: &rusqlite::Error) -> OpenError {
    if is_damage(error) {
        damaged(file, error)
    } else {
        unusable(file, error)
    }
}

/// Whether an error says that a file is not what this program wrote: no database, a broken one, one without our tables
/// (which SQLite calls a plain error), or values that are not what they should be (which are no errors of SQLite).
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase | Unknown) | None
    )
}

/// Removes a database file with its log and its index, as far as they exist.
pub(crate) fn remove_database(file: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
