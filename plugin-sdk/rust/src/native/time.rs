//! Time zones and the words of the contract for times.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use transfuse_message::{AmbiguousTime, PathError, Precision};

use super::run::{Context, Run};

/// The zone of that name, or where it is empty that of the run under way.
pub(crate) fn zone(name: &str) -> Result<TimeZone, PathError> {
    let of_run = || Run::current().map_or_else(|| Context::default().time_zone, |run| run.context.time_zone.clone());
    let name = if name.is_empty() { of_run() } else { name.to_owned() };
    TimeZone::get(&name)
        .map_err(|_| unsupported("a time zone that there is not; zones have names such as Europe/Budapest"))
}

pub(crate) fn policy(word: &str) -> Result<AmbiguousTime, PathError> {
    AmbiguousTime::from_word(word).ok_or(unsupported("a policy for ambiguous times that there is not"))
}

pub(crate) fn precision(word: &str) -> Result<Precision, PathError> {
    Precision::from_word(word).ok_or(unsupported("a precision that there is not"))
}

pub(crate) fn moment(milliseconds: i64) -> Result<Timestamp, PathError> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| unsupported("a moment outside the years 0001 to 9999"))
}

fn unsupported(reason: &'static str) -> PathError {
    PathError::Unsupported { reason }
}
