//! One run: a store and an instance, `init` where it is a fresh one, `transform`, and what they left.

use std::sync::Arc;

use transfuse_message::{Message, Payload};
use wasmtime::component::Resource;
use wasmtime::{Engine, Result, Store};

use crate::Limits;
use crate::bindings::Transform;
use crate::bindings::exports::transfuse::plugin::transformer::Rejection;
use crate::chain::{ReadyStep, Snapshot};
use crate::fault::{Limit, Stop};
use crate::meter::Meter;
use crate::outcome::Output;
use crate::sandbox::Shared;
use crate::state::{Journey, StepState};
use crate::ticker::Watched;

/// The share of the memory that `init` left free, as its divisor, that an instance may grow by and be used again. One
/// that leaks meets a fresh instance before it meets its limit.
const GROWTH_DIVISOR: usize = 2;

/// What stands for a plugin's words about a configuration with secrets: it may have quoted one.
const UNSHOWN_WORDS: &str = "its words are not shown, because its configuration holds secrets; `transfuse plugin run` shows them for \
     a configuration that is made up";

/// What a run left.
pub(crate) struct Ran {
    pub(crate) journey: Journey,
    pub(crate) meter: Meter,
    pub(crate) outputs: Vec<Output>,
    pub(crate) filtered: Option<Payload>,
    pub(crate) verdict: Result<Verdict>,
    /// Whether an instance was made for this run.
    pub(crate) is_fresh: bool,
    /// The instance, where its step may use it for another message if this one went well.
    pub(crate) instance: Option<Instance>,
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

/// A store with one instance of a plugin in it.
pub(crate) struct Instance {
    store: Store<StepState>,
    /// `None` before `init` has succeeded, and after anything has failed: a trap poisons the store.
    ready: Option<Ready>,
    /// Messages that it has seen.
    messages: u32,
}

/// An instance whose `init` has succeeded.
struct Ready {
    bindings: Transform,
    /// Its memory by then.
    memory_bytes: usize,
}

/// Runs a plugin on one message; without one, only its `init`.
pub(crate) fn run(
    shared: &Shared,
    step: &Arc<ReadyStep>,
    watched: &Watched<'_>,
    journey: Journey,
    meter: Meter,
    input: Option<Message>,
) -> Ran {
    let has_input = input.is_some();
    let fuel = meter.fuel_left(&step.limits);
    let state = StepState::new(Arc::clone(step), journey, meter, input);
    let kept = shared.idle.take(step).filter(|_| has_input);
    let is_fresh = kept.is_none();
    let mut instance = match kept {
        Some(kept) => kept.renewed(state),
        None => Instance::new(&shared.engine, state),
    };
    let answered = instance
        .arm(fuel, watched)
        .and_then(|()| instance.call(step, has_input));
    // Lets go of the clock, and with it of a slow call's turn.
    instance.store.epoch_deadline_trap();
    instance.into_ran(fuel, answered, is_fresh)
}

/// Whether instances can begin with a snapshot, within the step's limits.
pub(crate) fn try_snapshot(
    shared: &Shared,
    step: &Arc<ReadyStep>,
    watched: &Watched<'_>,
    journey: Journey,
    snapshot: &Snapshot,
) -> Result<()> {
    let state = StepState::new(Arc::clone(step), journey, Meter::default(), None);
    let mut instance = Instance::new(&shared.engine, state);
    instance.arm(step.limits.fuel, watched)?;
    instance.begin_after_init(snapshot).map(drop)
}

impl Instance {
    fn new(engine: &Engine, state: StepState) -> Self {
        Self {
            store: Store::new(engine, state),
            ready: None,
            messages: 0,
        }
    }

    /// The same instance, for another message. Everything of the host's side is new, but for the count of the memory
    /// that the guest has by now.
    fn renewed(mut self, state: StepState) -> Self {
        let before = std::mem::replace(self.store.data_mut(), state);
        self.store.data_mut().memory = before.memory;
        self
    }

    pub(crate) fn is_of(&self, step: &Arc<ReadyStep>) -> bool {
        Arc::ptr_eq(&self.store.data().step, step)
    }

    /// Everything that holds a guest back, set anew before any of its code runs.
    fn arm(&mut self, fuel: u64, watched: &Watched<'_>) -> Result<()> {
        let store = &mut self.store;
        let limits = &store.data().step.limits;
        let (transfer_bytes_max, handles_max) = (limits.transfer_bytes_max, limits.handles_max);
        store.limiter(|state| &mut state.memory);
        store.set_fuel(fuel)?;
        store.set_hostcall_fuel(transfer_bytes_max);
        store.set_max_component_handles(handles_max);
        watched.arm(store);
        Ok(())
    }

    fn call(&mut self, step: &ReadyStep, has_input: bool) -> Result<Verdict> {
        let ready = match self.ready.take() {
            Some(ready) => ready,
            None => match self.init(step)? {
                Ok(ready) => ready,
                Err(_) if step.has_secrets => return Ok(Verdict::Misconfigured(UNSHOWN_WORDS.to_owned())),
                Err(words) => return Ok(Verdict::Misconfigured(words)),
            },
        };
        let verdict = if has_input {
            self.messages += 1;
            self.transform(&ready.bindings)?
        } else {
            Verdict::Accepted
        };
        self.ready = Some(ready);
        Ok(verdict)
    }

    fn init(&mut self, step: &ReadyStep) -> Result<Result<Ready, String>> {
        if let Some(snapshot) = step.snapshot.get() {
            return self.begin_after_init(snapshot).map(Ok);
        }
        let store = &mut self.store;
        let bindings = step.plugin.code().pre.instantiate(&mut *store)?;
        let answer = bindings
            .transfuse_plugin_transformer()
            .call_init(&mut *store, &step.config)?;
        let memory_bytes = store.data().memory.bytes();
        Ok(answer.map(|()| Ready { bindings, memory_bytes }))
    }

    /// Begins where `init` ended, for what it took: nothing that a plugin or a limit could notice is different.
    fn begin_after_init(&mut self, snapshot: &Snapshot) -> Result<Ready> {
        let store = &mut self.store;
        let fuel = store.get_fuel()?;
        let bindings = snapshot.code.pre.instantiate(&mut *store)?;
        let left = fuel.checked_sub(snapshot.init.meter.guest_fuel());
        store.set_fuel(left.unwrap_or_default())?;
        if left.is_none() {
            return Err(Stop::Over(Limit::Fuel).into());
        }
        let state = store.data_mut();
        state.meter.repeat_host_work(&snapshot.init.meter, &state.step.limits)?;
        for (table, digest) in &snapshot.init.tables {
            state.journey.note_opened(table, digest);
        }
        let memory_bytes = store.data().memory.bytes();
        Ok(Ready { bindings, memory_bytes })
    }

    fn transform(&mut self, bindings: &Transform) -> Result<Verdict> {
        // There is one exchange in a store at a time, so that its number says nothing.
        let exchange = Resource::new_borrow(0);
        match bindings
            .transfuse_plugin_transformer()
            .call_transform(&mut self.store, exchange)?
        {
            Ok(()) => Ok(Verdict::Accepted),
            Err(rejection) => Ok(Verdict::Rejected(rejection)),
        }
    }

    fn into_ran(mut self, fuel: u64, answered: Result<Verdict>, is_fresh: bool) -> Ran {
        let guest_fuel = fuel - self.store.get_fuel().unwrap_or_default().min(fuel);
        let memory_bytes = self.store.data().memory.bytes();
        let (state, instance) = if self.may_serve_again() {
            (take_state(&mut self.store), Some(self))
        } else {
            (self.store.into_data(), None)
        };
        let mut meter = state.meter;
        meter.memory_ended(memory_bytes);
        let metered = meter.run_ended(guest_fuel, &state.step.limits);
        Ran {
            journey: state.journey,
            meter,
            outputs: state.outputs,
            filtered: state.filtered,
            verdict: answered.and_then(|verdict| metered.map(|()| verdict).map_err(Into::into)),
            is_fresh,
            instance,
        }
    }

    /// Whether its step allows another message, and this one has left neither handles nor a memory that grows.
    fn may_serve_again(&self) -> bool {
        let state = self.store.data();
        let Some(ready) = &self.ready else { return false };
        state.step.instances.allow_another(self.messages)
            && state.handles.is_empty()
            && !has_grown(ready.memory_bytes, state.memory.bytes(), &state.step.limits)
    }
}

/// Takes what a run left out of a store that will be used again; nothing of the message stays on the host's side.
fn take_state(store: &mut Store<StepState>) -> StepState {
    let state = store.data_mut();
    let journey = state.journey.take();
    let mut blank = StepState::new(Arc::clone(&state.step), state.journey.take(), Meter::default(), None);
    std::mem::swap(&mut blank.memory, &mut state.memory);
    let left = std::mem::replace(state, blank);
    StepState { journey, ..left }
}

/// Whether the memory has grown by more than its share since `init`.
fn has_grown(bytes_at_first: usize, bytes: usize, limits: &Limits) -> bool {
    let room = limits.memory_bytes_max.saturating_sub(bytes_at_first);
    bytes.saturating_sub(bytes_at_first) > room / GROWTH_DIVISOR
}
