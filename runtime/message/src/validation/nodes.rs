//! The nodes of a segment, one after the other: what validation looks at.

use crate::path::FieldPath;
use crate::{Charset, Delimiters, Message, escape};

/// How the bytes of a message are divided and read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) delimiters: Delimiters,
    charset: Charset,
}

/// One node that a path stands for.
pub(super) struct Selected<'s> {
    pub(super) path: FieldPath,
    /// The repetition that it lies in.
    pub(super) repetition: &'s [u8],
    pub(super) bytes: &'s [u8],
}

impl Reading {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            delimiters: message.delimiters(),
            charset: message.charset(),
        }
    }

    /// The fields of a segment with their numbers. MSH-1 is the separator itself, and stands in no field's bytes.
    pub(super) fn fields<'s>(&self, name: &str, segment: &'s [u8]) -> impl Iterator<Item = (u32, &'s [u8])> + use<'s> {
        let first = u32::from(name == "MSH");
        parts(segment, Some(self.delimiters.field))
            .skip(1)
            .map(move |(number, bytes)| (number - 1 + first, bytes))
    }

    /// One field of a segment; empty where it is absent.
    pub(super) fn field<'s>(&self, name: &str, segment: &'s [u8], number: u32) -> &'s [u8] {
        let found = self.fields(name, segment).find(|(found, _)| *found >= number);
        found
            .filter(|(found, _)| *found == number)
            .map_or(&[], |(_, bytes)| bytes)
    }

    pub(super) fn repetitions<'s>(&self, field: &'s [u8]) -> impl Iterator<Item = (u32, &'s [u8])> + use<'s> {
        parts(field, self.delimiters.repetition)
    }

    pub(super) fn components<'s>(&self, repetition: &'s [u8]) -> impl Iterator<Item = (u32, &'s [u8])> + use<'s> {
        parts(repetition, Some(self.delimiters.component))
    }

    pub(super) fn subcomponents<'s>(&self, component: &'s [u8]) -> impl Iterator<Item = (u32, &'s [u8])> + use<'s> {
        parts(component, self.delimiters.subcomponent)
    }

    /// The parts of a node at a level: the components of a repetition (level 0), or the subcomponents of a component.
    pub(super) fn below<'s>(&self, level: usize, node: &'s [u8]) -> impl Iterator<Item = (u32, &'s [u8])> + use<'s> {
        let separator = match level {
            0 => Some(self.delimiters.component),
            _ => self.delimiters.subcomponent,
        };
        parts(node, separator)
    }

    /// Whether a node holds anything: separators alone are no value.
    pub(super) fn is_valued(&self, node: &[u8]) -> bool {
        let Delimiters {
            component,
            repetition,
            subcomponent,
            ..
        } = self.delimiters;
        node.iter()
            .any(|byte| *byte != component && Some(*byte) != repetition && Some(*byte) != subcomponent)
    }

    /// The nodes of one field that a path within it stands for. What the path numbers is that one alone; what it does
    /// not is every repetition that holds anything, or the first one where none does.
    pub(super) fn selected<'s>(&self, field: &'s [u8], path: FieldPath) -> Vec<Selected<'s>> {
        let mut nodes: Vec<_> = self
            .repetitions(field)
            .filter(|(number, bytes)| match path.given_repetition() {
                Some(wanted) => *number == wanted,
                None => self.is_valued(bytes),
            })
            .map(|(number, repetition)| Selected {
                path: path.part(0, number),
                repetition,
                bytes: self.within(repetition, path),
            })
            .collect();
        if nodes.is_empty() {
            nodes.push(Selected {
                path: path.part(0, path.repetition()),
                repetition: &[],
                bytes: &[],
            });
        }
        nodes
    }

    /// The component or subcomponent of a repetition that the path asks for; empty where it is absent.
    pub(super) fn within<'s>(&self, repetition: &'s [u8], path: FieldPath) -> &'s [u8] {
        let Some(component) = path.component() else {
            return repetition;
        };
        let component = nth(self.components(repetition), component);
        match path.subcomponent() {
            Some(subcomponent) => nth(self.subcomponents(component), subcomponent),
            None => component,
        }
    }

    /// The first leaf of a node: HL7 reads a value without parts as its own first part, so that a field may get parts
    /// in a later version and mean the same.
    pub(super) fn first_leaf<'s>(&self, node: &'s [u8]) -> &'s [u8] {
        let repetition = nth(self.repetitions(node), 1);
        nth(self.subcomponents(nth(self.components(repetition), 1)), 1)
    }

    /// The text of a leaf, or none where its bytes are not text in the character set.
    pub(super) fn text<'s>(&self, leaf: &'s [u8]) -> Option<std::borrow::Cow<'s, str>> {
        escape::decode(leaf, self.delimiters, self.charset)
    }

    /// Whether bytes are text in the message's character set, escape sequences included.
    pub(super) fn is_text(&self, bytes: &[u8]) -> bool {
        self.text(bytes).is_some()
    }
}

/// Whether a value asks to delete what the receiver has. It may stand everywhere.
pub(super) fn is_delete(value: &[u8]) -> bool {
    value == b"\"\""
}

fn nth<'s>(mut parts: impl Iterator<Item = (u32, &'s [u8])>, wanted: u32) -> &'s [u8] {
    let found = parts.nth(wanted.saturating_sub(1) as usize);
    found.map_or(&[], |(_, bytes)| bytes)
}

/// The parts between separators, counted from one.
fn parts(bytes: &[u8], separator: Option<u8>) -> impl Iterator<Item = (u32, &[u8])> {
    (1..).zip(Parts {
        rest: Some(bytes),
        separator,
    })
}

struct Parts<'s> {
    rest: Option<&'s [u8]>,
    separator: Option<u8>,
}

impl<'s> Iterator for Parts<'s> {
    type Item = &'s [u8];

    fn next(&mut self) -> Option<&'s [u8]> {
        let rest = self.rest?;
        let end = self.separator.and_then(|separator| memchr::memchr(separator, rest));
        let Some(end) = end else {
            self.rest = None;
            return Some(rest);
        };
        let (part, after) = rest.split_at(end);
        self.rest = after.get(1..);
        Some(part)
    }
}

/// Counts the segments of each name on the way through a message.
#[derive(Default)]
pub(super) struct Occurrences(std::collections::HashMap<[u8; 3], u32>);

impl Occurrences {
    /// Which of its name the next segment is, counted from one.
    pub(super) fn next(&mut self, name: [u8; 3]) -> u32 {
        let count = self.0.entry(name).or_default();
        *count = count.saturating_add(1);
        *count
    }
}
