//! Reading: decoded leaves, raw nodes, counts.

use std::borrow::Cow;
use std::fmt;

use super::place::{Aim, Levels, Place, locate, position, slice};
use super::{Message, Segment};
use crate::escape;
use crate::path::{FieldPath, segment_name};
use crate::{Path, PathError};

/// What stands at a leaf. `Debug` prints the size only.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// The segment ends before the leaf, or there is no such segment.
    Absent,
    /// The leaf is there and empty: no value was sent.
    Empty,
    /// The leaf is `""`: the sender asks to delete the value.
    Delete,
    /// The decoded text.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value as the plugin contract has it: `None` where absent, an empty text where empty, `""` for deletion.
    #[must_use]
    pub fn as_option(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Empty => Some(""),
            Self::Delete => Some("\"\""),
            Self::Text(text) => Some(text),
        }
    }

    /// The same, giving the text away.
    #[must_use]
    pub fn into_option(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Absent => None,
            Self::Empty => Some(Cow::Borrowed("")),
            Self::Delete => Some(Cow::Borrowed("\"\"")),
            Self::Text(text) => Some(text),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Empty => f.write_str("Empty"),
            Self::Delete => f.write_str("Delete"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

impl Message {
    /// The decoded text of one leaf.
    pub fn get(&self, path: &Path) -> Result<Value<'_>, PathError> {
        let Some(field) = path.field() else {
            return Err(PathError::NotALeaf { path: path.clone() });
        };
        match self.find(path)? {
            Some(index) => self.leaf(self.content(index), path, field),
            None => Ok(Value::Absent),
        }
    }

    /// The bytes of any node as they stand in the message, escapes and character set included. A path that is only a
    /// segment gives the whole segment without its terminator, and one that is only a field all its repetitions.
    pub fn get_raw(&self, path: &Path) -> Result<Option<Cow<'_, [u8]>>, PathError> {
        Ok(self.reading(path)?.map(|reading| self.charset.printed(reading)))
    }

    /// The same, as it stands in the reading of the segment.
    pub(crate) fn reading(&self, path: &Path) -> Result<Option<&[u8]>, PathError> {
        let Some(index) = self.find(path)? else {
            return Ok(None);
        };
        let content = self.content(index);
        Ok(match path.field() {
            Some(field) => self.node(content, path, field, Aim::Node),
            None => Some(content),
        })
    }

    /// For each segment of this name, in order, the decoded text of the leaves `fields`. The name may stand in a group:
    /// `ORDER_OBSERVATION[2]/OBX`.
    pub fn rows(&self, segment: &str, fields: &[FieldPath]) -> Result<Vec<Vec<Value<'_>>>, PathError> {
        let path = segment_path(segment)?;
        let scope = self.scope(&path)?.unwrap_or(0..0);
        let named = self.segments.named(scope, path.name());
        named
            .enumerate()
            .map(|(index, (_, segment))| self.row(&path, index, segment, fields))
            .collect()
    }

    /// The text of a leaf's bytes as they stand in this message, or `None` where they are not text in its character
    /// set. For whoever walks a segment node by node, which takes one pass where a path for each node would take many.
    #[must_use]
    pub fn decode<'a>(&self, leaf: &'a [u8]) -> Option<Cow<'a, str>> {
        escape::decode(leaf, self.delimiters, self.charset)
    }

    /// How many there are: segments for `OBX`, fields for `OBX[2]`, repetitions for `PID-3`, components for
    /// `PID-3[2]`, subcomponents for `PID-3.1`. As they stand in the message: a repetition that is empty counts, but
    /// a node that is absent, or empty altogether, has no parts. Of groups: `ORDER_OBSERVATION/` counts those of that
    /// name, `ORDER_OBSERVATION[2]/` the segments in one.
    pub fn count(&self, path: &Path) -> Result<u32, PathError> {
        let Some(field) = path.field() else {
            return self.count_at_segment(path);
        };
        if field.subcomponent().is_some() {
            return Err(PathError::Unsupported {
                reason: "a subcomponent has no parts to count",
            });
        }
        let Some(index) = self.find(path)? else {
            return Ok(0);
        };
        let Some(bytes) = self.node(self.content(index), path, field, Aim::Node) else {
            return Ok(0);
        };
        let levels = Levels::to(path, field, self.delimiters, Aim::Node);
        let is_delimiters = path.is_of_header() && field.field() <= 2;
        let separator = levels
            .below()
            .first()
            .and_then(|level| level.separator)
            .filter(|_| !is_delimiters);
        Ok(count_parts(bytes, separator))
    }

    fn count_at_segment(&self, path: &Path) -> Result<u32, PathError> {
        if path.is_group() {
            return self.count_at_group(path);
        }
        if !path.has_occurrence() {
            let scope = self.scope(path)?.unwrap_or(0..0);
            return Ok(count(self.segments.count_named(scope, path.name())));
        }
        let Some(index) = self.find(path)? else {
            return Ok(0);
        };
        Ok(count_parts(self.content(index), Some(self.delimiters.field)) - u32::from(!path.is_of_header()))
    }

    fn count_at_group(&self, path: &Path) -> Result<u32, PathError> {
        if path.groups().last().is_some_and(|step| !step.has_occurrence()) {
            return Ok(count(self.groups().at(path)?.count()));
        }
        Ok(count(self.scope(path)?.map_or(0, |scope| scope.len())))
    }

    fn row<'a>(
        &'a self,
        path: &Path,
        index: usize,
        segment: &'a Segment,
        fields: &[FieldPath],
    ) -> Result<Vec<Value<'a>>, PathError> {
        let occurrence = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let path = path.with_segment(path.name(), occurrence);
        let content = self.content_of(segment);
        fields
            .iter()
            .map(|field| self.leaf(content, &path.with_field(*field), *field))
            .collect()
    }

    /// A leaf of a segment, decoded.
    pub(super) fn leaf<'a>(&self, segment: &'a [u8], path: &Path, field: FieldPath) -> Result<Value<'a>, PathError> {
        if path.is_of_header() && field.field() <= 2 {
            return self
                .delimiter_field(segment, field)
                .map_or(Ok(Value::Absent), |bytes| self.text(bytes, path));
        }
        let levels = Levels::to(path, field, self.delimiters, Aim::Leaf);
        let Place::Found(range) = locate(segment, &levels) else {
            return Ok(Value::Absent);
        };
        let bytes = slice(segment, &range);
        match bytes {
            b"" => return Ok(Value::Empty),
            b"\"\"" => return Ok(Value::Delete),
            _ => {}
        }
        let has_parts = |separator| position(separator, bytes).is_some();
        if levels.below().iter().filter_map(|level| level.separator).any(has_parts) {
            return Err(PathError::NotALeaf { path: path.clone() });
        }
        match self
            .delimiters
            .escape
            .filter(|escape| position(*escape, bytes).is_some())
        {
            Some(_) => escape::decode(bytes, self.delimiters, self.charset)
                .map(Value::Text)
                .ok_or_else(|| self.undecodable(path)),
            None => self.text(bytes, path),
        }
    }

    /// Text without escape sequences.
    fn text<'a>(&self, bytes: &'a [u8], path: &Path) -> Result<Value<'a>, PathError> {
        self.charset
            .text(bytes)
            .map(Value::Text)
            .ok_or_else(|| self.undecodable(path))
    }

    /// The bytes of a node, where it is there.
    pub(super) fn node<'a>(&self, segment: &'a [u8], path: &Path, field: FieldPath, aim: Aim) -> Option<&'a [u8]> {
        if path.is_of_header() && field.field() <= 2 {
            return self.delimiter_field(segment, field);
        }
        let levels = Levels::to(path, field, self.delimiters, aim);
        match locate(segment, &levels) {
            Place::Found(range) => Some(slice(segment, &range)),
            Place::Absent { .. } => None,
        }
    }

    /// MSH-1 and MSH-2, which the delimiters that they define do not divide.
    fn delimiter_field<'a>(&self, segment: &'a [u8], field: FieldPath) -> Option<&'a [u8]> {
        let is_first = |number: Option<u32>| number.is_none_or(|number| number == 1);
        if field.repetition() != 1 || !is_first(field.component()) || !is_first(field.subcomponent()) {
            return None;
        }
        if field.field() == 1 {
            return segment.get(3..4);
        }
        segment.get(4..)?.split(|byte| *byte == self.delimiters.field).next()
    }
}

/// How many parts there are between separators; none where there is nothing at all.
fn count_parts(bytes: &[u8], separator: Option<u8>) -> u32 {
    if bytes.is_empty() {
        return 0;
    }
    let separators = separator.map_or(0, |separator| memchr::memchr_iter(separator, bytes).count());
    count(separators + 1)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The path to segments of a name, which may stand in a group.
fn segment_path(text: &str) -> Result<Path, PathError> {
    let path: Path = match segment_name(text.as_bytes()) {
        Some(name) => Path::of_segment(name, 0),
        None => text.parse()?,
    };
    if path.is_group() || path.field().is_some() || path.has_occurrence() {
        return Err(PathError::Malformed {
            position: 1,
            expected: "a segment's name of three characters",
        });
    }
    Ok(path)
}
