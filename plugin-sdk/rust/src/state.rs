//! What a plugin keeps between messages: a small keyed store of its own, for each interface.

use std::panic::Location;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::host::state as host;

/// What the plugin keeps between messages. The interface grants it with `state = true`.
///
/// Reads see what this message's own chain has written so far. Writes become durable together with the message's
/// outcome, and are dropped where it is rejected or where any step of its chain faults: so a message that is sent again is
/// never counted twice. The messages of an interface whose plugins keep state run one after the other.
///
/// ```
/// use transfuse_plugin::prelude::*;
/// use transfuse_plugin::testing::Input;
///
/// /// Numbers the messages of each sender.
/// #[transform]
/// fn number(exchange: &Exchange) -> Outcome {
///     let mut message = exchange.message()?;
///     let key = format!("count/{}", message.get("MSH-4.1")?.unwrap_or_default());
///     let count = State::get_json::<u64>(&key)?.unwrap_or(0) + 1;
///     State::set_json(&key, &count)?;
///     message.set("MSH-13", count.to_string())?;
///     exchange.forward(message)
/// }
///
/// let report = Input::hl7("MSH|^~\\&|LAB|NORTH").state("count/NORTH", "6").run(number);
/// assert_eq!(report.state, [("count/NORTH".to_owned(), b"7".to_vec())]);
/// ```
#[derive(Debug)]
pub struct State;

/// A value could not be kept, or what is kept is not what it is read as. Always the plugin's doing, never the message's.
///
/// `?` turns it into a fault of the plugin.
#[derive(Debug, Error)]
#[error("{text} ({code})")]
pub struct StateError {
    code: String,
    text: String,
    location: &'static Location<'static>,
}

impl State {
    /// The value of a key; none where there is none.
    #[must_use]
    pub fn get(key: impl AsRef<str>) -> Option<Vec<u8>> {
        host::get(key.as_ref())
    }

    /// Puts a value in place of the one that is there.
    #[track_caller]
    pub fn set(key: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), StateError> {
        let location = Location::caller();
        host::set(key.as_ref(), value.as_ref()).map_err(|error| StateError {
            code: error.code,
            text: error.text,
            location,
        })
    }

    /// Takes a key out. One that is not there stays so.
    pub fn remove(key: impl AsRef<str>) {
        host::remove(key.as_ref());
    }

    /// The keys that begin with `prefix`, in the order of their bytes, beginning behind `after` (the empty string: from
    /// the first), and at most `limit` of them. The last one of a page is `after` of the next.
    #[must_use]
    pub fn keys(prefix: impl AsRef<str>, after: impl AsRef<str>, limit: u32) -> Vec<String> {
        host::keys(prefix.as_ref(), after.as_ref(), limit)
    }

    /// `state_schema` in the manifest of the plugin that last wrote; 0 where nothing was ever written. A new version whose
    /// values look different has a higher one, and finds out here that it has to bring the old ones up to date.
    #[must_use]
    pub fn schema_version() -> u32 {
        host::schema_version()
    }

    /// The value of a key, which [`set_json`](Self::set_json) wrote.
    #[track_caller]
    pub fn get_json<T: DeserializeOwned>(key: impl AsRef<str>) -> Result<Option<T>, StateError> {
        let location = Location::caller();
        let value = Self::get(key).map(|value| serde_json::from_slice(&value)).transpose();
        value.map_err(|error| StateError::of_json(&error, location))
    }

    /// Puts a value in place of the one that is there, as JSON.
    #[track_caller]
    pub fn set_json<T: Serialize + ?Sized>(key: impl AsRef<str>, value: &T) -> Result<(), StateError> {
        let json = serde_json::to_vec(value);
        let location = Location::caller();
        Self::set(key, json.map_err(|error| StateError::of_json(&error, location))?)
    }
}

impl StateError {
    /// `over-quota`, `value-too-large`, `bad-key`, or `json` from the SDK itself; the set may grow.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is wrong, without key or value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place in the plugin's source that asked.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The category only: serde's own words may quote the value.
    fn of_json(error: &serde_json::Error, location: &'static Location<'static>) -> Self {
        Self {
            code: "json".to_owned(),
            text: format!("the value is not JSON of this type: {:?} error", error.classify()),
            location,
        }
    }
}
