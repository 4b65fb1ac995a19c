//! One pass over the names of a message's segments that gives each its place in the structure.
//!
//! For each segment the open groups are asked from the innermost outwards, in three rounds:
//!
//! 1. where it comes next and nothing is left out: as a segment of the group, or as the leading one of a new group;
//! 2. where it comes next when optional parts are left out;
//! 3. where it stands although the structure would not have it: again, too late, or without what should come before it.
//!
//! The first round goes before the second at every level, because an ORC begins the next order rather than a prior
//! result whose optional patient was left out. Each round costs as much as the structure is large, however the segments
//! are ordered, so that the whole pass takes time in proportion to their number.

use super::findings::{FINDINGS_MAX, StructureFault, StructureFinding};
use super::plan::{Names, Plan, PlannedElement};
use super::{Groups, Node};
use crate::Path;
use crate::message::parse::position;
use crate::path::GroupStep;
use crate::schema::{ElementKind, Structure};

pub(super) fn walk(structure: &'static Structure, segments: impl ExactSizeIterator<Item = [u8; 3]> + Clone) -> Groups {
    let mut walk = Walk::new(structure.plan());
    let count = segments.len();
    for (index, name) in segments.clone().enumerate() {
        walk.index = index;
        walk.place(name);
    }
    walk.index = count;
    walk.close_to(0);
    walk.close();
    walk.locate(segments);
    Groups {
        structure: Some(structure),
        nodes: walk.nodes,
        by_name: walk.by_name,
        findings: walk.findings,
    }
}

struct Walk {
    plan: &'static Plan,
    nodes: Vec<Node>,
    by_name: Vec<Vec<u32>>,
    /// The groups that are open, the message itself first.
    open: Vec<Open>,
    /// How often each child of each open group stands, one group after the other.
    counts: Vec<u32>,
    /// How many groups of each name stand within each open group, one group after the other.
    inner: Vec<u32>,
    /// The segment at hand.
    index: usize,
    findings: Vec<StructureFinding>,
    /// Findings about the segment with this index, whose paths are not known yet.
    about_segments: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Open {
    element: u16,
    node: usize,
    /// Which of its children came last.
    current: usize,
    /// Where its part of `counts` begins.
    counts: usize,
}

/// Which of the names of an element a segment is looked for in.
type Of = fn(&PlannedElement) -> Names;

impl Walk {
    fn new(plan: &'static Plan) -> Self {
        let mut walk = Self {
            plan,
            nodes: Vec::new(),
            by_name: vec![Vec::new(); plan.groups().len()],
            open: Vec::new(),
            counts: Vec::new(),
            inner: Vec::new(),
            index: 0,
            findings: Vec::new(),
            about_segments: Vec::new(),
        };
        walk.open_group(0, Node::of_message(0));
        walk
    }

    fn place(&mut self, name: [u8; 3]) {
        if name == [0; 3] {
            return;
        }
        let wanted = self.plan.segment(name);
        if wanted == 0 {
            return self.place_unnamed(name);
        }
        let is_placed =
            self.in_order(wanted, |element| element.leading) || self.in_order(wanted, |element| element.first);
        if !is_placed && !self.out_of_order(wanted) {
            self.report_segment(StructureFault::Unexpected, self.plan.segment_name(wanted));
        }
    }

    /// A segment that the structure does not name. It may have a place for any, which a Z segment does not claim.
    fn place_unnamed(&mut self, name: [u8; 3]) {
        let is_local = name.first() == Some(&b'Z');
        let any = self.plan.any_segment();
        if is_local && (any == 0 || !self.is_next_here(any)) {
            return;
        }
        let is_placed =
            any != 0 && (self.in_order(any, |element| element.leading) || self.in_order(any, |element| element.first));
        if !is_placed {
            self.report_segment(StructureFault::Unexpected, "");
        }
    }

    /// Rounds one and two.
    fn in_order(&mut self, wanted: Names, of: Of) -> bool {
        for depth in (0..self.open.len()).rev() {
            if let Some(place) = self.next_place(depth, wanted, of) {
                self.close_to(depth);
                self.enter(place, wanted);
                return true;
            }
        }
        false
    }

    /// Whether the innermost group itself comes to such a segment next.
    fn is_next_here(&self, wanted: Names) -> bool {
        let depth = self.open.len().saturating_sub(1);
        let place = self.next_place(depth, wanted, |element| element.leading);
        place.is_some_and(|place| !self.child(depth, place).is_group())
    }

    fn next_place(&self, depth: usize, wanted: Names, of: Of) -> Option<usize> {
        let open = self.open.get(depth)?;
        let children = &self.plan.element(open.element).children;
        let mut places = children.iter().enumerate().skip(open.current);
        let found =
            places.find(|(place, child)| of(self.plan.element(**child)) & wanted != 0 && self.has_room(depth, *place));
        found.map(|(place, _)| place)
    }

    /// Round three.
    fn out_of_order(&mut self, wanted: Names) -> bool {
        for depth in (0..self.open.len()).rev() {
            let Some(open) = self.open.get(depth).copied() else {
                continue;
            };
            let group = self.plan.element(open.element);
            if group.kind == ElementKind::Choice {
                continue;
            }
            let begins_again = depth > 0 && group.leading & wanted != 0;
            let again = self.earlier_place(depth, wanted).filter(|_| !begins_again);
            if let Some(place) = again {
                self.again(depth, place, wanted);
                return true;
            }
            let later = self.later_place(depth, wanted).filter(|_| !begins_again);
            if let Some(place) = later {
                self.close_to(depth);
                self.enter(place, wanted);
                return true;
            }
        }
        false
    }

    /// The nearest child up to the current one that such a segment is, or begins.
    fn earlier_place(&self, depth: usize, wanted: Names) -> Option<usize> {
        let open = self.open.get(depth)?;
        let children = self.plan.element(open.element).children.iter().take(open.current + 1);
        let mut places = children.enumerate().rev();
        places
            .find(|(_, child)| self.plan.element(**child).first & wanted != 0)
            .map(|(place, _)| place)
    }

    /// The nearest child after the current one in which such a segment stands, what should come before it missing.
    fn later_place(&self, depth: usize, wanted: Names) -> Option<usize> {
        let open = self.open.get(depth)?;
        let children = self.plan.element(open.element).children.iter().enumerate();
        let mut places = children.skip(open.current + 1);
        places
            .find(|(place, child)| self.plan.element(**child).holds & wanted != 0 && self.has_room(depth, *place))
            .map(|(place, _)| place)
    }

    /// A child that stands too often or too late. A segment leaves the group where it was, a group is the one that goes
    /// on.
    fn again(&mut self, depth: usize, place: usize, wanted: Names) {
        self.close_to(depth);
        let child = self.child(depth, place);
        let (name, is_group) = (child.name, child.is_group());
        let has_room = child.max.is_none_or(|max| self.count(depth, place) < max);
        let fault = if has_room {
            StructureFault::Unexpected
        } else {
            StructureFault::TooMany
        };
        self.report_segment(fault, name);
        if is_group {
            self.enter(place, wanted);
        } else {
            self.count_up(place);
        }
    }

    /// Goes to a child of the innermost group, and if it is a group, opens it down to the segment.
    fn enter(&mut self, mut place: usize, wanted: Names) {
        loop {
            let depth = self.open.len().saturating_sub(1);
            self.count_up(place);
            if let Some(open) = self.open.last_mut() {
                open.current = place;
            }
            let child = self.child_index(depth, place);
            if !self.plan.element(child).is_group() {
                return;
            }
            self.open_child(child);
            let Some(next) = self.entry(child, wanted) else { return };
            place = next;
        }
    }

    /// Where in a group that was just opened the segment goes.
    fn entry(&self, group: u16, wanted: Names) -> Option<usize> {
        let children = &self.plan.element(group).children;
        let place = |of: Of| {
            children
                .iter()
                .position(|child| of(self.plan.element(*child)) & wanted != 0)
        };
        place(|element| element.first).or_else(|| place(|element| element.holds))
    }

    fn open_child(&mut self, element: u16) {
        let number = self.plan.element(element).group;
        let groups = self.plan.groups().len();
        let parent = self.open.last().map_or(0, |open| open.node);
        let node = position(self.nodes.len());
        for inner in self.inner.iter_mut().skip(number).step_by(groups.max(1)) {
            *inner += 1;
        }
        let of_parent = self.inner.len().saturating_sub(groups) + number;
        if let Some(places) = self.by_name.get_mut(number) {
            places.push(node);
        }
        self.open_group(
            element,
            Node {
                element,
                parent: position(parent),
                occurrence: self.inner.get(of_parent).copied().unwrap_or(1),
                start: position(self.index),
                end: 0,
                after: 0,
            },
        );
    }

    fn open_group(&mut self, element: u16, node: Node) {
        self.open.push(Open {
            element,
            node: self.nodes.len(),
            current: 0,
            counts: self.counts.len(),
        });
        let children = self.plan.element(element).children.len();
        self.counts.resize(self.counts.len() + children, 0);
        self.inner.resize(self.inner.len() + self.plan.groups().len(), 0);
        self.nodes.push(node);
    }

    /// Closes the groups within the one at `depth`.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth + 1 {
            self.close();
        }
    }

    fn close(&mut self) {
        let depth = self.open.len().saturating_sub(1);
        let Some(open) = self.open.last().copied() else { return };
        self.report_missing(depth, open);
        let after = position(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(open.node) {
            node.end = position(self.index);
            node.after = after;
        }
        self.counts.truncate(open.counts);
        self.inner.truncate(self.inner.len() - self.plan.groups().len());
        self.open.pop();
    }

    fn child_index(&self, depth: usize, place: usize) -> u16 {
        let children = self
            .open
            .get(depth)
            .map(|open| &self.plan.element(open.element).children);
        children
            .and_then(|children| children.get(place))
            .copied()
            .unwrap_or(u16::MAX)
    }

    fn child(&self, depth: usize, place: usize) -> &'static PlannedElement {
        self.plan.element(self.child_index(depth, place))
    }

    fn has_room(&self, depth: usize, place: usize) -> bool {
        let is_choice = self
            .open
            .get(depth)
            .is_some_and(|open| self.plan.element(open.element).kind == ElementKind::Choice);
        if is_choice && !self.is_untouched(depth) {
            return false;
        }
        self.child(depth, place)
            .max
            .is_none_or(|max| self.count(depth, place) < max)
    }

    /// Whether none of a choice was taken yet. The innermost group's counts are the last ones.
    fn is_untouched(&self, depth: usize) -> bool {
        let Some(open) = self.open.get(depth) else { return true };
        let children = self.plan.element(open.element).children.len();
        self.counts
            .iter()
            .skip(open.counts)
            .take(children)
            .all(|count| *count == 0)
    }

    fn count(&self, depth: usize, place: usize) -> u32 {
        let first = self.open.get(depth).map_or(0, |open| open.counts);
        self.counts.get(first + place).copied().unwrap_or(0)
    }

    fn count_up(&mut self, place: usize) {
        let first = self.open.last().map_or(0, |open| open.counts);
        if let Some(count) = self.counts.get_mut(first + place) {
            *count += 1;
        }
    }

    fn report_missing(&mut self, depth: usize, open: Open) {
        let group = self.plan.element(open.element);
        if group.kind == ElementKind::Choice {
            return;
        }
        for (place, child) in group.children.iter().enumerate() {
            let child = self.plan.element(*child);
            if child.is_needed() && self.count(depth, place) == 0 && self.findings.len() < FINDINGS_MAX {
                let finding = self.missing(open.node, child);
                self.findings.push(finding);
            }
        }
    }

    fn missing(&self, node: usize, child: &'static PlannedElement) -> StructureFinding {
        let mut steps = Vec::new();
        let mut index = node;
        while let Some(node) = self.nodes.get(index).filter(|_| index > 0) {
            steps.push(GroupStep::new(self.plan.element(node.element).name, node.occurrence));
            index = node.parent as usize;
        }
        steps.reverse();
        let segment = self
            .plan
            .segment_name(child.leading)
            .as_bytes()
            .try_into()
            .unwrap_or_default();
        StructureFinding {
            fault: if child.is_group() {
                StructureFault::MissingGroup
            } else {
                StructureFault::MissingSegment
            },
            path: Path::of_group(steps).with_segment(segment, 0),
            element: child.name,
        }
    }

    /// A finding about the segment at hand. Its path is filled in at the end.
    fn report_segment(&mut self, fault: StructureFault, element: &'static str) {
        if self.findings.len() >= FINDINGS_MAX {
            return;
        }
        self.about_segments.push((self.index, self.findings.len()));
        self.findings.push(StructureFinding {
            fault,
            path: Path::of_segment([0; 3], 0),
            element,
        });
    }

    /// Gives findings about segments their paths, which count over the whole message.
    fn locate(&mut self, segments: impl Iterator<Item = [u8; 3]>) {
        let mut counts = std::collections::HashMap::new();
        let mut wanted = self.about_segments.iter().peekable();
        for (index, name) in segments.enumerate() {
            if wanted.peek().is_none() {
                return;
            }
            let count = counts.entry(name).or_insert(0_u32);
            *count += 1;
            while let Some((_, finding)) = wanted.next_if(|(wanted, _)| *wanted == index) {
                if let Some(finding) = self.findings.get_mut(*finding) {
                    finding.path = Path::of_segment(name, *count);
                }
            }
        }
    }
}
