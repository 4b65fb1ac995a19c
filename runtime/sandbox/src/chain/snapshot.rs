//! What `init` leaves, kept for the instances of a step, where that is worth it and can be done.

use std::sync::Arc;
use std::time::Duration;

use super::ReadyStep;
use super::link::no_message;
use crate::State;
use crate::instance;
use crate::meter::Meter;
use crate::plugin::{Code, Init, outlines};
use crate::sandbox::Shared;
use crate::state::Journey;

/// Compiled code whose instances begin as `init` left the first.
pub(crate) struct Snapshot {
    pub(crate) code: Arc<Code>,
    pub(crate) init: Used,
}

/// What an `init` that passed has used. Each instance of its snapshot is charged the same, so that a message costs the same
/// with and without, meets the same limits, and a plugin's tests tell what production will say.
pub(crate) struct Used {
    pub(crate) meter: Meter,
    /// Names and digests.
    pub(crate) tables: Vec<(String, String)>,
}

impl Snapshot {
    /// A snapshot for a step whose `init` passed; `None` leaves each instance its `init`, which gives the same results.
    pub(super) fn make(shared: &Shared, step: &Arc<ReadyStep>, init: Used) -> Option<Self> {
        // What `init` leaves would hold them, and lie on disk.
        if step.has_secrets {
            return None;
        }
        let is_worth_it = init.meter.fuel() >= shared.settings.snapshot_fuel_min?;
        if !is_worth_it || !init.meter.is_of_outlines() {
            return None;
        }
        let plugin = step.plugin.identity();
        let code = code_after_init(shared, step)?
            .inspect_err(|error| tracing::info!(%plugin, %error, "each instance runs its `init`: there is no snapshot"))
            .ok()?;
        let snapshot = Self { code, init };
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

/// `None` where the component is too large to be kept for it.
fn code_after_init(shared: &Shared, step: &ReadyStep) -> Option<Result<Arc<Code>, crate::LoadError>> {
    let component = step.plugin.code().component.as_deref()?;
    let granted = |name: &str| step.grants.tables.iter().any(|table| table == name);
    let tables = step.tables.iter().filter(|table| granted(table.name()));
    let init = Init {
        config: &step.config,
        tables: &outlines::write(tables.map(AsRef::as_ref)),
        fuel: step.limits.fuel,
        memory_bytes_max: step.limits.memory_bytes_max,
    };
    Some(shared.code_after_init(step.plugin.identity(), component, &init))
}
