//! The sandbox: everything that is made once for all plugins.

use std::io;
use std::sync::{Arc, Weak};

use dashmap::{DashMap, DashSet};
use thiserror::Error;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::cache::{Cache, FolderError, InUse, Lookup, Turn};
use crate::compiler::Failed;
use crate::engine::INLINE_RUNS_MAX;
use crate::permits::Permits;
use crate::plugin::{Code, Compilations, Init, check_bytes, compile, compile_after_init, deserialize};
use crate::pool::Pool;
use crate::reuse::IdleInstances;
use crate::state::StepState;
use crate::ticker::Ticker;
use crate::{Chain, LinkError, LoadError, Plugin, PluginIdentity, SandboxSettings, Step, engine, host};

/// Components that are compiled at the same time. The compiler uses all processors for most of its work; the second one
/// fills the gaps, and more would only make the machine's memory short.
const COMPILATIONS_MAX: usize = 2;

/// The largest component that is kept in memory for snapshots of it. What is larger holds an interpreter, which comes as a
/// snapshot from its own compiler, and takes many seconds to make another of.
const SNAPSHOT_COMPONENT_BYTES_MAX: usize = 8 << 20;

/// Snapshots that are remembered as not to be made, beside what the folder of compiled code says: ten for each of a thousand
/// interfaces. Beyond that they are forgotten, which costs an attempt each.
const REFUSED_MAX: usize = 10_000;

/// Loads plugins and makes chains of them. A clone is the same sandbox; its threads end with the last clone and chain.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

/// Why a sandbox cannot be started. No thread is left behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// wasmtime refuses the settings, or the machine cannot give it the address space for them.
    #[error("the wasm engine cannot be set up: {detail}; fewer threads or smaller memories need less address space")]
    Engine {
        /// What wasmtime says.
        detail: String,
    },
    /// The folder of compiled code cannot be used.
    #[error(transparent)]
    Cache(#[from] FolderError),
    /// The operating system gives no thread.
    #[error("the threads of plugins cannot be started")]
    Threads(#[from] io::Error),
}

/// What compiled code is made of.
struct Source<'a> {
    identity: &'a PluginIdentity,
    component: &'a [u8],
    /// Where the code begins behind it.
    init: Option<&'a Init<'a>>,
    /// What the code is known by, in the form of a digest: that of the component, where there is no `init`.
    key: Arc<str>,
}

/// What chains and plugins need of their sandbox.
pub(crate) struct Shared {
    pub(crate) settings: SandboxSettings,
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) pool: Arc<Pool>,
    /// Places in the pool's queue.
    pub(crate) places: Arc<Semaphore>,
    /// Runs on callers' own threads.
    pub(crate) inline_runs: Arc<Permits>,
    /// Instances that wait for another message of their step.
    pub(crate) idle: IdleInstances,
    linker: Linker<StepState>,
    cache: Option<Cache>,
    /// By key. Weak, so that code that no chain uses any more is freed.
    plugins: DashMap<Arc<str>, Weak<Code>>,
    /// By key: snapshots that cannot be made.
    refused: DashSet<Arc<str>>,
    compilations: Compilations,
}

impl Sandbox {
    /// Sets the engine up and starts the threads.
    pub fn start(settings: SandboxSettings) -> Result<Self, StartError> {
        let engine_error = |error: wasmtime::Error| StartError::Engine {
            detail: format!("{error:#}"),
        };
        let engine = engine::build(&settings).map_err(engine_error)?;
        let linker = host::linker(&engine).map_err(engine_error)?;
        let cache = settings
            .cache_folder
            .as_ref()
            .map(|folder| Cache::open(folder, &engine))
            .transpose()?;
        let pool = Pool::start(settings.threads, settings.threads_max)?;
        let watched_pool = Arc::clone(&pool);
        let ticker = Ticker::start(engine.clone(), move || watched_pool.replace_slow_workers())?;
        let shared = Shared {
            places: Arc::new(Semaphore::new(settings.calls_queued_max.max(1))),
            idle: IdleInstances::new(settings.idle_instances_max),
            settings,
            engine,
            ticker,
            pool,
            inline_runs: Permits::new(INLINE_RUNS_MAX),
            linker,
            cache,
            plugins: DashMap::new(),
            refused: DashSet::new(),
            compilations: Compilations::new(COMPILATIONS_MAX),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes a plugin of a component: from memory, from compiled code on disk, or by compiling it, which takes tens of
    /// milliseconds for Rust and seconds for JavaScript and Python. Blocks; at most two are compiled at a time.
    pub fn load(&self, identity: PluginIdentity, component: &[u8]) -> Result<Plugin, LoadError> {
        check_bytes(&identity, component, self.shared.settings.component_bytes_max)?;
        let code = self.shared.code(&Source {
            identity: &identity,
            component,
            init: None,
            key: Arc::clone(&identity.component_digest),
        })?;
        Ok(Plugin::new(identity, code))
    }

    /// Makes a chain of steps. Refuses plugins that import what their grants do not open, and runs `init` of each once
    /// with its configuration. Blocks for as long as that takes.
    pub fn chain(&self, steps: Vec<Step>) -> Result<Chain, LinkError> {
        Chain::link(Arc::clone(&self.shared), steps)
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Shared {
    /// The code of a component as its `init` leaves it. Blocks as [`Sandbox::load`] does.
    pub(crate) fn code_after_init(
        &self,
        identity: &PluginIdentity,
        component: &[u8],
        init: &Init<'_>,
    ) -> Result<Arc<Code>, LoadError> {
        self.code(&Source {
            identity,
            component,
            init: Some(init),
            key: init.key(identity).into(),
        })
    }

    fn code(&self, source: &Source<'_>) -> Result<Arc<Code>, LoadError> {
        if let Some(code) = self.known(&source.key) {
            return Ok(code);
        }
        let _turn = self.compilations.wait_for_turn(&source.key);
        // Another thread may have made it while this one waited.
        if let Some(code) = self.known(&source.key) {
            return Ok(code);
        }
        let (component, in_use) = self.component(source)?;
        let mut code = Code::link(source.identity, &component, &self.linker)?;
        code.in_use = in_use;
        if self.may_be_snapshotted(source) {
            code.component = Some(source.component.into());
        }
        let code = Arc::new(code);
        self.plugins.retain(|_, code| code.strong_count() > 0);
        self.plugins.insert(Arc::clone(&source.key), Arc::downgrade(&code));
        Ok(code)
    }

    fn known(&self, key: &str) -> Option<Arc<Code>> {
        self.plugins.get(key).and_then(|code| code.upgrade())
    }

    fn may_be_snapshotted(&self, source: &Source<'_>) -> bool {
        let is_small = source.component.len() <= SNAPSHOT_COMPONENT_BYTES_MAX;
        self.settings.snapshot_fuel_min.is_some() && source.init.is_none() && is_small
    }

    fn component(&self, source: &Source<'_>) -> Result<(Component, Option<InUse>), LoadError> {
        if let Some(found) = self.cached(&source.key) {
            return Ok(found);
        }
        let turn = self.cache.as_ref().and_then(|cache| cache.wait_for_turn(&source.key));
        // Another process may have made it while this one waited.
        if turn.as_ref().is_some_and(Turn::had_to_wait)
            && let Some(found) = self.cached(&source.key)
        {
            return Ok(found);
        }
        let compiled = self.compile(source)?;
        let loaded = deserialize(&self.engine, &compiled).map_err(|error| invalid(source.identity, &error))?;
        Ok((loaded, self.keep(&source.key, &compiled)))
    }

    fn compile(&self, source: &Source<'_>) -> Result<Vec<u8>, LoadError> {
        let Some(compiler) = &self.settings.compiler else {
            return self
                .compile_here(source)
                .map_err(|error| invalid(source.identity, &error));
        };
        let plugin = || source.identity.clone();
        let made = compiler.compile(source.component, source.init, self.settings.stack_bytes_max);
        made.map_err(|failed| match failed {
            Failed::Invalid(detail) => LoadError::Invalid {
                plugin: plugin(),
                detail,
            },
            Failed::Stopped(limit) => LoadError::CompilerStopped {
                plugin: plugin(),
                limit,
            },
            Failed::Broken(detail) => LoadError::CompilerBroken {
                plugin: plugin(),
                detail,
            },
        })
    }

    fn compile_here(&self, source: &Source<'_>) -> wasmtime::Result<Vec<u8>> {
        match source.init {
            None => compile(&self.engine, source.component),
            Some(init) => compile_after_init(&self.engine, source.component, init, self.settings.stack_bytes_max),
        }
    }

    /// Compiled code from disk. Whatever is wrong with it, compiling anew is the answer.
    fn cached(&self, digest: &str) -> Option<(Component, Option<InUse>)> {
        let refused =
            |reason: &dyn std::fmt::Display| tracing::warn!(digest, %reason, "compiled code is not used and made anew");
        match self.cache.as_ref()?.read(digest) {
            Ok(Lookup::Found(compiled, in_use)) => deserialize(&self.engine, &compiled)
                .inspect_err(|error| refused(error))
                .ok()
                .map(|component| (component, in_use)),
            Ok(Lookup::Absent) => None,
            Ok(Lookup::Refused(reason)) => {
                refused(&reason);
                None
            }
            Err(error) => {
                refused(&error);
                None
            }
        }
    }

    fn keep(&self, digest: &str, compiled: &[u8]) -> Option<InUse> {
        let kept = self.cache.as_ref()?.write(digest, compiled);
        kept.inspect_err(|error| {
            tracing::warn!(digest, %error, "compiled code is not kept; the next start compiles it again");
        })
        .ok()
        .flatten()
    }

    /// Whether a snapshot is known not to be made, by this engine or by one that shares its folder.
    pub(crate) fn is_refused(&self, key: &str) -> bool {
        self.refused.contains(key) || self.cache.as_ref().is_some_and(|cache| cache.is_refused(key))
    }

    /// Keeps in mind that a snapshot cannot be made: trying costs as much as compiling, and would end alike.
    pub(crate) fn refuse(&self, key: &str) {
        if self.refused.len() >= REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(key.into());
        let kept = self.cache.as_ref().map(|cache| cache.refuse(key));
        if let Some(Err(error)) = kept {
            tracing::warn!(key, %error, "that there is no snapshot is not kept; the next start tries again");
        }
    }
}

fn invalid(plugin: &PluginIdentity, error: &wasmtime::Error) -> LoadError {
    LoadError::Invalid {
        plugin: plugin.clone(),
        detail: format!("{error:#}"),
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.close();
        self.ticker.stop();
    }
}
