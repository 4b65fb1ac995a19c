//! Dates and times: read, printed, resolved.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use transfuse_message::{AmbiguousTime, Precision, TimeError, TimeOfDay, Timestamp};

use super::{path, with_segment};

fn budapest() -> TimeZone {
    TimeZone::get("Europe/Budapest").unwrap()
}

/// The moment in UTC, or the code of the error.
fn resolved(text: &str, ambiguous: AmbiguousTime) -> Result<String, &'static str> {
    let timestamp = Timestamp::parse(text).map_err(TimeError::code)?;
    let moment = timestamp.resolve(&budapest(), ambiguous).map_err(TimeError::code)?;
    Ok(moment.to_string())
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what `resolved` gives")]
fn utc(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[test]
fn every_form_is_read_as_precise_as_it_is_and_printed_back() {
    for (text, precision) in [
        ("2026", Precision::Year),
        ("202611", Precision::Month),
        ("20261126", Precision::Day),
        ("2026112614", Precision::Hour),
        ("202611261437", Precision::Minute),
        ("20261126143700", Precision::Second),
        ("20261126143700.0", Precision::Fraction(1)),
        ("20261126143700.0120", Precision::Fraction(4)),
        ("20261126143700.123456789", Precision::Fraction(9)),
        ("20261126143700.0120-0530", Precision::Fraction(4)),
        ("202611261437+0100", Precision::Minute),
        ("20261126+0100", Precision::Day),
        ("2026-0000", Precision::Year),
        ("00010101", Precision::Day),
        ("20240229", Precision::Day),
        ("20000229", Precision::Day),
        ("20161231235960+0000", Precision::Second),
    ] {
        let timestamp = Timestamp::parse(text).unwrap();
        assert_eq!(timestamp.precision(), precision, "{text}");
        assert_eq!(timestamp.to_string(), text);
    }
    for text in ["14", "1437", "143700", "143700.1234", "143700.1234+0100", "1437-0000"] {
        assert_eq!(TimeOfDay::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_time_is_an_error_that_says_where() {
    for (text, position) in [
        ("", 1),
        ("202", 4),
        ("20261", 6),
        ("2026112", 8),
        ("20261126143", 12),
        ("20261126143700.", 16),
        ("20261126143700.1234567890", 25),
        ("202611261437+1", 15),
        ("2026-11-26", 8),
        ("20261126 1437", 9),
        ("20261126T14", 9),
        ("20261126143700Z", 15),
        ("ma", 1),
        ("0000", 1),
        ("20261326", 5),
        ("20260001", 5),
        ("20260431", 7),
        ("20260229", 7),
        ("19000229", 7),
        ("20260100", 7),
        ("2026112624", 9),
        ("20261126240000", 9),
        ("202611261460", 11),
        ("20261126143761", 13),
        ("202611261437+1500", 14),
        ("202611261437+0160", 16),
    ] {
        let found = match Timestamp::parse(text).unwrap_err() {
            TimeError::Malformed { position, .. } | TimeError::OutOfRange { position, .. } => position,
            other => panic!("{text}: {other}"),
        };
        assert_eq!(found, position, "{text}");
    }
    assert!(Timestamp::parse_date("2026112614").is_err() && Timestamp::parse_date("20261126").is_ok());
    assert!(TimeOfDay::parse("").is_err() && TimeOfDay::parse("25").is_err());
}

#[test]
fn an_error_never_tells_the_value() {
    for text in ["19741399", "1974MÁRCIUS"] {
        let error = Timestamp::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("1974"), "{error}");
    }
}

#[test]
fn a_time_without_an_offset_is_read_in_the_zone_and_one_with_an_offset_is_not() {
    let before = AmbiguousTime::Before;
    assert_eq!(resolved("202601151200", before), utc("2026-01-15T11:00:00Z"));
    assert_eq!(resolved("202607151200", before), utc("2026-07-15T10:00:00Z"));
    assert_eq!(resolved("202607151200-0500", before), utc("2026-07-15T17:00:00Z"));
    assert_eq!(resolved("20260715", before), utc("2026-07-14T22:00:00Z"));
    assert_eq!(resolved("2026", before), utc("2025-12-31T23:00:00Z"));
    assert_eq!(
        resolved("20260715120000.0123+0000", before),
        utc("2026-07-15T12:00:00.0123Z")
    );
}

#[test]
fn the_hour_that_october_has_twice_follows_the_policy() {
    for (policy, moment) in [
        (AmbiguousTime::Before, "2026-10-25T00:30:00Z"),
        (AmbiguousTime::Earlier, "2026-10-25T00:30:00Z"),
        (AmbiguousTime::Later, "2026-10-25T01:30:00Z"),
    ] {
        assert_eq!(resolved("202610250230", policy), utc(moment), "{policy:?}");
    }
    assert_eq!(resolved("202610250230", AmbiguousTime::Reject), Err("ambiguous-time"));
    assert_eq!(
        resolved("202610250230+0100", AmbiguousTime::Reject),
        utc("2026-10-25T01:30:00Z")
    );
    assert_eq!(resolved("20261025", AmbiguousTime::Reject), utc("2026-10-24T22:00:00Z"));
    assert_eq!(AmbiguousTime::default(), AmbiguousTime::Before);
}

#[test]
fn the_hour_that_march_skips_follows_the_policy() {
    for (policy, moment) in [
        (AmbiguousTime::Before, "2026-03-29T01:30:00Z"),
        (AmbiguousTime::Later, "2026-03-29T01:30:00Z"),
        (AmbiguousTime::Earlier, "2026-03-29T00:30:00Z"),
    ] {
        assert_eq!(resolved("202603290230", policy), utc(moment), "{policy:?}");
    }
    assert_eq!(resolved("202603290230", AmbiguousTime::Reject), Err("skipped-time"));
}

#[test]
fn a_leap_second_is_the_moment_after_the_second_59() {
    assert_eq!(
        resolved("20161231235960+0000", AmbiguousTime::Reject),
        utc("2017-01-01T00:00:00Z")
    );
}

#[test]
fn a_moment_is_written_as_precise_as_asked_and_with_its_offset() {
    let moment: jiff::Timestamp = "2026-10-25T01:30:15.98765Z".parse().unwrap();
    for (word, text) in [
        ("year", "2026"),
        ("month", "202610"),
        ("day", "20261025"),
        ("hour", "2026102502+0100"),
        ("minute", "202610250230+0100"),
        ("second", "20261025023015+0100"),
        ("fraction", "20261025023015.987+0100"),
        ("fraction4", "20261025023015.9876+0100"),
    ] {
        let precision = Precision::from_word(word).unwrap();
        let written = Timestamp::of_moment(moment, precision, &budapest()).unwrap();
        assert_eq!(written.to_string(), text, "{word}");
    }
    // Budapest had an offset of 1:16:20 until 1890.
    let old: jiff::Timestamp = "1880-01-01T00:00:00Z".parse().unwrap();
    let written = Timestamp::of_moment(old, Precision::Second, &budapest()).unwrap();
    assert_eq!(written.resolve(&TimeZone::UTC, AmbiguousTime::Reject), Ok(old));
    assert_eq!(Precision::from_word("fortnight"), None);
}

#[test]
fn a_timestamp_of_an_old_version_is_as_precise_as_its_second_component_says() {
    let message = with_segment("PID|199504010000^D|^D|\"\"^D|19950401^X|199504^S|19950401&D^x|1995040112^");
    let precision = |at: &str| {
        let found = message.timestamp(&path(at)).map_err(|error| error.code())?;
        Ok(found.map(|timestamp| (timestamp.precision(), timestamp.to_string())))
    };
    assert_eq!(precision("PID-1"), Ok(Some((Precision::Day, "199504010000".into()))));
    assert_eq!(
        precision("PID-1.1"),
        Ok(Some((Precision::Minute, "199504010000".into())))
    );
    assert_eq!(precision("PID-2"), Ok(None));
    assert_eq!(precision("PID-3"), Ok(None));
    assert_eq!(precision("PID-4"), Err("not-a-leaf"));
    assert_eq!(precision("PID-5"), Ok(Some((Precision::Month, "199504".into()))));
    assert_eq!(precision("PID-6.1"), Ok(Some((Precision::Day, "19950401".into()))));
    assert_eq!(precision("PID-7"), Ok(Some((Precision::Hour, "1995040112".into()))));
    assert_eq!(precision("PID-9"), Ok(None));
    assert_eq!(precision("PID"), Err("not-a-leaf"));
    let day = message.timestamp(&path("PID-1")).unwrap().unwrap();
    let noon = TimeOfDay::parse("1200+0100").unwrap();
    assert_eq!(day.with_time(noon).unwrap().to_string(), "199504011200+0100");
}

#[test]
fn a_node_that_is_no_time_is_named_and_its_value_is_not() {
    let error = with_segment("PID|1|||19741399").timestamp(&path("PID-4")).unwrap_err();
    assert_eq!((error.code(), error.is_plugins_fault()), ("not-a-time", false));
    assert_eq!(
        error.to_string(),
        "PID-4: not a time: at position 5 stands a number outside 01 to 12, the months"
    );
}

proptest! {
    #[test]
    fn a_text_is_a_time_that_prints_as_it_is_or_an_error(text in r"[0-9]{0,16}(\.[0-9]{0,5})?([+-][0-9]{0,5})?") {
        if let Ok(timestamp) = Timestamp::parse(&text) {
            prop_assert_eq!(timestamp.to_string(), text);
            prop_assert!(timestamp.resolve(&budapest(), AmbiguousTime::Before).is_ok());
        }
    }

    #[test]
    fn a_moment_that_is_written_is_read_again(second in 0_i64..4_000_000_000, digits in 1_u8..=9) {
        let moment = jiff::Timestamp::new(second, 120_000_000).unwrap();
        let written = Timestamp::of_moment(moment, Precision::Fraction(digits.max(2)), &budapest()).unwrap();
        let read = Timestamp::parse(&written.to_string()).unwrap();
        prop_assert_eq!(read.resolve(&TimeZone::UTC, AmbiguousTime::Reject), Ok(moment));
    }
}
