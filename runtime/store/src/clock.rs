//! The one place that knows what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// Tells the time; a test can set it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    #[cfg(test)]
    set_to_ms: Option<std::sync::Arc<std::sync::atomic::AtomicI64>>,
}

/// A UTC day: its number as `yyyymmdd`, and the instant at which it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) number: i64,
    pub(crate) ends_at_ms: i64,
}

impl Clock {
    /// Milliseconds since 1970 UTC. A clock set before 1970 reads as 1970.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "a test's clock is set"))]
    pub(crate) fn now_ms(&self) -> i64 {
        #[cfg(test)]
        if let Some(set_to_ms) = &self.set_to_ms {
            return set_to_ms.load(std::sync::atomic::Ordering::Relaxed);
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    /// A clock that stands still until the test moves it.
    #[cfg(test)]
    pub(crate) fn set_by(set_to_ms: &std::sync::Arc<std::sync::atomic::AtomicI64>) -> Self {
        Self {
            set_to_ms: Some(set_to_ms.clone()),
        }
    }
}

impl Day {
    /// The day that an instant falls on. Beyond the calendar's range (year 9999) the day never ends.
    pub(crate) fn of(at_ms: i64) -> Self {
        let date = Timestamp::from_millisecond(at_ms).map(|timestamp| Offset::UTC.to_datetime(timestamp).date());
        Self::of_date(date.unwrap_or(Date::MAX))
    }

    /// The day of a number as [`crate::MessageId::day`] gives it; an impossible date is taken for the first day.
    pub(crate) fn of_number(number: i64) -> Self {
        let part = |divisor: i64, modulus: i64| i16::try_from(number / divisor % modulus).unwrap_or_default();
        let small = |divisor| i8::try_from(part(divisor, 100)).unwrap_or_default();
        Date::new(part(10_000, 10_000), small(100), small(1)).map_or_else(|_| Self::of(0), Self::of_date)
    }

    fn of_date(date: Date) -> Self {
        let ends = date
            .checked_add(1.day())
            .and_then(|next| Offset::UTC.to_timestamp(next.to_datetime(Time::midnight())));
        Self {
            number: i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day()),
            ends_at_ms: ends.map_or(i64::MAX, jiff::Timestamp::as_millisecond),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let last_instant = 1_795_478_399_999;
        assert_eq!(
            Day::of(last_instant),
            Day {
                number: 20_261_123,
                ends_at_ms: last_instant + 1
            }
        );
        assert_eq!(Day::of(last_instant + 1).number, 20_261_124);
    }

    #[test]
    fn a_day_is_found_again_by_its_number() {
        for at_ms in [0, 951_782_400_000, 1_795_478_399_999, 253_402_207_200_000] {
            assert_eq!(Day::of_number(Day::of(at_ms).number), Day::of(at_ms));
        }
    }
}
