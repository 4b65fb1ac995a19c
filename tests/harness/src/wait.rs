//! Waiting for a condition, and never for a clock.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks; short beside anything a test waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Looks until `condition` gives something, and fails with `what` after `limit`.
pub fn wait_until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = condition() {
            return Ok(found);
        }
        if started.elapsed() > limit {
            bail!("waited {limit:?} in vain for {what}");
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
