//! Downtimes as the wire has them.

use std::time::Duration;

use super::time;
use crate::configuration::show_rate;
use crate::control::wire::downtimes as wire;
use crate::downtimes::Standing;

/// So that what takes less than a second is not said to take none.
const ALMOST_A_SECOND: Duration = Duration::from_millis(999);

pub(crate) fn downtime(standing: &Standing) -> wire::Downtime {
    let downtime = &standing.downtime;
    let planned = &downtime.planned;
    let stage = match (downtime.ended_at_ms, downtime.caught_up_at_ms) {
        (None, _) => "down",
        (Some(_), None) => "catching-up",
        (Some(_), Some(_)) => "over",
    };
    let rate = planned.attempts.zip(planned.per_ms);
    wire::Downtime {
        receiver: planned.receiver.clone(),
        stage: stage.to_owned(),
        author: planned.author.clone(),
        reason: planned.reason.clone(),
        started_at: time(downtime.started_at_ms),
        until: planned.until_ms.map(time),
        rate_max: rate.map(|(count, per_ms)| show_rate(count, per_ms.into())),
        ended_at: downtime.ended_at_ms.map(time),
        ended_by: downtime.ended_by.clone(),
        waited: downtime.waited,
        caught_up_at: downtime.caught_up_at_ms.map(time),
        waiting: standing.waiting,
        estimate_s: standing.estimate.map(|estimate| (estimate + ALMOST_A_SECOND).as_secs()),
    }
}
