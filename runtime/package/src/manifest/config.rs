//! `[config]`: TOML that a plugin gets as JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub(super) fn from_toml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    table(toml::Table::deserialize(deserializer)?)
        .ok_or_else(|| D::Error::custom("it holds a number that JSON does not have"))
}

fn table(table: toml::Table) -> Option<Map<String, Value>> {
    let values = table.into_iter();
    values.map(|(key, found)| Some((key, value(found)?))).collect()
}

/// Dates become text, as a step's own configuration has them.
fn value(found: toml::Value) -> Option<Value> {
    Some(match found {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Value::Number(serde_json::Number::from_f64(number)?),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(elements) => elements.into_iter().map(value).collect::<Option<Vec<_>>>()?.into(),
        toml::Value::Table(found) => table(found)?.into(),
    })
}
