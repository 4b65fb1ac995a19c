//! The tables of the projection.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::format::Format;

/// How the projection came to its present form. A projection of an older format is not migrated but built anew.
///
/// No row is written on the message path, and a message that is received, processed and delivered between two
/// transactions is written once. The partial indexes hold only what is rare or short-lived: an everyday message is in
/// none of them but `messages_by_interface`, whose entries are appended in order. Stages are stored as
/// `Stage::code` and `DeliveryStage::code` say.
pub(crate) const FORMAT: Format = Format {
    steps: &[
        "CREATE TABLE interfaces(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            received INTEGER NOT NULL DEFAULT 0,
            processed INTEGER NOT NULL DEFAULT 0,
            filtered INTEGER NOT NULL DEFAULT 0,
            refused INTEGER NOT NULL DEFAULT 0,
            quarantined INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE queues(
            id INTEGER PRIMARY KEY,
            interface INTEGER NOT NULL,
            destination TEXT NOT NULL,
            pending INTEGER NOT NULL DEFAULT 0,
            delivered INTEGER NOT NULL DEFAULT 0,
            quarantined INTEGER NOT NULL DEFAULT 0,
            last_fault TEXT,
            last_fault_at_ms INTEGER,
            last_event_position INTEGER NOT NULL DEFAULT 0,
            UNIQUE (interface, destination)
        );
        CREATE TABLE messages(
            id INTEGER PRIMARY KEY,
            interface INTEGER NOT NULL,
            stage INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            received_at_ms INTEGER NOT NULL,
            decided_at_ms INTEGER,
            received_position INTEGER NOT NULL,
            decided_position INTEGER,
            attempts INTEGER NOT NULL,
            first_delivery INTEGER,
            deliveries INTEGER NOT NULL,
            source TEXT NOT NULL,
            control_id TEXT NOT NULL,
            message_type TEXT NOT NULL,
            fault_kind TEXT,
            fault_summary TEXT
        );
        CREATE INDEX messages_by_interface ON messages(interface, id);
        CREATE INDEX messages_by_stage ON messages(stage, id) WHERE stage <> 1;
        CREATE TABLE deliveries(
            id INTEGER PRIMARY KEY,
            message INTEGER NOT NULL,
            queue INTEGER NOT NULL,
            output INTEGER NOT NULL,
            stage INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            last_fault TEXT,
            queued_at_ms INTEGER NOT NULL,
            queued_position INTEGER NOT NULL,
            settled_at_ms INTEGER,
            settled_position INTEGER
        );
        CREATE INDEX deliveries_pending ON deliveries(queue, id) WHERE stage = 0;
        CREATE TABLE progress(
            position INTEGER NOT NULL,
            last_message INTEGER NOT NULL,
            last_delivery INTEGER NOT NULL
        );
        INSERT INTO progress VALUES (0, 0, 0)",
        "CREATE TABLE state_schemas(
            interface INTEGER NOT NULL,
            plugin TEXT NOT NULL,
            version INTEGER NOT NULL,
            PRIMARY KEY (interface, plugin)
        ) WITHOUT ROWID;
        CREATE TABLE state_values(
            interface INTEGER NOT NULL,
            plugin TEXT NOT NULL,
            key TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (interface, plugin, key)
        ) WITHOUT ROWID",
        "ALTER TABLE queues ADD COLUMN last_delivered INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE deliveries ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE deliveries ADD COLUMN out_of_order INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX deliveries_held ON deliveries(queue, id) WHERE stage = 3;
        CREATE TABLE holds(
            interface INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (interface, revision)
        ) WITHOUT ROWID;
        CREATE TABLE operations(
            position INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL,
            interface INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            message INTEGER,
            first_delivery INTEGER,
            deliveries INTEGER NOT NULL
        );
        CREATE INDEX operations_by_message ON operations(message) WHERE message IS NOT NULL",
        // What holds lanes at a destination, or at all of them, as `Lanes::column` has them.
        "ALTER TABLE deliveries ADD COLUMN lanes BLOB;
        CREATE TABLE lane_holds(
            position INTEGER PRIMARY KEY,
            interface INTEGER NOT NULL,
            queue INTEGER,
            message INTEGER NOT NULL,
            from_delivery INTEGER NOT NULL,
            lanes BLOB,
            at_ms INTEGER NOT NULL,
            why TEXT NOT NULL
        );
        CREATE INDEX lane_holds_by_interface ON lane_holds(interface, message)",
        // One entry may stop deliveries to several destinations.
        "DROP TABLE lane_holds;
        CREATE TABLE lane_holds(
            position INTEGER NOT NULL,
            interface INTEGER NOT NULL,
            queue INTEGER,
            message INTEGER NOT NULL,
            from_delivery INTEGER NOT NULL,
            lanes BLOB,
            at_ms INTEGER NOT NULL,
            why TEXT NOT NULL,
            PRIMARY KEY (position, from_delivery)
        ) WITHOUT ROWID;
        CREATE INDEX lane_holds_by_interface ON lane_holds(interface, message)",
        // What one interface has handed over to another is known by its source.
        "CREATE INDEX messages_handed_over ON messages(interface, source) WHERE source GLOB 'interface:*'",
        "ALTER TABLE interfaces ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX deliveries_quarantined ON deliveries(message, queue) WHERE stage = 2",
        "ALTER TABLE messages ADD COLUMN sender TEXT;
        CREATE TABLE refusals(
            interface INTEGER NOT NULL,
            sender TEXT NOT NULL,
            control_id TEXT NOT NULL,
            first_message INTEGER NOT NULL,
            last_message INTEGER NOT NULL,
            first_at_ms INTEGER NOT NULL,
            last_at_ms INTEGER NOT NULL,
            messages INTEGER NOT NULL,
            accepted INTEGER,
            PRIMARY KEY (interface, sender, control_id)
        ) WITHOUT ROWID;
        CREATE INDEX refusals_open ON refusals(interface, last_message) WHERE accepted IS NULL",
        "ALTER TABLE messages ADD COLUMN repeats INTEGER;
        ALTER TABLE messages ADD COLUMN digest BLOB;
        ALTER TABLE interfaces ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX messages_recognised ON messages(interface, id) WHERE digest IS NOT NULL",
        // Keys and values of what plugins keep are sealed.
        "DROP TABLE state_values;
        CREATE TABLE state_values(
            interface INTEGER NOT NULL,
            plugin TEXT NOT NULL,
            key BLOB NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (interface, plugin, key)
        ) WITHOUT ROWID",
    ],
};

/// Readers wait for a transaction of the projection, which takes some hundred milliseconds at most.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of 4 KB between two checkpoints. Each one syncs two files, on the disk that the journal waits for: so rather
/// seldom and large. SQLite's own default would be a checkpoint several times a second at full speed.
const CHECKPOINT_PAGES: u32 = 4096;

/// Opens the projection for its one writer.
pub(super) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A lost tail is read from the journal again, so a sync for each transaction would buy nothing.
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
    ))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Opens the projection for questions.
pub(crate) fn connect_for_reading(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = 1")?;
    Ok(connection)
}
