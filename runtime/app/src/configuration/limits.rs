//! `limits = { .. }`: what a step may use for one message.

use std::ops::RangeInclusive;
use std::time::Duration;

use transfuse_sandbox::SandboxSettings;

use super::quantity::milliseconds;
use super::resolved::Limits;
use super::section::Section;

/// The longest deadline. A sender that waits for its acknowledgement gives up after half a minute.
const DEADLINE_MAX: Duration = Duration::from_secs(30);

/// A bound for counts that only keeps typing errors out; fuel and memory end what is really too much.
const COUNT_MAX: u64 = 1_000_000_000;

/// A bound for fuel: some minutes of computing, far beyond the longest deadline.
const FUEL_MAX: u64 = 1_000_000_000_000;

/// A bound for sizes of what passes between plugin and host, where the message itself may have 256 MiB.
const BYTES_MAX: u64 = 1 << 30;

/// The limits of a step; what the file does not say has its default.
pub(super) fn read(section: Option<Section<'_>>) -> Limits {
    let Some(mut section) = section else {
        return Limits::default();
    };
    let mut limits = Limits::default();
    let ceiling = SandboxSettings::default().memory_bytes_ceiling as u64;
    if let Some(deadline) = section.duration("deadline", &(Duration::from_millis(1)..=DEADLINE_MAX)) {
        limits.deadline_ms = milliseconds(deadline);
    }
    let mut count =
        |key, range: RangeInclusive<u64>, limit: &mut u64| *limit = section.count(key, &range).unwrap_or(*limit);
    count("fuel", 1..=FUEL_MAX, &mut limits.fuel);
    count("table_elements", 1..=COUNT_MAX, &mut limits.table_elements_max);
    count("outputs", 1..=COUNT_MAX, &mut limits.outputs_max);
    count("host_calls", 1..=COUNT_MAX, &mut limits.host_calls_max);
    count("log_lines", 0..=COUNT_MAX, &mut limits.log_lines_max);
    count("handles", 1..=COUNT_MAX, &mut limits.handles_max);
    count("state_keys", 0..=COUNT_MAX, &mut limits.state_keys_max);
    let mut size =
        |key, range: RangeInclusive<u64>, limit: &mut u64| *limit = section.size(key, &range).unwrap_or(*limit);
    size("memory", 64 << 10..=ceiling, &mut limits.memory_bytes_max);
    size("transfer", 0..=BYTES_MAX, &mut limits.transfer_bytes_max);
    size("output", 0..=BYTES_MAX, &mut limits.output_bytes_max);
    size("log_text", 0..=BYTES_MAX, &mut limits.log_bytes_max);
    size("attributes", 0..=BYTES_MAX, &mut limits.attribute_bytes_max);
    size("state", 0..=BYTES_MAX, &mut limits.state_bytes_max);
    section.finish();
    limits
}

impl Default for Limits {
    fn default() -> Self {
        let defaults = transfuse_sandbox::Limits::default();
        Self {
            deadline_ms: defaults.deadline_ms,
            fuel: defaults.fuel,
            memory_bytes_max: defaults.memory_bytes_max as u64,
            table_elements_max: defaults.table_elements_max as u64,
            transfer_bytes_max: defaults.transfer_bytes_max as u64,
            output_bytes_max: defaults.output_bytes_max as u64,
            outputs_max: defaults.outputs_max as u64,
            host_calls_max: defaults.host_calls_max,
            log_lines_max: defaults.log_lines_max as u64,
            log_bytes_max: defaults.log_bytes_max as u64,
            handles_max: defaults.handles_max as u64,
            attribute_bytes_max: defaults.attribute_bytes_max as u64,
            state_bytes_max: defaults.state_bytes_max as u64,
            state_keys_max: defaults.state_keys_max as u64,
        }
    }
}

impl From<&Limits> for transfuse_sandbox::Limits {
    fn from(limits: &Limits) -> Self {
        // Every one of them is bounded above; on a machine with narrower addresses, "as much as there is" is meant.
        let narrow = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            deadline_ms: limits.deadline_ms,
            fuel: limits.fuel,
            memory_bytes_max: narrow(limits.memory_bytes_max),
            table_elements_max: narrow(limits.table_elements_max),
            transfer_bytes_max: narrow(limits.transfer_bytes_max),
            output_bytes_max: narrow(limits.output_bytes_max),
            outputs_max: narrow(limits.outputs_max),
            host_calls_max: limits.host_calls_max,
            log_lines_max: narrow(limits.log_lines_max),
            log_bytes_max: narrow(limits.log_bytes_max),
            handles_max: narrow(limits.handles_max),
            attribute_bytes_max: narrow(limits.attribute_bytes_max),
            state_bytes_max: narrow(limits.state_bytes_max),
            state_keys_max: narrow(limits.state_keys_max),
        }
    }
}
