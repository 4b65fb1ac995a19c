//! Compiling a component as its `init` leaves it, so that instances begin behind it.
//!
//! `init` is run with none of the host's functions but two: it may open a table and ask for its columns, and has to close
//! it again; all others trap. So the result depends on the component, the configuration, and names and columns of tables
//! alone, and holds no handle, line of a log or value of a table or the state, which would be another message's. What
//! `init` gets from nowhere else, such as time or chance, no plugin gets at all.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{
    Component, ComponentNamedList, HasSelf, Instance, Lift, Linker, Lower, Resource, ResourceTable, TypedFunc, WasmList,
};
use wasmtime::{Engine, Error, Result, Store, StoreLimits, StoreLimitsBuilder, format_err};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::contract::{digest, is_transformer};
use super::{PluginIdentity, compile, outlines};
use crate::bindings::transfuse::plugin::tables;
use crate::engine;
use crate::state::OpenTable;
use crate::table::Table;

/// How reading its memory grows an instance that was snapshotted: by a page, twice.
const READING_BYTES: usize = 2 << 16;

/// An `init` that has passed once, within these limits.
pub(crate) struct Init<'a> {
    /// As JSON.
    pub(crate) config: &'a [u8],
    /// The tables that it may open, as [`outlines::write`] gives them.
    pub(crate) tables: &'a [u8],
    pub(crate) fuel: u64,
    pub(crate) memory_bytes_max: usize,
}

impl Init<'_> {
    /// What compiled code is known by that begins behind this `init`: everything that its memory depends on. Fuel and
    /// memory do not belong to it, because an `init` that passes leaves the same with more of them; nor do the rows of
    /// tables, which it cannot have asked for: a table that is edited keeps the snapshot.
    pub(crate) fn key(&self, plugin: &PluginIdentity) -> String {
        let mut text = format!("transfuse snapshot 1\n{}\n", plugin.component_digest).into_bytes();
        text.extend_from_slice(&(self.tables.len() as u64).to_le_bytes());
        text.extend_from_slice(self.tables);
        text.extend_from_slice(self.config);
        digest(&text)
    }

    /// What is known by that these limits did not let it be made: with others it may be.
    pub(crate) fn refusal_key(&self, plugin: &PluginIdentity) -> String {
        let Self {
            fuel, memory_bytes_max, ..
        } = self;
        let text = format!(
            "transfuse no snapshot 1\n{}\n{fuel} {memory_bytes_max}\n",
            self.key(plugin)
        );
        digest(text.as_bytes())
    }
}

/// Runs `init` and compiles what it leaves. The error says why that cannot be done, if only because `init` calls the host;
/// the component itself may be sound all the same.
pub(crate) fn compile_after_init(
    engine: &Engine,
    component: &[u8],
    init: &Init<'_>,
    stack_bytes_max: usize,
) -> Result<Vec<u8>> {
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component)?;
    let mut run = Run::start(&engine::build_for_init(stack_bytes_max)?, &instrumented, init)?;
    run.init(init.config)?;
    let snapshot = at_once(wizer.snapshot_component(&context, &mut run))??;
    match run.failure {
        Some(failure) => Err(failure),
        None => compile(engine, &snapshot),
    }
}

/// What stands for the host.
struct Stand {
    limits: StoreLimits,
    tables: Vec<Arc<Table>>,
    open: ResourceTable,
}

/// An instance whose memory is being read.
struct Run {
    store: Store<Stand>,
    component: Component,
    instance: Instance,
    /// The first thing that went wrong while it was read.
    failure: Option<Error>,
}

impl Run {
    fn start(engine: &Engine, instrumented: &[u8], init: &Init<'_>) -> Result<Self> {
        let component = Component::new(engine, instrumented)?;
        let memory_bytes_max = init.memory_bytes_max.saturating_add(READING_BYTES);
        let stand = Stand {
            limits: StoreLimitsBuilder::new().memory_size(memory_bytes_max).build(),
            tables: outlines::read(init.tables).ok_or_else(|| format_err!("the outlines of tables are broken"))?,
            open: ResourceTable::new(),
        };
        let mut store = Store::new(engine, stand);
        store.limiter(|stand| &mut stand.limits);
        store.set_fuel(init.fuel)?;
        // The process has its limit of time, and `init` its fuel.
        store.set_epoch_deadline(u64::MAX / 2);
        let mut linker = Linker::new(engine);
        tables::add_to_linker::<_, HasSelf<_>>(&mut linker, |stand: &mut Stand| stand)?;
        linker.define_unknown_imports_as_traps(&component)?;
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Self {
            store,
            component,
            instance,
            failure: None,
        })
    }

    fn init(&mut self, config: &[u8]) -> Result<()> {
        let types = self.component.component_type();
        let transformer = types
            .exports(self.component.engine())
            .find_map(|(name, _)| is_transformer(name).then(|| name.to_owned()))
            .ok_or_else(|| format_err!("there is no `init`"))?;
        let init: TypedFunc<(&[u8],), (Result<(), String>,)> = self.function(&transformer, "init")?;
        let (answer,) = init.call(&mut self.store, (config,))?;
        answer.map_err(|_| format_err!("`init` refuses the configuration"))?;
        if !self.store.data().open.is_empty() {
            return Err(format_err!("`init` keeps a table open"));
        }
        // What follows is the instrument's code.
        self.store.set_fuel(u64::MAX)
    }

    fn function<P, R>(&mut self, instance: &str, name: &str) -> Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let missing = || format_err!("`{instance}` exports no `{name}`");
        let store = &mut self.store;
        let (_, outer) = self
            .instance
            .get_export(&mut *store, None, instance)
            .ok_or_else(missing)?;
        let (_, inner) = self
            .instance
            .get_export(&mut *store, Some(&outer), name)
            .ok_or_else(missing)?;
        self.instance.get_typed_func(&mut *store, inner)
    }

    fn read<R: Lift + 'static>(&mut self, instance: &str, name: &str) -> Option<R> {
        let function = self.function::<(), (R,)>(instance, name);
        let read = function.and_then(|function| function.call(&mut self.store, ()));
        match read {
            Ok((value,)) => Some(value),
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }
}

impl tables::Host for Stand {}

impl tables::HostTable for Stand {
    fn open(&mut self, name: String) -> Result<Result<Resource<OpenTable>, tables::TableError>> {
        let table = self.tables.iter().find(|table| table.name() == name);
        let table = table.ok_or_else(|| format_err!("`init` opens a table that it is not granted"))?;
        Ok(Ok(self.open.push(OpenTable(Arc::clone(table)))?))
    }

    fn columns(&mut self, table: Resource<OpenTable>) -> Result<Vec<String>> {
        Ok(self.open.get(&table)?.0.columns().to_vec())
    }

    fn find(
        &mut self,
        _table: Resource<OpenTable>,
        _column: String,
        _value: String,
    ) -> Result<Result<Option<Vec<String>>, tables::TableError>> {
        Err(looks_up())
    }

    fn find_many(
        &mut self,
        _table: Resource<OpenTable>,
        _column: String,
        _values: Vec<String>,
    ) -> Result<Result<Vec<Option<Vec<String>>>, tables::TableError>> {
        Err(looks_up())
    }

    fn drop(&mut self, table: Resource<OpenTable>) -> Result<()> {
        self.open.delete(table)?;
        Ok(())
    }
}

fn looks_up() -> Error {
    format_err!("`init` looks something up")
}

impl ComponentInstanceState for Run {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.read::<WasmList<u8>>(instance, func) {
            Some(list) => contents(list.as_le_slice(&self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.read(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.read(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.read::<f32>(instance, func).unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.read::<f64>(instance, func).unwrap_or_default().to_bits()
    }
}

/// The result of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T> {
    match pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => Err(format_err!("reading an instance had to wait")),
    }
}
