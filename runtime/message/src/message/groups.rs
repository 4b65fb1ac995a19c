//! The groups of a message: which of its segments belong together, as its structure says.

mod find;
mod findings;
mod plan;
mod walk;

use std::ops::Range;

pub use findings::{StructureFault, StructureFinding};
pub(crate) use plan::Plan;

use super::Message;
use crate::Path;
use crate::path::GroupStep;
use crate::schema::Structure;

/// The groups of a message, in the order in which they begin.
///
/// Every segment belongs to a group: what the structure does not know, such as a Z segment, to the innermost one that is
/// open where it stands. What is wrong with the order, or missing, is listed in [`findings`](Self::findings) and keeps
/// nothing from being grouped.
#[derive(Debug)]
pub struct Groups {
    structure: Option<&'static Structure>,
    /// In document order; the first is the message itself.
    nodes: Vec<Node>,
    /// The places in `nodes` by the name's number, in document order.
    by_name: Vec<Vec<u32>>,
    findings: Vec<StructureFinding>,
}

/// One occurrence of a group. Numbers fit in 32 bits, because a message has no more segments than bytes.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Its place in the plan.
    element: u16,
    parent: u32,
    /// Which one of its name within its parent, at any depth; from one.
    occurrence: u32,
    /// The segments, those of inner groups among them.
    start: u32,
    end: u32,
    /// The first node that is not within it.
    after: u32,
}

/// One group of a message.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    groups: &'a Groups,
    index: usize,
}

impl Message {
    /// How the segments are grouped, found at the first question and kept until the list of segments or MSH changes.
    /// Takes time in proportion to the number of segments, whatever they are.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        self.segments.groups.get_or_init(|| Groups::of(self).into())
    }

    /// Whether the groups were already asked for.
    pub(super) fn is_grouped(&self) -> bool {
        self.segments.groups.get().is_some()
    }
}

impl Groups {
    fn of(message: &Message) -> Self {
        let segments = message.segments.iter().map(|segment| segment.name);
        let Some(structure) = message.structure() else {
            return Self::without_structure(segments.len());
        };
        walk::walk(structure, segments)
    }

    fn without_structure(segments: usize) -> Self {
        Self {
            structure: None,
            nodes: vec![Node::of_message(segments)],
            by_name: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The structure that the message was read by; `None` where MSH-9 names none that is known. There are no groups
    /// then.
    #[must_use]
    pub fn structure(&self) -> Option<&'static Structure> {
        self.structure
    }

    /// Every group in document order, an outer one before those in it.
    pub fn iter(&self) -> impl Iterator<Item = Group<'_>> {
        (1..self.nodes.len()).map(|index| Group { groups: self, index })
    }

    /// The outermost groups.
    pub fn outermost(&self) -> impl Iterator<Item = Group<'_>> {
        self.children_of(0)
    }

    /// The groups that a path leads to: all of the last name where it has no occurrence.
    ///
    /// The path is a group itself, such as `ORDER_OBSERVATION/`.
    pub fn at<'a>(&'a self, path: &Path) -> Result<impl Iterator<Item = Group<'a>> + use<'a>, crate::PathError> {
        let found = self.find_all(path.groups())?;
        Ok(found.iter().map(|index| Group {
            groups: self,
            index: *index as usize,
        }))
    }

    /// What the structure finds wrong: at most [`findings::FINDINGS_MAX`] entries.
    #[must_use]
    pub fn findings(&self) -> &[StructureFinding] {
        &self.findings
    }

    fn children_of(&self, parent: usize) -> impl Iterator<Item = Group<'_>> {
        let end = self.node(parent).map_or(0, |node| node.after as usize);
        let mut next = parent + 1;
        std::iter::from_fn(move || {
            let index = next;
            next = self.node(index).filter(|_| index < end)?.after as usize;
            Some(Group { groups: self, index })
        })
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The steps that lead to a group from the outermost on.
    fn steps(&self, mut index: usize) -> Vec<GroupStep> {
        let mut steps = Vec::new();
        while let Some(node) = self.node(index).filter(|_| index > 0) {
            steps.push(GroupStep::new(self.name(node), node.occurrence));
            index = node.parent as usize;
        }
        steps.reverse();
        steps
    }

    fn name(&self, node: &Node) -> &'static str {
        self.structure
            .map_or("", |structure| structure.plan().element(node.element).name)
    }
}

impl Node {
    fn of_message(segments: usize) -> Self {
        Self {
            element: 0,
            parent: 0,
            occurrence: 1,
            start: 0,
            end: super::parse::position(segments),
            after: 1,
        }
    }

    fn segments(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl<'a> Group<'a> {
    /// The name, such as `ORDER_OBSERVATION`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.groups.node(self.index).map_or("", |node| self.groups.name(node))
    }

    /// Which one of its name within the group around it, counted from one.
    #[must_use]
    pub fn occurrence(&self) -> u32 {
        self.groups.node(self.index).map_or(1, |node| node.occurrence)
    }

    /// The path to it with all its ancestors, such as `PATIENT_RESULT[1]/ORDER_OBSERVATION[2]/`.
    #[must_use]
    pub fn path(&self) -> Path {
        Path::of_group(self.groups.steps(self.index))
    }

    /// Where its segments stand among [`Message::segments`], those of inner groups among them.
    #[must_use]
    pub fn segments(&self) -> Range<usize> {
        self.groups.node(self.index).map_or(0..0, Node::segments)
    }

    /// The groups directly within it.
    pub fn children(&self) -> impl Iterator<Item = Group<'a>> + use<'a> {
        self.groups.children_of(self.index)
    }
}
