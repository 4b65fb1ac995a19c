//! Times in a message.

use jiff::tz::TimeZone;

use super::{Message, Value};
use crate::{AmbiguousTime, Path, PathError, Precision, Timestamp};

impl Message {
    /// The time that stands at a node, as it was written: a DTM or DT, or a TS with its degree of precision. None where
    /// it is absent, empty or `""`.
    pub fn timestamp(&self, path: &Path) -> Result<Option<Timestamp>, PathError> {
        match self.get(path) {
            Ok(value) => time(&value, path),
            Err(PathError::NotALeaf { .. }) => self.timestamp_with_degree(path),
            Err(error) => Err(error),
        }
    }

    /// The moment at which the time at a node begins, and how precise it is; see [`Timestamp::resolve`].
    pub fn moment(
        &self,
        path: &Path,
        zone: &TimeZone,
        ambiguous: AmbiguousTime,
    ) -> Result<Option<(jiff::Timestamp, Precision)>, PathError> {
        let Some(timestamp) = self.timestamp(path)? else {
            return Ok(None);
        };
        let moment = timestamp
            .resolve(zone, ambiguous)
            .map_err(|fault| PathError::NotATime {
                path: path.clone(),
                fault,
            })?;
        Ok(Some((moment, timestamp.precision())))
    }

    /// Puts a moment into a leaf; see [`Timestamp::of_moment`].
    pub fn set_moment(
        &mut self,
        path: &Path,
        moment: jiff::Timestamp,
        precision: Precision,
        zone: &TimeZone,
    ) -> Result<(), PathError> {
        let timestamp = Timestamp::of_moment(moment, precision, zone).ok_or(PathError::Unsupported {
            reason: "a moment outside the years 0001 to 9999, which HL7 cannot write",
        })?;
        self.set(path, &timestamp.to_string())
    }

    /// TS of versions up to 2.3.1: the time and its degree of precision.
    fn timestamp_with_degree(&self, path: &Path) -> Result<Option<Timestamp>, PathError> {
        let not_a_leaf = || PathError::NotALeaf { path: path.clone() };
        let field = path.field().ok_or_else(not_a_leaf)?;
        let level = if field.component().is_none() { 1 } else { 2 };
        let part = |number| path.with_field(field.part(level, number));
        let timestamp = time(&self.get(&part(1))?, path)?;
        match (timestamp, self.get(&part(2))?) {
            (None, _) => Ok(None),
            (Some(timestamp), Value::Text(degree)) => timestamp.with_degree(&degree).map(Some).ok_or_else(not_a_leaf),
            (Some(timestamp), _) => Ok(Some(timestamp)),
        }
    }
}

fn time(value: &Value<'_>, path: &Path) -> Result<Option<Timestamp>, PathError> {
    let Value::Text(text) = value else { return Ok(None) };
    let timestamp = Timestamp::parse(text).map_err(|fault| PathError::NotATime {
        path: path.clone(),
        fault,
    })?;
    Ok(Some(timestamp))
}
