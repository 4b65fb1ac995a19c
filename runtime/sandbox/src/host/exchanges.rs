//! `exchanges`: the message at hand, its context, and where its outcome goes.

use transfuse_message::Payload;
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};

use super::hl7v2::{encoded_bytes, held};
use super::readable;
use crate::bindings::transfuse::plugin::exchanges::{Host, HostDocument, HostExchange};
use crate::fault::Stop;
use crate::outcome::{Content, Document, Output};
use crate::state::{Exchange, HeldMessage, OpenDocument, StepState, stop_of};

/// The media type of HL7 v2 in its encoding with delimiters.
const MESSAGE_TYPE: &str = "x-application/hl7-v2+er7";

/// The longest media type. Those that are registered have up to seventy characters.
const MEDIA_TYPE_BYTES_MAX: usize = 100;

impl Host for StepState {}

impl HostExchange for StepState {
    fn id(&mut self, _exchange: Resource<Exchange>) -> Result<String> {
        self.enter()?;
        Ok(self.journey.context.id.clone())
    }

    fn interface_name(&mut self, _exchange: Resource<Exchange>) -> Result<String> {
        self.enter()?;
        Ok(self.journey.context.interface.to_string())
    }

    fn received_at_ms(&mut self, _exchange: Resource<Exchange>) -> Result<i64> {
        self.enter()?;
        Ok(self.journey.context.received_at_ms)
    }

    fn time_zone(&mut self, _exchange: Resource<Exchange>) -> Result<String> {
        self.enter()?;
        Ok(self.journey.context.time_zone.to_string())
    }

    fn attempt(&mut self, _exchange: Resource<Exchange>) -> Result<u32> {
        self.enter()?;
        Ok(self.journey.context.attempt)
    }

    fn attribute(&mut self, _exchange: Resource<Exchange>, name: String) -> Result<Option<String>> {
        self.enter()?;
        let value = self
            .journey
            .attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone());
        self.meter
            .read(value.as_ref().map_or(0, String::len), &self.step.limits)?;
        Ok(value)
    }

    fn set_attribute(&mut self, _exchange: Resource<Exchange>, name: String, value: String) -> Result<()> {
        self.enter()?;
        let bytes = name.len() + value.len();
        self.meter.keep(bytes, &self.step.limits)?;
        self.meter.attribute(bytes, &self.step.limits)?;
        match self.journey.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.journey.attributes.push((name, value)),
        }
        Ok(())
    }

    fn message(&mut self, _exchange: Resource<Exchange>) -> Result<Option<Resource<HeldMessage>>> {
        self.enter()?;
        match self.input.clone() {
            Some(message) => Ok(Some(self.hold(HeldMessage::of_input(message))?)),
            None => Ok(None),
        }
    }

    fn document(&mut self, _exchange: Resource<Exchange>) -> Result<Option<Resource<OpenDocument>>> {
        self.enter()?;
        self.step.grants.check_read_all().map_err(Stop::from)?;
        self.journey.touched.note_everything();
        let Some(message) = &self.input else { return Ok(None) };
        self.meter.read(encoded_bytes(message), &self.step.limits)?;
        let document = OpenDocument {
            content_type: MESSAGE_TYPE,
            body: message.encode(),
        };
        Ok(Some(self.push(document)?))
    }

    fn forward(
        &mut self,
        _exchange: Resource<Exchange>,
        message: Resource<HeldMessage>,
        to: Vec<String>,
    ) -> Result<()> {
        self.enter()?;
        Ok(self.add_output(&message, to)?)
    }

    fn forward_document(
        &mut self,
        _exchange: Resource<Exchange>,
        content_type: String,
        body: Vec<u8>,
        to: Vec<String>,
    ) -> Result<()> {
        self.enter()?;
        Ok(self.add_document(content_type, body, to)?)
    }

    fn filter(&mut self, _exchange: Resource<Exchange>, reason: String) -> Result<()> {
        self.enter()?;
        self.meter.keep(reason.len(), &self.step.limits)?;
        self.filtered.get_or_insert_with(|| readable(reason));
        Ok(())
    }

    /// Guests borrow the exchange and never own it, so that there is nothing to free.
    fn drop(&mut self, _exchange: Resource<Exchange>) -> Result<()> {
        Ok(())
    }
}

impl HostDocument for StepState {
    fn content_type(&mut self, document: Resource<OpenDocument>) -> Result<String> {
        self.enter()?;
        Ok(opened(&self.handles, &document)?.content_type.to_owned())
    }

    fn length(&mut self, document: Resource<OpenDocument>) -> Result<u64> {
        self.enter()?;
        Ok(opened(&self.handles, &document)?.body.len() as u64)
    }

    fn read(&mut self, document: Resource<OpenDocument>, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.enter()?;
        let body = &opened(&self.handles, &document)?.body;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let end = start.saturating_add(length).min(body.len());
        self.meter.read(end - start, &self.step.limits)?;
        Ok(body.get(start..end).unwrap_or_default().to_vec())
    }

    fn drop(&mut self, document: Resource<OpenDocument>) -> Result<()> {
        Ok(self.drop_handle(document)?)
    }
}

impl StepState {
    fn add_output(&mut self, message: &Resource<HeldMessage>, to: Vec<String>) -> Result<(), Stop> {
        let limits = &self.step.limits;
        self.step.grants.check_to(&to)?;
        let held = held(&self.handles, message)?;
        self.meter.pass_segments(held.message.segment_count(), limits)?; // Compared with the input,
        self.meter.pass_segments(held.message.segment_count(), limits)?; // and shared until its next edit.
        match &self.input {
            Some(input) if !held.is_made => self.step.grants.check_changes(&held.message, input)?,
            _ => {
                self.step.grants.check_create()?;
                self.journey.touched.note_create();
            }
        }
        self.journey.touched.note_to(&to);
        self.meter.output(encoded_bytes(&held.message), limits)?;
        self.meter.keep(to.iter().map(String::len).sum(), limits)?;
        if let Some(tracing) = &mut self.journey.tracing {
            tracing.note_output(held.maker.as_ref());
        }
        self.outputs.push(Output {
            content: Content::Message(held.message.clone()),
            to,
        });
        Ok(())
    }

    fn add_document(&mut self, content_type: String, body: Vec<u8>, to: Vec<String>) -> Result<(), Stop> {
        let limits = &self.step.limits;
        self.step.grants.check_to(&to)?;
        self.step.grants.check_create()?;
        if !self.step.is_last {
            return Err(Stop::DocumentBeforeLastStep);
        }
        self.journey.touched.note_create();
        self.journey.touched.note_to(&to);
        self.meter.output(body.len(), limits)?;
        let names: usize = to.iter().map(String::len).sum();
        self.meter.keep(body.len() + content_type.len() + names, limits)?;
        if let Some(tracing) = &mut self.journey.tracing {
            tracing.note_output(None);
        }
        let document = Document {
            content_type: media_type(content_type),
            body: Payload::from(body),
        };
        self.outputs.push(Output {
            content: Content::Document(document),
            to,
        });
        Ok(())
    }
}

fn opened<'a>(handles: &'a ResourceTable, document: &Resource<OpenDocument>) -> Result<&'a OpenDocument, Stop> {
    handles.get(document).map_err(|error| stop_of(&error))
}

/// A media type as the guest gave it, where it looks like one: it is kept beside the content, and not as a part of it.
fn media_type(text: String) -> String {
    if text.len() <= MEDIA_TYPE_BYTES_MAX && is_media_type(&text) {
        text
    } else {
        "application/octet-stream".to_owned()
    }
}

/// `text/csv`, or `text/csv; charset=utf-8`.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !part.is_empty() && part.bytes().all(is_of_token)
    };
    let is_pair = |part: &str, divider| {
        part.split_once(divider)
            .is_some_and(|(a, b)| is_token(a) && is_token(b))
    };
    let mut parts = text.split(';');
    let is_type = parts.next().is_some_and(|part| is_pair(part, '/'));
    is_type && parts.all(|parameter| is_pair(parameter.trim_start(), '='))
}
