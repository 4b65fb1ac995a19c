//! Reading times.

use super::{Offset, Precision, TimeError, TimeOfDay, Timestamp};

/// The most digits behind the point: nanoseconds. HL7 has four, and some senders six or seven.
const FRACTION_DIGITS_MAX: u8 = 9;

impl Timestamp {
    /// Reads DTM, or the first component of TS.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let mut reader = Reader::of(text);
        let timestamp = reader.timestamp()?;
        reader.end("the end, or two more digits")?;
        Ok(timestamp)
    }

    /// Reads DT: `YYYY[MM[DD]]`.
    pub fn parse_date(text: &str) -> Result<Self, TimeError> {
        let mut reader = Reader::of(text);
        let date = reader.date()?;
        reader.end("the end, or two more digits")?;
        Ok(date)
    }
}

impl TimeOfDay {
    pub(super) const MIDNIGHT: Self = Self {
        hour: 0,
        minute: 0,
        second: 0,
        fraction: 0,
        written: Precision::Day,
        offset: None,
    };

    /// Reads TM.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let mut reader = Reader::of(text);
        if !reader.has_digit() {
            return Err(reader.expected("an hour of two digits"));
        }
        let time = reader.time()?;
        reader.end("the end, or two more digits")?;
        Ok(time)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            position: 0,
        }
    }

    fn timestamp(&mut self) -> Result<Timestamp, TimeError> {
        let date = self.date()?;
        if date.written < Precision::Day || !self.has_digit() {
            let offset = self.offset()?;
            return Ok(Timestamp {
                time: TimeOfDay { offset, ..date.time },
                ..date
            });
        }
        let time = self.time()?;
        Ok(Timestamp {
            written: time.written,
            time,
            ..date
        })
    }

    fn date(&mut self) -> Result<Timestamp, TimeError> {
        let mut date = Timestamp {
            year: self.number(4, 1..=9999, "0001 to 9999")?,
            month: 1,
            day: 1,
            time: TimeOfDay::MIDNIGHT,
            written: Precision::Year,
            stated: None,
        };
        if self.has_digit() {
            date.month = self.two_digits(1..=12, "01 to 12, the months")?;
            date.written = Precision::Month;
        }
        if self.has_digit() {
            let (days, range) = days_of(date.year, date.month);
            date.day = self.two_digits(1..=days, range)?;
            date.written = Precision::Day;
        }
        Ok(date)
    }

    fn time(&mut self) -> Result<TimeOfDay, TimeError> {
        let mut time = TimeOfDay {
            hour: self.two_digits(0..=23, "00 to 23, the hours")?,
            written: Precision::Hour,
            ..TimeOfDay::MIDNIGHT
        };
        if self.has_digit() {
            time.minute = self.two_digits(0..=59, "00 to 59, the minutes")?;
            time.written = Precision::Minute;
        }
        if time.written == Precision::Minute && self.has_digit() {
            time.second = self.two_digits(0..=60, "00 to 59, the seconds, or 60 for a leap second")?;
            time.written = Precision::Second;
        }
        if time.written == Precision::Second && self.take(b'.') {
            self.fraction(&mut time)?;
        }
        time.offset = self.offset()?;
        Ok(time)
    }

    fn fraction(&mut self, time: &mut TimeOfDay) -> Result<(), TimeError> {
        let mut digits = 0;
        while let Some(digit) = self.digit() {
            if digits == FRACTION_DIGITS_MAX {
                return Err(self.expected("no more than nine digits behind the point"));
            }
            time.fraction = time.fraction * 10 + u32::from(digit);
            self.position += 1;
            digits += 1;
        }
        if digits == 0 {
            return Err(self.expected("a digit behind the point"));
        }
        time.written = Precision::Fraction(digits);
        Ok(())
    }

    fn offset(&mut self) -> Result<Option<Offset>, TimeError> {
        let is_west = match self.text.get(self.position) {
            Some(b'+') => false,
            Some(b'-') => true,
            _ => return Ok(None),
        };
        self.position += 1;
        Ok(Some(Offset {
            is_west,
            hours: self.two_digits(0..=14, "00 to 14, the hours that an offset may have")?,
            minutes: self.two_digits(0..=59, "00 to 59, the minutes")?,
        }))
    }

    fn two_digits(&mut self, allowed: std::ops::RangeInclusive<u8>, range: &'static str) -> Result<u8, TimeError> {
        let allowed = u16::from(*allowed.start())..=u16::from(*allowed.end());
        self.number(2, allowed, range)
            .map(|number| u8::try_from(number).unwrap_or(u8::MAX))
    }

    fn number(
        &mut self,
        digits: usize,
        allowed: std::ops::RangeInclusive<u16>,
        range: &'static str,
    ) -> Result<u16, TimeError> {
        let start = self.position;
        let mut number = 0;
        for _ in 0..digits {
            let Some(digit) = self.digit() else {
                return Err(self.expected("a digit"));
            };
            number = number * 10 + u16::from(digit);
            self.position += 1;
        }
        if allowed.contains(&number) {
            return Ok(number);
        }
        Err(TimeError::OutOfRange {
            position: start + 1,
            range,
        })
    }

    fn digit(&self) -> Option<u8> {
        let byte = self.text.get(self.position)?;
        byte.is_ascii_digit().then(|| byte - b'0')
    }

    fn has_digit(&self) -> bool {
        self.digit().is_some()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn end(&self, expected: &'static str) -> Result<(), TimeError> {
        if self.position == self.text.len() {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn expected(&self, expected: &'static str) -> TimeError {
        TimeError::Malformed {
            position: self.position + 1,
            expected,
        }
    }
}

/// How many days a month has, and what a day of it may be.
fn days_of(year: u16, month: u8) -> (u8, &'static str) {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => (29, "01 to 29, the days of that month"),
        2 => (28, "01 to 28, the days of that month"),
        4 | 6 | 9 | 11 => (30, "01 to 30, the days of that month"),
        _ => (31, "01 to 31, the days of that month"),
    }
}
