//! A message as a tree: segments, fields, repetitions, components, subcomponents, each with its path, name and value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::iter::Peekable;

use serde::Serialize;
use transfuse_message::{Delimiters, Group, Message};

use super::names::{Named, Names, Position, SegmentKind};

use super::selection::Selection;
use crate::message_file::LineCounter;
use crate::segment_names::segment_name;
use crate::visible::visible_bytes;

/// A segment with everything in it.
#[derive(Debug, Serialize)]
pub(super) struct SegmentTree {
    /// `OBX[2]`; for a line that is not a segment, `line 7`.
    pub(super) path: String,
    /// The line of the file that it stands on.
    pub(super) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
    pub(super) kind: SegmentKind,
    /// The groups that it stands in, from the outermost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    pub(super) fields: Vec<Node>,
}

/// A field, repetition, component or subcomponent.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) named: Option<Named>,
    #[serde(flatten)]
    pub(super) content: Content,
    /// One of several repetitions, whose name is that of the field.
    #[serde(skip)]
    pub(super) is_repetition: bool,
    /// How deep below its field it lies.
    #[serde(skip)]
    pub(super) depth: usize,
}

/// What stands at a node. Absent, empty and `""` stay apart.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    /// Decoded text.
    Value(String),
    /// The node is there and holds nothing.
    Empty(Yes),
    /// The segment ends before the node, which the version defines.
    Absent(Yes),
    /// `""`: the sender asks to delete the value.
    Delete(Yes),
    /// Bytes that are not text in the message's character set, shown with `<F5>` for each.
    Undecodable(String),
    /// A node of so many parts that it is shown as a whole, delimiters and all.
    Undivided {
        parts: usize,
        text: String,
    },
    Parts(Vec<Node>),
}

/// A flag that is there or not.
#[derive(Debug)]
pub(super) struct Yes;

impl Serialize for Yes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

/// A node of more parts than this is shown as a whole: a waveform of a hundred thousand components is one value to
/// whoever reads a tree.
const PARTS_MAX: usize = 1_000;

/// Nodes of one segment that are shown one by one. From here on fields are shown as a whole, so that a tree takes at
/// most some hundred times the memory of what a person can look through.
const NODES_MAX: usize = 200_000;

impl Node {
    /// Whether no part of it has a value.
    pub(super) fn is_vacant(&self) -> bool {
        match &self.content {
            Content::Empty(_) | Content::Absent(_) => true,
            Content::Parts(parts) => parts.iter().all(Self::is_vacant),
            _ => false,
        }
    }

    /// Leaves out whatever has no value, at every depth.
    fn prune(&mut self) {
        if let Content::Parts(parts) = &mut self.content {
            parts.retain_mut(|part| {
                part.prune();
                !part.is_vacant()
            });
        }
    }
}

/// The trees of a message's segments, one after the other, so that only one of them is in memory.
pub(super) fn segments<'m>(
    message: &'m Message,
    selection: &'m Selection,
    first_line: usize,
) -> impl Iterator<Item = SegmentTree> + 'm {
    let content = message.encode();
    let names = Names::of(message);
    let mut lines = SegmentLines {
        first: first_line,
        counter: LineCounter::default(),
        at: 0,
    };
    let mut numbers = HashMap::new();
    let mut groups = OpenGroups::of(message);
    message.segments().enumerate().filter_map(move |(index, view)| {
        let line = lines.of(&content, view.raw());
        let groups = groups.at(index);
        let occurrence: &mut usize = numbers.entry(view.name()).or_default();
        *occurrence += 1;
        let path = match (view.name(), *occurrence) {
            ("", _) => format!("line {line}"),
            (name, 1) => name.to_owned(),
            (name, number) => format!("{name}[{number}]"),
        };
        if !selection.touches(index, &path) {
            return None;
        }
        let mut builder = Builder {
            message,
            names: &names,
            selection,
            delimiters: message.delimiters(),
            segment: view.name(),
            index,
            value_type: None,
            nodes: 0,
        };
        Some(SegmentTree {
            fields: builder.fields(&path, view.raw()),
            name: segment_name(view.name()),
            kind: names.kind(view.name()),
            groups,
            path,
            line,
        })
    })
}

/// The groups that are open where a segment stands.
struct OpenGroups<'m> {
    coming: Peekable<Box<dyn Iterator<Item = Group<'m>> + 'm>>,
    open: Vec<Group<'m>>,
}

impl<'m> OpenGroups<'m> {
    fn of(message: &'m Message) -> Self {
        let groups: Box<dyn Iterator<Item = Group<'m>> + 'm> = Box::new(message.groups().iter());
        Self {
            coming: groups.peekable(),
            open: Vec::new(),
        }
    }

    /// The groups around a segment, from the outermost: `ORDER_OBSERVATION[2]`.
    fn at(&mut self, segment: usize) -> Vec<String> {
        self.open.retain(|group| group.segments().contains(&segment));
        while let Some(group) = self.coming.next_if(|group| group.segments().start <= segment) {
            self.open.push(group);
        }
        let label = |group: &Group<'_>| match group.occurrence() {
            1 => group.name().to_owned(),
            number => format!("{}[{number}]", group.name()),
        };
        self.open.iter().map(label).collect()
    }
}

/// Tells on which line of the file each segment stands.
struct SegmentLines {
    first: usize,
    counter: LineCounter,
    at: usize,
}

impl SegmentLines {
    /// The line of `segment`, which is the next one in `content`.
    fn of(&mut self, content: &[u8], segment: &[u8]) -> usize {
        while let Some(rest) = content
            .get(self.at..)
            .filter(|rest| !rest.is_empty() && !rest.starts_with(segment))
        {
            self.pass(rest.get(..1).unwrap_or_default());
        }
        let line = self.first + self.counter.line() - 1;
        self.pass(segment);
        line
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.counter.pass(bytes);
        self.at += bytes.len();
    }
}

struct Builder<'m> {
    message: &'m Message,
    names: &'m Names,
    selection: &'m Selection,
    delimiters: Delimiters,
    segment: &'m str,
    /// Its place among the message's segments.
    index: usize,
    /// OBX-2, which says what OBX-5 is.
    value_type: Option<String>,
    nodes: usize,
}

/// A node that is being read.
struct Place {
    path: String,
    position: Position,
    is_repetition: bool,
    depth: usize,
}

impl Builder<'_> {
    fn fields(&mut self, segment: &str, raw: &[u8]) -> Vec<Node> {
        if self.segment.is_empty() {
            return vec![self.line(segment, raw)];
        }
        self.value_type = self.value_type(raw);
        let mut nodes = Vec::new();
        let mut number = 0;
        if self.segment == "MSH" {
            // MSH-1 is the separator itself, so that what follows it counts from two.
            number = 1;
            let mut node = self.header_field(segment, 1, &[self.delimiters.field]);
            if self.keep(&mut node) {
                nodes.push(node);
            }
        }
        let separator = self.delimiters.field;
        let mut rest = after(raw, separator);
        while let Some(bytes) = rest {
            number += 1;
            if self.nodes > NODES_MAX {
                nodes.push(self.undivided(segment, number, bytes));
                break;
            }
            let end = bytes.iter().position(|byte| *byte == separator).unwrap_or(bytes.len());
            let mut node = self.field(segment, number, bytes.get(..end).unwrap_or_default());
            if self.keep(&mut node) {
                nodes.push(node);
            }
            rest = after(bytes, separator);
        }
        if self.selection.empty {
            let missing = (number + 1..=self.names.last_field(self.segment)).map(|number| self.absent(segment, number));
            nodes.extend(missing.filter(|node| self.selection.takes(self.index, &node.path, true)));
        }
        nodes
    }

    /// Whether a field is to be shown, with what is not to be shown taken out of it.
    fn keep(&self, node: &mut Node) -> bool {
        if !self.selection.empty {
            node.prune();
        }
        (self.selection.empty || !node.is_vacant()) && self.select(node)
    }

    /// Leaves out what is not asked for, and tells whether anything is left.
    fn select(&self, node: &mut Node) -> bool {
        let is_leaf = !matches!(node.content, Content::Parts(_));
        if self.selection.takes(self.index, &node.path, is_leaf) {
            return true;
        }
        match &mut node.content {
            Content::Parts(parts) => {
                parts.retain_mut(|part| self.select(part));
                !parts.is_empty()
            }
            _ => false,
        }
    }

    /// What the segment says about the datatype of a field that has none of its own.
    fn value_type(&self, raw: &[u8]) -> Option<String> {
        let number = Names::naming_field(self.segment)?;
        let mut fields = raw.split(|byte| *byte == self.delimiters.field);
        let bytes = fields.nth(number as usize)?;
        self.message.decode(bytes).map(Cow::into_owned)
    }

    /// A line that is no segment.
    fn line(&self, path: &str, raw: &[u8]) -> Node {
        Node {
            path: path.to_owned(),
            named: None,
            content: self.leaf(raw),
            is_repetition: false,
            depth: 0,
        }
    }

    fn header_field(&self, segment: &str, number: u32, bytes: &[u8]) -> Node {
        let content = Content::Value(String::from_utf8_lossy(bytes).into_owned());
        Node {
            content,
            ..self.absent(segment, number)
        }
    }

    /// All that is left of a segment, from this field on.
    fn undivided(&self, segment: &str, number: u32, bytes: &[u8]) -> Node {
        let parts = bytes.split(|byte| *byte == self.delimiters.field).count();
        let content = Content::Undivided {
            parts,
            text: self.lossy(bytes),
        };
        Node {
            content,
            ..self.absent(segment, number)
        }
    }

    fn lossy(&self, bytes: &[u8]) -> String {
        self.message
            .decode(bytes)
            .map_or_else(|| visible_bytes(bytes), Cow::into_owned)
    }

    fn absent(&self, segment: &str, number: u32) -> Node {
        Node {
            path: format!("{segment}-{number}"),
            named: self.named(Position {
                field: number,
                component: None,
                subcomponent: None,
            }),
            content: Content::Absent(Yes),
            is_repetition: false,
            depth: 0,
        }
    }

    fn field(&mut self, segment: &str, number: u32, bytes: &[u8]) -> Node {
        if self.segment == "MSH" && number == 2 {
            return self.header_field(segment, number, bytes);
        }
        let place = Place {
            path: format!("{segment}-{number}"),
            position: Position {
                field: number,
                component: None,
                subcomponent: None,
            },
            is_repetition: false,
            depth: 0,
        };
        let divides = self.delimiters.repetition.filter(|separator| bytes.contains(separator));
        let Some(separator) = divides else {
            return self.node(place, bytes);
        };
        self.divided(place, bytes, separator, |place, index| Place {
            path: format!("{}[{index}]", place.path),
            position: place.position,
            is_repetition: true,
            depth: place.depth + 1,
        })
    }

    /// A repetition, component or subcomponent.
    fn node(&mut self, place: Place, bytes: &[u8]) -> Node {
        let divides = |separator: Option<u8>| separator.filter(|separator| bytes.contains(separator));
        let deeper = |place: &Place, index: u32| Place {
            path: format!("{}.{index}", place.path),
            position: Position {
                component: place.position.component.or(Some(index)),
                subcomponent: place.position.component.map(|_| index),
                ..place.position
            },
            is_repetition: false,
            depth: place.depth + 1,
        };
        match (place.position.component, place.position.subcomponent) {
            (None, _) => {
                if let Some(separator) = divides(Some(self.delimiters.component)) {
                    return self.divided(place, bytes, separator, deeper);
                }
                if let Some(separator) = divides(self.delimiters.subcomponent) {
                    // Subcomponents of the only component, which no separator shows.
                    let first = deeper(&place, 1);
                    return self.divided(first, bytes, separator, deeper);
                }
            }
            (Some(_), None) => {
                if let Some(separator) = divides(self.delimiters.subcomponent) {
                    return self.divided(place, bytes, separator, deeper);
                }
            }
            (Some(_), Some(_)) => {}
        }
        self.nodes += 1;
        Node {
            named: self.named(place.position),
            content: self.leaf(bytes),
            path: place.path,
            is_repetition: place.is_repetition,
            depth: place.depth,
        }
    }

    fn divided(&mut self, place: Place, bytes: &[u8], separator: u8, part: impl Fn(&Place, u32) -> Place) -> Node {
        let count = bytes.split(|byte| *byte == separator).count();
        let is_too_much = (count > PARTS_MAX && !self.selection.full) || self.nodes > NODES_MAX;
        let content = if is_too_much {
            Content::Undivided {
                parts: count,
                text: self.lossy(bytes),
            }
        } else {
            let pieces = (1_u32..).zip(bytes.split(|byte| *byte == separator));
            Content::Parts(
                pieces
                    .map(|(index, piece)| self.node(part(&place, index), piece))
                    .collect(),
            )
        };
        self.nodes += 1;
        Node {
            named: self.named(place.position),
            content,
            path: place.path,
            is_repetition: place.is_repetition,
            depth: place.depth,
        }
    }

    fn named(&self, position: Position) -> Option<Named> {
        self.names.node(self.segment, position, self.value_type.as_deref())
    }

    fn leaf(&self, bytes: &[u8]) -> Content {
        match bytes {
            b"" => Content::Empty(Yes),
            b"\"\"" => Content::Delete(Yes),
            _ => match self.message.decode(bytes) {
                Some(text) => Content::Value(text.into_owned()),
                None => Content::Undecodable(visible_bytes(bytes)),
            },
        }
    }
}

/// What lies behind the first separator.
fn after(bytes: &[u8], separator: u8) -> Option<&[u8]> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    bytes.get(at + 1..)
}
