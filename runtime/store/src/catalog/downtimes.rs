//! Receivers that are down because somebody has planned it.

use rusqlite::{OptionalExtension, Row, params};

use super::{Catalog, Downtime, NewDowntime};
use crate::CatalogError;

const COLUMNS: &str = "id, receiver, author, reason, started_at_ms, until_ms, attempts, per_ms, ended_at_ms, ended_by, \
                       waited, caught_up_at_ms";

impl Catalog {
    /// Keeps that a receiver is down. None where it is down already: that one stays as it is.
    pub fn start_downtime(&self, new: &NewDowntime) -> Result<Option<Downtime>, CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            let sql = "INSERT INTO downtimes(receiver, author, reason, started_at_ms, until_ms, attempts, per_ms) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
            let values = params![
                new.receiver,
                new.author,
                new.reason,
                at_ms,
                new.until_ms,
                new.attempts,
                new.per_ms
            ];
            if connection.execute(sql, values)? == 0 {
                return Ok(None);
            }
            let sql = format!("SELECT {COLUMNS} FROM downtimes WHERE id = last_insert_rowid()");
            Ok(Some(connection.query_row(&sql, [], downtime)?))
        })
    }

    /// Ends the downtime of a receiver, for which so many deliveries wait. None where it is not down.
    pub fn end_downtime(&self, receiver: &str, by: &str, waited: u64) -> Result<Option<Downtime>, CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            let sql = format!(
                "UPDATE downtimes SET ended_at_ms = ?2, ended_by = ?3, waited = ?4 \
                 WHERE receiver = ?1 AND ended_at_ms IS NULL RETURNING {COLUMNS}"
            );
            let values = params![receiver, at_ms, by, i64::try_from(waited).unwrap_or(i64::MAX)];
            Ok(connection.query_row(&sql, values, downtime).optional()?)
        })
    }

    /// Keeps that everything that had waited for a receiver is delivered.
    pub fn caught_up(&self, id: i64) -> Result<(), CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            let sql = "UPDATE downtimes SET caught_up_at_ms = ?2 WHERE id = ?1 AND caught_up_at_ms IS NULL";
            connection.execute(sql, [id, at_ms])?;
            Ok(())
        })
    }

    /// Downtimes, newest first, at most `limit`.
    pub fn downtimes(&self, limit: usize) -> Result<Vec<Downtime>, CatalogError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM downtimes ORDER BY id DESC LIMIT ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], downtime)?;
            rows.collect()
        })
    }

    /// Those that are not over: receivers that are down, and those that are still catching up. Oldest first.
    pub fn open_downtimes(&self) -> Result<Vec<Downtime>, CatalogError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM downtimes WHERE caught_up_at_ms IS NULL ORDER BY id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], downtime)?;
            rows.collect()
        })
    }
}

fn downtime(row: &Row<'_>) -> rusqlite::Result<Downtime> {
    let waited: Option<i64> = row.get(10)?;
    Ok(Downtime {
        id: row.get(0)?,
        planned: NewDowntime {
            receiver: row.get(1)?,
            author: row.get(2)?,
            reason: row.get(3)?,
            until_ms: row.get(5)?,
            attempts: row.get(6)?,
            per_ms: row.get(7)?,
        },
        started_at_ms: row.get(4)?,
        ended_at_ms: row.get(8)?,
        ended_by: row.get(9)?,
        waited: waited.map(|waited| u64::try_from(waited).unwrap_or_default()),
        caught_up_at_ms: row.get(11)?,
    })
}
