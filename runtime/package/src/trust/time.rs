//! Moments as statements write them: RFC 3339 in UTC, to the second.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// Milliseconds since 1970 UTC as text, `2026-03-01T12:00:00Z`; what no calendar has is told as its number.
#[must_use]
pub fn moment(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| format!("{at_ms} ms"), |at| format!("{at:.0}"))
}

/// The milliseconds since 1970 UTC of a moment such as `2026-03-01T12:00:00Z`. None where the text is none.
#[must_use]
pub fn parse_moment(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
pub(super) fn write<S: Serializer>(at_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment(*at_ms))
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_moment(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a moment of RFC 3339")))
}

/// The same for a moment that may be missing.
pub(super) mod optional {
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(in crate::trust) fn write<S: Serializer>(at_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match at_ms {
            Some(at_ms) => super::write(at_ms, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::trust) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let at_ms = super::parse_moment(&text);
        at_ms
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a moment of RFC 3339")))
    }
}
