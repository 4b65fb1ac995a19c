//! A structure prepared for reading segments by it: which names may begin, or stand in, each of its elements.

use crate::schema::{Element, ElementKind, Structure, all};

/// A set of names by number. No structure of any version has more than 48 different segments.
pub(super) type Names = u128;

/// The name that stands for any segment.
const ANY: Names = 1 << 127;

/// A structure, flattened: the message itself first, then its elements, outer ones before those in them.
#[derive(Debug)]
pub(crate) struct Plan {
    elements: Vec<PlannedElement>,
    /// The names of segments, numbered by their places; sorted.
    segments: Vec<[u8; 3]>,
    /// The names of groups, numbered by their places.
    groups: Vec<&'static str>,
}

#[derive(Debug)]
pub(super) struct PlannedElement {
    pub(super) name: &'static str,
    pub(super) kind: ElementKind,
    pub(super) is_required: bool,
    pub(super) max: Option<u32>,
    /// The number of the group's name.
    pub(super) group: usize,
    pub(super) children: Vec<u16>,
    /// The segments that it begins with when nothing is left out.
    pub(super) leading: Names,
    /// The segments that it may begin with.
    pub(super) first: Names,
    /// The segments that stand in it at any depth.
    pub(super) holds: Names,
    /// Whether nothing in it is required.
    is_empty_allowed: bool,
}

impl Plan {
    pub(crate) fn of(structure: &Structure) -> Self {
        let mut plan = Self {
            elements: Vec::new(),
            segments: segment_names(&structure.elements),
            groups: Vec::new(),
        };
        plan.add("", ElementKind::Group, true, Some(1), &structure.elements);
        plan
    }

    pub(super) fn element(&self, index: u16) -> &PlannedElement {
        static NONE: PlannedElement = PlannedElement {
            name: "",
            kind: ElementKind::Segment,
            is_required: false,
            max: None,
            group: 0,
            children: Vec::new(),
            leading: 0,
            first: 0,
            holds: 0,
            is_empty_allowed: true,
        };
        self.elements.get(usize::from(index)).unwrap_or(&NONE)
    }

    /// A segment's name as a set of one; empty for one that the structure does not name.
    pub(super) fn segment(&self, name: [u8; 3]) -> Names {
        self.segments.binary_search(&name).map_or(0, bit)
    }

    /// The name of the first segment that is in a set.
    pub(super) fn segment_name(&self, names: Names) -> &'static str {
        let mut segments = self.elements.iter().filter(|element| !element.is_group());
        segments
            .find(|element| element.holds & names != 0)
            .map_or("", |element| element.name)
    }

    /// Any segment, as a set of one; empty where the structure has no place for one.
    pub(super) fn any_segment(&self) -> Names {
        self.element(0).holds & ANY
    }

    pub(super) fn groups(&self) -> &[&'static str] {
        &self.groups
    }

    /// Adds an element and those in it, and gives its place.
    fn add(
        &mut self,
        name: &'static str,
        kind: ElementKind,
        is_required: bool,
        max: Option<u32>,
        inner: &[Element],
    ) -> u16 {
        let index = self.elements.len();
        let group = self.group_number(name, kind);
        let names = match kind {
            ElementKind::Segment => name.as_bytes().try_into().map_or(0, |name| self.segment(name)),
            ElementKind::AnySegment => ANY,
            ElementKind::Group | ElementKind::Choice => 0,
        };
        self.elements.push(PlannedElement {
            name,
            kind,
            is_required,
            max: max.filter(|_| kind != ElementKind::AnySegment),
            group,
            children: Vec::new(),
            leading: names,
            first: names,
            holds: names,
            is_empty_allowed: false,
        });
        let children: Vec<_> = inner
            .iter()
            .map(|child| {
                self.add(
                    child.name,
                    child.kind,
                    child.cardinality.is_required(),
                    child.cardinality.max,
                    &child.elements,
                )
            })
            .collect();
        if matches!(kind, ElementKind::Group | ElementKind::Choice) {
            self.sum_up(index, children);
        }
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    fn group_number(&mut self, name: &'static str, kind: ElementKind) -> usize {
        if !matches!(kind, ElementKind::Group | ElementKind::Choice) {
            return 0;
        }
        let known = self.groups.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            self.groups.push(name);
            self.groups.len() - 1
        })
    }

    /// What a group's children say about it.
    fn sum_up(&mut self, index: usize, children: Vec<u16>) {
        let is_choice = self
            .elements
            .get(index)
            .is_some_and(|element| element.kind == ElementKind::Choice);
        let (mut leading, mut first, mut holds) = (0, 0, 0);
        let mut is_passed = false;
        for (place, child) in children.iter().map(|child| self.element(*child)).enumerate() {
            let is_first = is_choice || place == 0;
            leading |= if is_first { child.leading } else { 0 };
            first |= if is_choice || !is_passed { child.first } else { 0 };
            holds |= child.holds;
            is_passed |= child.is_needed();
        }
        if let Some(element) = self.elements.get_mut(index) {
            (element.leading, element.first, element.holds) = (leading, first, holds);
            element.is_empty_allowed = !is_passed;
            element.children = children;
        }
    }
}

impl PlannedElement {
    /// Whether its group is incomplete without it: a group in which nothing is required is not.
    pub(super) fn is_needed(&self) -> bool {
        self.is_required && !self.is_empty_allowed
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(self.kind, ElementKind::Group | ElementKind::Choice)
    }
}

/// The set of the name with this number. Names beyond the set's size would be unknown to it.
fn bit(number: usize) -> Names {
    if number < 127 { 1 << number } else { 0 }
}

fn segment_names(elements: &[Element]) -> Vec<[u8; 3]> {
    let segments = all(elements).filter(|element| element.kind == ElementKind::Segment);
    let mut names: Vec<[u8; 3]> = segments
        .filter_map(|segment| segment.name.as_bytes().try_into().ok())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
