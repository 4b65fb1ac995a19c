//! Times: a moment is a number in the guest, because clocks and time zones are the host's.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use transfuse_message::{AmbiguousTime, PathError, Precision};

use super::{Answer, Handle, held, parse_path, path_error, touched};
use crate::state::StepState;
use crate::trace::Deed;

/// The longest timestamp: fourteen digits, a point and nine more, an offset.
const TIMESTAMP_BYTES_MAX: usize = 29;

impl StepState {
    pub(super) fn read_time(
        &mut self,
        message: &Handle,
        path: &str,
        zone: &str,
        ambiguous: &str,
    ) -> Answer<Option<(i64, String)>> {
        let parsed = match parse_path(path) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(Err(error)),
        };
        self.may_read(message, &parsed)?;
        let message = held(&self.handles, message)?;
        self.meter.read(touched(&message.message, &parsed), &self.step.limits)?;
        let moment = zone_of(zone, &self.journey.context.time_zone)
            .and_then(|zone| Ok((zone, policy_of(ambiguous)?)))
            .and_then(|(zone, ambiguous)| message.message.moment(&parsed, &zone, ambiguous));
        Ok(moment
            .map(|moment| moment.map(|(at, precision)| (at.as_millisecond(), precision.as_str().to_owned())))
            .map_err(|error| path_error(&error, path)))
    }

    pub(super) fn write_time(
        &mut self,
        message: &Handle,
        path: &str,
        milliseconds: i64,
        precision: &str,
        zone: &str,
    ) -> Answer<()> {
        match written(milliseconds, precision, zone, &self.journey.context.time_zone) {
            Ok((moment, precision, zone)) => {
                self.edit(message, Deed::Set, path, TIMESTAMP_BYTES_MAX, |message, path| {
                    message.set_moment(path, moment, precision, &zone)
                })
            }
            Err(error) => Ok(Err(path_error(&error, path))),
        }
    }
}

fn written(
    milliseconds: i64,
    precision: &str,
    zone: &str,
    of_interface: &str,
) -> Result<(Timestamp, Precision, TimeZone), PathError> {
    let moment = Timestamp::from_millisecond(milliseconds);
    let moment = moment.map_err(|_| unsupported("a moment outside the years 0001 to 9999, which HL7 cannot write"))?;
    let reason =
        "a precision that there is not: year, month, day, hour, minute, second, fraction, fraction1 to fraction9";
    let precision = Precision::from_word(precision).ok_or(unsupported(reason))?;
    Ok((moment, precision, zone_of(zone, of_interface)?))
}

fn zone_of(name: &str, of_interface: &str) -> Result<TimeZone, PathError> {
    let name = if name.is_empty() { of_interface } else { name };
    let reason = "a time zone that there is not; zones have names such as Europe/Budapest";
    TimeZone::get(name).map_err(|_| unsupported(reason))
}

fn policy_of(word: &str) -> Result<AmbiguousTime, PathError> {
    let reason = "a policy for ambiguous times that there is not: before, earlier, later, reject";
    AmbiguousTime::from_word(word).ok_or(unsupported(reason))
}

fn unsupported(reason: &'static str) -> PathError {
    PathError::Unsupported { reason }
}
