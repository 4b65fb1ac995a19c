//! The formats of HL7's simple datatypes.

use crate::{TimeOfDay, Timestamp};

/// What a value of a datatype looks like, where this one does not look so; none for types that hold any text.
pub(super) fn wrong(datatype: &str, value: &[u8]) -> Option<&'static str> {
    let (is_right, expected): (fn(&str) -> bool, _) = match datatype {
        "NM" => (is_number, "a number such as 4.2"),
        "SI" => (is_sequence, "a whole number from 0"),
        "DT" => (|text| Timestamp::parse_date(text).is_ok(), "a date such as 20261123"),
        "TM" => (|text| TimeOfDay::parse(text).is_ok(), "a time such as 143700"),
        "DTM" | "TS" => (
            |text| Timestamp::parse(text).is_ok(),
            "a date and time such as 20261123143700+0100",
        ),
        _ => return None,
    };
    let is_right = std::str::from_utf8(value).is_ok_and(is_right);
    (!is_right).then_some(expected)
}

/// Digits with an optional sign and an optional decimal point.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() + fraction.len() > 0 && is_digits(whole) && is_digits(fraction)
}

fn is_sequence(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}
