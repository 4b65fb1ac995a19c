//! Editing: each edit replaces the bytes of one segment, or the list of segments. An edit that fails changes nothing.

use std::ops::Range;
use std::sync::Arc;

use super::list::SegmentList;
use super::place::{Aim, Levels, Place, locate, slice};
use super::{Message, Segment, State};
use crate::escape;
use crate::path::{FieldPath, segment_name};
use crate::{Path, PathError};

/// The most separators that one edit adds before the node that it makes. Far beyond any message structure, and small
/// enough that a path with a slip of the pen cannot fill the memory.
const SEPARATORS_ADDED_MAX: u64 = 10_000;

/// Room left in a segment when it is first edited, because edits of one segment come in groups.
const ROOM_FOR_EDITS: usize = 64;

impl Message {
    /// Puts text into a leaf, escaping what the message's delimiters ask for. Missing fields, repetitions and
    /// components on the way there are made, a missing segment is not. Where the node had parts, they are replaced;
    /// an omitted repetition is the first one, and the others stay.
    ///
    /// Setting what [`get`](Self::get) gives changes no byte. Formatting sequences that reading leaves as they are
    /// (`\.br\`, `\H\`, `\N\`, `\Cxxyy\`, `\Mxxyyzz\`, `\Zdd\`) are written as they are too; any other escape character
    /// is text. CR and LF become `\X0D\` and `\X0A\`. The bytes 0x0B and 0x1C, which frame messages, are refused.
    pub fn set(&mut self, path: &Path, value: &str) -> Result<(), PathError> {
        let (index, field) = self.settable(path)?;
        let current = self.leaf(self.content(index), path, field);
        if current.is_ok_and(|current| current.as_option() == Some(value)) {
            return Ok(());
        }
        let bytes = escape::encode(value, self.delimiters, self.charset).map_err(|why| self.unwritable(path, why))?;
        self.put(index, path, field, Aim::Leaf, &bytes)
    }

    /// Puts encoded bytes into any node, delimiters and escapes and all. Refused are segment terminators, the bytes
    /// that frame messages, and separators of the node's own level or above, which would move its neighbours.
    pub fn set_raw(&mut self, path: &Path, value: &[u8]) -> Result<(), PathError> {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)) {
            let reason = "it holds a segment terminator or a byte that frames messages";
            return Err(self.unencodable(path, reason));
        }
        self.set_reading(path, &self.charset.reading(value))
    }

    pub(super) fn set_reading(&mut self, path: &Path, value: &[u8]) -> Result<(), PathError> {
        if path.field().is_none() {
            return self.set_segment(path, value);
        }
        let (index, field) = self.settable(path)?;
        let levels = Levels::to(path, field, self.delimiters, Aim::Node);
        let separators = levels.as_slice().iter().filter_map(|level| level.separator);
        if separators
            .into_iter()
            .any(|separator| memchr::memchr(separator, value).is_some())
        {
            return Err(not_settable(
                path,
                "the bytes hold a separator that would move the nodes beside it",
            ));
        }
        self.put(index, path, field, Aim::Node, value)
    }

    /// Empties a node; the nodes after it keep their places. A field loses all its repetitions, a segment everything
    /// but its name. Clearing what is absent does nothing.
    pub fn clear(&mut self, path: &Path) -> Result<(), PathError> {
        if self.find(path)?.is_none() {
            return Ok(());
        }
        if path.field().is_none() {
            return self.set_segment(path, path.segment().as_bytes());
        }
        let (index, field) = self.settable(path)?;
        if self.node(self.content(index), path, field, Aim::Node).is_none() {
            return Ok(());
        }
        self.put(index, path, field, Aim::Node, b"")
    }

    /// Adds an empty segment after the one that `after` names, at the end of the group that it is, or at the end of the
    /// message, and gives its path, which counts over the whole message.
    pub fn insert(&mut self, segment: &str, after: Option<&Path>) -> Result<Path, PathError> {
        let Some(name) = segment_name(segment.as_bytes()) else {
            return Err(PathError::Malformed {
                position: 1,
                expected: "a segment's name of three characters",
            });
        };
        let path = Path::of_segment(name, 0);
        if path.is_of_header() {
            return Err(not_settable(&path, "a message has one header"));
        }
        if self.segments.len() >= self.segments_max as usize {
            return Err(not_settable(
                &path,
                "the message has as many segments as the interface allows",
            ));
        }
        let index = match after {
            Some(after) => self.index_after(after)?,
            None => self.segments.len(),
        };
        self.insert_at(index, name);
        let named = self.segments.count_named(0..index + 1, name);
        Ok(Path::of_segment(name, u32::try_from(named).unwrap_or(u32::MAX)))
    }

    /// Takes a whole segment or repetition out; what follows moves up. The last repetition leaves an empty field.
    /// Removing what is absent does nothing. With a segment go the lines behind it that are no segments, because they
    /// are most often the rest of its text.
    pub fn remove(&mut self, path: &Path) -> Result<(), PathError> {
        let Some(field) = path.field() else {
            return self.remove_segment(path);
        };
        if field.component().is_some() {
            return Err(PathError::Unsupported {
                reason: "removing a component, which would give those after it another meaning; clear it",
            });
        }
        if self.find(path)?.is_none() {
            return Ok(());
        }
        let (index, field) = self.settable(path)?;
        let content = self.content(index);
        let levels = Levels::to(path, field, self.delimiters, Aim::Leaf);
        let Place::Found(range) = locate(content, &levels) else {
            return Ok(());
        };
        let after = content
            .get(range.end)
            .filter(|byte| Some(**byte) == self.delimiters.repetition);
        let range = if field.repetition() > 1 {
            range.start - 1..range.end
        } else {
            range.start..range.end + usize::from(after.is_some())
        };
        self.splice(path, index, range, b"", b"")
    }

    /// The segment and node that a path leads to, where they may be set.
    fn settable(&self, path: &Path) -> Result<(usize, FieldPath), PathError> {
        let Some(field) = path.field() else {
            return Err(not_settable(
                path,
                "it is a whole segment; set its fields, or its raw bytes",
            ));
        };
        if is_delimiters(path) {
            return Err(not_settable(path, "the delimiters of a message cannot be changed"));
        }
        match self.find(path)? {
            Some(index) => Ok((index, field)),
            None => Err(not_settable(path, "there is no such segment; insert it first")),
        }
    }

    fn put(&mut self, index: usize, path: &Path, field: FieldPath, aim: Aim, bytes: &[u8]) -> Result<(), PathError> {
        let levels = Levels::to(path, field, self.delimiters, aim);
        let content = self.content(index);
        match locate(content, &levels) {
            Place::Found(range) if slice(content, &range) == bytes => Ok(()),
            Place::Found(range) => self.splice(path, index, range, b"", bytes),
            Place::Absent {
                position,
                depth,
                missing,
            } => {
                let padding = padding(path, &levels, depth, missing)?;
                self.splice(path, index, position..position, &padding, bytes)
            }
        }
    }

    fn set_segment(&mut self, path: &Path, bytes: &[u8]) -> Result<(), PathError> {
        if path.is_of_header() {
            return Err(not_settable(path, "the header as a whole; set its fields"));
        }
        let Some(index) = self.find(path)? else {
            return Err(not_settable(path, "there is no such segment; insert it first"));
        };
        let after_name = bytes.strip_prefix(&path.name());
        if after_name.is_none_or(|rest| rest.first().is_some_and(|byte| *byte != self.delimiters.field)) {
            return Err(not_settable(
                path,
                "the bytes of a segment begin with its name and a field separator",
            ));
        }
        let content = self.content(index);
        if content == bytes {
            return Ok(());
        }
        let range = 0..content.len();
        self.splice(path, index, range, b"", bytes)
    }

    fn remove_segment(&mut self, path: &Path) -> Result<(), PathError> {
        if path.is_of_header() {
            return Err(not_settable(path, "a message has one header"));
        }
        let Some(index) = self.find(path)? else {
            return Ok(());
        };
        let end = self.end_of_lines(index);
        let blank_lines = self
            .segments
            .get(index)
            .filter(|segment| segment.state == State::Inserted);
        let blank_lines = blank_lines.map(|segment| segment.end..segment.next);
        SegmentList::remove(&mut self.segments, index..end);
        let previous = SegmentList::edit(&mut self.segments).get_mut(index.saturating_sub(1));
        if let (Some(blank_lines), Some(previous)) = (blank_lines, previous)
            && previous.next == blank_lines.start
        {
            previous.next = blank_lines.end;
        }
        self.edited = true;
        Ok(())
    }

    /// Where a segment goes that is inserted after `after`.
    fn index_after(&self, after: &Path) -> Result<usize, PathError> {
        if after.is_group() {
            let reason = "there is no such group to insert a segment at the end of";
            let scope = self.scope(after)?.ok_or_else(|| not_settable(after, reason))?;
            return Ok(scope.end);
        }
        let is_segment = after.field().is_none();
        match self.find(after)?.filter(|_| is_segment) {
            Some(index) => Ok(self.end_of_lines(index)),
            None => Err(not_settable(
                after,
                "there is no such segment to insert another one after",
            )),
        }
    }

    /// The index after a segment and the lines that are none behind it: most often the rest of a text with line breaks.
    fn end_of_lines(&self, index: usize) -> usize {
        let following = self.segments.iter().skip(index + 1);
        index + 1 + following.take_while(|segment| segment.name == [0; 3]).count()
    }

    /// Blank lines after the segment before it come after the new one.
    fn insert_at(&mut self, index: usize, name: [u8; 3]) {
        let (split, next) = self.segments.get(index.saturating_sub(1)).map_or((0, 0), |previous| {
            let ending = self
                .original
                .get(previous.end as usize..previous.next as usize)
                .unwrap_or_default();
            let own = if previous.state == State::Inserted {
                0
            } else {
                first_ending(ending)
            };
            (previous.end + own, previous.next)
        });
        if let Some(previous) = SegmentList::edit(&mut self.segments).get_mut(index.saturating_sub(1)) {
            previous.next = split;
        }
        let inserted = Segment {
            name,
            state: State::Inserted,
            start: self.insertions,
            end: split,
            next,
            reading: Some(Arc::new(name.to_vec())),
        };
        self.insertions = self.insertions.saturating_add(1);
        SegmentList::insert(&mut self.segments, index, inserted);
        self.edited = true;
    }

    /// Puts `padding` and `bytes` in the place of a range of a segment.
    fn splice(
        &mut self,
        path: &Path,
        index: usize,
        range: Range<usize>,
        padding: &[u8],
        bytes: &[u8],
    ) -> Result<(), PathError> {
        self.check_edit(path, index, &range, padding, bytes)?;
        let Self {
            original,
            segments,
            edited,
            ..
        } = self;
        let Some(segment) = SegmentList::edit_one(segments, index) else {
            return Ok(());
        };
        *edited = true;
        if segment.state == State::Received {
            segment.state = State::Edited;
        }
        if let Some(content) = &mut segment.reading {
            replace(Arc::make_mut(content), range, padding, bytes);
            return Ok(());
        }
        let content = original
            .get(segment.start as usize..segment.end as usize)
            .unwrap_or_default();
        let mut copy = Vec::with_capacity(content.len() - range.len() + padding.len() + bytes.len() + ROOM_FOR_EDITS);
        copy.extend_from_slice(content.get(..range.start).unwrap_or_default());
        copy.extend_from_slice(padding);
        copy.extend_from_slice(bytes);
        copy.extend_from_slice(content.get(range.end..).unwrap_or_default());
        segment.reading = Some(Arc::new(copy));
        Ok(())
    }

    /// Refuses an edit beside text that would make something else of it: a line feed, or half a character.
    fn check_edit(
        &self,
        path: &Path,
        index: usize,
        range: &Range<usize>,
        padding: &[u8],
        bytes: &[u8],
    ) -> Result<(), PathError> {
        let content = self.content(index);
        let has_line_feed = memchr::memchr(b'\n', content).is_some();
        if !has_line_feed && !self.charset.is_wide() {
            return Ok(());
        }
        let (before, after) = (content.get(..range.start), content.get(range.end..));
        let edited = [before.unwrap_or_default(), padding, bytes, after.unwrap_or_default()].concat();
        // In a received segment a line feed ends it where a segment's name or the end follows.
        if has_line_feed && !self.is_one_segment(&edited, self.is_terminated(index)) {
            let reason = "the text after a line feed in this segment would be read as a segment; set that text first";
            return Err(not_settable(path, reason));
        }
        if !self.charset.keeps_apart(&edited) {
            let reason =
                "the text beside it ends in half a character, which would take a delimiter in; set that text first";
            return Err(not_settable(path, reason));
        }
        Ok(())
    }
}

pub(super) fn is_delimiters(path: &Path) -> bool {
    path.is_of_header() && path.field().is_some_and(|field| field.field() <= 2)
}

pub(super) fn not_settable(path: &Path, reason: &'static str) -> PathError {
    PathError::NotSettable {
        path: path.clone(),
        reason,
    }
}

/// The separators that lead to a node which is not there yet.
fn padding(path: &Path, levels: &Levels, depth: usize, missing: u32) -> Result<Vec<u8>, PathError> {
    let below = levels
        .as_slice()
        .iter()
        .skip(depth + 1)
        .map(|level| (level.separator, level.number - 1));
    let at = levels
        .as_slice()
        .iter()
        .skip(depth)
        .take(1)
        .map(|level| (level.separator, missing));
    let steps: Vec<_> = at.chain(below).filter(|(_, count)| *count > 0).collect();
    if steps.iter().map(|(_, count)| u64::from(*count)).sum::<u64>() > SEPARATORS_ADDED_MAX {
        return Err(not_settable(
            path,
            "it lies more than 10000 nodes beyond the last one; set those before it first",
        ));
    }
    let mut padding = Vec::new();
    for (separator, count) in steps {
        let Some(separator) = separator else {
            return Err(not_settable(
                path,
                "MSH-2 of this message names no separator for such a node",
            ));
        };
        padding.extend(std::iter::repeat_n(separator, count as usize));
    }
    Ok(padding)
}

/// The length of the first line ending: CR LF, CR or LF.
fn first_ending(ending: &[u8]) -> u32 {
    match ending {
        [b'\r', b'\n', ..] => 2,
        [_, ..] => 1,
        [] => 0,
    }
}

/// Replaces a range in place, moving what follows once.
fn replace(content: &mut Vec<u8>, range: Range<usize>, padding: &[u8], bytes: &[u8]) {
    let old_length = content.len();
    let added = padding.len() + bytes.len();
    let new_length = old_length - range.len() + added;
    content.resize(old_length.max(new_length), 0);
    content.copy_within(range.end..old_length, range.start + added);
    content.truncate(new_length);
    let mut gap = content.iter_mut().skip(range.start);
    for (place, byte) in gap.by_ref().zip(padding.iter().chain(bytes)) {
        *place = *byte;
    }
}
