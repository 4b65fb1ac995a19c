//! `state`: what a plugin keeps between messages.

use transfuse_message::Payload;
use wasmtime::Result;

use crate::bindings::transfuse::plugin::state::{Host, StateError};
use crate::kept::KEY_LOOK_BYTES;
use crate::state::StepState;

impl Host for StepState {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        self.enter_state()?;
        let value = self.journey.state.get(&self.step.plugin.identity().name, &key);
        let bytes = KEY_LOOK_BYTES + key.len() + value.map_or(0, Payload::len);
        self.meter.read(bytes, &self.step.limits)?;
        Ok(value.map(|value| value.as_slice().to_vec()))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), StateError>> {
        self.enter_state()?;
        let (step, limits) = (&self.step, &self.step.limits);
        self.meter.keep(KEY_LOOK_BYTES + key.len() + value.len(), limits)?;
        let (plugin, schema) = (&step.plugin.identity().name, step.state_schema);
        let kept = self
            .journey
            .state
            .set(plugin, schema, key, Payload::from(value), limits);
        Ok(kept.map_err(|unkept| StateError {
            code: unkept.code().to_owned(),
            text: unkept.text(limits),
        }))
    }

    fn remove(&mut self, key: String) -> Result<()> {
        self.enter_state()?;
        self.meter.keep(KEY_LOOK_BYTES + key.len(), &self.step.limits)?;
        let (plugin, schema) = (&self.step.plugin.identity().name, self.step.state_schema);
        self.journey.state.remove(plugin, schema, key);
        Ok(())
    }

    fn keys(&mut self, prefix: String, after: String, limit: u32) -> Result<Vec<String>> {
        self.enter_state()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let plugin = &self.step.plugin.identity().name;
        let found = self.journey.state.keys(plugin, &prefix, &after, limit);
        self.meter.read(found.looked_at_bytes, &self.step.limits)?;
        Ok(found.keys)
    }

    fn schema_version(&mut self) -> Result<u32> {
        self.enter_state()?;
        Ok(self.journey.state.schema_version(&self.step.plugin.identity().name))
    }
}

impl StepState {
    fn enter_state(&mut self) -> Result<()> {
        self.enter()?;
        self.journey.touched.note_state();
        Ok(())
    }
}
