//! What `init` leaves, kept for the instances of a step, where that is worth it and can be done.

use std::sync::Arc;
use std::time::Duration;

use super::ReadyStep;
use super::link::no_message;
use crate::instance;
use crate::meter::Meter;
use crate::plugin::{Code, Init, outlines};
use crate::sandbox::Shared;
use crate::state::Journey;
use crate::{LoadError, State};

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
        let component = step.plugin.code().component.as_deref()?;
        let tables = outlines_of(step);
        let after = Init {
            config: &step.config,
            tables: &tables,
            fuel: step.limits.fuel,
            memory_bytes_max: step.limits.memory_bytes_max,
        };
        let key = after.refusal_key(plugin);
        if shared.is_refused(&key) {
            return None;
        }
        let code = shared.code_after_init(plugin, component, &after);
        let code = code
            .inspect_err(|error| {
                tracing::info!(%plugin, %error, "each instance runs its `init`: there is no snapshot");
                if is_lasting(error) {
                    shared.refuse(&key);
                }
            })
            .ok()?;
        let snapshot = Self { code, init };
        let _permit = shared.inline_runs.acquire();
        let deadline = Duration::from_millis(step.limits.deadline_ms);
        let watched = shared.ticker.watch(deadline, false);
        let journey = Journey::begin(no_message(), State::default());
        instance::try_snapshot(shared, step, &watched, journey, &snapshot)
            .inspect_err(|error| {
                tracing::info!(%plugin, %error, "each instance runs its `init`: its snapshot fails");
                shared.refuse(&key);
            })
            .ok()?;
        Some(snapshot)
    }
}

/// Names and columns of the tables that the step may open.
fn outlines_of(step: &ReadyStep) -> Vec<u8> {
    let granted = |name: &str| step.grants.tables.iter().any(|table| table == name);
    let tables = step.tables.iter().filter(|table| granted(table.name()));
    outlines::write(tables.map(AsRef::as_ref))
}

/// Whether the next attempt would end alike: a compiler that could not be started, or was killed, may do better.
fn is_lasting(error: &LoadError) -> bool {
    !matches!(error, LoadError::CompilerBroken { .. })
}
