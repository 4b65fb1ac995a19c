//! What was found out about revisions before and after they went live.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Catalog, Evidence, NewEvidence};
use crate::keys::{Belonging, Held, KeyError};
use crate::{CatalogError, Sealed};

/// The most entries in one list: some dozens of changes with everything that their gates found.
const LISTED_MAX: usize = 1_000;

const COLUMNS: &str = "interface, digest, revision, kind, verdict, summary, detail, author, at_ms, id, key";

/// What the detail of evidence belongs to: no entry of the journal has such a kind.
const KIND: i64 = 1_000;

/// The one column of it that is sealed.
const DETAIL: u8 = 1;

impl Catalog {
    /// Keeps what was found out. It is never changed.
    pub fn add_evidence(&self, new: &NewEvidence) -> Result<Evidence, CatalogError> {
        let at_ms = self.clock.now_ms();
        let key = self.keys.current(&Arc::from(new.interface.as_str()), at_ms)?;
        let detail = key.seal(new.detail.as_slice(), &belonging(at_ms), DETAIL);
        let detail = detail.map_err(KeyError::from)?;
        let row = self.transact(|connection| {
            insert(connection, new, &detail, key.id, at_ms)?;
            let id = connection.last_insert_rowid();
            let sql = format!("SELECT {COLUMNS} FROM evidence WHERE id = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([id], evidence)?)
        })?;
        self.opened(row)
    }

    /// Opens the detail of evidence. Where its key was destroyed, it is empty.
    fn opened(&self, (mut evidence, key): (Evidence, Option<i64>)) -> Result<Evidence, CatalogError> {
        let sealed = std::mem::take(&mut evidence.found.detail);
        let damaged = |what: &str| CatalogError::File {
            reason: format!("the detail of evidence {} {what}", evidence.id),
        };
        let detail = match key {
            None => sealed,
            Some(key) => match self.keys.held(key)? {
                Held::Here(key) => {
                    let opened = key.open(sealed.as_slice().to_vec(), &belonging(evidence.at_ms), DETAIL);
                    Sealed::from(opened.ok_or_else(|| damaged("does not open: it was changed"))?)
                }
                Held::Destroyed => Sealed::default(),
                Held::Unknown => return Err(damaged("is sealed with a key that `keys.sqlite` does not have")),
            },
        };
        evidence.found.detail = detail;
        Ok(evidence)
    }

    /// What is known about an interface, or about one revision of it, newest first and so many entries at most. What was found
    /// out about a content before it became a revision is found by that revision too.
    pub fn evidence(
        &self,
        interface: &str,
        revision: Option<u32>,
        limit: usize,
    ) -> Result<Vec<Evidence>, CatalogError> {
        let limit = i64::try_from(limit.min(LISTED_MAX)).unwrap_or_default();
        let rows: Vec<_> = self.read(|connection| {
            let digest: Option<String> = connection
                .prepare_cached("SELECT digest FROM revisions WHERE interface = ?1 AND number = ?2")?
                .query_row(params![interface, revision], |row| row.get(0))
                .optional()?;
            let sql = format!(
                "SELECT {COLUMNS} FROM evidence WHERE interface = ?1 \
                 AND (?2 IS NULL OR revision = ?2 OR (revision IS NULL AND digest = ?3)) ORDER BY id DESC LIMIT ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_map(params![interface, revision, digest, limit], evidence)?
                .collect()
        })?;
        rows.into_iter().map(|row| self.opened(row)).collect()
    }

    /// The last evidence of one kind about an interface, or about one revision of it.
    pub fn last_evidence(
        &self,
        interface: &str,
        revision: Option<u32>,
        kind: &str,
    ) -> Result<Option<Evidence>, CatalogError> {
        let row = self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM evidence WHERE interface = ?1 AND (?2 IS NULL OR revision = ?2) AND kind = ?3 \
                 ORDER BY id DESC LIMIT 1"
            );
            connection
                .prepare_cached(&sql)?
                .query_row(params![interface, revision, kind], evidence)
                .optional()
        })?;
        row.map(|row| self.opened(row)).transpose()
    }
}

fn belonging(at_ms: i64) -> Belonging {
    Belonging {
        kind: KIND,
        message: 0,
        delivery: 0,
        at_ms,
    }
}

fn insert(connection: &Connection, new: &NewEvidence, detail: &[u8], key: i64, at_ms: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO evidence(interface, digest, revision, kind, verdict, summary, detail, author, at_ms, key) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let NewEvidence {
        interface,
        digest,
        revision,
        kind,
        verdict,
        summary,
        author,
        ..
    } = new;
    let values = params![
        interface, digest, revision, kind, verdict, summary, detail, author, at_ms, key
    ];
    connection.execute(sql, values).map(drop)
}

/// A row, its detail as it is kept, and the key that this was sealed with.
fn evidence(row: &Row<'_>) -> rusqlite::Result<(Evidence, Option<i64>)> {
    let evidence = Evidence {
        found: NewEvidence {
            interface: row.get(0)?,
            digest: row.get(1)?,
            revision: row.get(2)?,
            kind: row.get(3)?,
            verdict: row.get(4)?,
            summary: row.get(5)?,
            detail: Sealed::from(row.get::<_, Vec<u8>>(6)?),
            author: row.get(7)?,
        },
        at_ms: row.get(8)?,
        id: row.get(9)?,
    };
    Ok((evidence, row.get(10)?))
}
