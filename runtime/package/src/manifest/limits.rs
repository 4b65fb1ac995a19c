//! `[limits]`: what a plugin needs for one message, written as an interface writes it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What a plugin needs for one message; nothing where the defaults do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestedLimits {
    /// Units of computing.
    pub fuel: Option<u64>,
    /// Memory, in bytes; written as `64MiB`.
    #[serde(rename = "memory", deserialize_with = "size")]
    pub memory_bytes: Option<u64>,
    /// Time, in milliseconds; written as `500ms`.
    #[serde(rename = "deadline", deserialize_with = "duration")]
    pub deadline_ms: Option<u64>,
}

/// The units that interfaces use.
const TIME_UNITS: [(&str, u64); 3] = [("ms", 1), ("s", 1_000), ("min", 60_000)];
const SIZE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = quantity(&text, &TIME_UNITS);
    let refused = || format!("`{text}` is not a duration: write a whole number and a unit, such as `500ms` or `2s`");
    value.map(Some).ok_or_else(|| D::Error::custom(refused()))
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = quantity(&text, &SIZE_UNITS);
    let refused = || format!("`{text}` is not a size: write a whole number and a unit, such as `64MiB`");
    value.map(Some).ok_or_else(|| D::Error::custom(refused()))
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
