//! The list of segments, and what is known of it as a whole.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use super::names::{INDEXED_MIN, SegmentNames};
use super::{Groups, Segment};

/// The segments of a message in order, where each name stands among many of them, and their groups once somebody asked
/// for them. Clones of a message share all of it.
#[derive(Clone)]
pub(crate) struct SegmentList {
    segments: Vec<Segment>,
    names: OnceLock<Arc<SegmentNames>>,
    pub(super) groups: OnceLock<Arc<Groups>>,
}

impl From<Vec<Segment>> for SegmentList {
    fn from(segments: Vec<Segment>) -> Self {
        Self {
            segments,
            names: OnceLock::new(),
            groups: OnceLock::new(),
        }
    }
}

impl Deref for SegmentList {
    type Target = [Segment];

    fn deref(&self) -> &[Segment] {
        &self.segments
    }
}

impl SegmentList {
    /// Whether the places of names are kept, because walking over so many segments would take longer.
    pub(super) fn is_indexed(&self) -> bool {
        self.segments.len() >= INDEXED_MIN
    }

    /// The place of the segment that is the `wanted`-th of its name in a range, counted from zero.
    pub(super) fn nth_named(&self, scope: Range<usize>, name: [u8; 3], wanted: usize) -> Option<usize> {
        if self.is_indexed() {
            let places = self.names().within(&scope, name);
            return places.get(wanted).map(|place| *place as usize);
        }
        self.named(scope, name).nth(wanted).map(|(index, _)| index)
    }

    /// How many segments of a name are in a range.
    pub(super) fn count_named(&self, scope: Range<usize>, name: [u8; 3]) -> usize {
        if self.is_indexed() {
            self.names().within(&scope, name).len()
        } else {
            self.named(scope, name).count()
        }
    }

    /// The segments of a name among those of a range, with their places.
    pub(super) fn named(&self, scope: Range<usize>, name: [u8; 3]) -> impl Iterator<Item = (usize, &Segment)> {
        let start = scope.start;
        let segments = self.segments.get(scope).unwrap_or_default().iter().enumerate();
        segments
            .filter(move |(_, segment)| segment.name == name)
            .map(move |(index, segment)| (start + index, segment))
    }

    fn names(&self) -> &SegmentNames {
        self.names.get_or_init(|| SegmentNames::of(&self.segments).into())
    }

    /// The segments, for changing what is in them and around them. Their names and their number stay.
    pub(super) fn edit(list: &mut Arc<Self>) -> &mut [Segment] {
        let list = Arc::make_mut(list);
        list.groups = OnceLock::new();
        &mut list.segments
    }

    /// One segment, for changing what is in it. The groups hang on the names of the segments, and on MSH, which says
    /// what structure they have.
    pub(super) fn edit_one(list: &mut Arc<Self>, index: usize) -> Option<&mut Segment> {
        let list = Arc::make_mut(list);
        if index == 0 {
            list.groups = OnceLock::new();
        }
        list.segments.get_mut(index)
    }

    /// Puts a segment before the one at `index`, or at the end.
    pub(super) fn insert(list: &mut Arc<Self>, index: usize, segment: Segment) {
        let list = Arc::make_mut(list);
        list.groups = OnceLock::new();
        if let Some(names) = list.names.get_mut() {
            Arc::make_mut(names).insert(index, segment.name);
        }
        list.segments.insert(index, segment);
    }

    /// Takes the segments of a range out.
    pub(super) fn remove(list: &mut Arc<Self>, range: Range<usize>) {
        let list = Arc::make_mut(list);
        list.groups = OnceLock::new();
        if let Some(names) = list.names.get_mut() {
            Arc::make_mut(names).remove(&range);
        }
        list.segments.drain(range);
    }
}
