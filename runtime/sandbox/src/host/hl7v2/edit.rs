//! Changing messages: what is changed must be granted, and what the host will keep is charged for beforehand.

use transfuse_message::{Message, Path, PathError};

use super::{Answer, Handle, held, held_mut, parse_path, path_error, touched, wit};
use crate::fault::Stop;
use crate::state::StepState;
use crate::trace::Deed;

/// The message adds no more separators than this on the way to a node that is not there yet.
const SEPARATORS_MAX: u32 = 10_000;

impl StepState {
    pub(super) fn set_leaf(&mut self, message: &Handle, path: &str, value: &str) -> Answer<()> {
        self.edit(message, Deed::Set, path, value.len(), |message, path| {
            message.set(path, value)
        })
    }

    pub(super) fn set_leaves(&mut self, message: &Handle, values: Vec<(String, String)>) -> Answer<()> {
        for (path, value) in values {
            if let Err(error) = self.set_leaf(message, &path, &value)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn set_node(&mut self, message: &Handle, path: &str, value: &[u8]) -> Answer<()> {
        self.edit(message, Deed::Set, path, value.len(), |message, path| {
            message.set_raw(path, value)
        })
    }

    pub(super) fn clear_node(&mut self, message: &Handle, path: &str) -> Answer<()> {
        self.edit(message, Deed::Clear, path, 0, Message::clear)
    }

    pub(super) fn remove_node(&mut self, message: &Handle, path: &str) -> Answer<()> {
        let segments = held(&self.handles, message)?.message.segment_count();
        self.meter.move_segments(segments, &self.step.limits)?;
        self.edit(message, Deed::Remove, path, 0, Message::remove)
    }

    /// A source that is another message is cloned, which costs two counts of references.
    pub(super) fn copy_node(&mut self, message: &Handle, source: &Handle, source_path: &str, path: &str) -> Answer<()> {
        let parsed = match parse_path(source_path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_read(source, &parsed)?;
        let from = &held(&self.handles, source)?.message;
        let bytes = touched(from, &parsed);
        self.meter.read(bytes, &self.step.limits)?;
        if source.rep() == message.rep() {
            return self.edit(message, Deed::Copy, path, bytes, |message, path| {
                message.copy_within(&parsed, path)
            });
        }
        let from = from.clone();
        self.edit(message, Deed::Copy, path, bytes, |message, path| {
            message.copy_from(&from, &parsed, path)
        })
    }

    pub(super) fn insert_segment(&mut self, message: &Handle, segment: &str, after: &str) -> Answer<String> {
        let (inserted, after_path) = match insert_paths(segment, after) {
            Ok(paths) => paths,
            Err(error) => return Ok(Err(error)),
        };
        let held = held(&self.handles, message)?;
        if !held.is_made {
            self.step.grants.check_insert(&inserted)?;
            self.journey.touched.note_segment(inserted.segment());
        }
        self.meter
            .move_segments(held.message.segment_count(), &self.step.limits)?;
        self.meter.keep(SEGMENT_BYTES, &self.step.limits)?;
        self.traced(message, Deed::Insert, segment, |state| {
            let path = held_mut(&mut state.handles, message)?.insert(segment, after_path.as_ref());
            Ok(path
                .map(|path| path.to_string())
                .map_err(|error| path_error(&error, segment)))
        })
    }

    /// One edit at a path. The segment is made anew with it. That the list of segments may have to be copied was charged
    /// for when it came to be shared: see [`hold`](Self::hold).
    pub(super) fn edit(
        &mut self,
        message: &Handle,
        deed: Deed,
        path: &str,
        bytes: usize,
        edit: impl FnOnce(&mut Message, &Path) -> Result<(), PathError>,
    ) -> Answer<()> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_write(message, &parsed)?;
        self.charge_edit(message, &parsed, bytes)?;
        self.traced(message, deed, path, |state| {
            let message = held_mut(&mut state.handles, message)?;
            Ok(edit(message, &parsed).map_err(|error| path_error(&error, path)))
        })
    }

    fn charge_edit(&mut self, message: &Handle, path: &Path, bytes: usize) -> Result<(), Stop> {
        let message = &held(&self.handles, message)?.message;
        let kept = touched(message, path)
            .saturating_add(bytes)
            .saturating_add(padding_bytes(path));
        self.meter.keep(kept, &self.step.limits)
    }
}

/// What the host keeps for an inserted segment beside its content.
const SEGMENT_BYTES: usize = 64;

/// The most separators that setting this path may add.
fn padding_bytes(path: &Path) -> usize {
    let Some(field) = path.field() else { return 0 };
    let numbers = [
        field.field(),
        field.repetition(),
        field.component().unwrap_or(0),
        field.subcomponent().unwrap_or(0),
    ];
    let sum = numbers.into_iter().fold(0_u32, u32::saturating_add);
    sum.min(SEPARATORS_MAX) as usize
}

fn insert_paths(segment: &str, after: &str) -> Result<(Path, Option<Path>), wit::PathError> {
    let inserted = parse_path(segment)?;
    let after = if after.is_empty() {
        None
    } else {
        Some(parse_path(after)?)
    };
    Ok((inserted, after))
}
