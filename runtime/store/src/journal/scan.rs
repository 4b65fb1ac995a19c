//! What a journal holds when it is opened.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::record::is_clean_end;
use super::segment::{FORMAT, SEALING, SegmentStart, connect_existing, start};
use super::segments::{DamagedSegment, SegmentPlace, segment_file};
use crate::format::{classify, unusable};
use crate::{DeliveryId, MessageId, OpenError};

/// The state of a journal at rest.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) places: Vec<SegmentPlace>,
    /// Segments that cannot be read.
    pub(crate) damaged: Vec<DamagedSegment>,
    /// Numbers of segments that have no entries.
    empty: Vec<u64>,
    /// Whether the last one is among them: nobody knows then where the journal ends.
    pub(crate) is_end_damaged: bool,
    /// Number of the segment to go on with; 1 in a new journal.
    pub(crate) current: u64,
    /// The last position; 0 in a new journal.
    pub(crate) end: i64,
    /// Whether the last engine did not end in good order.
    pub(crate) unclean: bool,
    /// Where the sequences stood when the last segment began: a projection that was lost with older segments cannot
    /// know it.
    pub(crate) last_message: Option<MessageId>,
    pub(crate) last_delivery: DeliveryId,
}

/// Reads the beginning of every segment and the end of the last one. What an unclean stop left in logs moves into the
/// files on the way, when each is closed. A segment that cannot be read is left as it is, and what is in the others is served.
pub(crate) fn scan(folder: &Path) -> Result<Scan, OpenError> {
    let mut scan = Scan {
        places: Vec::new(),
        damaged: Vec::new(),
        empty: Vec::new(),
        is_end_damaged: false,
        current: 1,
        end: 0,
        unclean: false,
        last_message: None,
        last_delivery: DeliveryId::from_i64(0),
    };
    for number in numbers(folder)? {
        match look(&segment_file(folder, number)) {
            Ok(Some((start, end))) => scan.take(number, start, end),
            Ok(None) => scan.empty.push(number),
            Err(OpenError::Damaged { file, reason }) => scan.pass_over(number, DamagedSegment { file, reason }),
            Err(error) => return Err(error),
        }
    }
    scan.find_emptied(folder);
    Ok(scan)
}

/// The last entry of a segment.
struct End {
    position: i64,
    is_clean: bool,
}

/// The beginning and the end of a segment; none where it has no entries yet.
fn look(file: &Path) -> Result<Option<(SegmentStart, Option<End>)>, OpenError> {
    let damaged = |error| classify(file, &error);
    let connection = connect_existing(file).map_err(damaged)?;
    FORMAT.bring_up_to_date(&connection, file)?;
    let Some(start) = start(&connection).map_err(damaged)? else {
        return Ok(None);
    };
    Ok(Some((start, end(&connection).map_err(damaged)?)))
}

fn end(segment: &Connection) -> rusqlite::Result<Option<End>> {
    let sql = "SELECT position, kind FROM entries ORDER BY position DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(End {
            position: row.get(0)?,
            is_clean: is_clean_end(row.get(1)?),
        })
    };
    segment.query_row(sql, [], read).optional()
}

impl Scan {
    fn take(&mut self, number: u64, start: SegmentStart, end: Option<End>) {
        self.places.push(SegmentPlace {
            number,
            first_position: start.first_position,
        });
        self.current = number;
        self.is_end_damaged = false;
        self.last_message = Some(MessageId::from_i64(start.last_message));
        self.last_delivery = DeliveryId::from_i64(start.last_delivery);
        if let Some(end) = end {
            // Not the largest of all segments: a later segment makes void what an earlier one holds from there on.
            self.end = end.position;
            self.unclean = !end.is_clean;
        }
    }

    /// One that waits for its first entries is the last. In front of others, somebody has emptied it.
    fn find_emptied(&mut self, folder: &Path) {
        let last = self.places.last().map_or(0, |place| place.number);
        for number in std::mem::take(&mut self.empty) {
            if number < last {
                let (file, reason) = (segment_file(folder, number), String::from("it is empty"));
                self.report(DamagedSegment { file, reason });
            }
        }
    }

    fn pass_over(&mut self, number: u64, damaged: DamagedSegment) {
        // Nothing is written behind what cannot be read.
        self.current = number + 1;
        self.is_end_damaged = true;
        self.unclean = true;
        self.report(damaged);
    }

    fn report(&mut self, damaged: DamagedSegment) {
        tracing::error!(file = %damaged.file.display(), reason = %damaged.reason,
            "a segment of the journal is damaged: what it holds cannot be had until it is restored or repaired");
        self.damaged.push(damaged);
    }
}

/// Whether the last payload of the journal is sealed: then those before it may be.
pub(crate) fn is_sealed(folder: &Path) -> Result<bool, OpenError> {
    let sql = "SELECT key IS NOT NULL FROM entries WHERE raw IS NOT NULL OR outputs IS NOT NULL OR detail IS NOT NULL \
               OR note IS NOT NULL OR state IS NOT NULL ORDER BY position DESC LIMIT 1";
    for number in numbers(folder)?.into_iter().rev() {
        let file = segment_file(folder, number);
        let found = connect_existing(&file).and_then(|segment| {
            let is_older = crate::format::version(&segment)? < SEALING;
            let found = |segment: &Connection| segment.query_row(sql, [], |row| row.get(0)).optional();
            if is_older { Ok(Some(false)) } else { found(&segment) }
        });
        // A segment that cannot be read tells nothing; one without payloads neither.
        if let Ok(Some(is_sealed)) = found {
            return Ok(is_sealed);
        }
    }
    Ok(false)
}

/// Numbers of the segment files, ascending.
pub(super) fn numbers(folder: &Path) -> Result<Vec<u64>, OpenError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| unusable(folder, &error))?;
    let number = |name: &str| name.strip_suffix(".sqlite")?.parse().ok();
    let mut numbers: Vec<u64> = entries
        .iter()
        .filter_map(|entry| number(entry.file_name().to_str()?))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
