//! Packages and code tables, by digest.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Catalog, PackageEntry, PackageSummary, TableChange, TableEntry, TableSummary};
use crate::CatalogError;

impl Catalog {
    /// Stores a package under its digest, which the caller has verified. The file takes the place of one that was stored
    /// before: the same package, with other signatures.
    pub fn put_package(&self, package: &PackageEntry) -> Result<(), CatalogError> {
        let stored_at_ms = self.clock.now_ms();
        let PackageEntry {
            digest,
            name,
            version,
            content,
        } = package;
        self.transact(|connection| {
            let sql = "INSERT INTO packages(digest, name, version, stored_at_ms, content) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT(digest) DO UPDATE SET content = excluded.content WHERE content <> excluded.content";
            connection.execute(sql, params![digest, name, version, stored_at_ms, content])?;
            Ok(())
        })
    }

    /// A package by digest.
    pub fn package(&self, digest: &str) -> Result<Option<PackageEntry>, CatalogError> {
        self.read(|connection| find_package(connection, digest))
    }

    /// All packages by name, the most recently stored first.
    pub fn packages(&self) -> Result<Vec<PackageSummary>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT digest, name, version, stored_at_ms FROM packages ORDER BY name, rowid DESC";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([], package_summary)?.collect()
        })
    }

    /// Stores a code table under its name and digest, and who wants it so and why. Storing the same again makes it the newest
    /// of its name; what is the newest already is left as it is, and no change.
    pub fn put_table(&self, table: &TableEntry, author: &str, reason: &str) -> Result<(), CatalogError> {
        let stored_at_ms = self.clock.now_ms();
        let TableEntry { digest, name, content } = table;
        self.transact(|connection| {
            if let Some(stored) = find_table(connection, digest)? {
                same(stored.content == *content, "table", digest)?;
            }
            if newest_table(connection, name)?.is_some_and(|newest| newest.digest == *digest) {
                return Ok(());
            }
            let sql = "INSERT INTO tables(name, digest, stored_at_ms, sequence, content) \
                VALUES (?1, ?2, ?3, (SELECT coalesce(max(sequence), 0) + 1 FROM tables), ?4) \
                ON CONFLICT DO UPDATE SET stored_at_ms = excluded.stored_at_ms, sequence = excluded.sequence";
            connection.execute(sql, params![name, digest, stored_at_ms, content])?;
            let sql = "INSERT INTO table_changes(name, digest, author, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, params![name, digest, author, reason, stored_at_ms])?;
            Ok(())
        })
    }

    /// Which versions of a code table went live, the newest first.
    pub fn table_history(&self, name: &str) -> Result<Vec<TableChange>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT digest, author, reason, at_ms FROM table_changes WHERE name = ?1 ORDER BY id DESC";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([name], table_change)?.collect()
        })
    }

    /// A code table by digest.
    pub fn table(&self, digest: &str) -> Result<Option<TableEntry>, CatalogError> {
        self.read(|connection| find_table(connection, digest))
    }

    /// The newest table of a name.
    pub fn newest_table(&self, name: &str) -> Result<Option<TableEntry>, CatalogError> {
        self.read(|connection| newest_table(connection, name))
    }

    /// All code tables by name, the newest first.
    pub fn tables(&self) -> Result<Vec<TableSummary>, CatalogError> {
        self.read(|connection| {
            let sql = "SELECT digest, name, stored_at_ms FROM tables ORDER BY name, sequence DESC";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map([], table_summary)?.collect()
        })
    }
}

fn same(equal: bool, what: &'static str, digest: &str) -> Result<(), CatalogError> {
    if equal {
        Ok(())
    } else {
        Err(CatalogError::DigestTaken {
            what,
            digest: digest.to_owned(),
        })
    }
}

fn find_package(connection: &Connection, digest: &str) -> rusqlite::Result<Option<PackageEntry>> {
    let sql = "SELECT digest, name, version, content FROM packages WHERE digest = ?1";
    connection.prepare_cached(sql)?.query_row([digest], package).optional()
}

fn find_table(connection: &Connection, digest: &str) -> rusqlite::Result<Option<TableEntry>> {
    let sql = "SELECT digest, name, content FROM tables WHERE digest = ?1 ORDER BY sequence DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([digest], table).optional()
}

fn newest_table(connection: &Connection, name: &str) -> rusqlite::Result<Option<TableEntry>> {
    let sql = "SELECT digest, name, content FROM tables WHERE name = ?1 ORDER BY sequence DESC LIMIT 1";
    connection.prepare_cached(sql)?.query_row([name], table).optional()
}

fn package(row: &Row<'_>) -> rusqlite::Result<PackageEntry> {
    Ok(PackageEntry {
        digest: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        content: row.get(3)?,
    })
}

fn package_summary(row: &Row<'_>) -> rusqlite::Result<PackageSummary> {
    Ok(PackageSummary {
        digest: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        stored_at_ms: row.get(3)?,
    })
}

fn table(row: &Row<'_>) -> rusqlite::Result<TableEntry> {
    Ok(TableEntry {
        digest: row.get(0)?,
        name: row.get(1)?,
        content: row.get(2)?,
    })
}

fn table_summary(row: &Row<'_>) -> rusqlite::Result<TableSummary> {
    Ok(TableSummary {
        digest: row.get(0)?,
        name: row.get(1)?,
        stored_at_ms: row.get(2)?,
    })
}

fn table_change(row: &Row<'_>) -> rusqlite::Result<TableChange> {
    Ok(TableChange {
        digest: row.get(0)?,
        author: row.get(1)?,
        reason: row.get(2)?,
        at_ms: row.get(3)?,
    })
}
