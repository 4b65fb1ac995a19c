//! Where the segments of each name stand, kept for long messages: so a path to the last of thousands of segments is found
//! as quickly as one to the first, and changing each of them takes time in proportion to how many there are.

use std::collections::HashMap;
use std::ops::Range;

use super::Segment;

/// From so many segments on it is worth keeping: below, walking over the names takes no longer than asking.
pub(super) const INDEXED_MIN: usize = 64;

/// The places of the segments by their name, in order. Lines that are no segments have none.
#[derive(Clone, Default)]
pub(super) struct SegmentNames {
    places: HashMap<[u8; 3], Vec<u32>>,
}

impl SegmentNames {
    pub(super) fn of(segments: &[Segment]) -> Self {
        let mut names = Self::default();
        for (index, segment) in segments.iter().enumerate() {
            names.places.entry(segment.name).or_default().push(place(index));
        }
        names
    }

    /// The places of a name within a range of segments.
    pub(super) fn within(&self, scope: &Range<usize>, name: [u8; 3]) -> &[u32] {
        let places = self.places.get(&name).map_or(&[][..], Vec::as_slice);
        let start = places.partition_point(|at| *at < place(scope.start));
        let end = places.partition_point(|at| *at < place(scope.end));
        places.get(start..end).unwrap_or_default()
    }

    /// A segment was inserted at `index`: those behind it have moved.
    pub(super) fn insert(&mut self, index: usize, name: [u8; 3]) {
        let index = place(index);
        for places in self.places.values_mut() {
            places
                .iter_mut()
                .rev()
                .take_while(|at| **at >= index)
                .for_each(|at| *at += 1);
        }
        let places = self.places.entry(name).or_default();
        let position = places.partition_point(|at| *at < index);
        places.insert(position, index);
    }

    /// The segments of a range were taken out.
    pub(super) fn remove(&mut self, range: &Range<usize>) {
        let (start, end) = (place(range.start), place(range.end));
        for places in self.places.values_mut() {
            let from = places.partition_point(|at| *at < start);
            let to = places.partition_point(|at| *at < end);
            places.drain(from..to);
            places.iter_mut().skip(from).for_each(|at| *at -= end - start);
        }
    }
}

/// A message has no more segments than bytes, which are fewer than four billion.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
