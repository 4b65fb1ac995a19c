//! Which segment holds which positions.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::keys::Keys;

/// The segments of one journal, in order. A segment holds the positions from its own first up to the next one's.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    keys: Arc<Keys>,
    places: RwLock<Vec<SegmentPlace>>,
    damaged: Vec<DamagedSegment>,
}

/// A segment of the journal that could not be read when the store was opened. What it holds cannot be had; everything else can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedSegment {
    /// Its file.
    pub file: PathBuf,
    /// What was found.
    pub reason: String,
}

/// A segment that holds entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentPlace {
    pub(crate) number: u64,
    pub(crate) first_position: i64,
}

/// A run of positions within one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) number: u64,
    /// The position after the last one that counts in this segment.
    pub(crate) end: i64,
}

impl std::fmt::Display for DamagedSegment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} is damaged: {}", self.file.display(), self.reason)
    }
}

impl Segments {
    /// `places` in order of their numbers.
    pub(crate) fn new(
        folder: PathBuf,
        places: Vec<SegmentPlace>,
        damaged: Vec<DamagedSegment>,
        keys: Arc<Keys>,
    ) -> Self {
        Self {
            keys,
            folder,
            places: RwLock::new(places),
            damaged,
        }
    }

    /// Those that could not be read at the start.
    pub(crate) fn damaged(&self) -> &[DamagedSegment] {
        &self.damaged
    }

    /// What opens the payloads of their entries.
    pub(crate) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The file of a segment.
    pub(crate) fn file(&self, number: u64) -> PathBuf {
        segment_file(&self.folder, number)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds the segment that goes on from `first_position`; what earlier ones may hold from there on is void.
    pub(crate) fn add(&self, place: SegmentPlace) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).push(place);
    }

    /// The segment that a position belongs to.
    pub(crate) fn find(&self, position: i64) -> Option<Stretch> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let after = places.iter().rposition(|place| place.first_position <= position)? + 1;
        let later = places.get(after..).unwrap_or_default();
        let end = later.iter().map(|place| place.first_position).min().unwrap_or(i64::MAX);
        places.get(after - 1).map(|place| Stretch {
            number: place.number,
            end,
        })
    }

    /// Numbers of the segments, ascending.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.iter().map(|place| place.number).collect()
    }

    /// The first position of the whole journal.
    pub(crate) fn first_position(&self) -> Option<i64> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.iter().map(|place| place.first_position).min()
    }
}

/// `folder/000042.sqlite`
pub(crate) fn segment_file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:06}.sqlite"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn segments(first_positions: &[i64]) -> Segments {
        let places = (1..)
            .zip(first_positions)
            .map(|(number, &first_position)| SegmentPlace { number, first_position });
        Segments::new(PathBuf::new(), places.collect(), Vec::new(), Arc::new(Keys::none()))
    }

    #[test]
    fn a_segment_counts_up_to_where_the_next_one_begins() {
        let segments = segments(&[1, 10, 20]);
        assert_eq!(segments.find(1).unwrap(), Stretch { number: 1, end: 10 });
        assert_eq!(segments.find(9).unwrap(), Stretch { number: 1, end: 10 });
        assert_eq!(segments.find(10).unwrap(), Stretch { number: 2, end: 20 });
        assert_eq!(
            segments.find(99).unwrap(),
            Stretch {
                number: 3,
                end: i64::MAX
            }
        );
        assert_eq!(segments.find(0), None);
    }

    #[test]
    fn a_rewritten_batch_counts_where_it_was_written_last() {
        let segments = segments(&[1, 10, 10]);
        assert_eq!(
            segments.find(10).unwrap(),
            Stretch {
                number: 3,
                end: i64::MAX
            }
        );
        assert_eq!(segments.find(9).unwrap(), Stretch { number: 1, end: 10 });
    }
}
