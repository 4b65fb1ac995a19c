//! What a step has used of its limits for one message.

use crate::Limits;
use crate::fault::{Limit, Stop};

/// What crossing into the host costs by itself, in fuel: about 150 ns, which is what so many instructions take.
const CALL_FUEL: u64 = 400;

/// What each byte costs that the host keeps for the plugin, in fuel. Twice what reading one costs: so the memory that a
/// plugin can make the host hold is bounded by half its fuel in bytes.
const KEPT_BYTE_FUEL: u64 = 2;

/// What a segment costs that the host has to pass by or copy the place of, in fuel.
const SEGMENT_FUEL: u64 = 8;

/// What a segment costs that an insertion or a removal may have to move up or down, in fuel.
const MOVED_SEGMENT_FUEL: u64 = 2;

/// What a step has used of its limits for one message, all its runs together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Meter {
    /// Charged by host functions. Wasm's own fuel is counted by the store, and the sum is checked after each run, so that
    /// host work can go past the limit by no more than the limit itself.
    host_fuel: u64,
    /// Used by guests in runs that are over.
    guest_fuel: u64,
    calls: u64,
    /// Those of `calls` that only ask which columns a table has.
    outline_calls: u64,
    outputs: usize,
    output_bytes: usize,
    attribute_bytes: usize,
    log_lines: usize,
    log_bytes: usize,
    log_lines_dropped: u64,
    /// The most linear memory that any run has had.
    memory_bytes: usize,
}

impl Meter {
    /// Counts a call of a host function.
    pub(crate) fn call(&mut self, limits: &Limits) -> Result<(), Stop> {
        self.calls += 1;
        if self.calls > limits.host_calls_max {
            return Err(Stop::Over(Limit::HostCalls));
        }
        self.charge(CALL_FUEL, limits)
    }

    /// Charges for bytes that the host reads on behalf of the plugin.
    pub(crate) fn read(&mut self, bytes: usize, limits: &Limits) -> Result<(), Stop> {
        self.charge(bytes as u64, limits)
    }

    /// Charges for bytes that the host keeps on behalf of the plugin.
    pub(crate) fn keep(&mut self, bytes: usize, limits: &Limits) -> Result<(), Stop> {
        self.charge((bytes as u64).saturating_mul(KEPT_BYTE_FUEL), limits)
    }

    /// Charges for segments that the host walks over or copies the places of.
    pub(crate) fn pass_segments(&mut self, segments: usize, limits: &Limits) -> Result<(), Stop> {
        self.charge((segments as u64).saturating_mul(SEGMENT_FUEL), limits)
    }

    /// Charges for segments that may have to be moved, because one is inserted before them or taken out.
    pub(crate) fn move_segments(&mut self, segments: usize, limits: &Limits) -> Result<(), Stop> {
        self.charge((segments as u64).saturating_mul(MOVED_SEGMENT_FUEL), limits)
    }

    /// Counts a message that is forwarded.
    pub(crate) fn output(&mut self, bytes: usize, limits: &Limits) -> Result<(), Stop> {
        self.outputs += 1;
        self.output_bytes = self.output_bytes.saturating_add(bytes);
        if self.outputs > limits.outputs_max {
            return Err(Stop::Over(Limit::Outputs));
        }
        if self.output_bytes > limits.output_bytes_max {
            return Err(Stop::Over(Limit::OutputBytes));
        }
        Ok(())
    }

    /// Counts the text of an attribute that is set, whether or not it replaces another.
    pub(crate) fn attribute(&mut self, bytes: usize, limits: &Limits) -> Result<(), Stop> {
        self.attribute_bytes = self.attribute_bytes.saturating_add(bytes);
        if self.attribute_bytes > limits.attribute_bytes_max {
            Err(Stop::Over(Limit::Attributes))
        } else {
            Ok(())
        }
    }

    /// Counts a log line and says whether it is kept.
    pub(crate) fn log_line(&mut self, bytes: usize, limits: &Limits) -> bool {
        let is_kept =
            self.log_lines < limits.log_lines_max && self.log_bytes.saturating_add(bytes) <= limits.log_bytes_max;
        if is_kept {
            self.log_lines += 1;
            self.log_bytes += bytes;
        } else {
            self.log_lines_dropped += 1;
        }
        is_kept
    }

    /// Takes over what the guest used in a run that is over. An error means that guest and host together went past the
    /// limit, which neither did alone.
    pub(crate) fn run_ended(&mut self, guest_fuel: u64, limits: &Limits) -> Result<(), Stop> {
        self.guest_fuel = self.guest_fuel.saturating_add(guest_fuel);
        self.check_fuel(limits)
    }

    /// Notes that a call, counted already, asks for no more than a table's name and columns.
    pub(crate) fn was_of_outline(&mut self) {
        self.outline_calls += 1;
    }

    /// How often the host was called.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether the host was asked for nothing but names and columns of tables.
    pub(crate) fn is_of_outlines(&self) -> bool {
        self.calls == self.outline_calls
    }

    pub(crate) fn guest_fuel(&self) -> u64 {
        self.guest_fuel
    }

    /// Charges for what the host did in another run and would do again.
    pub(crate) fn repeat_host_work(&mut self, of: &Self, limits: &Limits) -> Result<(), Stop> {
        self.calls = self.calls.saturating_add(of.calls);
        self.outline_calls = self.outline_calls.saturating_add(of.outline_calls);
        if self.calls > limits.host_calls_max {
            return Err(Stop::Over(Limit::HostCalls));
        }
        self.charge(of.host_fuel, limits)
    }

    /// What is left for the guest's next run.
    pub(crate) fn fuel_left(&self, limits: &Limits) -> u64 {
        limits.fuel.saturating_sub(self.fuel())
    }

    pub(crate) fn fuel(&self) -> u64 {
        self.guest_fuel.saturating_add(self.host_fuel)
    }

    /// Takes over how much memory a run that is over had in the end, which is the most it had: memory never shrinks.
    pub(crate) fn memory_ended(&mut self, bytes: usize) {
        self.memory_bytes = self.memory_bytes.max(bytes);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn log_lines_dropped(&self) -> u64 {
        self.log_lines_dropped
    }

    fn charge(&mut self, fuel: u64, limits: &Limits) -> Result<(), Stop> {
        self.host_fuel = self.host_fuel.saturating_add(fuel);
        self.check_fuel(limits)
    }

    fn check_fuel(&self, limits: &Limits) -> Result<(), Stop> {
        if self.fuel() > limits.fuel {
            Err(Stop::Over(Limit::Fuel))
        } else {
            Ok(())
        }
    }
}

/// Counts the memory and tables that wasm asks for, over all memories of a store.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    bytes: usize,
    bytes_max: usize,
    table_elements_max: usize,
}

impl MemoryMeter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bytes: 0,
            bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
        }
    }

    /// What the memories of the store have by now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A failed growth is a trap, so that the fault names the limit instead of whatever the guest does without memory.
impl wasmtime::ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.bytes_max || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(Stop::Over(Limit::Memory).into());
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Over(Limit::Memory).into())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max || maximum.is_some_and(|maximum| desired > maximum) {
            return Err(Stop::Over(Limit::TableElements).into());
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Over(Limit::TableElements).into())
    }

    fn instances(&self) -> usize {
        crate::engine::CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        crate::engine::TABLES_MAX
    }

    fn memories(&self) -> usize {
        crate::engine::MEMORIES_MAX
    }
}
