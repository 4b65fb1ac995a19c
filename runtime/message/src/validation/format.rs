//! The formats of HL7's simple datatypes, judged on the bytes as they stand.

/// What a value of a datatype looks like, where this one does not look so; none for types that hold any text.
pub(super) fn wrong(datatype: &str, value: &[u8]) -> Option<&'static str> {
    let (is_right, expected): (fn(&[u8]) -> bool, _) = match datatype {
        "NM" => (is_number, "a number such as 4.2"),
        "SI" => (is_sequence, "a whole number from 0"),
        "DT" => (is_date, "a date such as 20261123"),
        "TM" => (is_time, "a time such as 143700"),
        "DTM" | "TS" => (is_timestamp, "a date and time such as 20261123143700+0100"),
        _ => return None,
    };
    (!is_right(value)).then_some(expected)
}

/// Digits with an optional sign and an optional decimal point.
fn is_number(value: &[u8]) -> bool {
    let digits = value
        .strip_prefix(b"+")
        .or_else(|| value.strip_prefix(b"-"))
        .unwrap_or(value);
    let (whole, fraction) = match memchr::memchr(b'.', digits) {
        Some(point) => digits.split_at(point),
        None => (digits, &b"."[..]),
    };
    let fraction = fraction.get(1..).unwrap_or_default();
    let is_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    whole.len() + fraction.len() > 0 && is_digits(whole) && is_digits(fraction)
}

fn is_sequence(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

/// `YYYY[MM[DD]]`.
fn is_date(value: &[u8]) -> bool {
    let is_length = matches!(value.len(), 4 | 6 | 8);
    is_length && is_sequence(value) && is_day(value)
}

/// `HH[MM[SS[.S[S[S[S]]]]]][+/-ZZZZ]`.
fn is_time(value: &[u8]) -> bool {
    let (clock, offset) = split_offset(value);
    is_clock(clock) && is_offset(offset)
}

/// `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`.
fn is_timestamp(value: &[u8]) -> bool {
    let (local, offset) = split_offset(value);
    match local.split_at_checked(8) {
        Some((date, clock)) => is_date(date) && (clock.is_empty() || is_clock(clock)) && is_offset(offset),
        None => is_date(local) && is_offset(offset),
    }
}

fn is_day(date: &[u8]) -> bool {
    let year = number(date.get(..4)).unwrap_or_default();
    let month = date.get(4..6).map_or(Some(1), |month| number(Some(month)));
    let day = date.get(6..8).map_or(Some(1), |day| number(Some(day)));
    matches!((month, day), (Some(month @ 1..=12), Some(day)) if (1..=days_of(year, month)).contains(&day))
}

fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_clock(clock: &[u8]) -> bool {
    let (whole, fraction) = match clock.iter().position(|byte| *byte == b'.') {
        Some(point) => (clock.get(..point), clock.get(point + 1..)),
        None => (Some(clock), None),
    };
    let whole = whole.unwrap_or_default();
    let is_fraction = fraction.is_none_or(|digits| whole.len() == 6 && digits.len() <= 4 && is_sequence(digits));
    let within = |range, most| {
        whole
            .get(range)
            .is_none_or(|part| number(Some(part)).is_some_and(|part| part <= most))
    };
    let is_length = matches!(whole.len(), 2 | 4 | 6);
    is_length && is_sequence(whole) && within(0..2, 23) && within(2..4, 59) && within(4..6, 59) && is_fraction
}

fn is_offset(offset: &[u8]) -> bool {
    let is_number = || offset.len() == 5 && offset.get(1..).is_some_and(is_sequence);
    offset.is_empty() || is_number() && number(offset.get(1..3)) <= Some(23) && number(offset.get(3..5)) <= Some(59)
}

/// The offset with its sign, apart from what stands before it.
fn split_offset(value: &[u8]) -> (&[u8], &[u8]) {
    let sign = value.iter().position(|byte| matches!(byte, b'+' | b'-'));
    value.split_at(sign.unwrap_or(value.len()))
}

fn number(digits: Option<&[u8]>) -> Option<u32> {
    std::str::from_utf8(digits?).ok()?.parse().ok()
}
