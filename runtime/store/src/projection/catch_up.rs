//! Bringing a projection up to date: at the start, behind the writer, and from nothing.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::apply::apply;
use super::changes::Changes;
use super::names::Names;
use super::schema::{FORMAT, connect};
use crate::faults::Faults;
use crate::format::{classify, remove_database, unusable, version};
use crate::journal::{Entry, JournalReader, Payloads, Segments};
use crate::{DeliveryId, MessageId, OpenError, ReadError};

/// Entries in one transaction: some tens of milliseconds of work, a few megabytes of memory.
const ENTRIES_MAX: usize = 8192;

/// Where the journal ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalEnd {
    /// The last position that can be read.
    pub(crate) known: i64,
    /// Whether there were more behind it.
    pub(crate) is_damaged: bool,
}

/// What a projection knows of the journal's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) position: i64,
    pub(crate) last_message: i64,
    pub(crate) last_delivery: i64,
}

/// A projection that is up to date, and what it knows.
pub(crate) struct ProjectionStart {
    pub(super) applier: Applier,
    pub(crate) last_message: Option<MessageId>,
    pub(crate) last_delivery: DeliveryId,
}

/// Gathers entries and applies them.
pub(super) struct Applier {
    file: PathBuf,
    /// Closed after a failure.
    state: Option<State>,
    reader: JournalReader,
    applied: i64,
    faults: Faults,
}

struct State {
    connection: Connection,
    names: Names,
    changes: Changes,
    /// The last position that is in `changes`.
    folded: i64,
}

/// Opens the projection and applies what the journal has beyond it. A projection of an older format, and one that
/// cannot be read, is built anew.
pub(crate) fn open_projection(
    file: &Path,
    segments: &Arc<Segments>,
    journal: JournalEnd,
    faults: Faults,
) -> Result<ProjectionStart, OpenError> {
    match is_usable(file, journal) {
        Ok(true) => {}
        Ok(false) => remove(file)?,
        Err(error @ OpenError::Damaged { .. }) => {
            tracing::warn!(%error, "the projection is built anew from the journal");
            remove(file)?;
        }
        Err(error) => return Err(error),
    }
    let connection = connect(file).map_err(|error| classify(file, &error))?;
    FORMAT.bring_up_to_date(&connection, file)?;
    drop(connection);
    let mut applier =
        Applier::open(file.to_owned(), JournalReader::new(segments.clone()), faults).map_err(OpenError::from)?;
    let first = segments.first_position().unwrap_or(1);
    applier.skip_to(first - 1);
    tracing::info!(
        position = applier.folded(),
        journal_end = journal.known,
        "bringing the projection up to date"
    );
    applier.catch_up(journal.known).map_err(OpenError::from)?;
    let (last_message, last_delivery) = applier.last_ids().map_err(OpenError::from)?;
    Ok(ProjectionStart {
        applier,
        last_message,
        last_delivery,
    })
}

impl ProjectionStart {
    /// The last position that it includes.
    pub(crate) fn position(&self) -> i64 {
        self.applier.applied().max(self.applier.folded())
    }
}

/// A message that nothing was decided about.
pub(crate) struct Undecided {
    pub(crate) id: MessageId,
    pub(crate) attempts: u32,
    /// Where its arrival is in the journal.
    pub(crate) position: i64,
    pub(crate) interface: Arc<str>,
    /// The one of its arrival.
    pub(crate) revision: u32,
}

/// All undecided messages, in the order of arrival.
pub(crate) fn undecided(file: &Path) -> rusqlite::Result<Vec<Undecided>> {
    let connection = connect(file)?;
    // The second condition is what the partial index asks for.
    let sql = "SELECT messages.id, attempts, received_position, name, revision FROM messages \
        JOIN interfaces ON interfaces.id = interface WHERE stage = 0 AND stage <> 1 ORDER BY messages.id";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Undecided {
            id: MessageId::from_i64(row.get(0)?),
            attempts: row.get(1)?,
            position: row.get(2)?,
            interface: row.get(3)?,
            revision: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// Interfaces that ever had a message.
pub(crate) fn interfaces(file: &Path) -> rusqlite::Result<Vec<Arc<str>>> {
    let connection = connect(file)?;
    let mut statement = connection.prepare("SELECT name FROM interfaces ORDER BY id")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Revisions whose deliveries are held, by interface.
pub(crate) fn holds(file: &Path) -> rusqlite::Result<HashMap<Arc<str>, BTreeSet<u32>>> {
    let connection = connect(file)?;
    let sql = "SELECT name, revision FROM holds JOIN interfaces ON interfaces.id = interface";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut holds: HashMap<Arc<str>, BTreeSet<u32>> = HashMap::new();
    while let Some(row) = rows.next()? {
        holds.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(holds)
}

/// Whether the file can be gone on with; `false` when it is to be built anew.
pub(super) fn is_usable(file: &Path, journal: JournalEnd) -> Result<bool, OpenError> {
    let connection = connect(file).map_err(|error| classify(file, &error))?;
    let found = version(&connection).map_err(|error| classify(file, &error))?;
    if found < FORMAT.newest() {
        return Ok(false);
    }
    if found > FORMAT.newest() {
        return Err(OpenError::NewerFormat {
            file: file.to_owned(),
            found,
            supported: FORMAT.newest(),
        });
    }
    let (position, ..) = progress(&connection).map_err(|error| classify(file, &error))?;
    // Ahead of the journal: it belongs to another one, or the journal was put back to an earlier state. Where the end of the
    // journal is damaged, it is all that is known of what was there.
    Ok(position <= journal.known || journal.is_damaged)
}

pub(super) fn remove(file: &Path) -> Result<(), OpenError> {
    remove_database(file).map_err(|error| unusable(file, &error))
}

/// How far a projection has come; none where that cannot be read.
pub(crate) fn known(file: &Path) -> Option<Known> {
    let connection = super::schema::connect_for_reading(file).ok()?;
    let (position, last_message, last_delivery) = progress(&connection).ok()?;
    Some(Known {
        position,
        last_message,
        last_delivery,
    })
}

/// Position, last message, last delivery.
fn progress(connection: &Connection) -> rusqlite::Result<(i64, i64, i64)> {
    let sql = "SELECT position, last_message, last_delivery FROM progress";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

impl Applier {
    fn open(file: PathBuf, reader: JournalReader, faults: Faults) -> Result<Self, ReadError> {
        let state = State::open(&file).map_err(|error| file_error(&file, &error))?;
        let applied = state.folded;
        Ok(Self {
            file,
            state: Some(state),
            reader,
            applied,
            faults,
        })
    }

    /// The position that the file includes.
    pub(super) fn applied(&self) -> i64 {
        self.applied
    }

    /// The position up to which entries were gathered.
    pub(super) fn folded(&self) -> i64 {
        self.state.as_ref().map_or(self.applied, |state| state.folded)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Gathers entries that follow on each other from `first_position`; those that are known already are skipped. What
    /// is missing before them is read from the files. Gives whether it is time to apply.
    pub(super) fn fold(
        &mut self,
        first_position: i64,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<bool, ReadError> {
        if first_position > self.folded() + 1 {
            self.catch_up(first_position - 1)?;
        }
        let state = self.state()?;
        let known = usize::try_from(state.folded + 1 - first_position).unwrap_or_default();
        self.gather((first_position..).zip(entries).skip(known))?;
        Ok(self.state()?.changes.entries >= ENTRIES_MAX)
    }

    /// Gathers entries. What somebody did is applied with everything before it, so that it finds the rows that it is about.
    fn gather(&mut self, entries: impl Iterator<Item = (i64, Entry)>) -> Result<(), ReadError> {
        for (position, entry) in entries {
            let state = self.state()?;
            state.fold(position, entry);
            if state.changes.operation.is_some() {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Applies what was gathered. After an error it is forgotten, to be read from the files.
    pub(super) fn flush(&mut self) -> Result<(), ReadError> {
        let (faults, keys) = (self.faults.clone(), self.reader.keys().clone());
        let state = self.state()?;
        let (folded, changes) = (state.folded, std::mem::take(&mut state.changes));
        if changes.entries == 0 {
            return Ok(());
        }
        let applied = apply(
            &mut state.connection,
            &mut state.names,
            &changes,
            folded,
            &keys,
            &faults,
        );
        match applied {
            Ok(()) => {
                self.applied = folded;
                Ok(())
            }
            Err(failure) => {
                self.state = None;
                Err(ReadError::File {
                    file: self.file.clone(),
                    reason: failure.to_string(),
                })
            }
        }
    }

    /// Applies everything up to a position, reading from the files what was not handed over.
    pub(super) fn catch_up(&mut self, position: i64) -> Result<(), ReadError> {
        while self.folded() < position {
            self.read_on(position)?;
            self.flush()?;
        }
        self.flush()
    }

    fn read_on(&mut self, last: i64) -> Result<(), ReadError> {
        let first = self.state()?.folded + 1;
        let read = self
            .reader
            .range_past_damage(first, last, ENTRIES_MAX, Payloads::State)?;
        self.gather(read.entries.into_iter())?;
        self.state()?.folded = read.next - 1;
        Ok(())
    }

    /// Leaves out what the journal no longer has.
    fn skip_to(&mut self, position: i64) {
        if let Some(state) = &mut self.state {
            state.folded = state.folded.max(position);
        }
    }

    fn last_ids(&mut self) -> Result<(Option<MessageId>, DeliveryId), ReadError> {
        let read = progress(&self.state()?.connection);
        let (_, message, delivery) = read.map_err(|error| file_error(&self.file, &error))?;
        Ok((
            (message > 0).then(|| MessageId::from_i64(message)),
            DeliveryId::from_i64(delivery),
        ))
    }

    fn state(&mut self) -> Result<&mut State, ReadError> {
        let state = match self.state.take() {
            Some(state) => state,
            None => State::open(&self.file).map_err(|error| file_error(&self.file, &error))?,
        };
        Ok(self.state.insert(state))
    }
}

impl State {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = connect(file)?;
        let (folded, ..) = progress(&connection)?;
        let names = Names::load(&connection)?;
        Ok(Self {
            connection,
            names,
            changes: Changes::default(),
            folded,
        })
    }

    fn fold(&mut self, position: i64, entry: Entry) {
        self.changes.fold(&mut self.names, position, entry);
        self.folded = position;
    }
}

fn file_error(file: &Path, error: &rusqlite::Error) -> ReadError {
    ReadError::File {
        file: file.to_owned(),
        reason: error.to_string(),
    }
}
