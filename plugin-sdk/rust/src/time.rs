//! Times: what a timestamp of a message means as a moment.

/// A moment, and how precisely it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Milliseconds since 1970-01-01 UTC at which it begins.
    pub unix_ms: i64,
    /// How precise it was written, or is to be written.
    pub precision: Precision,
}

/// How precise a time is. A coarser one is less than a finer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
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
    /// Parts of a second: milliseconds where it is written.
    Fraction,
}

/// What becomes of a local time that the zone has twice, when clocks are set back, or skips, when they are set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmbiguousTime {
    /// As if the clock had not been changed yet: the first of the two, and for a skipped hour as much later.
    #[default]
    Before,
    /// The earlier moment in both cases.
    Earlier,
    /// The later moment in both cases.
    Later,
    /// An error of the message: `ambiguous-time`, `skipped-time`.
    Reject,
}

impl Precision {
    const ALL: [Self; 7] = [
        Self::Year,
        Self::Month,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Fraction,
    ];

    /// The word of the contract.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Fraction => "fraction",
        }
    }

    /// A word that a later host may add is finer than those known here.
    pub(crate) fn from_word(word: &str) -> Self {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.unwrap_or(Self::Fraction)
    }
}

impl AmbiguousTime {
    /// The word of the contract.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Earlier => "earlier",
            Self::Later => "later",
            Self::Reject => "reject",
        }
    }
}
