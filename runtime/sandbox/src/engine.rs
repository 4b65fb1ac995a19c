//! How wasmtime is set up: what compiled code checks, and what room instances have.

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::SandboxSettings;
use crate::proposals::set_proposals;

/// Core modules that one component may instantiate. A component of the Rust SDK has three, JavaScript's engine about
/// six, Python with native libraries up to forty.
pub(crate) const CORE_INSTANCES_MAX: usize = 64;

/// Tables in one component: each module brings its own, and the shims between them one each.
pub(crate) const TABLES_MAX: usize = 16;

/// Linear memories in one component. The languages share one; a component composed of several has one each.
pub(crate) const MEMORIES_MAX: usize = 4;

/// The largest table that any step's limits may allow, in elements. Each slot reserves eight bytes for each.
pub(crate) const TABLE_ELEMENTS_CEILING: usize = 64 << 10;

/// What wasmtime keeps for each core module and component beside its memory: pointers to functions, globals and
/// imports, a few hundred kilobytes for Python's.
const INSTANCE_BYTES_MAX: usize = 4 << 20;

/// Runs on the caller's own thread at the same time, beside those of the pool: checks of a configuration, tests and
/// benches.
pub(crate) const INLINE_RUNS_MAX: usize = 8;

/// Frames kept of the stack of a guest that failed. The first of the author's own is what people need, and it lies within
/// the first few. Each costs reading the component's debug information, a tenth of a millisecond for a plugin in Rust and
/// some milliseconds for the largest component, which nobody charges the guest for.
const BACKTRACE_FRAMES_MAX: usize = 8;

/// What a memory of an `init` that is run once gets at a time, so that it does not move with each page.
const GROWTH_RESERVED_BYTES: u64 = 4 << 20;

/// An engine for this sandbox; errors are wasmtime's words about the settings.
pub(crate) fn build(settings: &SandboxSettings) -> wasmtime::Result<Engine> {
    let mut config = config(settings.stack_bytes_max);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(slots(settings)));
    Engine::new(&config)
}

/// An engine that compiles for those of [`build`] with the same stack. It runs nothing, and reserves no address space.
pub(crate) fn build_compiler(stack_bytes_max: usize) -> wasmtime::Result<Engine> {
    let mut config = config(stack_bytes_max);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config)
}

/// An engine that runs `init` once, where address space is limited: no memory reserves more than it has, so that its code
/// is no other engine's. It need not be fast, and is compiled quickly.
pub(crate) fn build_for_init(stack_bytes_max: usize) -> wasmtime::Result<Engine> {
    let mut config = config(stack_bytes_max);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config.cranelift_opt_level(OptLevel::None);
    // An image of memory to copy from would be a file, and the process may make none.
    config.memory_init_cow(false);
    config.memory_reservation(0);
    config.memory_guard_size(0);
    config.memory_reservation_for_growth(GROWTH_RESERVED_BYTES);
    Engine::new(&config)
}

/// Everything that compiled code depends on.
fn config(stack_bytes_max: usize) -> Config {
    let mut config = Config::new();
    set_proposals(&mut config);
    set_determinism(&mut config);
    set_diagnostics(&mut config);
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(stack_bytes_max);
    config.cranelift_opt_level(OptLevel::Speed);
    config.memory_init_cow(true);
    config
}

/// The same input gives the same bits on every machine.
fn set_determinism(config: &mut Config) {
    config.cranelift_nan_canonicalization(true);
}

/// Function names and source lines for people, and no dump of a guest's memory, which holds patient data.
fn set_diagnostics(config: &mut Config) {
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    config.generate_address_map(true);
}

fn slots(settings: &SandboxSettings) -> PoolingAllocationConfig {
    let instances = instances_max(settings);
    let mut slots = PoolingAllocationConfig::new();
    slots.total_component_instances(count(instances));
    slots.total_core_instances(count(instances * CORE_INSTANCES_MAX));
    slots.total_memories(count(instances * MEMORIES_MAX));
    slots.total_tables(count(instances * TABLES_MAX));
    slots.max_core_instances_per_component(count(CORE_INSTANCES_MAX));
    slots.max_memories_per_component(count(MEMORIES_MAX));
    slots.max_tables_per_component(count(TABLES_MAX));
    slots.max_tables_per_module(count(TABLES_MAX));
    slots.max_component_instance_size(INSTANCE_BYTES_MAX);
    slots.max_core_instance_size(INSTANCE_BYTES_MAX);
    slots.max_memory_size(settings.memory_bytes_ceiling);
    slots.table_elements(TABLE_ELEMENTS_CEILING);
    slots.linear_memory_keep_resident(settings.keep_resident_bytes);
    slots.table_keep_resident(settings.keep_resident_bytes);
    slots
}

/// One instance per thread at a time, on the pool's threads and on callers', and those that wait.
fn instances_max(settings: &SandboxSettings) -> usize {
    settings.threads_max + INLINE_RUNS_MAX + settings.idle_instances_max
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
