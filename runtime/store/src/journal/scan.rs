//! What a journal holds when it is opened.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::record::is_clean_end;
use super::segment::{FORMAT, SegmentStart, connect_existing, start};
use super::segments::{SegmentPlace, segment_file};
use crate::format::{classify, unusable};
use crate::{DeliveryId, MessageId, OpenError};

/// The state of a journal at rest.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) places: Vec<SegmentPlace>,
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
/// files on the way, when each is closed. A segment that cannot be read is reported; the
/// journal is not opened without it, because nobody would notice what is missing.
pub(crate) fn scan(folder: &Path) -> Result<Scan, OpenError> {
    let mut scan = Scan {
        places: Vec::new(),
        current: 1,
        end: 0,
        unclean: false,
        last_message: None,
        last_delivery: DeliveryId::from_i64(0),
    };
    for number in numbers(folder)? {
        let file = segment_file(folder, number);
        let connection = connect_existing(&file).map_err(|error| classify(&file, &error))?;
        FORMAT.bring_up_to_date(&connection, &file)?;
        let start = start(&connection).map_err(|error| classify(&file, &error))?;
        if let Some(start) = start {
            scan.begin(number, start);
            scan.read_end(&connection).map_err(|error| classify(&file, &error))?;
        }
    }
    Ok(scan)
}

impl Scan {
    fn begin(&mut self, number: u64, start: SegmentStart) {
        self.places.push(SegmentPlace {
            number,
            first_position: start.first_position,
        });
        self.current = number;
        self.last_message = Some(MessageId::from_i64(start.last_message));
        self.last_delivery = DeliveryId::from_i64(start.last_delivery);
    }

    fn read_end(&mut self, segment: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT position, kind FROM entries ORDER BY position DESC LIMIT 1";
        let last: Option<(i64, i64)> = segment
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((position, kind)) = last {
            // Not the largest of all segments: a later segment makes void what an earlier one holds from there on.
            self.end = position;
            self.unclean = !is_clean_end(kind);
        }
        Ok(())
    }
}

/// Numbers of the segment files, ascending.
fn numbers(folder: &Path) -> Result<Vec<u64>, OpenError> {
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
