//! One run: a fresh store and instance, `init`, `transform`, and what they left.

use std::sync::Arc;

use transfuse_message::{Message, Payload};
use wasmtime::component::Resource;
use wasmtime::{Engine, Result, Store};

use crate::bindings::exports::transfuse::plugin::transformer::Rejection;
use crate::chain::ReadyStep;
use crate::meter::Meter;
use crate::outcome::Output;
use crate::state::{Journey, StepState};
use crate::ticker::Watched;

/// What a run left.
pub(crate) struct Ran {
    pub(crate) journey: Journey,
    pub(crate) meter: Meter,
    pub(crate) outputs: Vec<Output>,
    pub(crate) filtered: Option<Payload>,
    pub(crate) verdict: Result<Verdict>,
}

/// What the guest answered.
pub(crate) enum Verdict {
    /// `transform` returned, or only `init` was asked for.
    Accepted,
    /// `transform` rejected the message.
    Rejected(Rejection),
    /// `init` refused the configuration, in its own words.
    Misconfigured(String),
}

/// Runs a plugin on one message; without one, only its `init`.
pub(crate) fn run(
    engine: &Engine,
    step: &Arc<ReadyStep>,
    watched: &Watched<'_>,
    journey: Journey,
    meter: Meter,
    input: Option<Message>,
) -> Ran {
    let has_input = input.is_some();
    let fuel = meter.fuel_left(&step.limits);
    let mut store = Store::new(engine, StepState::new(Arc::clone(step), journey, meter, input));
    let answered = limit(&mut store, fuel, watched).and_then(|()| call(&mut store, step, has_input));
    let guest_fuel = fuel - store.get_fuel().unwrap_or_default().min(fuel);
    let state = store.into_data();
    let mut meter = state.meter;
    meter.memory_ended(&state.memory);
    let metered = meter.run_ended(guest_fuel, &step.limits);
    let verdict = answered.and_then(|verdict| metered.map(|()| verdict).map_err(Into::into));
    Ran {
        journey: state.journey,
        meter,
        outputs: state.outputs,
        filtered: state.filtered,
        verdict,
    }
}

/// Everything that holds a guest back, set before any of its code runs.
fn limit(store: &mut Store<StepState>, fuel: u64, watched: &Watched<'_>) -> Result<()> {
    let limits = &store.data().step.limits;
    let (transfer_bytes_max, handles_max) = (limits.transfer_bytes_max, limits.handles_max);
    store.limiter(|state| &mut state.memory);
    store.set_fuel(fuel)?;
    store.set_hostcall_fuel(transfer_bytes_max);
    store.set_max_component_handles(handles_max);
    watched.arm(store);
    Ok(())
}

fn call(store: &mut Store<StepState>, step: &ReadyStep, has_input: bool) -> Result<Verdict> {
    let instance = step.plugin.code().pre.instantiate(&mut *store)?;
    let transformer = instance.transfuse_plugin_transformer();
    if let Err(words) = transformer.call_init(&mut *store, &step.config)? {
        return Ok(Verdict::Misconfigured(words));
    }
    if !has_input {
        return Ok(Verdict::Accepted);
    }
    // There is one exchange in a store, so that its number says nothing.
    match transformer.call_transform(&mut *store, Resource::new_borrow(0))? {
        Ok(()) => Ok(Verdict::Accepted),
        Err(rejection) => Ok(Verdict::Rejected(rejection)),
    }
}
