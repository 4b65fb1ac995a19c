//! When a timer ticks.

use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// So many days are looked at for the next tick or the one before: a week without a tick has none.
const DAYS_MAX: i32 = 8;

/// When a timer ticks, by whose clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// When.
    pub ticks: Ticks,
    /// The clock.
    pub time_zone: TimeZone,
}

/// The ticks of a timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// At distances, which begin at midnight UTC of 1 January 1970: those of a quarter of an hour at each quarter. At least a
    /// millisecond.
    Every(Duration),
    /// On these days, at these times. A time that the clock leaves out comes as much later as it leaves out, one that it has
    /// twice comes at the first of them.
    At {
        /// The days of the week.
        days: Vec<Weekday>,
        /// The times of day.
        times: Vec<Time>,
    },
}

impl Schedule {
    /// The last tick that is not after `now`.
    #[must_use]
    pub fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.ticks {
            Ticks::Every(every) => at_distance(now, *every, 0),
            Ticks::At { .. } => self.around(now).filter(|tick| *tick <= now).max(),
        }
    }

    /// The first tick after `now`.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.ticks {
            Ticks::Every(every) => at_distance(now, *every, 1),
            Ticks::At { .. } => self.around(now).filter(|tick| *tick > now).min(),
        }
    }

    /// The ticks of the days before and after.
    fn around(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let today = now.to_zoned_datetime(self.time_zone.clone()).date();
        let days = (-DAYS_MAX..=DAYS_MAX).filter_map(move |days| today.checked_add(days.days()).ok());
        days.flat_map(|date| self.on(date))
    }

    fn on(&self, date: Date) -> impl Iterator<Item = Timestamp> {
        let times = match &self.ticks {
            Ticks::At { days, times } if days.contains(&date.weekday()) => times.as_slice(),
            _ => &[],
        };
        times
            .iter()
            .filter_map(move |time| self.time_zone.to_timestamp(date.to_datetime(*time)).ok())
    }
}

fn at_distance(now: Timestamp, every: Duration, further: i64) -> Option<Timestamp> {
    let every = i64::try_from(every.as_millis()).ok().filter(|every| *every > 0)?;
    let number = now.as_millisecond().div_euclid(every) + further;
    Timestamp::from_millisecond(number.checked_mul(every)?).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::civil::time;

    use super::*;

    const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    fn at(days: &[Weekday], times: &[Time]) -> Schedule {
        Schedule {
            ticks: Ticks::At {
                days: days.to_vec(),
                times: times.to_vec(),
            },
            time_zone: TimeZone::get("Europe/Budapest").unwrap(),
        }
    }

    /// The tick before or at a moment, and the one after it.
    fn around(schedule: &Schedule, now: &str) -> (String, String) {
        let now = now.parse().unwrap();
        let (latest, next) = (schedule.latest(now).unwrap(), schedule.next(now).unwrap());
        (latest.to_string(), next.to_string())
    }

    fn ticks(latest: &str, next: &str) -> (String, String) {
        (latest.to_owned(), next.to_owned())
    }

    #[test]
    fn distances_begin_at_midnight() {
        let quarters = Schedule {
            ticks: Ticks::Every(Duration::from_mins(15)),
            time_zone: TimeZone::UTC,
        };
        let expected = ticks("2026-11-28T09:45:00Z", "2026-11-28T10:00:00Z");
        assert_eq!(around(&quarters, "2026-11-28T09:59:59.9Z"), expected);
        assert_eq!(around(&quarters, "2026-11-28T09:45:00Z"), expected);
    }

    #[test]
    fn times_are_those_of_the_zone_on_the_days_that_are_named() {
        let schedule = at(&ALL, &[time(2, 0, 0, 0), time(14, 30, 0, 0)]);
        let expected = ticks("2026-11-28T01:00:00Z", "2026-11-28T13:30:00Z");
        assert_eq!(around(&schedule, "2026-11-28T01:00:00Z"), expected);
        let mondays = at(&[Weekday::Monday], &[time(0, 0, 0, 0)]);
        let expected = ticks("2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z");
        assert_eq!(around(&mondays, "2026-11-29T22:59:59Z"), expected);
        assert_eq!(at(&[], &[time(0, 0, 0, 0)]).next(Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_or_has_twice_comes_once_a_day() {
        let schedule = at(&ALL, &[time(2, 30, 0, 0)]);
        // 29 March 2026: from 2:00 to 3:00.
        let expected = ticks("2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z");
        assert_eq!(around(&schedule, "2026-03-29T01:00:00Z"), expected);
        // 25 October 2026: from 3:00 back to 2:00.
        let expected = ticks("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
        assert_eq!(around(&schedule, "2026-10-25T01:30:00Z"), expected);
    }
}
