//! `log`: lines for the people who run the interface.

use transfuse_message::Payload;
use wasmtime::Result;

use crate::bindings::transfuse::plugin::log::{Host, Level};
use crate::outcome::{LogLevel, LogLine};
use crate::state::StepState;

impl Host for StepState {
    fn write(&mut self, level: Level, text: String) -> Result<()> {
        self.enter()?;
        self.meter.keep(text.len(), &self.step.limits)?;
        if self.meter.log_line(text.len(), &self.step.limits) {
            let line = LogLine {
                step: self.step.index,
                level: level.into(),
                text: Payload::from(text),
            };
            self.journey.log.push(line);
        }
        Ok(())
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
