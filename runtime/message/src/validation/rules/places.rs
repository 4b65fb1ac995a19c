//! Where the segments of a message stand, by name and by group.

use std::collections::HashMap;
use std::ops::Range;

use crate::path::GroupStep;
use crate::{Groups, Message, Path, SegmentView};

/// Where the segments of each name stand, in order.
pub(super) struct Places<'m>(HashMap<&'m str, Vec<usize>>);

/// Where a rule looks: the message, or one of the groups that its path names.
pub(super) struct Scope {
    /// The segments within it.
    pub(super) segments: Range<usize>,
    /// The group; no step for the message.
    pub(super) path: Path,
    /// How many groups of the path's last name are in it, where the path is a group.
    pub(super) groups: usize,
}

impl<'m> Places<'m> {
    pub(super) fn of(segments: &[SegmentView<'m>]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, segment) in segments.iter().enumerate() {
            places.entry(segment.name()).or_default().push(index);
        }
        Self(places)
    }

    /// The segments of a name within a range.
    pub(super) fn within(&self, name: &str, range: &Range<usize>) -> &[usize] {
        let named = self.named(name);
        let start = named.partition_point(|index| *index < range.start);
        let end = named.partition_point(|index| *index < range.end);
        named.get(start..end).unwrap_or_default()
    }

    /// Which of the segments of its name it is among those from `start` on, counted from one.
    pub(super) fn occurrence(&self, name: &str, start: usize, index: usize) -> u32 {
        number(self.within(name, &(start..index)).len() + 1)
    }

    /// The nearest segment of this name at or above a place, or else the first one.
    pub(super) fn nearest(&self, name: &str, index: usize) -> Option<usize> {
        let named = self.named(name);
        let above = named.partition_point(|other| *other <= index);
        named.get(above.saturating_sub(1)).copied()
    }

    /// The n-th segment of this name, counted from one.
    pub(super) fn nth(&self, name: &str, wanted: u32) -> Option<usize> {
        self.named(name).get(wanted.saturating_sub(1) as usize).copied()
    }

    fn named(&self, name: &str) -> &[usize] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Scope {
    /// Where a path looks, in the order of the message. A path that is a group looks into what is around it.
    pub(super) fn all(message: &Message, path: &Path) -> Vec<Self> {
        let steps = path.groups();
        if steps.is_empty() {
            return vec![Self::of_message(message)];
        }
        let groups = message.groups();
        match steps.split_last() {
            Some((last, around)) if path.is_group() => Self::around(groups, around, last),
            _ => groups
                .all(steps)
                .into_iter()
                .map(|group| Self::of_group(group, 0))
                .collect(),
        }
    }

    fn of_message(message: &Message) -> Self {
        Self {
            segments: 0..message.segment_count(),
            path: Path::of_group(Vec::new()),
            groups: 0,
        }
    }

    fn around(groups: &Groups, around: &[GroupStep], last: &GroupStep) -> Vec<Self> {
        let outer = groups.all(around).into_iter();
        outer
            .map(|group| Self::of_group(group, group.count_within(last.name())))
            .collect()
    }

    fn of_group(group: crate::Group<'_>, groups: usize) -> Self {
        Self {
            segments: group.segments(),
            path: group.path(),
            groups,
        }
    }
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
