//! HL7 v2 messages by path.

use std::panic::Location;

use thiserror::Error;

use crate::host::hl7v2 as host;
use crate::path_error::PathError;
use crate::time::{AmbiguousTime, Moment, Precision};

/// A message that the host holds, read and changed by path.
///
/// Paths follow HL7's own notation and count from one: `PID-5.1` is a component, `PID-3[2].1` the second repetition,
/// `OBX[3]-5` the third OBX. An omitted occurrence or repetition is the first. Groups of the message's structure may
/// stand before the segment: `ORDER_OBSERVATION[2]/OBX-5`, see [`groups`](Self::groups).
///
/// A *leaf* is a node without parts of its own in the message at hand. Where a field holds one component, `PID-5`,
/// `PID-5.1` and `PID-5.1.1` are the same leaf; asking `PID-5` for a composite is an error, because a value would be
/// lost without anybody noticing. So a plugin that must cope with every sender reads `PID-5.1.1`.
///
/// Absent (`None`), empty (`Some("")`) and the delete marker (`Some("\"\"")`) stay apart.
///
/// Each call crosses from the plugin to the host: for many values there are [`get_many`](Self::get_many),
/// [`rows`](Self::rows) and [`set_many`](Self::set_many).
#[derive(Debug)]
pub struct Message {
    host: host::Message,
}

/// Bytes that a plugin made are not an HL7 v2 message.
///
/// `?` turns it into a fault of the plugin.
#[derive(Debug, Error)]
#[error("byte {offset}: {text} ({code})")]
pub struct ParseError {
    code: String,
    offset: u64,
    text: String,
    location: &'static Location<'static>,
}

impl Message {
    /// Parses bytes that the plugin made. The result may be read and changed without a grant, and forwarding it, or a copy
    /// of it, needs the grant `create`.
    #[track_caller]
    pub fn parse(raw: impl AsRef<[u8]>) -> Result<Self, ParseError> {
        let location = Location::caller();
        let parsed = host::Message::parse(raw.as_ref());
        parsed
            .map(Self::from_host)
            .map_err(|error| ParseError::new(error, location))
    }

    /// The decoded text of one leaf.
    #[track_caller]
    pub fn get(&self, path: impl AsRef<str>) -> Result<Option<String>, PathError> {
        located(self.host.get(path.as_ref()))
    }

    /// The decoded text of several leaves in one call: `let [family, given] = message.get_many(["PID-5.1", "PID-5.2"])?`.
    #[track_caller]
    pub fn get_many<const N: usize>(&self, paths: [&str; N]) -> Result<[Option<String>; N], PathError> {
        located(self.host.get_many(&paths)).map(exactly)
    }

    /// The decoded text of any number of leaves in one call, in the order asked.
    #[track_caller]
    pub fn get_each(&self, paths: &[impl AsRef<str>]) -> Result<Vec<Option<String>>, PathError> {
        let paths: Vec<&str> = paths.iter().map(AsRef::as_ref).collect();
        located(self.host.get_many(&paths))
    }

    /// For each segment of a name, in order, the decoded text of the leaves asked for, in one call:
    /// `for [code, unit] in message.rows("OBX", ["3.1.1", "6.1.1"])? { .. }`. The name may stand in a group:
    /// `ORDER_OBSERVATION[2]/OBX`.
    #[track_caller]
    pub fn rows<const N: usize>(
        &self,
        segment: &str,
        fields: [&str; N],
    ) -> Result<Vec<[Option<String>; N]>, PathError> {
        let rows = located(self.host.rows(segment, &fields))?;
        Ok(rows.into_iter().map(exactly).collect())
    }

    /// The bytes of any node as they stand in the message, escapes and character set included. A path that is only a
    /// segment gives the whole segment without its terminator. Needs the grant to read everything.
    #[track_caller]
    pub fn get_raw(&self, path: impl AsRef<str>) -> Result<Option<Vec<u8>>, PathError> {
        located(self.host.get_raw(path.as_ref()))
    }

    /// Puts text into a leaf, escaping what the message's delimiters ask for. Missing fields, repetitions and
    /// components on the way there are made; a missing segment is not: see [`insert`](Self::insert). Where the node
    /// had parts, they are replaced.
    #[track_caller]
    pub fn set(&mut self, path: impl AsRef<str>, value: impl AsRef<str>) -> Result<(), PathError> {
        located(self.host.set(path.as_ref(), value.as_ref()))
    }

    /// Many of [`set`](Self::set) in one call, in order. Stops at the first error; what came before it stays set.
    #[track_caller]
    pub fn set_many(&mut self, values: &[(impl AsRef<str>, impl AsRef<str>)]) -> Result<(), PathError> {
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(path, value)| (path.as_ref(), value.as_ref()))
            .collect();
        located(self.host.set_many(&values))
    }

    /// Puts encoded bytes into any node, delimiters and escapes and all. Segment terminators are refused.
    #[track_caller]
    pub fn set_raw(&mut self, path: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), PathError> {
        located(self.host.set_raw(path.as_ref(), value.as_ref()))
    }

    /// Copies a node of another message without its bytes visiting the plugin. Both paths name nodes of the same
    /// kind: field to field, component to component, segment to segment.
    #[track_caller]
    pub fn copy_from(
        &mut self,
        source: &Message,
        source_path: impl AsRef<str>,
        path: impl AsRef<str>,
    ) -> Result<(), PathError> {
        located(self.host.copy_from(&source.host, source_path.as_ref(), path.as_ref()))
    }

    /// As [`copy_from`](Self::copy_from), within this message.
    #[track_caller]
    pub fn copy_within(&mut self, source_path: impl AsRef<str>, path: impl AsRef<str>) -> Result<(), PathError> {
        located(self.host.copy_from(&self.host, source_path.as_ref(), path.as_ref()))
    }

    /// Empties a node; the nodes after it keep their places. Clearing what is absent does nothing.
    #[track_caller]
    pub fn clear(&mut self, path: impl AsRef<str>) -> Result<(), PathError> {
        located(self.host.clear(path.as_ref()))
    }

    /// How many there are: segments of a name for `OBX`, repetitions for `PID-3`, components for `PID-3[2]`; 0 where
    /// the node is absent.
    #[track_caller]
    pub fn count(&self, path: impl AsRef<str>) -> Result<u32, PathError> {
        located(self.host.count(path.as_ref()))
    }

    /// Adds an empty segment after the one that `after` names (`OBX[2]`), and gives its path (`OBX[3]`). A group
    /// (`ORDER_OBSERVATION[2]/`) adds at its end, an empty `after` at the end of the message.
    #[track_caller]
    pub fn insert(&mut self, segment: &str, after: impl AsRef<str>) -> Result<String, PathError> {
        located(self.host.insert(segment, after.as_ref()))
    }

    /// Takes a whole segment or repetition out; what follows moves up.
    #[track_caller]
    pub fn remove(&mut self, path: impl AsRef<str>) -> Result<(), PathError> {
        located(self.host.remove(path.as_ref()))
    }

    /// The groups of a name in the order of the message, as paths to be put before a segment's:
    /// `for order in message.groups("ORDER_OBSERVATION")? { message.get(format!("{order}OBR-4.1"))?; .. }`. Groups within
    /// one of them are asked for by its path: `message.groups(format!("{order}OBSERVATION"))`.
    #[track_caller]
    pub fn groups(&self, group: impl AsRef<str>) -> Result<Vec<String>, PathError> {
        located(self.host.groups(group.as_ref()))
    }

    /// What HL7 calls a field, component or subcomponent in the message's version: `Patient Identifier List` for `PID-3`;
    /// `None` where the version does not define it.
    #[track_caller]
    pub fn name_of(&self, path: impl AsRef<str>) -> Result<Option<String>, PathError> {
        located(self.host.name_of(path.as_ref()))
    }

    /// The datatype of a field, component or subcomponent: `CX` for `PID-3`; `None` where the version does not define it.
    /// For `OBX-5` it is the one that `OBX-2` names, and `varies` where that names none.
    #[track_caller]
    pub fn datatype_of(&self, path: impl AsRef<str>) -> Result<Option<String>, PathError> {
        located(self.host.datatype_of(path.as_ref()))
    }

    /// The number of the HL7 table that the codes of a field, component or subcomponent are of: `0001` for `PID-8`;
    /// `None` where there is none.
    #[track_caller]
    pub fn table_of(&self, path: impl AsRef<str>) -> Result<Option<String>, PathError> {
        located(self.host.table_of(path.as_ref()))
    }

    /// The moment at which the timestamp (DTM, DT, TS) at a path begins; `None` where the node is absent, empty or
    /// `""`.
    ///
    /// A timestamp with an offset is read by it. One without is read in `zone`, an IANA name such as `Europe/Budapest`,
    /// or where that is empty in the interface's own.
    #[track_caller]
    pub fn get_time(
        &self,
        path: impl AsRef<str>,
        zone: &str,
        ambiguous: AmbiguousTime,
    ) -> Result<Option<Moment>, PathError> {
        let found = located(self.host.get_time(path.as_ref(), zone, ambiguous.as_str()))?;
        Ok(found.map(|(unix_ms, precision)| Moment {
            unix_ms,
            precision: Precision::from_word(&precision),
        }))
    }

    /// Puts a moment into a leaf as a timestamp, as clocks in `zone` show it (in the interface's own where that is
    /// empty), with the offset where it has an hour.
    #[track_caller]
    pub fn set_time(&mut self, path: impl AsRef<str>, moment: Moment, zone: &str) -> Result<(), PathError> {
        let Moment { unix_ms, precision } = moment;
        located(self.host.set_time(path.as_ref(), unix_ms, precision.as_str(), zone))
    }

    /// The whole message as bytes. Untouched parts come out exactly as they went in. Needs the grant to read
    /// everything.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.host.encode()
    }

    pub(crate) fn from_host(host: host::Message) -> Self {
        Self { host }
    }

    pub(crate) fn host(&self) -> &host::Message {
        &self.host
    }
}

/// A second message with the same content, to be changed on its own. Cheap: both share what neither has changed.
impl Clone for Message {
    fn clone(&self) -> Self {
        Self::from_host(self.host.copy())
    }
}

impl ParseError {
    /// `no-header`, `bad-delimiters`, `too-many-segments`, and others later.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Where the trouble starts, in bytes from the beginning.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The place in the plugin's source that asked.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    fn new(error: host::ParseError, location: &'static Location<'static>) -> Self {
        Self {
            code: error.code,
            offset: error.offset,
            text: error.text,
            location,
        }
    }
}

#[track_caller]
fn located<T>(result: Result<T, host::PathError>) -> Result<T, PathError> {
    let location = Location::caller();
    result.map_err(|error| PathError::new(error, location))
}

/// The contract promises one value for each path; a host that breaks it ends the plugin here.
fn exactly<const N: usize>(values: Vec<Option<String>>) -> [Option<String>; N] {
    <[_; N]>::try_from(values).unwrap_or_else(|values| panic!("the host gave {} values for {N} paths", values.len()))
}
