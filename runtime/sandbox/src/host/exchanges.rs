//! `exchanges`: the message at hand, its context, and where its outcome goes.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::hl7v2::{encoded_bytes, held};
use super::readable;
use crate::bindings::transfuse::plugin::exchanges::{Host, HostExchange};
use crate::fault::Stop;
use crate::outcome::Output;
use crate::state::{Exchange, HeldMessage, StepState};

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
            Some(message) => Ok(Some(self.hold(message, false)?)),
            None => Ok(None),
        }
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

impl StepState {
    fn add_output(&mut self, message: &Resource<HeldMessage>, to: Vec<String>) -> Result<(), Stop> {
        let limits = &self.step.limits;
        self.step.grants.check_to(&to)?;
        let held = held(&self.handles, message)?;
        if held.is_made {
            self.step.grants.check_create()?;
        }
        self.meter.pass_segments(held.message.segment_count(), limits)?;
        self.meter.output(encoded_bytes(&held.message), limits)?;
        self.meter.keep(to.iter().map(String::len).sum(), limits)?;
        self.outputs.push(Output {
            message: held.message.clone(),
            to,
        });
        Ok(())
    }
}
