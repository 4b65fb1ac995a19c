//! Interfaces that somebody has paused.

use rusqlite::{OptionalExtension, params};

use super::{Catalog, Pause};
use crate::CatalogError;

impl Catalog {
    /// Keeps that an interface is paused; one that is paused already stays as it is.
    pub fn pause(&self, interface: &str, author: &str, reason: &str) -> Result<(), CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            let sql =
                "INSERT INTO pauses(interface, author, reason, at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            connection.execute(sql, params![interface, author, reason, at_ms])?;
            Ok(())
        })
    }

    /// Ends the pause of an interface. Says whether it was paused.
    pub fn end_pause(&self, interface: &str) -> Result<bool, CatalogError> {
        self.transact(|connection| {
            let ended = connection.execute("DELETE FROM pauses WHERE interface = ?1", [interface])?;
            Ok(ended > 0)
        })
    }

    /// The pause of an interface; none where it takes messages.
    pub fn paused(&self, interface: &str) -> Result<Option<Pause>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT author, reason, at_ms FROM pauses WHERE interface = ?1";
            let pause = |row: &rusqlite::Row<'_>| {
                Ok(Pause {
                    author: row.get(0)?,
                    reason: row.get(1)?,
                    at_ms: row.get(2)?,
                })
            };
            connection.prepare_cached(sql)?.query_row([interface], pause).optional()
        })
    }
}
