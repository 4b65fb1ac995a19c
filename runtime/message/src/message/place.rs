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
    let before = level.number.saturating_sub(1);
    let Some(separator) = level.separator else {
        return if before == 0 { Ok(0..bytes.len()) } else { Err(before) };
    };
    let start = if before == 0 {
        0
    } else {
        after_separators(bytes, separator, before)?
    };
    let rest = bytes.get(start..).unwrap_or_default();
    Ok(start..start + position(separator, rest).unwrap_or(rest.len()))
}

/// Bytes that are looked at together. Most fields are shorter, so that counting the separators of a whole group, which
/// the processor does at once, beats finding them one by one.
const GROUP: usize = 32;

/// The position behind the `wanted`-th separator, or how many are missing.
fn after_separators(bytes: &[u8], separator: u8, mut wanted: u32) -> Result<usize, u32> {
    let mut start = 0;
    while let Some(group) = bytes.get(start..).and_then(<[u8]>::first_chunk::<GROUP>) {
        let found = group.iter().map(|byte| u8::from(*byte == separator)).sum::<u8>();
        if u32::from(found) >= wanted {
            break;
        }
        wanted -= u32::from(found);
        start += GROUP;
        if found == 0 {
            let rest = bytes.get(start..).unwrap_or_default();
            start += memchr::memchr(separator, rest).unwrap_or(rest.len());
        }
    }
    for (index, byte) in bytes.iter().enumerate().skip(start) {
        wanted -= u32::from(*byte == separator);
        if wanted == 0 {
            return Ok(index + 1);
        }
    }
    Err(wanted)
}

/// The first place of a byte. Most parts end within a few bytes, for which a call of `memchr` costs more than a look.
pub(super) fn position(wanted: u8, bytes: &[u8]) -> Option<usize> {
    let (near, far) = bytes.split_at(bytes.len().min(NEAR));
    let found = near.iter().position(|byte| *byte == wanted);
    found.or_else(|| memchr::memchr(wanted, far).map(|found| found + near.len()))
}

/// How far [`position`] looks by itself.
const NEAR: usize = 16;
