//! What HL7 says about a message: its groups, and the names and types of its fields.

use transfuse_message::schema::Definition;
use transfuse_message::{Message, Path};

use super::{Answer, Handle, held, parse_path, path_error, touched};
use crate::state::StepState;

/// What a group's path costs that is handed to the guest, in bytes: four names and numbers, and where the text lies.
const GROUP_PATH_BYTES: usize = 128;

/// What looking a definition up costs, in bytes: a search by name for the segment, the datatype and the version.
const DEFINITION_BYTES: usize = 512;

impl StepState {
    pub(super) fn list_groups(&mut self, message: &Handle, group: &str) -> Answer<Vec<String>> {
        let parsed = match Path::group(group) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(path_error(&error, group))),
        };
        let bytes = touched(&held(&self.handles, message)?.message, &parsed);
        self.meter.read(bytes, &self.step.limits)?;
        self.may_ask_group(message, &parsed)?;
        let message = &held(&self.handles, message)?.message;
        let found = match message.groups().at(&parsed) {
            Ok(found) => found,
            Err(error) => return Ok(Err(path_error(&error, group))),
        };
        let found: Vec<_> = found.collect();
        let bytes = found.len().saturating_mul(GROUP_PATH_BYTES);
        self.meter.read(bytes, &self.step.limits)?;
        Ok(Ok(found.into_iter().map(|group| group.path().to_string()).collect()))
    }

    /// Something that the schema says about a node. What is looked up is the same for every patient, but a plugin that
    /// may not read a field has no business with it.
    pub(super) fn define(
        &mut self,
        message: &Handle,
        path: &str,
        part: fn(Definition) -> Option<&'static str>,
    ) -> Answer<Option<String>> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_read(message, &parsed)?;
        let message = &held(&self.handles, message)?.message;
        let bytes = touched(message, &parsed).saturating_add(DEFINITION_BYTES);
        self.meter.read(bytes, &self.step.limits)?;
        let found = message.definition(&parsed).and_then(part);
        Ok(Ok(found.filter(|text| !text.is_empty()).map(str::to_owned)))
    }

    pub(super) fn define_datatype(&mut self, message: &Handle, path: &str) -> Answer<Option<String>> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(field) = Message::datatype_field(&parsed) {
            self.may_read(message, &field)?;
        }
        self.define(message, path, |definition| Some(definition.datatype))
    }
}
