//! What the host decides once for all plugins.

use std::path::PathBuf;
use std::thread::available_parallelism;

use crate::Compiler;

/// Threads beyond one per processor that may stand in for those held by slow calls. Each plugin that loops holds at
/// most its chain's calls for the length of its deadline; this many spare threads let six such chains loop at once on
/// two processors while the rest is served.
const SPARE_THREADS: usize = 14;

/// Calls waiting for a thread. Each holds its message and nothing more, and a chain waits before the queue when its own
/// calls are used up, so that this many are only reached by hundreds of busy chains.
const CALLS_QUEUED_MAX: usize = 1024;

/// Instances that wait for another message, for each processor. Each holds its memory, 20 MB for Python's interpreter;
/// this many serve eight busy interfaces whose plugins are reused.
const IDLE_INSTANCES_PER_PROCESSOR: usize = 8;

/// The largest component. Python's interpreter with a library or two makes 20 to 40 MB; a plugin of more is a mistake
/// or an attempt to keep the compiler busy.
const COMPONENT_BYTES_MAX: usize = 64 << 20;

/// The largest linear memory that a step's limits may allow. Each concurrent instance reserves address space for it,
/// and Python needs about 20 MB before it has read a message.
const MEMORY_BYTES_CEILING: usize = 512 << 20;

/// The stack of wasm code. Deep enough for a recursive-descent parser in JavaScript's interpreter, and a quarter of what
/// a thread of the pool has.
const STACK_BYTES_MAX: usize = 512 << 10;

/// Linear memory that stays resident in a slot between two messages and is cleared by writing zeros. Guests of the Rust
/// SDK touch a stack of 64 KB and a few pages of data and heap; returning those to the kernel after each message costs
/// more than the call itself.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;

/// The fuel of an `init` from which a snapshot is worth its time and its place on disk: about 50 us of each message. The
/// mappings take millions, plugins that read a few settings some ten thousand.
pub const SNAPSHOT_FUEL_MIN: u64 = 200_000;

/// What the host decides once for all plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// The folder of compiled code, made with mode 0700 when it does not exist. `None` compiles anew at every start.
    pub cache_folder: Option<PathBuf>,
    /// The program that compiles components. `None` compiles in this very process, within no limit but the component's
    /// size.
    pub compiler: Option<Compiler>,
    /// Threads that run plugins while none of them is slow.
    pub threads: usize,
    /// Threads in all, those that replace slow ones included. Each has room for one instance.
    pub threads_max: usize,
    /// Calls of one chain that may be queued or running at the same time; the rest wait in `Chain::run`.
    pub calls_per_chain_max: usize,
    /// Calls of all chains that may wait for a thread.
    pub calls_queued_max: usize,
    /// Instances of all chains that may wait for another message of their step, where that allows it. The ones that wait
    /// longest make room.
    pub idle_instances_max: usize,
    /// The largest component that is compiled, in bytes.
    pub component_bytes_max: usize,
    /// The largest linear memory that any step's limits may allow, in bytes.
    pub memory_bytes_ceiling: usize,
    /// The stack of wasm code, in bytes. It is the same for all plugins, because the engine compiles it in.
    pub stack_bytes_max: usize,
    /// The least fuel that an `init` takes for which chains get a snapshot of what it leaves, where it calls nothing of the
    /// host; making it takes as long as compiling the plugin, or a little more. `None` makes none.
    pub snapshot_fuel_min: Option<u64>,
    /// Linear memory that a slot keeps between two messages, in bytes.
    pub keep_resident_bytes: usize,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self {
            cache_folder: None,
            compiler: None,
            threads: processors,
            threads_max: processors + SPARE_THREADS,
            calls_per_chain_max: processors,
            calls_queued_max: CALLS_QUEUED_MAX,
            idle_instances_max: processors * IDLE_INSTANCES_PER_PROCESSOR,
            component_bytes_max: COMPONENT_BYTES_MAX,
            memory_bytes_ceiling: MEMORY_BYTES_CEILING,
            stack_bytes_max: STACK_BYTES_MAX,
            snapshot_fuel_min: None,
            keep_resident_bytes: KEEP_RESIDENT_BYTES,
        }
    }
}
