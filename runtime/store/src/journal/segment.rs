//! One segment file: how it is made, opened and appended to.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::intake::Slot;
use super::numbers::Stamp;
use super::record;
use super::segments::segment_file;
use crate::faults::{Failure, FaultPoint, Faults};
use crate::folder::sync_folder;
use crate::format::{Format, version};

/// Measured with 1 KB in and 1 KB out: three entries fit a page, and a batch of 32 costs half of what it does with
/// SQLite's 4096, where a third of every page stays empty. 16384 gained nothing more.
pub(super) const PAGE_BYTES: u32 = 8192;

/// Somebody looks into the file with another tool: wait for that rather than fail the batch.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a connection that reads keeps of the file: entries are read once, in their order, and the operating system keeps the
/// file. SQLite's own default is 2 MiB, for each of a dozen connections.
const READER_CACHE_KIB_MAX: u32 = 256;

/// How a segment came to its present form. `meta` has one row, written in the transaction of the first entries: a
/// segment without it is empty and waits for its turn.
pub(super) const FORMAT: Format = Format {
    steps: &[
        "CREATE TABLE entries(
            position INTEGER PRIMARY KEY,
            format INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            message INTEGER,
            head BLOB,
            raw BLOB,
            outputs BLOB,
            detail BLOB,
            note BLOB
        );
        CREATE TABLE meta(
            first_position INTEGER NOT NULL,
            day INTEGER NOT NULL,
            last_message INTEGER NOT NULL,
            last_delivery INTEGER NOT NULL
        );
        CREATE VIEW readable AS SELECT position, datetime(at_ms / 1000, 'unixepoch') AS at,
            CASE kind WHEN 1 THEN 'received' WHEN 2 THEN 'processed' WHEN 3 THEN 'filtered' WHEN 4 THEN 'refused'
                WHEN 5 THEN 'quarantined' WHEN 12 THEN 'received, processed' WHEN 13 THEN 'received, filtered'
                WHEN 14 THEN 'received, refused' WHEN 15 THEN 'received, quarantined' WHEN 20 THEN 'chain attempted'
                WHEN 30 THEN 'delivery attempted' WHEN 31 THEN 'delivered' WHEN 32 THEN 'delivery quarantined'
                WHEN 40 THEN 'engine started' WHEN 41 THEN 'engine stopped' END AS kind,
            iif(message IS NULL, NULL, printf('%08d-%06d', message / 10000000000, message % 10000000000)) AS message,
            length(raw) AS raw_bytes, length(outputs) AS outputs_bytes
        FROM entries",
        "ALTER TABLE entries ADD COLUMN state BLOB",
        "DROP VIEW readable;
        CREATE VIEW readable AS SELECT position, datetime(at_ms / 1000, 'unixepoch') AS at,
            CASE kind WHEN 1 THEN 'received' WHEN 2 THEN 'processed' WHEN 3 THEN 'filtered' WHEN 4 THEN 'refused'
                WHEN 5 THEN 'quarantined' WHEN 12 THEN 'received, processed' WHEN 13 THEN 'received, filtered'
                WHEN 14 THEN 'received, refused' WHEN 15 THEN 'received, quarantined' WHEN 20 THEN 'chain attempted'
                WHEN 30 THEN 'delivery attempted' WHEN 31 THEN 'delivered' WHEN 32 THEN 'delivery quarantined'
                WHEN 40 THEN 'engine started' WHEN 41 THEN 'engine stopped' WHEN 50 THEN 'deliveries held'
                WHEN 51 THEN 'deliveries released' WHEN 52 THEN 'deliveries discarded' WHEN 53 THEN 'recomputed'
                WHEN 54 THEN 'replayed' END AS kind,
            iif(message IS NULL, NULL, printf('%08d-%06d', message / 10000000000, message % 10000000000)) AS message,
            length(raw) AS raw_bytes, length(outputs) AS outputs_bytes
        FROM entries",
        "DROP VIEW readable;
        CREATE VIEW readable AS SELECT position, datetime(at_ms / 1000, 'unixepoch') AS at,
            CASE kind WHEN 1 THEN 'received' WHEN 2 THEN 'processed' WHEN 3 THEN 'filtered' WHEN 4 THEN 'refused'
                WHEN 5 THEN 'quarantined' WHEN 12 THEN 'received, processed' WHEN 13 THEN 'received, filtered'
                WHEN 14 THEN 'received, refused' WHEN 15 THEN 'received, quarantined' WHEN 20 THEN 'chain attempted'
                WHEN 30 THEN 'delivery attempted' WHEN 31 THEN 'delivered' WHEN 32 THEN 'delivery quarantined'
                WHEN 40 THEN 'engine started' WHEN 41 THEN 'engine stopped' WHEN 50 THEN 'deliveries held'
                WHEN 51 THEN 'deliveries released' WHEN 52 THEN 'deliveries discarded' WHEN 53 THEN 'recomputed'
                WHEN 54 THEN 'replayed' WHEN 55 THEN 'lanes released' END AS kind,
            iif(message IS NULL, NULL, printf('%08d-%06d', message / 10000000000, message % 10000000000)) AS message,
            length(raw) AS raw_bytes, length(outputs) AS outputs_bytes
        FROM entries",
        "DROP VIEW readable;
        CREATE VIEW readable AS SELECT position, datetime(at_ms / 1000, 'unixepoch') AS at,
            CASE kind WHEN 1 THEN 'received' WHEN 2 THEN 'processed' WHEN 3 THEN 'filtered' WHEN 4 THEN 'refused'
                WHEN 5 THEN 'quarantined' WHEN 12 THEN 'received, processed' WHEN 13 THEN 'received, filtered'
                WHEN 14 THEN 'received, refused' WHEN 15 THEN 'received, quarantined' WHEN 20 THEN 'chain attempted'
                WHEN 30 THEN 'delivery attempted' WHEN 31 THEN 'delivered' WHEN 32 THEN 'delivery quarantined'
                WHEN 40 THEN 'engine started' WHEN 41 THEN 'engine stopped' WHEN 50 THEN 'deliveries held'
                WHEN 51 THEN 'deliveries released' WHEN 52 THEN 'deliveries discarded' WHEN 53 THEN 'recomputed'
                WHEN 54 THEN 'replayed' WHEN 55 THEN 'lanes released' WHEN 56 THEN 'edited'
                WHEN 57 THEN 'given up' END AS kind,
            iif(message IS NULL, NULL, printf('%08d-%06d', message / 10000000000, message % 10000000000)) AS message,
            length(raw) AS raw_bytes, length(outputs) AS outputs_bytes
        FROM entries",
        // Payloads are sealed, each with a tag and a nonce of 28 bytes together.
        "ALTER TABLE entries ADD COLUMN key INTEGER;
        DROP VIEW readable;
        CREATE VIEW readable AS SELECT position, datetime(at_ms / 1000, 'unixepoch') AS at,
            CASE kind WHEN 1 THEN 'received' WHEN 2 THEN 'processed' WHEN 3 THEN 'filtered' WHEN 4 THEN 'refused'
                WHEN 5 THEN 'quarantined' WHEN 12 THEN 'received, processed' WHEN 13 THEN 'received, filtered'
                WHEN 14 THEN 'received, refused' WHEN 15 THEN 'received, quarantined' WHEN 20 THEN 'chain attempted'
                WHEN 30 THEN 'delivery attempted' WHEN 31 THEN 'delivered' WHEN 32 THEN 'delivery quarantined'
                WHEN 40 THEN 'engine started' WHEN 41 THEN 'engine stopped' WHEN 50 THEN 'deliveries held'
                WHEN 51 THEN 'deliveries released' WHEN 52 THEN 'deliveries discarded' WHEN 53 THEN 'recomputed'
                WHEN 54 THEN 'replayed' WHEN 55 THEN 'lanes released' WHEN 56 THEN 'edited'
                WHEN 57 THEN 'given up' END AS kind,
            iif(message IS NULL, NULL, printf('%08d-%06d', message / 10000000000, message % 10000000000)) AS message,
            length(raw) - iif(key IS NULL, 0, 28) AS raw_bytes,
            length(outputs) - iif(key IS NULL, 0, 28) AS outputs_bytes
        FROM entries",
    ],
};

/// The format from which on plugins may keep state.
pub(super) const KEEPING: i64 = 2;

/// The format from which on payloads may be sealed.
pub(super) const SEALING: i64 = 6;

/// A segment that the writer appends to.
pub(super) struct Segment {
    pub(super) number: u64,
    connection: Connection,
    /// The day that it began on, once it has entries.
    day: Option<i64>,
    /// Bytes appended so far, about.
    bytes: u64,
}

/// What a segment's `meta` says.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentStart {
    pub(super) first_position: i64,
    pub(super) day: i64,
    pub(super) last_message: i64,
    pub(super) last_delivery: i64,
}

impl Segment {
    /// Opens a segment to append to it; where there is none, makes one that waits for its first entries.
    pub(super) fn open(folder: &Path, number: u64) -> Result<Self, Failure> {
        let file = segment_file(folder, number);
        let connection = connect(&file)?;
        if version(&connection)? == 0 {
            // The page size can only be chosen before the first page is written.
            connection.execute_batch(&format!("PRAGMA page_size = {PAGE_BYTES}"))?;
        }
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")?;
        FORMAT
            .bring_up_to_date(&connection, &file)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        sync_folder(folder)?;
        let day = start(&connection)?.map(|start| start.day);
        let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(Self {
            number,
            connection,
            day,
            bytes: u64::try_from(bytes).unwrap_or_default(),
        })
    }

    /// Whether it has reached its size, or belongs to an earlier day.
    pub(super) fn is_full(&self, day: i64, bytes_max: u64) -> bool {
        self.day.is_some_and(|own| own != day || self.bytes >= bytes_max)
    }

    /// Whether it has no entries yet.
    pub(super) fn is_empty(&self) -> bool {
        self.day.is_none()
    }

    /// Appends in one transaction, synced when this returns. After an error nobody knows whether the entries are
    /// there; the segment must be closed. Gives the bytes appended, about.
    pub(super) fn append(
        &mut self,
        first_position: i64,
        slots: &[Slot],
        stamp: &Stamp,
        head: &mut Vec<u8>,
        faults: &Faults,
    ) -> Result<u64, Failure> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        if self.is_empty() {
            begin_segment(&self.connection, first_position, stamp)?;
        }
        let mut bytes = 0;
        let mut insert = self.connection.prepare_cached(record::INSERT)?;
        for (position, slot) in (first_position..).zip(slots) {
            record::insert(&mut insert, position, &slot.entry, &slot.sealed, head)?;
            bytes += slot.file_bytes() as u64;
        }
        drop(insert);
        faults.at(FaultPoint::BeforeCommit)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        faults.at(FaultPoint::AfterCommit)?;
        self.day.get_or_insert(stamp.day);
        self.bytes += bytes;
        Ok(bytes)
    }
}

/// Opens a segment file in a way that its closing never checkpoints, as everybody must whom others wait for.
pub(super) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Opens a segment file that exists. Whoever closes a file last moves its log into it.
pub(super) fn connect_existing(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(&format!("PRAGMA cache_size = -{READER_CACHE_KIB_MAX}"))?;
    Ok(connection)
}

/// What `meta` says; `None` when the segment has no entries yet.
pub(super) fn start(connection: &Connection) -> rusqlite::Result<Option<SegmentStart>> {
    let sql = "SELECT first_position, day, last_message, last_delivery FROM meta";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(SegmentStart {
            first_position: row.get(0)?,
            day: row.get(1)?,
            last_message: row.get(2)?,
            last_delivery: row.get(3)?,
        })
    };
    connection.query_row(sql, [], read).optional()
}

/// Whether a segment holds anything at or after a position.
pub(super) fn holds(connection: &Connection, position: i64) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE position >= ?1)",
        [position],
        |row| row.get(0),
    )
}

fn begin_segment(connection: &Connection, first_position: i64, stamp: &Stamp) -> rusqlite::Result<()> {
    let start = SegmentStart {
        first_position,
        day: stamp.day,
        last_message: stamp.last_message.as_i64(),
        last_delivery: stamp.last_delivery.as_i64(),
    };
    begin(connection, &start)
}

/// Writes what a segment says of itself.
pub(super) fn begin(connection: &Connection, start: &SegmentStart) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta(first_position, day, last_message, last_delivery) VALUES (?1, ?2, ?3, ?4)";
    let SegmentStart {
        first_position,
        day,
        last_message,
        last_delivery,
    } = *start;
    connection.execute(sql, [first_position, day, last_message, last_delivery])?;
    Ok(())
}
