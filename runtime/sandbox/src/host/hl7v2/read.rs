//! Reading messages: what is asked must be granted, and is charged for before it is answered.

use transfuse_message::{FieldPath, Message, Path, PathError};

use super::{Answer, Handle, held, parse_path, path_error, touched, wit};
use crate::fault::Stop;
use crate::state::StepState;

impl StepState {
    pub(super) fn read_leaf(&mut self, message: &Handle, path: &str) -> Answer<Option<String>> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_read(message, &parsed)?;
        let message = held(&self.handles, message)?;
        self.meter.read(touched(&message.message, &parsed), &self.step.limits)?;
        Ok(leaf(&message.message, &parsed).map_err(|error| path_error(&error, path)))
    }

    pub(super) fn read_leaves(&mut self, message: &Handle, paths: Vec<String>) -> Answer<Vec<Option<String>>> {
        let mut leaves = Vec::with_capacity(paths.len());
        for path in paths {
            match self.read_leaf(message, &path)? {
                Ok(leaf) => leaves.push(leaf),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(leaves))
    }

    pub(super) fn read_rows(
        &mut self,
        message: &Handle,
        segment: &str,
        fields: &[String],
    ) -> Answer<Vec<Vec<Option<String>>>> {
        let (parsed, fields) = match parse_rows(segment, fields) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        let held = held(&self.handles, message)?;
        if !held.is_made {
            let numbers = || fields.iter().map(FieldPath::field);
            self.step.grants.check_read_fields(parsed.segment(), numbers())?;
            self.journey.touched.note_read_fields(parsed.segment(), numbers());
        }
        let message = &held.message;
        self.meter.read(
            bytes_of_rows(message, segment, &parsed, fields.len()),
            &self.step.limits,
        )?;
        let rows = message
            .rows(segment, &fields)
            .map_err(|error| path_error(&error, segment));
        Ok(rows.map(|rows| {
            rows.into_iter()
                .map(|row| row.into_iter().map(|value| owned(value.into_option())).collect())
                .collect()
        }))
    }

    pub(super) fn read_raw(&mut self, message: &Handle, path: &str) -> Answer<Option<Vec<u8>>> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_read(message, &parsed)?;
        let message = held(&self.handles, message)?;
        self.meter.read(touched(&message.message, &parsed), &self.step.limits)?;
        let raw = message
            .message
            .get_raw(&parsed)
            .map_err(|error| path_error(&error, path));
        Ok(raw.map(|raw| raw.map(std::borrow::Cow::into_owned)))
    }

    pub(super) fn count_nodes(&mut self, message: &Handle, path: &str) -> Answer<u32> {
        let (parsed, message) = match parse_path(path) {
            Ok(parsed) => (parsed, held(&self.handles, message)?),
            Err(error) => return Ok(Err(error)),
        };
        if is_over_segments(&parsed) {
            self.meter
                .pass_segments(message.message.segment_count(), &self.step.limits)?;
        }
        self.meter.read(touched(&message.message, &parsed), &self.step.limits)?;
        if !message.is_made {
            self.step.grants.check_count(&message.message, &parsed)?;
            self.journey.touched.note_count(&message.message, &parsed);
        }
        Ok(message.message.count(&parsed).map_err(|error| path_error(&error, path)))
    }

    pub(super) fn print(&mut self, message: &Handle) -> Result<Vec<u8>, Stop> {
        let held = held(&self.handles, message)?;
        if !held.is_made {
            self.step.grants.check_read_all()?;
            self.journey.touched.note_everything();
        }
        let message = &held.message;
        self.meter.read(encoded_bytes(message), &self.step.limits)?;
        Ok(message.encode().into())
    }
}

/// Whether what a path counts are segments. What it counts otherwise lies within one, which is found like any other.
fn is_over_segments(path: &Path) -> bool {
    path.is_group() || (path.field().is_none() && path.given_occurrence().is_none())
}

/// The size of a message on the wire, to within the endings of its segments.
pub(in crate::host) fn encoded_bytes(message: &Message) -> usize {
    message.segments().map(|segment| segment.raw().len() + 2).sum()
}

/// What is looked at, and the cells that are made of it, absent ones too.
fn bytes_of_rows(message: &Message, segment: &str, path: &Path, fields: usize) -> usize {
    let rows = message.count(path).unwrap_or(0) as usize;
    let looked_at = usize::try_from(message.touched_bytes_of_rows(segment, fields)).unwrap_or(usize::MAX);
    looked_at.saturating_add(rows.saturating_mul(fields).saturating_mul(size_of::<Option<String>>()))
}

fn leaf(message: &Message, path: &Path) -> Result<Option<String>, PathError> {
    message.get(path).map(|value| owned(value.into_option()))
}

fn owned(text: Option<std::borrow::Cow<'_, str>>) -> Option<String> {
    text.map(std::borrow::Cow::into_owned)
}

/// The segment, which may stand in a group, and the fields.
fn parse_rows(segment: &str, fields: &[String]) -> Result<(Path, Vec<FieldPath>), wit::PathError> {
    let parse_field = |field: &String| field.parse().map_err(|error: PathError| path_error(&error, field));
    let fields = fields.iter().map(parse_field).collect::<Result<_, _>>()?;
    Ok((parse_path(segment)?, fields))
}
