//! Paths: how a node of a message is addressed, and what can be wrong with an address.

mod error;
mod groups;
mod read;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

pub use error::PathError;
pub use groups::GroupStep;

/// The address of a node: a segment, a field, a repetition, a component or a subcomponent.
///
/// Written in HL7's own notation and counted from one: `PID-5`, `PID-5.1.2`, `PID-3[2].1`, `OBX[3]-5`. Parsed once
/// and cheap to keep. What an omitted number means depends on the question:
///
/// | written | reading and setting a leaf | raw, clear, copy | count | remove |
/// |---|---|---|---|---|
/// | `OBX` | `not-a-leaf` | the first OBX | segments named OBX | the first OBX |
/// | `OBX[2]` | `not-a-leaf` | the second OBX | its fields | the second OBX |
/// | `PID-3` | the first repetition | the field with all its repetitions | repetitions | the first repetition |
/// | `PID-3[2]` | the second repetition | the second repetition | its components | the second repetition |
/// | `PID-3.1` | the first repetition's component | the same | its subcomponents | `unsupported` |
///
/// Groups of the message's structure may stand before it: `ORDER_OBSERVATION[2]/OBX[1]-5` is field 5 of the first OBX
/// in the second group of that name. A path may begin at any group, ancestors left out. Each step counts within the one
/// before it, in the order of the message, and the segment is the n-th of its name anywhere inside the last group. With
/// a slash at the end the path is the group itself, for counting and for inserting at its end: `ORDER_OBSERVATION[2]/`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    groups: Option<Arc<Vec<GroupStep>>>,
    /// Zeros for a group itself.
    segment: [u8; 3],
    occurrence: u32,
    field: Option<FieldPath>,
}

/// The address of a node within its segment, such as `3`, `3.1` or `5[2].1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldPath {
    /// Never zero, so that a path without one is no larger.
    field: NonZeroU32,
    repetition: u32,
    component: u32,
    subcomponent: u32,
}

impl Path {
    /// A path to a whole segment; `occurrence` 0 stands for an omitted one.
    pub(crate) fn of_segment(segment: [u8; 3], occurrence: u32) -> Self {
        Self {
            groups: None,
            segment,
            occurrence,
            field: None,
        }
    }

    /// A path to a group, the outermost step first.
    pub(crate) fn of_group(steps: Vec<GroupStep>) -> Self {
        Self {
            groups: (!steps.is_empty()).then(|| Arc::new(steps)),
            ..Self::of_segment([0; 3], 0)
        }
    }

    /// A segment within the same groups.
    pub(crate) fn with_segment(&self, segment: [u8; 3], occurrence: u32) -> Self {
        Self {
            groups: self.groups.clone(),
            ..Self::of_segment(segment, occurrence)
        }
    }

    /// A group within the same groups.
    pub(crate) fn with_group(&self, group: &GroupStep) -> Self {
        Self::of_group(self.groups().iter().chain([group]).cloned().collect())
    }

    /// The same segment, at another node in it.
    pub(crate) fn with_field(&self, field: FieldPath) -> Self {
        Self {
            field: Some(field),
            ..self.clone()
        }
    }

    /// The groups that lead to the segment, the outermost first; none in a plain path.
    #[must_use]
    pub fn groups(&self) -> &[GroupStep] {
        match &self.groups {
            Some(groups) => groups,
            None => &[],
        }
    }

    /// Whether it is a group itself, and no segment in it.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.segment == [0; 3]
    }

    /// The name of the segment, such as `PID`; empty for a group.
    #[must_use]
    pub fn segment(&self) -> &str {
        let name = std::str::from_utf8(&self.segment).unwrap_or_default();
        if self.is_group() { "" } else { name }
    }

    /// Which of the segments of that name, counted from one.
    #[must_use]
    pub fn occurrence(&self) -> u32 {
        self.occurrence.max(1)
    }

    /// The node within the segment; `None` for the segment itself.
    #[must_use]
    pub fn field(&self) -> Option<FieldPath> {
        self.field
    }

    pub(crate) fn name(&self) -> [u8; 3] {
        self.segment
    }

    pub(crate) fn has_occurrence(&self) -> bool {
        self.occurrence > 0
    }

    /// Which of the segments of that name, where one was written.
    #[must_use]
    pub fn given_occurrence(&self) -> Option<u32> {
        self.has_occurrence().then_some(self.occurrence)
    }

    /// The path of a segment as findings and differences name it: the first one without its number.
    pub(crate) fn found(segment: [u8; 3], occurrence: u32) -> Self {
        Self::of_segment(segment, if occurrence > 1 { occurrence } else { 0 })
    }

    /// Whether another path leads to one of the nodes that this one stands for, or into one of them, where what is not
    /// numbered stands for all.
    #[must_use]
    pub fn covers(&self, other: &Path) -> bool {
        let same_segment = self.segment == other.segment
            && self
                .given_occurrence()
                .is_none_or(|wanted| wanted == other.occurrence());
        let same_node = self
            .field
            .is_none_or(|field| other.field.is_some_and(|other| field.covers(other)));
        same_segment && same_node
    }

    /// MSH-1 and MSH-2, which the delimiters that they define do not divide.
    pub(crate) fn is_delimiters(&self) -> bool {
        self.is_of_header() && self.field.is_some_and(|field| field.field() <= 2)
    }

    pub(crate) fn is_of_header(&self) -> bool {
        &self.segment == b"MSH"
    }
}

impl FieldPath {
    pub(crate) fn new(field: u32, repetition: u32, component: u32, subcomponent: u32) -> Self {
        Self {
            field: NonZeroU32::new(field).unwrap_or(NonZeroU32::MIN),
            repetition,
            component,
            subcomponent,
        }
    }

    /// The number of the field, counted from one.
    #[must_use]
    pub fn field(&self) -> u32 {
        self.field.get()
    }

    /// Which repetition, counted from one; the first where it was omitted.
    #[must_use]
    pub fn repetition(&self) -> u32 {
        self.repetition.max(1)
    }

    /// The number of the component; `None` for the field or repetition itself.
    #[must_use]
    pub fn component(&self) -> Option<u32> {
        (self.component > 0).then_some(self.component)
    }

    /// The number of the subcomponent; `None` for the component itself.
    #[must_use]
    pub fn subcomponent(&self) -> Option<u32> {
        (self.subcomponent > 0).then_some(self.subcomponent)
    }

    /// Whether another node is this one or lies within it; a repetition that is not written stands for all.
    fn covers(self, other: Self) -> bool {
        let same_part = |wanted: u32, found: u32| wanted == 0 || wanted == found;
        self.field == other.field
            && same_part(self.repetition, other.repetition())
            && same_part(self.component, other.component)
            && same_part(self.subcomponent, other.subcomponent)
    }

    /// The same node; the first repetition is not written.
    pub(crate) fn without_first_repetition(self) -> Self {
        Self {
            repetition: if self.repetition == 1 { 0 } else { self.repetition },
            ..self
        }
    }

    /// Which repetition, where one was written.
    pub(crate) fn given_repetition(&self) -> Option<u32> {
        (self.repetition > 0).then_some(self.repetition)
    }

    /// A repetition (level 0), component (1) or subcomponent (2) of this node.
    pub(crate) fn part(self, level: usize, number: u32) -> Self {
        match level {
            0 => Self {
                repetition: number,
                ..self
            },
            1 => Self {
                component: number,
                ..self
            },
            _ => Self {
                component: self.component.max(1),
                subcomponent: number,
                ..self
            },
        }
    }

    /// Whether the path names a field with all its repetitions.
    pub(crate) fn is_whole_field(&self) -> bool {
        self.repetition == 0 && self.component == 0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.groups() {
            write!(f, "{step}/")?;
        }
        f.write_str(self.segment())?;
        if self.occurrence > 0 {
            write!(f, "[{}]", self.occurrence)?;
        }
        match self.field {
            Some(field) => write!(f, "-{field}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field)?;
        if self.repetition > 0 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldPath({self})")
    }
}

/// The name of a segment: a capital letter, then two capital letters or digits.
pub(crate) fn segment_name(bytes: &[u8]) -> Option<[u8; 3]> {
    let name: [u8; 3] = bytes.try_into().ok()?;
    let [first, rest @ ..] = name;
    let is_name = first.is_ascii_uppercase()
        && rest
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_name.then_some(name)
}
