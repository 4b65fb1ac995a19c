//! Durations (`100ms`) and sizes (`32MiB`) as people write them.

use std::time::Duration;

use super::resolved::Rate;

/// Units of time, the longest suffix first where one ends like another.
const TIME_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];

/// Units of size. Powers of two, because memory and buffers come in them.
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `100ms`, `30s`, `5min` or `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    quantity(text, &TIME_UNITS).map(Duration::from_millis).ok_or_else(|| {
        format!("`{text}` is not a duration; write a whole number and a unit: `100ms`, `30s`, `5min` or `2h`")
    })
}

/// Reads `4096B`, `64KiB`, `32MiB` or `1GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    quantity(text, &SIZE_UNITS).ok_or_else(|| {
        format!("`{text}` is not a size; write a whole number and a unit: `4096B`, `64KiB`, `32MiB` or `1GiB`")
    })
}

/// Reads a share such as `5%` or `0.5%`, in thousandths.
pub(crate) fn per_mille(text: &str) -> Result<u64, String> {
    let read = || {
        let number = text.strip_suffix('%')?.trim_end();
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let tenths = (tenths.len() == 1).then(|| tenths.parse::<u64>().ok()).flatten()?;
        whole.parse::<u64>().ok()?.checked_mul(10)?.checked_add(tenths)
    };
    read().ok_or_else(|| {
        format!("`{text}` is not a share; write it in percent, with one decimal at most: `5%` or `0.5%`")
    })
}

/// The most of a rate, far beyond what a receiver takes or an engine sends.
const RATE_MAX: u32 = 100_000;

/// Reads `20/s`, `600/min` or `1000/h`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let read = || {
        let (count, unit) = text.split_once('/')?;
        let count = count
            .trim_end()
            .parse::<u32>()
            .ok()
            .filter(|count| (1..=RATE_MAX).contains(count))?;
        let (_, per_ms) = TIME_UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
        (*per_ms >= 1_000).then_some(Rate { count, per_ms: *per_ms })
    };
    read().ok_or_else(|| {
        format!(
            "`{text}` is not a rate; write a whole number from 1 to {RATE_MAX} and what it is for: `20/s`, `600/min` or `1000/h`"
        )
    })
}

/// A rate as it is written.
pub(crate) fn show_rate(count: u32, per_ms: u64) -> String {
    match TIME_UNITS.iter().find(|(_, milliseconds)| *milliseconds == per_ms) {
        Some((unit, _)) => format!("{count}/{unit}"),
        None => format!("{count} in {}", show_duration(Duration::from_millis(per_ms))),
    }
}

/// A share in thousandths, in percent.
pub(crate) fn show_per_mille(per_mille: u64) -> String {
    match (per_mille / 10, per_mille % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenths) => format!("{whole}.{tenths}%"),
    }
}

/// A duration in the largest unit that shows it without a fraction.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(milliseconds(duration), &TIME_UNITS, "")
}

/// Whole milliseconds, as resolved settings keep durations.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A size in the largest unit that shows it without a fraction.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS, " ")
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(value: u64, units: &[(&str, u64)], gap: &str) -> String {
    let fitting = units
        .iter()
        .rev()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    match fitting.or(units.first()) {
        Some((name, factor)) => format!("{}{gap}{name}", value / factor),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_in_percent() {
        for (text, shares) in [("5%", 50), ("0.5%", 5), ("100 %", 1_000), ("300%", 3_000)] {
            assert_eq!(per_mille(text), Ok(shares), "{text}");
        }
        for wrong in ["5", "0.55%", "%", "-1%", "a%"] {
            assert!(per_mille(wrong).is_err(), "{wrong}");
        }
        assert_eq!([50, 5].map(show_per_mille), ["5%", "0.5%"]);
    }

    #[test]
    fn rates_are_so_many_in_a_second_a_minute_or_an_hour() {
        for (text, count, per_ms) in [("20/s", 20, 1_000), ("600 / min", 600, 60_000), ("1/h", 1, 3_600_000)] {
            assert_eq!(rate(text), Ok(Rate { count, per_ms }), "{text}");
        }
        for wrong in ["20", "0/s", "20/ms", "1.5/s", "20/d", "100001/s", "/s", "-1/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_and_sizes_are_read_and_shown_the_same_way() {
        for text in ["100ms", "30s", "5min", "2h", "1500ms"] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Ok(text));
        }
        for (text, shown) in [
            ("4096B", "4 KiB"),
            ("32MiB", "32 MiB"),
            ("1 GiB", "1 GiB"),
            ("1000B", "1000 B"),
        ] {
            assert_eq!(size(text).map(show_size).as_deref(), Ok(shown));
        }
    }

    #[test]
    fn what_has_no_unit_or_a_foreign_one_is_refused() {
        for text in [
            "100",
            "",
            "ms",
            "1.5s",
            "-1s",
            "10 minutes",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["32", "32MB", "32m", "MiB", "18446744073709551615GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
