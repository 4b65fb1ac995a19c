//! A message as a tree: segments, fields, repetitions, components, subcomponents, each with its path, name and value.

use serde::Serialize;
use transfuse_message::{Delimiters, Message, Path};

use super::names::{Named, Names, SegmentKind};
use crate::message_file::LineCounter;
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

/// What a tree shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// Only these nodes and what lies in them; everything where there are none.
    pub(super) paths: Vec<Path>,
    /// Nodes without a value too.
    pub(super) empty: bool,
    /// Nodes of any number of parts.
    pub(super) full: bool,
}

/// A node of more parts than this is shown as a whole: a waveform of a hundred thousand components is one value to
/// whoever reads a tree.
const PARTS_MAX: usize = 1_000;

/// Nodes of one segment that are shown one by one. From here on fields are shown as a whole, so that a tree takes at
/// most some hundred times the memory of what a person can look through.
const NODES_MAX: usize = 200_000;

impl Selection {
    fn takes(&self, path: &str) -> bool {
        // Every path that a tree makes can be read again.
        self.paths.is_empty()
            || path
                .parse()
                .is_ok_and(|path| self.paths.iter().any(|one| one.covers(&path)))
    }

    /// Whether anything of a segment can be asked for.
    fn touches(&self, path: &str) -> bool {
        let Ok(segment) = path.parse::<Path>() else {
            return self.paths.is_empty();
        };
        let same = |one: &Path| {
            one.segment() == segment.segment() && one.given_occurrence().is_none_or(|at| at == segment.occurrence())
        };
        self.paths.is_empty() || self.paths.iter().any(same)
    }
}

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
    names: &'m Names<'m>,
    selection: &'m Selection,
    first_line: usize,
) -> impl Iterator<Item = SegmentTree> + 'm {
    let content = message.encode();
    let mut lines = SegmentLines {
        first: first_line,
        counter: LineCounter::default(),
        at: 0,
    };
    let mut numbers = std::collections::HashMap::new();
    message.segments().zip(0..).filter_map(move |(view, index)| {
        let line = lines.of(&content, view.raw());
        let occurrence: &mut usize = numbers.entry(view.name()).or_default();
        *occurrence += 1;
        let path = match (view.name(), *occurrence) {
            ("", _) => format!("line {line}"),
            (name, 1) => name.to_owned(),
            (name, number) => format!("{name}[{number}]"),
        };
        if !selection.touches(&path) {
            return None;
        }
        let mut builder = Builder {
            message,
            names,
            selection,
            delimiters: message.delimiters(),
            segment: view.name(),
            value_type: None,
            nodes: 0,
        };
        Some(SegmentTree {
            fields: builder.fields(&path, view.raw()),
            name: names.segment(view.name()),
            kind: names.kind(view.name()),
            groups: names.groups(index),
            path,
            line,
        })
    })
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
    names: &'m Names<'m>,
    selection: &'m Selection,
    delimiters: Delimiters,
    segment: &'m str,
    /// OBX-2, which says what OBX-5 is.
    value_type: Option<String>,
    nodes: usize,
}

/// A node that is being read: where it is, and what its parts are divided by.
struct Place {
    path: String,
    field: u32,
    component: Option<u32>,
    subcomponent: Option<u32>,
    depth: usize,
}

impl Builder<'_> {
    fn fields(&mut self, segment: &str, raw: &[u8]) -> Vec<Node> {
        if self.segment.is_empty() {
            return vec![self.line(segment, raw)];
        }
        let mut nodes = Vec::new();
        let mut number = 0;
        if self.segment == "MSH" {
            // MSH-1 is the separator itself, so that what follows it counts from two.
            number = 1;
            nodes.push(self.header_field(segment, 1, &[self.delimiters.field]));
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
            nodes.extend(missing.filter(|node| self.selection.takes(&node.path)));
        }
        nodes
    }

    /// Whether a field is to be shown, with what is not to be shown taken out of it.
    fn keep(&self, node: &mut Node) -> bool {
        if !self.selection.empty {
            node.prune();
        }
        (self.selection.empty || !node.is_vacant()) && select(node, self.selection)
    }

    /// A line that is no segment.
    fn line(&self, path: &str, raw: &[u8]) -> Node {
        Node {
            path: path.to_owned(),
            named: None,
            content: self.leaf(raw),
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
        let parts = bytes.iter().filter(|byte| **byte == self.delimiters.field).count() + 1;
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
            .map_or_else(|| visible_bytes(bytes), std::borrow::Cow::into_owned)
    }

    fn absent(&self, segment: &str, number: u32) -> Node {
        Node {
            path: format!("{segment}-{number}"),
            named: self
                .names
                .node(self.segment, number, None, None, self.value_type.as_deref()),
            content: Content::Absent(Yes),
            depth: 0,
        }
    }

    fn field(&mut self, segment: &str, number: u32, bytes: &[u8]) -> Node {
        if self.segment == "MSH" && number == 2 {
            return self.header_field(segment, number, bytes);
        }
        if self.segment == "OBX" && number == 2 {
            self.value_type = self.message.decode(bytes).map(std::borrow::Cow::into_owned);
        }
        let place = Place {
            path: format!("{segment}-{number}"),
            field: number,
            component: None,
            subcomponent: None,
            depth: 0,
        };
        let divides = self.delimiters.repetition.filter(|separator| bytes.contains(separator));
        let Some(separator) = divides else {
            return self.node(place, bytes);
        };
        self.divided(place, bytes, separator, |place, index| Place {
            path: format!("{}[{index}]", place.path),
            depth: place.depth + 1,
            ..*place
        })
    }

    /// A repetition, component or subcomponent.
    fn node(&mut self, place: Place, bytes: &[u8]) -> Node {
        let divides = |separator: Option<u8>| separator.filter(|separator| bytes.contains(separator));
        let deeper = |place: &Place, index: u32| Place {
            path: format!("{}.{index}", place.path),
            component: place.component.or(Some(index)),
            subcomponent: place.component.map(|_| index),
            depth: place.depth + 1,
            ..*place
        };
        match (place.component, place.subcomponent) {
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
            named: self.named(&place),
            content: self.leaf(bytes),
            path: place.path,
            depth: place.depth,
        }
    }

    fn divided(&mut self, place: Place, bytes: &[u8], separator: u8, part: impl Fn(&Place, u32) -> Place) -> Node {
        let count = bytes.iter().filter(|byte| **byte == separator).count() + 1;
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
            named: self.named(&place),
            content,
            path: place.path,
            depth: place.depth,
        }
    }

    fn named(&self, place: &Place) -> Option<Named> {
        let value_type = self.value_type.as_deref();
        self.names.node(
            self.segment,
            place.field,
            place.component,
            place.subcomponent,
            value_type,
        )
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

/// Leaves out what is not asked for, and tells whether anything is left.
fn select(node: &mut Node, selection: &Selection) -> bool {
    if selection.takes(&node.path) {
        return true;
    }
    match &mut node.content {
        Content::Parts(parts) => {
            parts.retain_mut(|part| select(part, selection));
            !parts.is_empty()
        }
        _ => false,
    }
}
