//! HL7's dates and times: DTM and TS, DT, TM.
//!
//! A [`Timestamp`] keeps how precise it was written and its offset, and prints as it came. What it means as a moment is
//! another question: one without an offset is read in a time zone, which the interface names, and an hour that the zone
//! skips in spring or has twice in autumn is settled by an [`AmbiguousTime`] policy.
//!
//! ```
//! use jiff::tz::TimeZone;
//! use transfuse_message::{AmbiguousTime, Precision, Timestamp};
//!
//! let timestamp = Timestamp::parse("202610250230")?;
//! assert_eq!(timestamp.precision(), Precision::Minute);
//! let zone = TimeZone::get("Europe/Budapest")?;
//! let first = timestamp.resolve(&zone, AmbiguousTime::Earlier)?;
//! let second = timestamp.resolve(&zone, AmbiguousTime::Later)?;
//! assert_eq!(second.as_second() - first.as_second(), 3600);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod resolve;

use std::fmt;

use thiserror::Error;

/// A date, or a date and time, as precise as it was written: `YYYY[MM[DD[HH[MM[SS[.S..]]]]]][+/-ZZZZ]`.
///
/// That is DTM, the first component of TS, and DT. A second of 60 is a leap second; an hour of 24 is none. HL7 has up
/// to four digits behind the point, and up to nine are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    time: TimeOfDay,
    /// How far the digits go.
    written: Precision,
    /// What TS.2 says, where it says less than the digits.
    stated: Option<Precision>,
}

/// A time of day (TM): `HH[MM[SS[.S..]]][+/-ZZZZ]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
    second: u8,
    /// What stands behind the point, in units of its last digit.
    fraction: u32,
    written: Precision,
    offset: Option<Offset>,
}

/// How precise a time is. A coarser one is less than a finer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// A year.
    Year,
    /// A month.
    Month,
    /// A day.
    Day,
    /// An hour.
    Hour,
    /// A minute.
    Minute,
    /// A second.
    Second,
    /// This many digits behind the point, from one to nine.
    Fraction(u8),
}

/// What becomes of a local time that the zone has twice, when clocks are set back, or skips, when they are set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmbiguousTime {
    /// As if the clock had not been changed yet: the first of the two, and for a skipped hour as much later. That is
    /// what calendars do (RFC 5545), and the default.
    #[default]
    Before,
    /// The earlier moment in both cases.
    Earlier,
    /// The later moment in both cases.
    Later,
    /// An error: a person has to say which one was meant.
    Reject,
}

/// What is wrong with a time. The text never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// It is not a time.
    #[error("not a time: {expected} is expected at position {position}, as in YYYYMMDDHHMMSS.SSSS+ZZZZ")]
    Malformed {
        /// Where in the text, counted in bytes from one.
        position: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// A number is not one that calendars and clocks have.
    #[error("not a time: at position {position} stands a number outside {range}")]
    OutOfRange {
        /// Where the number begins, counted in bytes from one.
        position: usize,
        /// What it may be.
        range: &'static str,
    },
    /// The zone has this local time twice, and the policy is to reject it.
    #[error("this local time occurs twice, because clocks were set back: an offset such as +0100 would tell which one")]
    Twice,
    /// The zone skips this local time, and the policy is to reject it.
    #[error("this local time does not exist, because clocks were set forward")]
    Skipped,
    /// The moment is not within the years that can be counted.
    #[error("the moment is not within the years from 0001 to 9999")]
    TooFar,
}

/// East or west of Greenwich, as written: `+0000` and `-0000` differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    is_west: bool,
    hours: u8,
    minutes: u8,
}

impl Timestamp {
    /// How precise the time is: as far as its digits go, or as TS.2 says where that is less.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.stated.map_or(self.written, |stated| stated.min(self.written))
    }

    /// The offset from UTC, where one was written.
    #[must_use]
    pub fn offset(&self) -> Option<jiff::tz::Offset> {
        self.time.offset()
    }

    /// The same digits, as precise as TS.2 (degree of precision, up to version 2.3.1) says: `Y`, `L` for a month, `D`,
    /// `H`, `M`, `S`. None where the text is none of these.
    #[must_use]
    pub fn with_degree(self, degree: &str) -> Option<Self> {
        let stated = Precision::of_degree(degree)?;
        Some(Self {
            stated: Some(stated),
            ..self
        })
    }

    /// A day and a time of day that were sent in two fields. None where the first one is no day, or has a time itself.
    #[must_use]
    pub fn with_time(self, time: TimeOfDay) -> Option<Self> {
        (self.precision() == Precision::Day).then_some(Self {
            written: time.written,
            stated: None,
            time,
            ..self
        })
    }
}

impl TimeOfDay {
    /// How precise the time is.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.written
    }

    /// The offset from UTC, where one was written.
    #[must_use]
    pub fn offset(&self) -> Option<jiff::tz::Offset> {
        self.offset.and_then(Offset::resolved)
    }
}

impl Precision {
    /// Its word, as the plugin contract has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Fraction(_) => "fraction",
        }
    }

    /// The precision of that word. Fractions are milliseconds, or `fraction1` to `fraction9` with as many digits.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let whole = [
            Self::Year,
            Self::Month,
            Self::Day,
            Self::Hour,
            Self::Minute,
            Self::Second,
        ];
        if let Some(known) = whole.into_iter().find(|known| known.as_str() == word) {
            return Some(known);
        }
        match word.strip_prefix("fraction")?.as_bytes() {
            [] => Some(Self::Fraction(3)),
            [digit @ b'1'..=b'9'] => Some(Self::Fraction(digit - b'0')),
            _ => None,
        }
    }

    fn of_degree(degree: &str) -> Option<Self> {
        match degree {
            "Y" => Some(Self::Year),
            "L" => Some(Self::Month),
            "D" => Some(Self::Day),
            "H" => Some(Self::Hour),
            "M" => Some(Self::Minute),
            "S" => Some(Self::Second),
            _ => None,
        }
    }
}

impl AmbiguousTime {
    /// The policy of that word: `before`, `earlier`, `later`, `reject`; `before` where it is empty.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "" | "before" => Some(Self::Before),
            "earlier" => Some(Self::Earlier),
            "later" => Some(Self::Later),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

impl TimeError {
    /// The stable name of the error, as the plugin contract documents it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::OutOfRange { .. } | Self::TooFar => "not-a-time",
            Self::Twice => "ambiguous-time",
            Self::Skipped => "skipped-time",
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if self.written >= Precision::Month {
            write!(f, "{:02}", self.month)?;
        }
        if self.written >= Precision::Day {
            write!(f, "{:02}", self.day)?;
        }
        self.time.print(self.written, f)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(self.written, f)
    }
}

impl TimeOfDay {
    fn print(&self, precision: Precision, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (Precision::Hour, self.hour),
            (Precision::Minute, self.minute),
            (Precision::Second, self.second),
        ];
        for (_, number) in parts.iter().filter(|(part, _)| precision >= *part) {
            write!(f, "{number:02}")?;
        }
        if let Precision::Fraction(digits) = precision {
            write!(f, ".{:0width$}", self.fraction, width = usize::from(digits))?;
        }
        let Some(offset) = self.offset else { return Ok(()) };
        let sign = if offset.is_west { '-' } else { '+' };
        write!(f, "{sign}{:02}{:02}", offset.hours, offset.minutes)
    }
}
