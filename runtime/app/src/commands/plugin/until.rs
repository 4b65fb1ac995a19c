//! Dates on the command line: until when a statement holds.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use transfuse_package::trust::parse_moment;

use crate::failure::{Failure, Hint as _};

/// A day, which is included to its end in UTC, or a moment of RFC 3339; in milliseconds since 1970 UTC.
pub(super) fn until(text: &str) -> Result<i64, String> {
    let end_of_day = || {
        let next = text.parse::<Date>().ok()?.tomorrow().ok()?;
        Some(TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).ok()?.as_millisecond())
    };
    parse_moment(text)
        .or_else(end_of_day)
        .ok_or_else(|| format!("`{text}` is no date: write 2027-03-01, or 2027-03-01T12:00:00Z"))
}

/// Refuses a moment that has passed: a statement that never held helps nobody.
pub(super) fn require_future(until_ms: i64, now_ms: i64) -> Result<(), Failure> {
    if until_ms > now_ms {
        return Ok(());
    }
    Err(anyhow::anyhow!("`--until` is in the past")).hint("no site deploys a package whose statement has expired")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_to_its_end_and_a_moment_to_itself() {
        assert_eq!(until("1970-01-01"), Ok(24 * 60 * 60 * 1000));
        assert_eq!(until("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(until("tomorrow").is_err());
    }
}
