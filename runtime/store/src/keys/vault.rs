//! `keys.sqlite`: every key, wrapped by the master key.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use super::master::{self, MasterKey};
use super::seal::{SealError, random_key};
use super::{InterfaceKeys, KeyReport};
use crate::OpenError;
use crate::format::{Format, classify, unusable};

/// How the file came to its present form. `master` has one row, which says whose keys these are. A key that was destroyed
/// leaves its row, so that what it sealed is known to be gone, and not taken for damage.
const FORMAT: Format = Format {
    steps: &["CREATE TABLE master(
            generation INTEGER NOT NULL,
            fingerprint TEXT NOT NULL,
            mark BLOB NOT NULL,
            sealed_from INTEGER NOT NULL,
            since_ms INTEGER NOT NULL
        );
        CREATE TABLE keys(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            interface TEXT NOT NULL,
            day INTEGER NOT NULL,
            wrapped BLOB,
            made_at_ms INTEGER NOT NULL,
            destroyed_at_ms INTEGER
        );
        CREATE UNIQUE INDEX keys_in_use ON keys(interface, day) WHERE wrapped IS NOT NULL"],
};

/// A rotation holds the file for as long as it wraps all keys anew: some hundred thousand take a few seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("cannot use {file}: {source}")]
    File { file: PathBuf, source: rusqlite::Error },
    #[error("{file} is damaged: {what}")]
    Damaged { file: PathBuf, what: String },
    #[error(transparent)]
    Master(#[from] OpenError),
    #[error(transparent)]
    Refused(#[from] SealError),
    #[error("there are no keys")]
    None,
}

impl KeyError {
    /// The same, where it keeps a store from being opened.
    pub(crate) fn on_opening(self, file: &Path) -> OpenError {
        match self {
            Self::File { file, source } => classify(&file, &source),
            Self::Damaged { file, what } => crate::format::damaged(&file, &what),
            Self::Master(error) => error,
            Self::Refused(error) => unusable(file, &error),
            Self::None => unusable(file, &self),
        }
    }
}

/// An open `keys.sqlite` with what opens it.
pub(super) struct Vault {
    file: PathBuf,
    connection: Connection,
    master: MasterKey,
    pub(super) master_file: PathBuf,
    /// How often the master key has been changed.
    generation: i64,
    /// Entries of the journal from this position on are sealed.
    pub(super) sealed_from: i64,
}

/// A key as it is kept.
pub(super) struct Kept {
    pub(super) id: i64,
    /// None where it was destroyed.
    pub(super) bytes: Option<Zeroizing<Vec<u8>>>,
}

/// The row of `master`.
pub(super) struct MasterRow {
    generation: i64,
    fingerprint: String,
    mark: Vec<u8>,
    sealed_from: i64,
    since_ms: i64,
}

impl MasterRow {
    fn is_of(&self, master: &MasterKey) -> bool {
        let purpose = mark_purpose(self.generation, self.sealed_from);
        master.unwrap(&self.mark, &purpose).is_some()
    }
}

impl Vault {
    /// Opens keys that there are.
    pub(super) fn open(file: &Path, connection: Connection, master_file: PathBuf) -> Result<Self, OpenError> {
        let row = master_row(&connection).map_err(|error| classify(file, &error))?;
        let row = row.ok_or_else(|| crate::format::damaged(file, &"it does not say which master key it belongs to"))?;
        let master = find_master(&master_file, &row)?;
        // Whoever rotates at this moment ends it.
        if let Some(_alone) = lock_rotation(file, FlockOperation::NonBlockingLockExclusive)? {
            end_rotation(&master_file, &row)?;
        }
        Ok(Self {
            file: file.to_owned(),
            connection,
            master,
            master_file,
            generation: row.generation,
            sealed_from: row.sealed_from,
        })
    }

    /// Keys of a master key, of which there are none yet.
    pub(super) fn begin(
        file: &Path,
        connection: Connection,
        (master_file, master): (PathBuf, MasterKey),
        sealed_from: i64,
        now_ms: i64,
    ) -> Result<Self, OpenError> {
        let vault = Self {
            file: file.to_owned(),
            connection,
            master,
            master_file,
            generation: 1,
            sealed_from,
        };
        let begun = write_master(&vault.connection, &vault.master, 1, sealed_from, now_ms);
        begun.map_err(|error| unusable(file, &error))?;
        Ok(vault)
    }

    /// The key of an interface and a day, made where there is none. Durable when this returns.
    pub(super) fn key(&mut self, interface: &str, day: i64, now_ms: i64) -> Result<Kept, KeyError> {
        if let Some(kept) = self.find(interface, day)? {
            return Ok(kept);
        }
        self.make(&[interface], day, now_ms)?;
        let made = self.find(interface, day)?;
        made.ok_or_else(|| self.damage("a key is missing that was just made"))
    }

    /// Makes the keys of a day that are missing, all or none. Durable when this returns.
    pub(super) fn make(&mut self, interfaces: &[&str], day: i64, now_ms: i64) -> Result<(), KeyError> {
        let file = self.file.clone();
        let failed = |source| trouble(&file, source);
        let transaction = immediate(&mut self.connection).map_err(failed)?;
        // Somebody may have changed the master key: what is wrapped by the old one could not be opened again.
        let row = master_row(&transaction).map_err(failed)?;
        if let Some(row) = row.filter(|row| row.generation != self.generation) {
            self.master = find_master(&self.master_file, &row)?;
            self.generation = row.generation;
        }
        {
            let find = "SELECT EXISTS (SELECT 1 FROM keys WHERE interface = ?1 AND day = ?2 AND wrapped IS NOT NULL)";
            let mut find = transaction.prepare_cached(find).map_err(failed)?;
            let insert = "INSERT INTO keys(interface, day, wrapped, made_at_ms) VALUES (?1, ?2, ?3, ?4)";
            let mut insert = transaction.prepare_cached(insert).map_err(failed)?;
            for interface in interfaces {
                let is_there = find.query_row(params![interface, day], |row| row.get(0));
                if is_there.map_err(failed)? {
                    continue;
                }
                let bytes = random_key()?;
                let wrapped = self.master.wrap(bytes.as_slice(), &key_purpose(interface, day))?;
                insert
                    .execute(params![interface, day, wrapped, now_ms])
                    .map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    pub(super) fn fingerprint(&self) -> &str {
        &self.master.fingerprint
    }

    /// What may be told of the keys.
    pub(super) fn report(self) -> Result<KeyReport, OpenError> {
        let failed = |error| classify(&self.file, &error);
        let row = master_row(&self.connection).map_err(failed)?;
        let sql = "SELECT interface, min(iif(wrapped IS NULL, NULL, day)), max(iif(wrapped IS NULL, NULL, day)), \
                   count(wrapped), count(*) - count(wrapped) FROM keys WHERE day > 0 GROUP BY interface ORDER BY interface";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let rows = statement.query_map([], |row| {
            Ok(InterfaceKeys {
                interface: row.get(0)?,
                first_day: row.get(1)?,
                last_day: row.get(2)?,
                keys: u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
                destroyed: u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default(),
            })
        });
        let interfaces = rows.and_then(Iterator::collect).map_err(failed)?;
        Ok(KeyReport {
            master_file: self.master_file.clone(),
            fingerprint: self.master.fingerprint.clone(),
            since_ms: row.map_or(0, |row| row.since_ms),
            interfaces,
        })
    }

    fn find(&mut self, interface: &str, day: i64) -> Result<Option<Kept>, KeyError> {
        let sql = "SELECT id FROM keys WHERE interface = ?1 AND day = ?2 AND wrapped IS NOT NULL";
        let found = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut find| find.query_row(params![interface, day], |row| row.get(0)).optional());
        match found.map_err(|source| trouble(&self.file, source))? {
            Some(id) => self.by_id(id),
            None => Ok(None),
        }
    }

    /// A key by its number; none where there never was one.
    pub(super) fn by_id(&mut self, id: i64) -> Result<Option<Kept>, KeyError> {
        let sql = "SELECT interface, day, wrapped FROM keys WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let found: rusqlite::Result<Option<(String, i64, Option<Vec<u8>>)>> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut find| find.query_row([id], read).optional());
        let Some((interface, day, wrapped)) = found.map_err(|source| trouble(&self.file, source))? else {
            return Ok(None);
        };
        let Some(wrapped) = wrapped else {
            return Ok(Some(Kept { id, bytes: None }));
        };
        let purpose = key_purpose(&interface, day);
        let mut bytes = self.master.unwrap(&wrapped, &purpose);
        if bytes.is_none() && self.renew()? {
            bytes = self.master.unwrap(&wrapped, &purpose);
        }
        if bytes.is_none() {
            return Err(self.damage(&format!("key {id} was changed")));
        }
        Ok(Some(Kept { id, bytes }))
    }

    /// Whose key this is: interface and day.
    pub(super) fn interface_of(&self, id: i64) -> Result<Option<(String, i64)>, KeyError> {
        let sql = "SELECT interface, day FROM keys WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut find| find.query_row([id], read).optional());
        found.map_err(|source| trouble(&self.file, source))
    }

    /// Takes up a master key that somebody has changed in the meantime. Gives whether somebody has.
    fn renew(&mut self) -> Result<bool, KeyError> {
        let row = master_row(&self.connection).map_err(|source| trouble(&self.file, source))?;
        let Some(row) = row.filter(|row| row.generation != self.generation) else {
            return Ok(false);
        };
        self.master = find_master(&self.master_file, &row)?;
        self.generation = row.generation;
        Ok(true)
    }

    /// Wraps all keys by a new master key, and gives its fingerprint and how many there are.
    ///
    /// The new key is on the disk before anything is wrapped by it, and its file gets its name after everything is. Cut short in
    /// between, the keys are either still of the old one, or of the new one, which is found beside the old.
    pub(super) fn rotate(&mut self, now_ms: i64) -> Result<(String, u64), KeyError> {
        let _alone = lock_rotation(&self.file, FlockOperation::LockExclusive)?;
        self.renew()?;
        let file = self.file.clone();
        let failed = |source| trouble(&file, source);
        if let Some(row) = master_row(&self.connection).map_err(failed)? {
            end_rotation(&self.master_file, &row)?;
        }
        let next = master::next_to(&self.master_file);
        let master = master::make_next(&next)?;
        let count = self.wrap_all(&master, self.generation + 1, now_ms)?;
        self.master = master;
        self.generation += 1;
        master::put_in_place(&next, &self.master_file).map_err(|error| unusable(&self.master_file, &error))?;
        // What wrapped them before is in no page of the log any more.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let done = self.connection.query_row(checkpoint, [], |_| Ok(()));
        done.map_err(failed)?;
        Ok((self.master.fingerprint.clone(), count))
    }

    fn wrap_all(&mut self, master: &MasterKey, generation: i64, now_ms: i64) -> Result<u64, KeyError> {
        let file = self.file.clone();
        let failed = |source| trouble(&file, source);
        let transaction = immediate(&mut self.connection).map_err(failed)?;
        let row = master_row(&transaction).map_err(failed)?;
        if row.is_none_or(|row| row.generation != self.generation) {
            return Err(KeyError::Damaged {
                file: file.clone(),
                what: String::from("another rotation was made at the same time"),
            });
        }
        let mut count = 0;
        {
            let sql = "SELECT id, interface, day, wrapped FROM keys WHERE wrapped IS NOT NULL";
            let mut select = transaction.prepare(sql).map_err(failed)?;
            let mut update = transaction
                .prepare("UPDATE keys SET wrapped = ?2 WHERE id = ?1")
                .map_err(failed)?;
            let mut rows = select.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let (id, interface, day, wrapped) = wrapped_row(row).map_err(failed)?;
                let purpose = key_purpose(&interface, day);
                let bytes = self
                    .master
                    .unwrap(&wrapped, &purpose)
                    .ok_or_else(|| KeyError::Damaged {
                        file: file.clone(),
                        what: format!("key {id} was changed"),
                    })?;
                let wrapped = master.wrap(&bytes, &purpose)?;
                update.execute(params![id, wrapped]).map_err(failed)?;
                count += 1;
            }
        }
        transaction.execute("DELETE FROM master", []).map_err(failed)?;
        write_master(&transaction, master, generation, self.sealed_from, now_ms).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(count)
    }

    fn damage(&self, what: &str) -> KeyError {
        KeyError::Damaged {
            file: self.file.clone(),
            what: what.to_owned(),
        }
    }
}

/// Opens the file, and makes it where it is missing.
pub(super) fn connect(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| classify(file, &error))?;
    // What is overwritten or deleted is wiped: a key that was destroyed is in no page.
    let configured = connection.busy_timeout(BUSY_TIMEOUT).and_then(|()| {
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
    });
    configured.map_err(|error| classify(file, &error))?;
    FORMAT.bring_up_to_date(&connection, file)?;
    Ok(connection)
}

/// Whose keys these are; none where there are none yet.
pub(super) fn master_row(connection: &Connection) -> rusqlite::Result<Option<MasterRow>> {
    let sql = "SELECT generation, fingerprint, mark, sealed_from, since_ms FROM master";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(MasterRow {
            generation: row.get(0)?,
            fingerprint: row.get(1)?,
            mark: row.get(2)?,
            sealed_from: row.get(3)?,
            since_ms: row.get(4)?,
        })
    };
    connection.query_row(sql, [], read).optional()
}

/// Number, interface, day, and the key as it is wrapped.
fn wrapped_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, String, i64, Vec<u8>)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn write_master(
    connection: &Connection,
    master: &MasterKey,
    generation: i64,
    sealed_from: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mark = master.wrap(master.fingerprint.as_bytes(), &mark_purpose(generation, sealed_from));
    let mark = mark.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let sql = "INSERT INTO master(generation, fingerprint, mark, sealed_from, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![generation, master.fingerprint, mark, sealed_from, now_ms];
    connection.execute(sql, values).map(drop)
}

/// The master key that a file of keys belongs to: the one of this name, or the next one, where a rotation has come no further.
fn find_master(file: &Path, row: &MasterRow) -> Result<MasterKey, OpenError> {
    let mut found = None;
    // Twice: the next one may get its name between the two looks.
    for _ in 0..2 {
        for file in [file.to_owned(), master::next_to(file)] {
            let Some(master) = master::read(&file)? else { continue };
            if row.is_of(&master) {
                return Ok(master);
            }
            found = Some(master.fingerprint);
        }
    }
    let (file, needed) = (file.to_owned(), row.fingerprint.clone());
    Err(match found {
        Some(found) => OpenError::WrongMasterKey { file, found, needed },
        None => OpenError::NoMasterKey {
            file,
            needed: Some(needed),
        },
    })
}

/// Gives the next master key its name, where a rotation was cut short after it had wrapped all keys. Nobody else may rotate
/// meanwhile: what has no name yet would be written over.
fn end_rotation(file: &Path, row: &MasterRow) -> Result<(), OpenError> {
    let next = master::next_to(file);
    let is_named = matches!(master::read(file), Ok(Some(master)) if row.is_of(&master));
    if !is_named && master::read(&next)?.is_some_and(|master| row.is_of(&master)) {
        master::put_in_place(&next, file).map_err(|error| unusable(file, &error))?;
    }
    Ok(())
}

/// Excludes other rotations, as long as the file is open.
fn lock_rotation(keys: &Path, how: FlockOperation) -> Result<Option<File>, OpenError> {
    let path = keys.with_extension("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(|error| unusable(&path, &error))?;
    match flock(&file, how) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(unusable(&path, &error)),
    }
}

fn immediate(connection: &mut Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn trouble(file: &Path, source: rusqlite::Error) -> KeyError {
    KeyError::File {
        file: file.to_owned(),
        source,
    }
}

fn key_purpose(interface: &str, day: i64) -> Vec<u8> {
    [
        b"transfuse key 1".as_slice(),
        day.to_be_bytes().as_slice(),
        interface.as_bytes(),
    ]
    .concat()
}

fn mark_purpose(generation: i64, sealed_from: i64) -> Vec<u8> {
    let numbers = [generation.to_be_bytes(), sealed_from.to_be_bytes()].concat();
    [b"transfuse master 1".as_slice(), numbers.as_slice()].concat()
}
