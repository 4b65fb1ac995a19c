//! `faults`: the way out for a plugin that cannot go on.

use wasmtime::Result;

use super::readable;
use crate::bindings::transfuse::plugin::faults::Host;
use crate::fault::{Stop, printable};
use crate::state::StepState;

/// The name of a fault, such as `panic` or `TypeError`.
const KIND_CHARACTERS_MAX: usize = 64;

/// A path, a line and a column.
const LOCATION_CHARACTERS_MAX: usize = 200;

impl Host for StepState {
    fn raise(&mut self, kind: String, location: String, text: String) -> Result<()> {
        self.enter()?;
        self.meter.keep(text.len(), &self.step.limits)?;
        let kind = printable(&kind, KIND_CHARACTERS_MAX);
        let location = printable(&location, LOCATION_CHARACTERS_MAX);
        if let Some(tracing) = &mut self.journey.tracing {
            tracing.hear(self.meter.calls(), &location, &text);
        }
        Err(Stop::Raised {
            kind,
            location,
            text: readable(text),
        }
        .into())
    }
}
