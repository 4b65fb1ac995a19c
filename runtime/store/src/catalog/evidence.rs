//! What was found out about revisions before and after they went live.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Catalog, Evidence, NewEvidence};
use crate::{CatalogError, Sealed};

/// The most entries in one list: some dozens of changes with everything that their gates found.
const LISTED_MAX: usize = 1_000;

const COLUMNS: &str = "interface, digest, revision, kind, verdict, summary, detail, author, at_ms, id";

impl Catalog {
    /// Keeps what was found out. It is never changed.
    pub fn add_evidence(&self, new: &NewEvidence) -> Result<Evidence, CatalogError> {
        let at_ms = self.clock.now_ms();
        self.transact(|connection| {
            insert(connection, new, at_ms)?;
            let id = connection.last_insert_rowid();
            let sql = format!("SELECT {COLUMNS} FROM evidence WHERE id = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([id], evidence)?)
        })
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
        self.read(|connection| {
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
        })
    }

    /// The last evidence of one kind about an interface, or about one revision of it.
    pub fn last_evidence(
        &self,
        interface: &str,
        revision: Option<u32>,
        kind: &str,
    ) -> Result<Option<Evidence>, CatalogError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM evidence WHERE interface = ?1 AND (?2 IS NULL OR revision = ?2) AND kind = ?3 \
                 ORDER BY id DESC LIMIT 1"
            );
            connection
                .prepare_cached(&sql)?
                .query_row(params![interface, revision, kind], evidence)
                .optional()
        })
    }
}

fn insert(connection: &Connection, new: &NewEvidence, at_ms: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO evidence(interface, digest, revision, kind, verdict, summary, detail, author, at_ms) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let NewEvidence {
        interface,
        digest,
        revision,
        kind,
        verdict,
        summary,
        detail,
        author,
    } = new;
    let values = params![
        interface,
        digest,
        revision,
        kind,
        verdict,
        summary,
        detail.as_slice(),
        author,
        at_ms
    ];
    connection.execute(sql, values).map(drop)
}

fn evidence(row: &Row<'_>) -> rusqlite::Result<Evidence> {
    Ok(Evidence {
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
    })
}
