//! Sources that the clock is.

use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use transfuse_transport::timer::{Schedule, Ticks, TimerSettings};

use crate::configuration::resolved;

pub(super) fn source(timer: &resolved::TimerSource, time_zone: &str) -> anyhow::Result<TimerSettings> {
    let zone = TimeZone::get(time_zone).with_context(|| format!("unknown time zone `{time_zone}`"))?;
    Ok(TimerSettings {
        schedule: Schedule {
            ticks: match &timer.ticks {
                resolved::Ticks::Every { every_ms } => Ticks::Every(Duration::from_millis(*every_ms)),
                resolved::Ticks::At { days, times } => Ticks::At {
                    days: days.iter().copied().map(Into::into).collect(),
                    times: times.clone(),
                },
            },
            time_zone: zone,
        },
        template: timer.message.parse()?,
        makes_up: timer.makes_up,
    })
}
