//! `hl7v2`: messages by path.

mod edit;
mod read;
mod schema;
mod time;
mod trace;

use transfuse_message::{GroupStep, Message, ParseError, Path, PathError};
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};

use crate::bindings::transfuse::plugin::hl7v2 as wit;
use crate::fault::Stop;
use crate::grants::segments_of_group;
use crate::state::{HeldMessage, StepState, stop_of};

pub(super) use read::encoded_bytes;

/// The handle that guests hold.
type Handle = Resource<HeldMessage>;

/// What the contract lets a function give: a value or what is wrong with a path. The outer error ends the instance.
type Answer<T> = Result<Result<T, wit::PathError>, Stop>;

impl wit::Host for StepState {}

impl wit::HostMessage for StepState {
    fn parse(&mut self, raw: Vec<u8>) -> Result<Result<Handle, wit::ParseError>> {
        self.enter()?;
        Ok(self.parse_bytes(raw)?)
    }

    fn copy(&mut self, message: Handle) -> Result<Handle> {
        self.enter()?;
        let held = held(&self.handles, &message)?;
        let copy = HeldMessage {
            message: held.message.clone(),
            is_made: held.is_made,
            maker: held.maker.clone(),
        };
        Ok(self.hold(copy)?)
    }

    fn get(&mut self, message: Handle, path: String) -> Result<Result<Option<String>, wit::PathError>> {
        self.enter()?;
        Ok(self.read_leaf(&message, &path)?)
    }

    fn get_many(&mut self, message: Handle, paths: Vec<String>) -> Result<Result<Vec<Option<String>>, wit::PathError>> {
        self.enter()?;
        Ok(self.read_leaves(&message, paths)?)
    }

    fn rows(
        &mut self,
        message: Handle,
        segment: String,
        fields: Vec<String>,
    ) -> Result<Result<Vec<Vec<Option<String>>>, wit::PathError>> {
        self.enter()?;
        Ok(self.read_rows(&message, &segment, &fields)?)
    }

    fn get_raw(&mut self, message: Handle, path: String) -> Result<Result<Option<Vec<u8>>, wit::PathError>> {
        self.enter()?;
        Ok(self.read_raw(&message, &path)?)
    }

    fn set(&mut self, message: Handle, path: String, value: String) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.set_leaf(&message, &path, &value)?)
    }

    fn set_many(&mut self, message: Handle, values: Vec<(String, String)>) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.set_leaves(&message, values)?)
    }

    fn set_raw(&mut self, message: Handle, path: String, value: Vec<u8>) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.set_node(&message, &path, &value)?)
    }

    fn copy_from(
        &mut self,
        message: Handle,
        source: Handle,
        source_path: String,
        path: String,
    ) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.copy_node(&message, &source, &source_path, &path)?)
    }

    fn clear(&mut self, message: Handle, path: String) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.clear_node(&message, &path)?)
    }

    fn count(&mut self, message: Handle, path: String) -> Result<Result<u32, wit::PathError>> {
        self.enter()?;
        Ok(self.count_nodes(&message, &path)?)
    }

    fn insert(&mut self, message: Handle, segment: String, after: String) -> Result<Result<String, wit::PathError>> {
        self.enter()?;
        Ok(self.insert_segment(&message, &segment, &after)?)
    }

    fn remove(&mut self, message: Handle, path: String) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.remove_node(&message, &path)?)
    }

    fn groups(&mut self, message: Handle, group: String) -> Result<Result<Vec<String>, wit::PathError>> {
        self.enter()?;
        Ok(self.list_groups(&message, &group)?)
    }

    fn name_of(&mut self, message: Handle, path: String) -> Result<Result<Option<String>, wit::PathError>> {
        self.enter()?;
        Ok(self.define(&message, &path, |definition| Some(definition.name))?)
    }

    fn datatype_of(&mut self, message: Handle, path: String) -> Result<Result<Option<String>, wit::PathError>> {
        self.enter()?;
        Ok(self.define_datatype(&message, &path)?)
    }

    fn table_of(&mut self, message: Handle, path: String) -> Result<Result<Option<String>, wit::PathError>> {
        self.enter()?;
        Ok(self.define(&message, &path, |definition| definition.table)?)
    }

    fn get_time(
        &mut self,
        message: Handle,
        path: String,
        zone: String,
        ambiguous: String,
    ) -> Result<Result<Option<(i64, String)>, wit::PathError>> {
        self.enter()?;
        Ok(self.read_time(&message, &path, &zone, &ambiguous)?)
    }

    fn set_time(
        &mut self,
        message: Handle,
        path: String,
        milliseconds: i64,
        precision: String,
        zone: String,
    ) -> Result<Result<(), wit::PathError>> {
        self.enter()?;
        Ok(self.write_time(&message, &path, milliseconds, &precision, &zone)?)
    }

    fn encode(&mut self, message: Handle) -> Result<Vec<u8>> {
        self.enter()?;
        Ok(self.print(&message)?)
    }

    fn drop(&mut self, message: Handle) -> Result<()> {
        Ok(self.drop_handle(message)?)
    }
}

impl StepState {
    /// A handle to a message. Its list of segments is charged for here, and once more with each output that shares it: the
    /// first edit of one that is shared copies the list, and there are no more such copies than handles and outputs. So
    /// an edit itself need not be charged for what it does not touch.
    pub(super) fn hold(&mut self, held: HeldMessage) -> Result<Handle, Stop> {
        self.meter
            .pass_segments(held.message.segment_count(), &self.step.limits)?;
        self.push(held)
    }
}

impl StepState {
    /// Reading what a path leads to. What the plugin made itself is its own.
    fn may_read(&mut self, message: &Handle, path: &Path) -> Result<(), Stop> {
        if !held(&self.handles, message)?.is_made {
            self.step.grants.check_read(path)?;
            self.journey.touched.note_read(path);
        }
        Ok(())
    }

    /// Changing what a path leads to.
    fn may_write(&mut self, message: &Handle, path: &Path) -> Result<(), Stop> {
        if !held(&self.handles, message)?.is_made {
            self.step.grants.check_write(path)?;
            self.journey.touched.note_written(path);
        }
        Ok(())
    }

    /// Asking for a group.
    fn may_ask_group(&mut self, message: &Handle, path: &Path) -> Result<(), Stop> {
        let held = held(&self.handles, message)?;
        if !held.is_made {
            self.step.grants.check_group(&held.message, path)?;
            let name = path.groups().last().map_or("", GroupStep::name);
            let segments = segments_of_group(&held.message, path);
            self.journey.touched.note_group(name, segments);
        }
        Ok(())
    }
}

pub(super) fn held<'a>(handles: &'a ResourceTable, message: &Handle) -> Result<&'a HeldMessage, Stop> {
    handles.get(message).map_err(|error| stop_of(&error))
}

fn held_mut<'a>(handles: &'a mut ResourceTable, message: &Handle) -> Result<&'a mut Message, Stop> {
    handles
        .get_mut(message)
        .map(|held| &mut held.message)
        .map_err(|error| stop_of(&error))
}

/// Reads a path that a guest wrote.
fn parse_path(path: &str) -> Result<Path, wit::PathError> {
    path.parse().map_err(|error: PathError| path_error(&error, path))
}

fn path_error(error: &PathError, path: &str) -> wit::PathError {
    wit::PathError {
        code: error.code().to_owned(),
        path: path.to_owned(),
        text: error.to_string(),
    }
}

fn parse_error(error: &ParseError) -> wit::ParseError {
    wit::ParseError {
        code: error.code().to_owned(),
        offset: error.offset(),
        text: error.to_string(),
    }
}

/// Bytes that answering a path looks at.
fn touched(message: &Message, path: &Path) -> usize {
    usize::try_from(message.touched_bytes(path)).unwrap_or(usize::MAX)
}
