//! Moments on a command line: a day, a time of day, or how long ago.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::configuration::parse_duration;

/// From when on. A day begins at its beginning, here.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    day(text)
        .and_then(|day| here(day.at(0, 0, 0, 0)))
        .or_else(|| moment(text))
        .ok_or_else(not_understood)
}

/// Until when. A day lasts to its end, here.
pub(super) fn until(text: &str) -> Result<Timestamp, String> {
    let next = day(text).and_then(|day| day.tomorrow().ok());
    next.and_then(|next| here(next.at(0, 0, 0, 0)))
        .or_else(|| moment(text))
        .ok_or_else(not_understood)
}

/// A time to come: a moment, the next time that a clock here shows this, or in how long.
pub(super) fn ahead(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let within = || {
        now.checked_add(SignedDuration::try_from(parse_duration(text).ok()?).ok()?)
            .ok()
    };
    let moment = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| here(text.parse::<DateTime>().ok()?));
    let found = next(text).or(moment).or_else(within);
    let found = found.ok_or_else(|| "write 04:00, \"2026-11-20 04:00\", 2026-11-20T04:00:00Z or 90min".to_owned())?;
    if found <= now {
        return Err("that is past".to_owned());
    }
    Ok(found)
}

/// When a clock here shows this time next: today or tomorrow.
fn next(text: &str) -> Option<Timestamp> {
    let now = Timestamp::now();
    let today = now.to_zoned_datetime(TimeZone::system()).date();
    let time: Time = text.contains(':').then(|| text.parse().ok()).flatten()?;
    [today, today.tomorrow().ok()?]
        .into_iter()
        .filter_map(|day| here(day.to_datetime(time)))
        .find(|moment| *moment > now)
}

/// A day alone: one with a time is a moment.
fn day(text: &str) -> Option<Date> {
    let is_alone = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| is_alone)
}

fn moment(text: &str) -> Option<Timestamp> {
    let ago = || {
        let ago = SignedDuration::try_from(parse_duration(text).ok()?).ok()?;
        Timestamp::now().checked_sub(ago).ok()
    };
    let as_it_is_listed = || here(text.parse::<DateTime>().ok()?);
    text.parse::<Timestamp>().ok().or_else(as_it_is_listed).or_else(ago)
}

fn here(time: DateTime) -> Option<Timestamp> {
    TimeZone::system().to_timestamp(time).ok()
}

fn not_understood() -> String {
    "write 2026-11-20, \"2026-11-20 08:00\", 2026-11-20T08:00:00Z or 24h".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_may_be_a_day_or_how_long_ago_it_was() {
        let ago = since("2h").map(|then| Timestamp::now().duration_since(then).as_secs());
        assert!(ago.is_ok_and(|seconds| (7_199..7_260).contains(&seconds)));
        assert_eq!(
            since("2026-11-20T08:00:00Z").map(|then| then.to_string()),
            Ok("2026-11-20T08:00:00Z".to_owned())
        );
        assert!(since("yesterday").is_err());
        assert!(until("tomorrow").is_err());
    }

    #[test]
    fn a_time_to_come_may_be_what_a_clock_shows_next_or_in_how_long() {
        let in_how_long = |text: &str| ahead(text).map(|then| then.duration_since(Timestamp::now()).as_secs());
        assert!(in_how_long("2h").is_ok_and(|seconds| (7_140..=7_200).contains(&seconds)));
        assert!(in_how_long("04:00").is_ok_and(|seconds| (0..=25 * 3_600).contains(&seconds)));
        assert_eq!(ahead("2026-11-20T08:00:00Z"), Err("that is past".to_owned()));
        assert!(ahead("soon").is_err());
    }

    #[test]
    fn a_day_is_included_at_both_ends_and_a_time_is_read_as_it_is_listed() {
        let hours = |from: &str, to: &str| Some(until(to).ok()?.duration_since(since(from).ok()?).as_hours());
        assert_eq!(hours("2026-11-20", "2026-11-20"), Some(24));
        assert_eq!(hours("2026-11-20", "2026-11-20 08:00"), Some(8));
        assert_eq!(hours("2026-11-20 07:00:00.250", "2026-11-20T08:00:00.250"), Some(1));
    }
}
