//! The list of segments, and what is known of it as a whole.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::{Groups, Segment};

/// The segments of a message in order, and their groups once somebody asked for them. Clones of a message share both.
#[derive(Clone)]
pub(crate) struct SegmentList {
    segments: Vec<Segment>,
    pub(super) groups: OnceLock<Arc<Groups>>,
}

impl From<Vec<Segment>> for SegmentList {
    fn from(segments: Vec<Segment>) -> Self {
        Self {
            segments,
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
    /// The segments, for adding and removing some.
    pub(super) fn edit(list: &mut Arc<Self>) -> &mut Vec<Segment> {
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
}
