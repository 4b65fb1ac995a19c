//! What differs between two messages, field by field.

mod align;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::path::FieldPath;
use crate::{Charset, Delimiters, Message, Path, Payload, SegmentView, escape};
use align::{Pair, align};

/// From here on a list of differences is coarse: segments that differ are listed whole. It keeps a comparison of
/// messages that have little in common from taking many times their size.
const DIFFERENCES_MAX: usize = 10_000;

/// A node with more parts than this is listed whole where it differs: a waveform of a hundred thousand components is
/// one value to whoever reads the list.
const PARTS_MAX: usize = 1_000;

/// One node that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The node, as a path in the second message, or in the first where only that one has the segment. A line that is
    /// not a segment is named by its number, as in `line 7`, which is not a path.
    pub path: String,
    /// What the first message has there, in UTF-8 where it can be decoded, escape sequences as they stand; `None`
    /// where the node is absent.
    pub before: Option<Payload>,
    /// The same of the second message.
    pub after: Option<Payload>,
}

/// What differs between two messages, in order: down to the component or repetition that differs. Segments are
/// aligned, so that one which was inserted or removed is one difference. How segments end, and blank lines between
/// them, are not compared.
///
/// Takes time in proportion to the size of the messages.
#[must_use]
pub fn differences(a: &Message, b: &Message) -> Vec<Difference> {
    let sides = [a, b].map(|message| Side {
        delimiters: message.delimiters(),
        charset: message.charset(),
    });
    let [before, after] = &sides;
    let mut list = List {
        same_reading: before == after,
        sides,
        found: Vec::new(),
    };
    for pair in align(&lines(a), &lines(b)) {
        match pair {
            Pair::Both(before, after) => list.compare(before, after),
            Pair::Before(line) => list.push(line.path(), Some(line.raw()), None),
            Pair::After(line) => list.push(line.path(), None, Some(line.raw())),
        }
    }
    list.found
}

/// A segment and where it stands.
#[derive(Clone, Copy)]
struct Line<'a> {
    view: SegmentView<'a>,
    /// Which one of its name, or for a line that is not a segment, its number; from one.
    occurrence: u32,
}

impl<'a> Line<'a> {
    fn name(&self) -> &'a str {
        self.view.name()
    }

    fn raw(&self) -> &'a [u8] {
        self.view.raw()
    }

    /// The first one of its name goes without a number.
    fn segment(&self) -> Option<Path> {
        let name = self.name().as_bytes().try_into().ok()?;
        let occurrence = if self.occurrence == 1 { 0 } else { self.occurrence };
        Some(Path::of_segment(name, occurrence))
    }

    fn path(&self) -> String {
        self.segment()
            .map_or_else(|| format!("line {}", self.occurrence), |path| path.to_string())
    }
}

fn lines(message: &Message) -> Vec<Line<'_>> {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    let mut lines = Vec::with_capacity(message.segment_count());
    for (number, view) in (1..).zip(message.segments()) {
        let count = counts.entry(view.name()).or_default();
        *count += 1;
        lines.push(Line {
            view,
            occurrence: if view.name().is_empty() { number } else { *count },
        });
    }
    lines
}

/// How one of the messages is read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Side {
    delimiters: Delimiters,
    charset: Charset,
}

impl Side {
    /// What divides a field: repetitions, then components, then subcomponents.
    fn separators(&self) -> [Option<u8>; 3] {
        let Delimiters {
            repetition,
            component,
            subcomponent,
            ..
        } = self.delimiters;
        [repetition, Some(component), subcomponent]
    }

    fn payload(&self, bytes: &[u8]) -> Payload {
        match self.charset.text(bytes) {
            Some(text) => text.into_owned().into(),
            None => self.charset.printed(bytes).into_owned().into(),
        }
    }

    fn leaf<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        escape::decode(bytes, self.delimiters, self.charset)
    }
}

struct List {
    sides: [Side; 2],
    /// Whether equal bytes mean the same in both messages.
    same_reading: bool,
    found: Vec<Difference>,
}

impl List {
    fn compare(&mut self, before: Line<'_>, after: Line<'_>) {
        if self.same_reading && before.raw() == after.raw() {
            return;
        }
        let [left, right] = self.sides.map(|side| side.delimiters.field);
        let is_coarse = self.found.len() >= DIFFERENCES_MAX
            || has_many_parts(before.raw(), Some(left))
            || has_many_parts(after.raw(), Some(right));
        let Some(segment) = after.segment().filter(|_| !is_coarse) else {
            if before.raw() != after.raw() {
                self.push(after.path(), Some(before.raw()), Some(after.raw()));
            }
            return;
        };
        let (left, right) = (
            before.raw().split(|byte| *byte == left),
            after.raw().split(|byte| *byte == right),
        );
        if !segment.is_of_header() {
            return self.fields(&segment, 1, longest(left.skip(1), right.skip(1)));
        }
        self.delimiters(&segment);
        self.fields(&segment, 3, longest(left.skip(2), right.skip(2)));
    }

    /// MSH-1 and MSH-2, which the delimiters that they define do not divide.
    fn delimiters(&mut self, segment: &Path) {
        let [before, after] = self.sides.map(|side| side.delimiters);
        let fields = [
            (1, vec![before.field], vec![after.field]),
            (2, before.characters(), after.characters()),
        ];
        for (number, before, after) in fields {
            if before != after {
                let path = segment.with_field(FieldPath::new(number, 0, 0, 0)).to_string();
                self.push(path, Some(&before), Some(&after));
            }
        }
    }

    fn fields<'a>(&mut self, segment: &Path, first: u32, pairs: impl Iterator<Item = Sides<'a>>) {
        for (number, sides) in (first..).zip(pairs) {
            self.node(segment, FieldPath::new(number, 0, 0, 0), 0, sides);
        }
    }

    /// Compares a node, which the separators from `level` on divide.
    fn node(&mut self, segment: &Path, node: FieldPath, level: usize, sides: Sides<'_>) {
        let (Some(before), Some(after)) = sides else {
            return self.push_node(segment, node, sides);
        };
        if self.same_reading && before == after {
            return;
        }
        let [left, right] = self.sides.map(|side| side.separators());
        let separators = left.into_iter().zip(right).enumerate().skip(level);
        let divides = |bytes: &[u8], separator: Option<u8>| separator.is_some_and(|byte| bytes.contains(&byte));
        let dividing = separators
            .into_iter()
            .find(|(_, (left, right))| divides(before, *left) || divides(after, *right));
        let Some((level, (left, right))) = dividing else {
            return self.leaf(segment, node, before, after);
        };
        if has_many_parts(before, left) || has_many_parts(after, right) {
            return self.push_node(segment, node, sides);
        }
        let (left, right) = (
            before.split(|byte| Some(*byte) == left),
            after.split(|byte| Some(*byte) == right),
        );
        for (number, sides) in (1..).zip(longest(left, right)) {
            self.node(segment, node.part(level, number), level + 1, sides);
        }
    }

    fn leaf(&mut self, segment: &Path, node: FieldPath, before: &[u8], after: &[u8]) {
        let [left, right] = self.sides;
        let equal = match (left.leaf(before), right.leaf(after)) {
            (Some(before), Some(after)) if !self.same_reading => before == after,
            _ => before == after,
        };
        if !equal {
            self.push_node(segment, node, (Some(before), Some(after)));
        }
    }

    fn push_node(&mut self, segment: &Path, node: FieldPath, (before, after): Sides<'_>) {
        self.push(segment.with_field(node).to_string(), before, after);
    }

    fn push(&mut self, path: String, before: Option<&[u8]>, after: Option<&[u8]>) {
        let [left, right] = self.sides;
        let (before, after) = (
            before.map(|bytes| left.payload(bytes)),
            after.map(|bytes| right.payload(bytes)),
        );
        self.found.push(Difference { path, before, after });
    }
}

/// A node on both sides, where it is there.
type Sides<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Both iterators to the end of the longer one.
fn longest<'a>(
    mut left: impl Iterator<Item = &'a [u8]>,
    mut right: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = Sides<'a>> {
    std::iter::from_fn(move || match (left.next(), right.next()) {
        (None, None) => None,
        sides => Some(sides),
    })
}

fn has_many_parts(bytes: &[u8], separator: Option<u8>) -> bool {
    separator.is_some_and(|separator| memchr::memchr_iter(separator, bytes).nth(PARTS_MAX).is_some())
}
