//! No message where there should be one.

use jiff::civil::{Time, Weekday as Day};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use transfuse_store::{Query, Store};

use super::LookError;
use crate::configuration::resolved::{Expectation, Hours, Interface};
use crate::layout::lasting;

/// How long nothing has come, where that is too long. Nothing was missed before `since_ms`.
pub(super) fn found(
    store: &Store,
    interface: &Interface,
    expectation: &Expectation,
    (every_ms, hours): (u64, &Hours),
    since_ms: i64,
) -> Result<Option<String>, LookError> {
    let zone = &interface.source.time_zone;
    let zone = TimeZone::get(zone).map_err(|_| LookError::TimeZone(zone.clone()))?;
    let now = Timestamp::now();
    let Some(opened_ms) = opened(now, hours, &zone) else {
        return Ok(None);
    };
    let every_ms = i64::try_from(every_ms).unwrap_or(i64::MAX);
    let now_ms = now.as_millisecond();
    let silent_since_ms = since_ms.max(opened_ms);
    if now_ms.saturating_sub(silent_since_ms) < every_ms {
        return Ok(None);
    }
    let last_ms = last(store, interface, expectation, silent_since_ms)?.unwrap_or(silent_since_ms);
    let silent_ms = now_ms - last_ms;
    if silent_ms < every_ms {
        return Ok(None);
    }
    let what = match expectation.types.as_slice() {
        [] => "message".to_owned(),
        types => types.join(" or "),
    };
    Ok(Some(format!("no {what} for {}", lasting(silent_ms / 1_000))))
}

/// When the newest of them came, not before `since_ms`.
fn last(
    store: &Store,
    interface: &Interface,
    expectation: &Expectation,
    since_ms: i64,
) -> Result<Option<i64>, LookError> {
    let of_type = |message_type: Option<String>| {
        let query = Query {
            interface: Some(interface.name.clone()),
            message_type,
            since_ms: Some(since_ms),
            limit: 1,
            ..Query::default()
        };
        let newest = store.messages(&query)?.into_iter().next();
        Ok::<_, LookError>(newest.map(|one| one.received_at_ms))
    };
    if expectation.types.is_empty() {
        return of_type(None);
    }
    let mut last = None;
    for message_type in &expectation.types {
        last = last.max(of_type(Some(message_type.clone()))?);
    }
    Ok(last)
}

/// Since when messages are expected without a break; none where they are not expected now.
fn opened(now: Timestamp, hours: &Hours, zone: &TimeZone) -> Option<i64> {
    let here = now.to_zoned_datetime(zone.clone());
    let (day, time) = (here.date(), here.time());
    let ends_at_midnight = hours.to == Time::midnight();
    let is_within = time >= hours.from && (ends_at_midnight || time < hours.to);
    let is_expected = |day: jiff::civil::Date| hours.days.iter().any(|one| Day::from(*one) == day.weekday());
    if !is_within || !is_expected(day) {
        return None;
    }
    // Hours that go round the clock go on from the day before, for a week at most.
    let mut first = day;
    let is_all_day = hours.from == Time::midnight() && ends_at_midnight;
    for _ in 0..7 {
        let Ok(before) = first.checked_sub(1.day()) else { break };
        if !is_all_day || !is_expected(before) {
            break;
        }
        first = before;
    }
    let opened = zone.to_timestamp(first.to_datetime(hours.from)).ok()?;
    Some(opened.as_millisecond())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::configuration::resolved::Weekday;

    fn hours(days: &[Weekday], from: &str, to: &str) -> Hours {
        Hours {
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }
    }

    /// When hours opened that are open then, as a time here.
    fn opened_at(now: &str, hours: &Hours) -> Option<String> {
        let zone = TimeZone::get("Europe/Budapest").unwrap();
        let opened = opened(now.parse().unwrap(), hours, &zone)?;
        let opened = Timestamp::from_millisecond(opened).unwrap();
        Some(opened.to_zoned_datetime(zone).datetime().to_string())
    }

    #[test]
    fn hours_are_those_of_the_interface_s_own_clock() {
        let weekdays = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
        let office = hours(&weekdays, "07:00", "19:00");
        // A Friday in winter: the clock shows an hour more than UTC.
        assert_eq!(opened_at("2026-11-27T05:59:00Z", &office), None);
        assert_eq!(
            opened_at("2026-11-27T06:00:00Z", &office).unwrap(),
            "2026-11-27T07:00:00"
        );
        assert_eq!(opened_at("2026-11-27T18:00:00Z", &office), None);
        assert_eq!(opened_at("2026-11-28T10:00:00Z", &office), None, "a Saturday");
        // And two in summer.
        assert_eq!(
            opened_at("2026-07-03T05:00:00Z", &office).unwrap(),
            "2026-07-03T07:00:00"
        );
    }

    #[test]
    fn hours_round_the_clock_go_on_from_the_day_before() {
        let all = [Weekday::Mon, Weekday::Tue, Weekday::Fri];
        let always = hours(&all, "00:00", "00:00");
        assert_eq!(
            opened_at("2026-12-01T12:00:00Z", &always).unwrap(),
            "2026-11-30T00:00:00"
        );
        assert_eq!(
            opened_at("2026-11-27T12:00:00Z", &always).unwrap(),
            "2026-11-27T00:00:00"
        );
        assert_eq!(opened_at("2026-11-28T12:00:00Z", &always), None);
        let evenings = hours(&all, "18:00", "00:00");
        assert_eq!(
            opened_at("2026-12-01T22:30:00Z", &evenings).unwrap(),
            "2026-12-01T18:00:00"
        );
    }
}
