//! What `init` leaves, kept for the instances of a step, where that is worth it and can be done.

use std::sync::Arc;
use std::time::Duration;

use super::ReadyStep;
use super::link::no_message;
use crate::instance;
use crate::meter::Meter;
use crate::plugin::{Code, Init};
use crate::State;
use crate::sandbox::Shared;
use crate::state::Journey;

/// Compiled code whose instances begin as `init` left the first.
pub(crate) struct Snapshot {
    pub(crate) code: Arc<Code>,
    /// What `init` took, which each instance is charged: so a message costs the same with and without a snapshot, meets
    /// the same limits, and a plugin's tests tell what production will say.
    pub(crate) init_fuel: u64,
}

impl Snapshot {
    /// A snapshot for a step whose `init` passed and used so much; `None` leaves each instance its `init`, which gives
    /// the same results.
    pub(super) fn make(shared: &Shared, step: &Arc<ReadyStep>, used: &Meter) -> Option<Self> {
        let is_worth_it = used.fuel() >= shared.settings.snapshot_fuel_min?;
        if !is_worth_it || used.calls() > 0 {
            return None;
        }
        let component = step.plugin.code().component.as_deref()?;
        let init = Init {
            config: &step.config,
            fuel: step.limits.fuel,
            memory_bytes_max: step.limits.memory_bytes_max,
        };
        let plugin = step.plugin.identity();
        let code = shared
            .code_after_init(plugin, component, &init)
            .inspect_err(|error| tracing::info!(%plugin, %error, "each instance runs its `init`: there is no snapshot"))
            .ok()?;
        let snapshot = Self {
            code,
            init_fuel: used.fuel(),
        };
        let _permit = shared.inline_runs.acquire();
        let deadline = Duration::from_millis(step.limits.deadline_ms);
        let watched = shared.ticker.watch(deadline, false);
        let journey = Journey::begin(no_message(), State::default());
        instance::try_snapshot(shared, step, &watched, journey, &snapshot)
            .inspect_err(|error| tracing::info!(%plugin, %error, "each instance runs its `init`: its snapshot fails"))
            .ok()?;
        Some(snapshot)
    }
}
