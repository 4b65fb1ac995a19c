//! From times to moments and back.

use jiff::civil::DateTime;
use jiff::tz::{Disambiguation, TimeZone};
use jiff::{SignedDuration, ZonedDateTime};

use super::{AmbiguousTime, Offset, Precision, TimeError, TimeOfDay, Timestamp};

const NANOSECONDS_DIGITS: u32 = 9;

impl Timestamp {
    /// The moment at which the time begins: for `1980`, the first of that year. Its own offset counts, or else `zone`.
    ///
    /// `ambiguous` is asked only where an hour is written; a day that begins with a skipped hour begins after it. A
    /// leap second is the moment after the second 59, as clocks of computers have it.
    pub fn resolve(&self, zone: &TimeZone, ambiguous: AmbiguousTime) -> Result<jiff::Timestamp, TimeError> {
        let has_hour = self.precision() >= Precision::Hour;
        let civil = self.civil().ok_or(TimeError::TooFar)?;
        let (zone, policy) = match self.offset() {
            Some(offset) => (offset.to_time_zone(), AmbiguousTime::Before),
            None if has_hour => (zone.clone(), ambiguous),
            None => (zone.clone(), AmbiguousTime::Before),
        };
        let found = zone.to_ambiguous_timestamp(civil);
        if policy == AmbiguousTime::Reject {
            match found.offset() {
                jiff::tz::AmbiguousOffset::Gap { .. } => return Err(TimeError::Skipped),
                jiff::tz::AmbiguousOffset::Fold { .. } => return Err(TimeError::Twice),
                jiff::tz::AmbiguousOffset::Unambiguous { .. } => {}
            }
        }
        let moment = found.disambiguate(policy.of_jiff()).map_err(|_| TimeError::TooFar)?;
        let leap = SignedDuration::from_secs(i64::from(self.is_leap_second()));
        moment.checked_add(leap).map_err(|_| TimeError::TooFar)
    }

    /// A moment as it is written in a zone. The offset is written with it where an hour is, so that it stays the same
    /// moment wherever it is read. None where the year is not one of 0001 to 9999.
    #[must_use]
    pub fn of_moment(moment: jiff::Timestamp, precision: Precision, zone: &TimeZone) -> Option<Self> {
        let has_hour = precision >= Precision::Hour;
        // HL7 has no seconds in an offset, and zones had them before clocks were agreed upon: such an offset is cut.
        let offset = Offset::of_jiff(zone.to_offset(moment)).filter(|_| has_hour);
        let zone = offset
            .and_then(Offset::resolved)
            .map_or(zone.clone(), jiff::tz::Offset::to_time_zone);
        let zoned = moment.to_zoned_datetime(zone);
        let part = |number: i8| u8::try_from(number).unwrap_or_default();
        Some(Self {
            year: u16::try_from(zoned.year()).ok().filter(|year| *year > 0)?,
            month: part(zoned.month()),
            day: part(zoned.day()),
            time: TimeOfDay {
                hour: part(zoned.hour()),
                minute: part(zoned.minute()),
                second: part(zoned.second()),
                fraction: fraction(&zoned, precision),
                written: precision,
                offset,
            },
            written: precision,
            stated: None,
        })
    }

    /// As far as it is precise; what a clock shows for a leap second is the second before it.
    fn civil(&self) -> Option<DateTime> {
        let precision = self.precision();
        let up_to = |least: Precision, number: u8, first: i8| {
            if precision >= least {
                i8::try_from(number).unwrap_or(i8::MAX)
            } else {
                first
            }
        };
        let nanosecond = match precision {
            Precision::Fraction(digits) => {
                let missing = NANOSECONDS_DIGITS.saturating_sub(u32::from(digits));
                i32::try_from(self.time.fraction * 10_u32.pow(missing)).ok()?
            }
            _ => 0,
        };
        let year = i16::try_from(self.year).ok()?;
        let (month, day) = (
            up_to(Precision::Month, self.month, 1),
            up_to(Precision::Day, self.day, 1),
        );
        let (hour, minute) = (
            up_to(Precision::Hour, self.time.hour, 0),
            up_to(Precision::Minute, self.time.minute, 0),
        );
        let second = up_to(Precision::Second, self.time.second, 0).min(59);
        DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()
    }

    fn is_leap_second(&self) -> bool {
        self.precision() >= Precision::Second && self.time.second == 60
    }
}

impl AmbiguousTime {
    fn of_jiff(self) -> Disambiguation {
        match self {
            Self::Before => Disambiguation::Compatible,
            Self::Earlier => Disambiguation::Earlier,
            Self::Later => Disambiguation::Later,
            Self::Reject => Disambiguation::Reject,
        }
    }
}

impl Offset {
    pub(super) fn resolved(self) -> Option<jiff::tz::Offset> {
        let seconds = i32::from(self.hours) * 3600 + i32::from(self.minutes) * 60;
        jiff::tz::Offset::from_seconds(if self.is_west { -seconds } else { seconds }).ok()
    }

    fn of_jiff(offset: jiff::tz::Offset) -> Option<Self> {
        let minutes = offset.seconds().unsigned_abs() / 60;
        Some(Self {
            is_west: offset.is_negative(),
            hours: u8::try_from(minutes / 60).ok()?,
            minutes: u8::try_from(minutes % 60).ok()?,
        })
    }
}

/// What stands behind the point, cut off and not rounded: a time is never later than what it tells of.
fn fraction(zoned: &ZonedDateTime, precision: Precision) -> u32 {
    let Precision::Fraction(digits) = precision else {
        return 0;
    };
    let nanoseconds = u32::try_from(zoned.subsec_nanosecond()).unwrap_or_default();
    nanoseconds / 10_u32.pow(NANOSECONDS_DIGITS.saturating_sub(u32::from(digits)))
}
