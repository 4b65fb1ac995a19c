//! Reading entries back, by position.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::entry::Entry;
use super::record::RecordError;
use super::record::decode;
use super::segment::connect_existing;
use super::segments::{DamagedSegment, Segments, Stretch};
use crate::ReadError;
use crate::format::is_damage;
use crate::keys::Keys;

/// Open segments that a reader keeps: entries are read in order, and where two lanes' backlogs begin in different segments both
/// stay open. Each costs a page cache and the index of its log, some 0.8 MiB.
const SEGMENTS_OPEN_MAX: usize = 2;

/// Reads a journal; each thread has its own.
#[derive(Debug)]
pub(crate) struct JournalReader {
    segments: Arc<Segments>,
    /// Most recently used last.
    open: Vec<(u64, Connection)>,
}

/// Which payloads of an entry are wanted; the others are left empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payloads {
    All,
    /// Only what was to be delivered.
    Outputs,
    /// Only what plugins keep.
    State,
    /// Only what the engine kept about the run.
    Detail,
}

impl JournalReader {
    pub(crate) fn new(segments: Arc<Segments>) -> Self {
        Self {
            segments,
            open: Vec::new(),
        }
    }

    /// Segments that could not be read when the store was opened.
    pub(crate) fn damaged(&self) -> &[DamagedSegment] {
        self.segments.damaged()
    }

    /// What opens the payloads of entries.
    pub(crate) fn keys(&self) -> &Arc<Keys> {
        self.segments.keys()
    }

    /// The file that a position belongs to.
    pub(crate) fn file(&self, position: i64) -> PathBuf {
        let number = self.segments.find(position).map_or(0, |stretch| stretch.number);
        self.segments.file(number)
    }

    /// The entry at a position; `None` when the journal no longer has it.
    pub(crate) fn entry(&mut self, position: i64, payloads: Payloads) -> Result<Option<Entry>, ReadError> {
        let mut found = None;
        self.stretch(position, position, 1, payloads, &mut |_, entry| {
            found = Some(entry);
        })?;
        Ok(found)
    }

    /// Hands over the entries from `first` to `last` in order, at most `limit` of them, and gives the position after
    /// the last one that was looked at.
    pub(crate) fn range(
        &mut self,
        first: i64,
        last: i64,
        limit: usize,
        payloads: Payloads,
        mut each: impl FnMut(i64, Entry),
    ) -> Result<i64, ReadError> {
        let (mut position, mut left) = (first, limit);
        while position <= last && left > 0 {
            let Some(read) = self.stretch(position, last, left, payloads, &mut each)? else {
                return Ok(last + 1);
            };
            position = read.next;
            left -= read.entries;
        }
        Ok(position)
    }

    /// As `range`, within the segment that `first` belongs to. `None` when no segment holds it.
    fn stretch(
        &mut self,
        first: i64,
        last: i64,
        limit: usize,
        payloads: Payloads,
        each: &mut dyn FnMut(i64, Entry),
    ) -> Result<Option<StretchRead>, ReadError> {
        let Some(Stretch { number, end }) = self.segments.find(first) else {
            return Ok(None);
        };
        let file = self.segments.file(number);
        let last = last.min(end - 1);
        let keys = self.segments.keys().clone();
        let connection = self.connection(number, &file)?;
        let read = read_rows(connection, &keys, first..=last, limit, payloads, each)
            .map_err(|error| read_error(&file, &error))?;
        let next = if read.entries < limit { last + 1 } else { read.next };
        Ok(Some(StretchRead { next, ..read }))
    }

    /// As `range`, and where some of it is damaged, one entry after the other, with those left out that cannot be read.
    pub(crate) fn range_past_damage(
        &mut self,
        first: i64,
        last: i64,
        limit: usize,
        payloads: Payloads,
    ) -> Result<EntriesRead, ReadError> {
        let mut entries = Vec::new();
        match self.range(first, last, limit, payloads, |position, entry| {
            entries.push((position, entry));
        }) {
            Ok(next) => return Ok(EntriesRead { entries, next }),
            Err(ReadError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        entries.clear();
        let next = last.min(first + i64::try_from(limit).unwrap_or(i64::MAX) - 1) + 1;
        for position in first..next {
            match self.entry(position, payloads) {
                Ok(entry) => entries.extend(entry.map(|entry| (position, entry))),
                Err(error @ ReadError::Damaged { .. }) => {
                    tracing::error!(%error, position, "an entry of the journal is left out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(EntriesRead { entries, next })
    }

    fn connection(&mut self, number: u64, file: &Path) -> Result<&Connection, ReadError> {
        let found = self.open.iter().position(|(open, _)| *open == number);
        let entry = match found {
            Some(index) => self.open.remove(index),
            None => (
                number,
                connect_existing(file).map_err(|error| read_error(file, &RecordError::Database(error)))?,
            ),
        };
        if self.open.len() >= SEGMENTS_OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(entry);
        let reason = || ReadError::File {
            file: file.to_owned(),
            reason: String::from("it was just closed"),
        };
        self.open.last().map(|(_, connection)| connection).ok_or_else(reason)
    }
}

/// Entries with their positions, and the position after the last one that was looked at.
pub(crate) struct EntriesRead {
    pub(crate) entries: Vec<(i64, Entry)>,
    pub(crate) next: i64,
}

struct StretchRead {
    next: i64,
    entries: usize,
}

fn read_rows(
    connection: &Connection,
    keys: &Keys,
    positions: RangeInclusive<i64>,
    limit: usize,
    payloads: Payloads,
    each: &mut dyn FnMut(i64, Entry),
) -> Result<StretchRead, RecordError> {
    let mut statement = connection.prepare_cached(decode::select(payloads))?;
    let (first, last) = (positions.start(), positions.end());
    let mut rows = statement.query((first, last, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut read = StretchRead {
        next: *first,
        entries: 0,
    };
    while let Some(row) = rows.next()? {
        let (position, entry) = decode::entry(row, keys)?;
        read = StretchRead {
            next: position + 1,
            entries: read.entries + 1,
        };
        each(position, entry);
    }
    Ok(read)
}

fn read_error(file: &Path, error: &RecordError) -> ReadError {
    let file = file.to_owned();
    let reason = error.to_string();
    match error {
        RecordError::Database(database) if !is_damage(database) => ReadError::File { file, reason },
        // The entry may be sound: what is wrong is with the keys.
        RecordError::Keys(_) => ReadError::File { file, reason },
        _ => ReadError::Damaged { file, reason },
    }
}
