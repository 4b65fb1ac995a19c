//! Where a node lies in its segment, or where it would have to be made.

use std::ops::Range;

use crate::path::FieldPath;
use crate::{Delimiters, Path};

/// One level on the way to a node: the `number`-th of the parts between `separator`s.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) separator: Option<u8>,
    pub(super) number: u32,
}

/// The way from a segment to one of its nodes.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    levels: [Level; 4],
    depth: usize,
}

/// Where a node is.
pub(super) enum Place {
    /// It lies here in the segment.
    Found(Range<usize>),
    /// It would begin here, after `missing` more separators of the level `depth` and those that deeper levels need.
    Absent {
        position: usize,
        depth: usize,
        missing: u32,
    },
}

/// Whether a path without a repetition means the first one, or the field with all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    Leaf,
    Node,
}

impl Levels {
    pub(super) fn to(path: &Path, field: FieldPath, delimiters: Delimiters, aim: Aim) -> Self {
        let depth = if field.subcomponent().is_some() {
            4
        } else if field.component().is_some() {
            3
        } else if aim == Aim::Node && field.is_whole_field() {
            1
        } else {
            2
        };
        // The name of the segment is the part before the first separator, and MSH-1 is that separator itself.
        let number = if path.is_of_header() {
            field.field()
        } else {
            field.field().saturating_add(1)
        };
        let levels = [
            Level {
                separator: Some(delimiters.field),
                number,
            },
            Level {
                separator: delimiters.repetition,
                number: field.repetition(),
            },
            Level {
                separator: Some(delimiters.component),
                number: field.component().unwrap_or(1),
            },
            Level {
                separator: delimiters.subcomponent,
                number: field.subcomponent().unwrap_or(1),
            },
        ];
        Self { levels, depth }
    }

    pub(super) fn as_slice(&self) -> &[Level] {
        self.levels.get(..self.depth).unwrap_or_default()
    }

    /// The separators of the node's own level and those above it, which its content cannot hold, and whether it has
    /// levels below.
    pub(super) fn below(&self) -> &[Level] {
        self.levels.get(self.depth..).unwrap_or_default()
    }
}

/// Finds a node in the bytes of its segment.
pub(super) fn locate(segment: &[u8], levels: &Levels) -> Place {
    let mut range = 0..segment.len();
    for (depth, level) in levels.as_slice().iter().enumerate() {
        match part(slice(segment, &range), *level) {
            Ok(found) => range = range.start + found.start..range.start + found.end,
            Err(missing) => {
                return Place::Absent {
                    position: range.end,
                    depth,
                    missing,
                };
            }
        }
    }
    Place::Found(range)
}

/// The bytes of a range that was found in them.
pub(super) fn slice<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}

/// Where the part lies, or how many separators are missing before it would begin.
fn part(bytes: &[u8], level: Level) -> Result<Range<usize>, u32> {
    let Some(separator) = level.separator else {
        return if level.number == 1 {
            Ok(0..bytes.len())
        } else {
            Err(level.number - 1)
        };
    };
    let mut start = 0;
    let mut missing = level.number.saturating_sub(1);
    let mut separators = memchr::memchr_iter(separator, bytes);
    while missing > 0 {
        let Some(found) = separators.next() else {
            return Err(missing);
        };
        start = found + 1;
        missing -= 1;
    }
    let end = separators.next().unwrap_or(bytes.len());
    Ok(start..end)
}
