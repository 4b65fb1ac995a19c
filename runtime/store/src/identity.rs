//! Names of things: messages, deliveries and the stages they are in.

use std::fmt;
use std::str::FromStr;

/// A message: the UTC day of its arrival and its number within that day, shown as `20261123-000042`.
///
/// Ids are given in the order of arrival, so comparing ids compares arrivals. The day never goes backwards, even when
/// the clock does. As an integer (`i64`) it is `yyyymmdd * 10^10 + number`, which is how the files hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(i64);

/// A delivery: one output on its way to one destination, numbered over the whole life of the store in the order in
/// which decisions were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(i64);

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Durable, its chain has not decided yet.
    Received,
    /// Its chain forwarded it; its deliveries are queued or done.
    Processed,
    /// Its chain dropped it on purpose.
    Filtered,
    /// It was answered with a refusal: the sender owns it, the copy here is for diagnosis.
    Refused,
    /// The engine owns it and could not process it: a person must look.
    Quarantined,
    /// It was in quarantine, and a person has given it up.
    Discarded,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStage {
    /// Waiting for its destination.
    Queued,
    /// The destination has accepted it.
    Delivered,
    /// The destination cannot have it: a person must look.
    Quarantined,
    /// Its revision's deliveries are held: it waits until a person decides.
    Held,
    /// It was held or in quarantine, and is never made.
    Discarded,
    /// It was in quarantine, and another delivery was made in its place.
    Replaced,
}

/// A text that names no message, stage or delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseIdError {
    text: String,
    expected: &'static str,
}

/// Room for ten billion messages a day: a hundred thousand a second, all day long.
const NUMBERS_PER_DAY: i64 = 10_000_000_000;

impl MessageId {
    /// The id of message `number` (from 1) on `day` (`yyyymmdd`).
    pub(crate) fn new(day: i64, number: i64) -> Self {
        Self(day * NUMBERS_PER_DAY + number)
    }

    /// The id as the files hold it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// From the integer that the files hold.
    pub(crate) fn from_i64(value: i64) -> Self {
        Self(value)
    }

    /// The UTC day of arrival as `yyyymmdd`.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0 / NUMBERS_PER_DAY
    }

    /// The number within the day, from 1.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0 % NUMBERS_PER_DAY
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08}-{:06}", self.day(), self.number())
    }
}

impl FromStr for MessageId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('-')
            .filter(|(day, number)| day.len() == 8 && (6..=10).contains(&number.len()) && digits(day) && digits(number))
            .and_then(|(day, number)| Some(Self::new(day.parse().ok()?, number.parse().ok()?)))
            .ok_or_else(|| ParseIdError::new(text, "a message id such as 20261123-000042"))
    }
}

impl DeliveryId {
    /// The id as the files hold it.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// From the integer that the files hold.
    pub(crate) fn from_i64(value: i64) -> Self {
        Self(value)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for DeliveryId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(Self)
            .ok_or_else(|| ParseIdError::new(text, "the number of a delivery"))
    }
}

impl Stage {
    /// Every stage, in the order of a message's life.
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Processed,
        Self::Filtered,
        Self::Refused,
        Self::Quarantined,
        Self::Discarded,
    ];

    /// The stage in kebab-case, as people and programs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processed => "processed",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
        }
    }
}

impl Stage {
    /// The stage as the projection holds it.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Received => 0,
            Self::Processed => 1,
            Self::Filtered => 2,
            Self::Refused => 3,
            Self::Quarantined => 4,
            Self::Discarded => 5,
        }
    }

    pub(crate) fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == code)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a stage is written as.
const STAGES: &str = "a stage: received, processed, filtered, refused, quarantined or discarded";

impl FromStr for Stage {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or_else(|| ParseIdError::new(text, STAGES))
    }
}

impl DeliveryStage {
    /// The stage in kebab-case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Quarantined => "quarantined",
            Self::Held => "held",
            Self::Discarded => "discarded",
            Self::Replaced => "replaced",
        }
    }
}

impl DeliveryStage {
    /// The stage as the projection holds it.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Delivered => 1,
            Self::Quarantined => 2,
            Self::Held => 3,
            Self::Discarded => 4,
            Self::Replaced => 5,
        }
    }

    pub(crate) fn of_code(code: i64) -> Option<Self> {
        [
            Self::Queued,
            Self::Delivered,
            Self::Quarantined,
            Self::Held,
            Self::Discarded,
            Self::Replaced,
        ]
        .into_iter()
        .find(|stage| stage.code() == code)
    }
}

impl fmt::Display for DeliveryStage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl ParseIdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_shows_its_day_and_number_and_reads_back() {
        let id = MessageId::new(20_261_123, 42);
        assert_eq!(id.to_string(), "20261123-000042");
        assert_eq!("20261123-000042".parse::<MessageId>().unwrap(), id);
        assert_eq!((id.day(), id.number()), (20_261_123, 42));
    }

    #[test]
    fn a_stage_reads_back_from_its_name() {
        for stage in Stage::ALL {
            assert_eq!(stage.to_string().parse::<Stage>().unwrap(), stage);
        }
        assert_eq!(
            "sent".parse::<Stage>().unwrap_err().to_string(),
            "`sent` is not a stage: received, processed, filtered, refused, quarantined or discarded"
        );
    }

    proptest! {
        #[test]
        fn every_id_reads_back(day in 10_000_000_i64..=99_999_999, number in 0..NUMBERS_PER_DAY) {
            let id = MessageId::new(day, number);
            prop_assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = text.parse::<MessageId>();
        }
    }
}
