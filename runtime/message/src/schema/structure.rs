//! Message structures: which segments and groups stand in a message, in which order.

use std::sync::OnceLock;

use super::Cardinality;
use super::nodes::typed_cardinality;
use super::version::holds;
use crate::message::Plan;

/// The structure of a message, such as `ORU_R01`.
#[derive(Debug)]
pub struct Structure {
    /// The name, as in MSH-9.3.
    pub name: &'static str,
    /// What stands in it, in order.
    pub elements: Vec<Element>,
    plan: OnceLock<Plan>,
}

/// A segment or a group in a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The segment's or the group's name, such as `OBX` or `ORDER_OBSERVATION`.
    pub name: &'static str,
    /// How often it stands at this place.
    pub cardinality: Cardinality,
    /// What it is.
    pub kind: ElementKind,
    /// What stands in it, in order; nothing in a segment.
    pub elements: Vec<Element>,
}

/// What an element of a structure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// A segment of this name.
    Segment,
    /// A segment of any name, named `*`.
    AnySegment,
    /// Segments and groups that stand together.
    Group,
    /// One of several segments or groups.
    Choice,
}

impl Structure {
    /// The form that a version has: the line ` f-l MSH EVN PROCEDURE*(PR1 ROL*)` whose letters hold it.
    pub(super) fn decode(name: &'static str, block: &'static str, version: usize) -> Option<Self> {
        let mut lines = block.lines().filter_map(|line| line.trim_start().split_once(' '));
        let (_, form) = lines.find(|(versions, _)| holds(versions, version))?;
        let elements = Reader { rest: form }.elements();
        Some(Self {
            name,
            elements,
            plan: OnceLock::new(),
        })
    }

    /// The structure prepared for grouping segments by it, made at the first question.
    pub(crate) fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::of(self))
    }

    /// Every group of the structure, an outer one before those in it and in order.
    pub fn groups(&self) -> impl Iterator<Item = &Element> {
        all(&self.elements).filter(|element| element.is_group())
    }
}

impl Element {
    /// Whether it holds other elements.
    #[must_use]
    pub fn is_group(&self) -> bool {
        matches!(self.kind, ElementKind::Group | ElementKind::Choice)
    }

    /// The segments that stand in it, at any depth and in order.
    pub fn segments(&self) -> impl Iterator<Item = &Element> {
        all(&self.elements).filter(|element| !element.is_group())
    }
}

/// Elements and those in them, an outer one first.
pub(crate) fn all(elements: &[Element]) -> impl Iterator<Item = &Element> {
    let mut rest: Vec<_> = elements.iter().rev().collect();
    std::iter::from_fn(move || {
        let element = rest.pop()?;
        rest.extend(element.elements.iter().rev());
        Some(element)
    })
}

struct Reader {
    rest: &'static str,
}

impl Reader {
    /// Elements up to a closing bracket. The text is the project's own, and nests no deeper than HL7's groups do.
    fn elements(&mut self) -> Vec<Element> {
        let mut elements = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            let closing = self.rest.strip_prefix([')', '>']);
            if let Some(after) = closing {
                self.rest = after;
                return elements;
            }
            if self.rest.is_empty() {
                return elements;
            }
            elements.push(self.element());
        }
    }

    fn element(&mut self) -> Element {
        let end = self.rest.find([' ', '(', '<', ')', '>']).unwrap_or(self.rest.len());
        let (head, after) = self.rest.split_at(end);
        let (name, cardinality) = match head.strip_prefix('*') {
            Some(cardinality) => ("*", typed_cardinality(cardinality).1),
            None => typed_cardinality(head),
        };
        let kind = match after.as_bytes().first() {
            Some(b'(') => ElementKind::Group,
            Some(b'<') => ElementKind::Choice,
            _ if name == "*" => ElementKind::AnySegment,
            _ => ElementKind::Segment,
        };
        let mut element = Element {
            name,
            cardinality,
            kind,
            elements: Vec::new(),
        };
        self.rest = after;
        if element.is_group() {
            self.rest = after.get(1..).unwrap_or_default();
            element.elements = self.elements();
        }
        element
    }
}
