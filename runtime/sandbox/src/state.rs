//! What a store holds while one plugin looks at one message: the host's side of every handle.
#![expect(unreachable_pub, reason = "the generated bindings re-export the types of resources")]

use std::sync::Arc;

use bytes::Bytes;
use transfuse_message::{Message, Payload};
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::State;
use crate::access::Touched;
use crate::chain::ReadyStep;
use crate::fault::{Limit, Stop};
use crate::kept::Overlay;
use crate::meter::{MemoryMeter, Meter};
use crate::outcome::{Context, LogLine, Output, TableMiss};
use crate::table::Table;
use crate::trace::{Edit, Tracing};

/// A message behind a handle.
pub struct HeldMessage {
    pub(crate) message: Message,
    /// Made by the plugin from bytes of its own: it is the plugin's to read and change, and forwarding it needs the grant
    /// `create`.
    pub(crate) is_made: bool,
    /// In a traced run, the last edit that made the value in question.
    pub(crate) maker: Option<Edit>,
}

impl HeldMessage {
    /// What came in.
    pub(crate) fn of_input(message: Message) -> Self {
        Self {
            message,
            is_made: false,
            maker: None,
        }
    }

    /// What the plugin made of bytes, by this edit in a traced run.
    pub(crate) fn made(message: Message, maker: Option<Edit>) -> Self {
        Self {
            message,
            is_made: true,
            maker,
        }
    }
}

/// A code table behind a handle.
pub struct OpenTable(pub(crate) Arc<Table>);

/// The input as bytes, behind a handle.
pub struct OpenDocument {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

/// The exchange behind its handle. What it gives access to is in [`StepState`], because there is only one.
pub struct Exchange;

/// What a store holds.
pub(crate) struct StepState {
    pub(crate) step: Arc<ReadyStep>,
    pub(crate) journey: Journey,
    pub(crate) meter: Meter,
    pub(crate) memory: MemoryMeter,
    pub(crate) handles: ResourceTable,
    /// What came in; `None` while only the configuration is checked.
    pub(crate) input: Option<Message>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) filtered: Option<Payload>,
}

/// What goes with a message from step to step.
pub(crate) struct Journey {
    /// Its attributes are in `attributes`, as they are now.
    pub(crate) context: Arc<Context>,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) log: Vec<LogLine>,
    /// Names and digests.
    pub(crate) tables: Vec<(String, String)>,
    pub(crate) misses: Misses,
    /// How things come about, where somebody wants to know.
    pub(crate) tracing: Option<Tracing>,
    pub(crate) state: Overlay,
    /// What the plugin of the step at hand touched.
    pub(crate) touched: Touched,
}

/// Values that tables do not hold.
#[derive(Default)]
pub(crate) struct Misses {
    pub(crate) listed: Vec<TableMiss>,
    pub(crate) unlisted: u64,
}

impl Journey {
    pub(crate) fn begin(mut context: Context, state: State) -> Self {
        let attributes = std::mem::take(&mut context.attributes);
        Self {
            context: Arc::new(context),
            attributes,
            log: Vec::new(),
            tables: Vec::new(),
            misses: Misses::default(),
            tracing: None,
            state: Overlay::over(state),
            touched: Touched::default(),
        }
    }

    /// Notes that the plugin at hand opened a version of a table.
    pub(crate) fn note_opened(&mut self, table: &str, digest: &str) {
        self.touched.note_table(table);
        let opened = (table.to_owned(), digest.to_owned());
        if !self.tables.contains(&opened) {
            self.tables.push(opened);
        }
    }

    /// Hands everything over and keeps the context.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            attributes: std::mem::take(&mut self.attributes),
            log: std::mem::take(&mut self.log),
            tables: std::mem::take(&mut self.tables),
            misses: std::mem::take(&mut self.misses),
            tracing: std::mem::take(&mut self.tracing),
            state: std::mem::take(&mut self.state),
            touched: std::mem::take(&mut self.touched),
        }
    }
}

impl StepState {
    pub(crate) fn new(step: Arc<ReadyStep>, journey: Journey, meter: Meter, input: Option<Message>) -> Self {
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(step.limits.handles_max);
        let memory = MemoryMeter::new(&step.limits);
        Self {
            step,
            journey,
            meter,
            memory,
            handles,
            input,
            outputs: Vec::new(),
            filtered: None,
        }
    }

    /// To be called first by every host function.
    pub(crate) fn enter(&mut self) -> Result<(), Stop> {
        self.meter.call(&self.step.limits)
    }

    pub(crate) fn push<T: Send + 'static>(&mut self, entry: T) -> Result<Resource<T>, Stop> {
        self.handles.push(entry).map_err(|error| stop_of(&error))
    }

    pub(crate) fn drop_handle<T: 'static>(&mut self, handle: Resource<T>) -> Result<(), Stop> {
        self.handles.delete(handle).map(drop).map_err(|error| stop_of(&error))
    }
}

/// wasmtime lets no guest use a handle that it has not, so that only a full table is the guest's doing.
pub(crate) fn stop_of(error: &ResourceTableError) -> Stop {
    match error {
        ResourceTableError::Full => Stop::Over(Limit::Handles),
        _ => Stop::HostBroken("a handle leads nowhere"),
    }
}
