//! When a delivery is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::settings::RetrySettings;
use crate::wire::Attempt;

/// The longest pause that a receiver's `Retry-After` is given. Who is down by plan says hours; what is said by mistake would
/// stop a feed for as long.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The pause that the receiver has asked for, as far as it is granted; none is zero.
pub(crate) fn asked_for(attempt: &Attempt) -> Duration {
    match attempt {
        Attempt::Responded(response) => response.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX),
        _ => Duration::ZERO,
    }
}

/// The pause before attempt `attempt + 1`, after `attempt` have failed: it doubles from `first` to `ceiling`, and a
/// random quarter is taken off so that destinations which failed together do not come back together.
pub(crate) fn pause(settings: &RetrySettings, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(DOUBLINGS_MAX);
    let full = settings.first.saturating_mul(1 << doublings).min(settings.ceiling);
    jittered(full)
}

/// The pause between two attempts while the circuit is open.
pub(crate) fn open_pause(settings: &RetrySettings) -> Duration {
    jittered(settings.ceiling)
}

fn jittered(full: Duration) -> Duration {
    full.mul_f64(1.0 - 0.25 * random_fraction())
}

/// Two to the sixteenth of even a millisecond is longer than any ceiling that makes sense.
const DOUBLINGS_MAX: u32 = 16;

/// A number in `[0, 1)` from the standard library's per-instance hasher keys, which need no further crate; jitter asks
/// for spread, not for secrecy.
#[expect(clippy::cast_precision_loss, reason = "a fraction for jitter needs few bits")]
fn random_fraction() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RejectsThen;

    const SETTINGS: RetrySettings = RetrySettings {
        first: Duration::from_secs(1),
        ceiling: Duration::from_mins(1),
        rejects_max: 10,
        rejects_then: RejectsThen::Hold,
        failures_max: 5,
    };

    #[test]
    fn pauses_double_up_to_the_ceiling_and_never_exceed_it() {
        for (attempt, full_s) in [(1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (1_000_000, 60.0)] {
            let pause_s = pause(&SETTINGS, attempt).as_secs_f64();
            assert!(
                (full_s * 0.75..=full_s).contains(&pause_s),
                "attempt {attempt}: {pause_s}"
            );
        }
    }

    #[test]
    fn two_destinations_do_not_come_back_together() {
        let pauses: std::collections::HashSet<_> = (0..20).map(|_| pause(&SETTINGS, 7)).collect();
        assert!(pauses.len() > 10);
    }
}
