//! Looking a journal through, and saving what can be saved of a damaged segment.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::entry::{Entry, Event};
use super::numbers::LEFT_OUT;
use super::reader::Payloads;
use super::record::{self, RecordError, SealedColumns, decode};
use super::scan::numbers;
use super::segment::{FORMAT, KEEPING, PAGE_BYTES, SEALING, SegmentStart, begin, connect_existing, start};
use super::segments::segment_file;
use crate::OpenError;
use crate::clock::Clock;
use crate::folder::sync_folder;
use crate::format::{classify, damaged, remove_database, unusable};
use crate::keys::Keys;
use crate::projection::Known;

/// What SQLite has to say about one file, at most: the first findings tell what there is to know.
const FINDINGS_MAX: usize = 5;

/// What was found in one segment of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its file.
    pub file: PathBuf,
    /// The first and the last position that it may hold; none where not even its beginning can be read.
    pub(super) positions: Option<(i64, i64)>,
    /// Entries that can be read.
    pub entries: u64,
    /// Entries that are there and cannot be read.
    pub unreadable: u64,
    /// What is wrong; nothing where the segment is sound.
    pub findings: Vec<String>,
}

/// What became of a damaged segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentRepair {
    /// Its file.
    pub file: PathBuf,
    /// Where the damaged file is now; none where nothing could be read, and it was left where it is.
    pub kept_as: Option<PathBuf>,
    /// Entries that were saved.
    pub saved: u64,
    /// Entries that are lost.
    pub lost: u64,
}

impl SegmentReport {
    /// Whether nothing is wrong with it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Looks at every page and every entry of all segments, in order, and tells each as it is done. Where the journal ends is also `known`
/// from the projection.
pub(crate) fn check(
    folder: &Path,
    keys: &Keys,
    known: Option<Known>,
    mut each: impl FnMut(&SegmentReport),
) -> Result<Vec<SegmentReport>, OpenError> {
    let numbers = numbers(folder)?;
    let mut reports = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let later = numbers.get(index + 1..).unwrap_or_default();
        let next = later
            .iter()
            .find_map(|number| first_position(&segment_file(folder, *number)));
        let end = next.map(|first| first - 1).or(known.map(|known| known.position));
        let report = report(segment_file(folder, *number), keys, end, later.is_empty())?;
        each(&report);
        reports.push(report);
    }
    Ok(reports)
}

fn first_position(file: &Path) -> Option<i64> {
    let connection = connect_existing(file).ok()?;
    Some(begun(&connection, file).ok()??.first_position)
}

fn report(file: PathBuf, keys: &Keys, end: Option<i64>, is_last: bool) -> Result<SegmentReport, OpenError> {
    let mut report = SegmentReport {
        file,
        positions: None,
        entries: 0,
        unreadable: 0,
        findings: Vec::new(),
    };
    match look_through(&mut report, keys, end) {
        Ok(true) => {}
        Ok(false) if is_last => {}
        Ok(false) => report.findings.push(String::from("it is empty")),
        Err(OpenError::Damaged { reason, .. }) => report.findings.push(reason),
        Err(error) => return Err(error),
    }
    Ok(report)
}

/// Whether the segment has been begun.
fn look_through(report: &mut SegmentReport, keys: &Keys, end: Option<i64>) -> Result<bool, OpenError> {
    let file = report.file.clone();
    let connection = connect_existing(&file).map_err(|error| classify(&file, &error))?;
    let Some(start) = begun(&connection, &file)? else {
        return Ok(false);
    };
    report.findings = integrity(&connection).map_err(|error| classify(&file, &error))?;
    let last = match last_position(&connection) {
        Ok(last) => last,
        // Where the very end is damaged, whatever else knows it has to do.
        Err(error) => end.ok_or_else(|| classify(&file, &error))?,
    };
    report.positions = Some((start.first_position, last));
    let positions = (start.first_position, last);
    walk(&connection, keys, positions, |position, read| match read {
        Ok(()) => report.entries += 1,
        Err(reason) => {
            report.unreadable += 1;
            if report.findings.len() < FINDINGS_MAX {
                report.findings.push(format!("position {position}: {reason}"));
            }
        }
    });
    Ok(true)
}

/// What `meta` says; none in a segment that waits for its first entries.
fn begun(connection: &Connection, file: &Path) -> Result<Option<SegmentStart>, OpenError> {
    if crate::format::version(connection).map_err(|error| classify(file, &error))? == 0 {
        return Ok(None);
    }
    start(connection).map_err(|error| classify(file, &error))
}

/// What SQLite finds in the structure of the file; nothing where it is sound.
fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    // Damage may keep SQLite from telling all of it.
    let found = lines.map(|line| line.unwrap_or_else(|error| error.to_string()));
    Ok(found.filter(|line| line != "ok").collect())
}

fn last_position(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(position), 0) FROM entries";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Tells of every entry from one position to another whether it can be read, or why not. Where there is damage, entries are looked for
/// one by one until one can be read again.
fn walk(
    connection: &Connection,
    keys: &Keys,
    (first, last): (i64, i64),
    mut each: impl FnMut(i64, Result<(), String>),
) {
    let mut position = first;
    while position <= last {
        let stopped = read_on(connection, keys, (position, last), |read| {
            position = read + 1;
            each(read, Ok(()));
        });
        if stopped.is_ok() {
            return;
        }
        while position <= last {
            let found = read_on(connection, keys, (position, position), |read| each(read, Ok(())));
            let is_damaged = found.is_err();
            if let Err(reason) = found {
                each(position, Err(reason));
            }
            position += 1;
            if !is_damaged {
                break;
            }
        }
    }
}

/// Reads entries in order, as far as that goes.
fn read_on(
    connection: &Connection,
    keys: &Keys,
    (first, last): (i64, i64),
    mut each: impl FnMut(i64),
) -> Result<(), String> {
    let mut read = || {
        let mut statement = connection.prepare_cached(&select(connection)?)?;
        let mut rows = statement.query((first, last, i64::MAX))?;
        while let Some(row) = rows.next()? {
            let (position, _) = decode::entry(row, keys)?;
            each(position);
        }
        Ok::<_, RecordError>(())
    };
    read().map_err(|error| error.to_string())
}

/// An earlier program's segment is looked at as it is: it lacks columns until an engine of this one has opened it.
fn select(connection: &Connection) -> rusqlite::Result<String> {
    let sql = decode::select(Payloads::All);
    Ok(match crate::format::version(connection)? {
        ..KEEPING => sql.replace(", state, key", ", NULL, NULL"),
        ..SEALING => sql.replace(", key", ", NULL"),
        _ => sql.to_owned(),
    })
}

/// Writes what can be read of each damaged segment into a new file that takes its place. The damaged one is kept beside it.
pub(crate) fn repair(
    folder: &Path,
    keys: &Keys,
    reports: &[SegmentReport],
    known: Option<Known>,
) -> Result<Vec<SegmentRepair>, OpenError> {
    let last = reports.last().map(|report| report.file.clone());
    let damaged = reports.iter().filter(|report| !report.is_sound());
    let repaired = damaged.map(|report| {
        let end = known.filter(|_| last.as_ref() == Some(&report.file));
        repair_one(folder, keys, report, end)
    });
    repaired.collect()
}

fn repair_one(
    folder: &Path,
    keys: &Keys,
    report: &SegmentReport,
    end: Option<Known>,
) -> Result<SegmentRepair, OpenError> {
    let file = &report.file;
    let making = file.with_extension("repairing");
    remove_database(&making).map_err(|error| unusable(&making, &error))?;
    let saved = report
        .positions
        .ok_or_else(|| damaged(file, &"its beginning cannot be read"))
        .and_then(|positions| save(file, &making, keys, positions, end));
    match saved {
        Ok(saved) => {
            let kept_as = file.with_extension("damaged");
            exchange(file, &making, &kept_as).map_err(|error| unusable(file, &error))?;
            sync_folder(folder).map_err(|error| unusable(folder, &error))?;
            Ok(SegmentRepair {
                kept_as: Some(kept_as),
                ..saved
            })
        }
        Err(OpenError::Damaged { .. }) => {
            remove_database(&making).map_err(|error| unusable(&making, &error))?;
            Ok(SegmentRepair {
                file: file.clone(),
                kept_as: None,
                saved: 0,
                lost: report.unreadable,
            })
        }
        Err(error) => Err(error),
    }
}

/// Copies entry by entry, because what is damaged is found in no other way.
fn save(
    file: &Path,
    making: &Path,
    keys: &Keys,
    (first, last): (i64, i64),
    end: Option<Known>,
) -> Result<SegmentRepair, OpenError> {
    let source = connect_existing(file).map_err(|error| classify(file, &error))?;
    FORMAT.bring_up_to_date(&source, file)?;
    let start = start(&source).map_err(|error| classify(file, &error))?;
    let mut start = start.ok_or_else(|| damaged(file, &"it has no beginning"))?;
    let trouble = |error: rusqlite::Error| unusable(making, &error);
    let target = Connection::open(making).map_err(trouble)?;
    let sql = format!("PRAGMA page_size = {PAGE_BYTES}; PRAGMA synchronous = FULL");
    target.execute_batch(&sql).map_err(trouble)?;
    FORMAT.bring_up_to_date(&target, making)?;
    target.execute_batch("BEGIN").map_err(trouble)?;
    if let Some(end) = end {
        start.last_message = end.last_message + LEFT_OUT;
        start.last_delivery = end.last_delivery + LEFT_OUT;
        mark_end(&target, end.position.max(last) + LEFT_OUT).map_err(trouble)?;
    }
    begin(&target, &start).map_err(trouble)?;
    let (mut readable, mut unreadable) = (Vec::new(), 0);
    walk(&source, keys, (first, last), |position, read| match read {
        Ok(()) => readable.push(position),
        Err(_) => unreadable += 1,
    });
    for position in &readable {
        let values = row(&source, *position).map_err(|error| classify(file, &error))?;
        insert(&target, values).map_err(trouble)?;
    }
    target.execute_batch("COMMIT").map_err(trouble)?;
    target.close().map_err(|(_, error)| trouble(error))?;
    Ok(SegmentRepair {
        file: file.to_owned(),
        kept_as: None,
        saved: readable.len() as u64,
        lost: unreadable,
    })
}

/// An entry behind everything that was there: what comes next goes on from it, and the projection is not ahead of the journal.
fn mark_end(target: &Connection, position: i64) -> rusqlite::Result<()> {
    let process = std::process::id();
    let entry = Entry {
        at_ms: Clock::default().now_ms(),
        event: Event::EngineStarted { process },
    };
    let mut statement = target.prepare(record::INSERT)?;
    let nothing = SealedColumns::default();
    record::insert(&mut statement, position, &entry, &nothing, &mut Vec::new())
}

/// The values of the entry at a position.
fn row(source: &Connection, position: i64) -> rusqlite::Result<Vec<Value>> {
    let mut statement = source.prepare_cached("SELECT * FROM entries WHERE position = ?1")?;
    let columns = statement.column_count();
    statement.query_row([position], |row| (0..columns).map(|column| row.get(column)).collect())
}

fn insert(target: &Connection, values: Vec<Value>) -> rusqlite::Result<()> {
    let places = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO entries VALUES ({places})");
    target.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(())
}

/// The damaged file is kept, and the new one takes its name. A stop in between leaves the segment missing, and its two files.
fn exchange(file: &Path, making: &Path, kept_as: &Path) -> std::io::Result<()> {
    std::fs::File::open(making)?.sync_all()?;
    std::fs::rename(file, kept_as)?;
    remove_database(file)?;
    std::fs::rename(making, file)
}
