//! Values that mean nothing to the host, and where their parts were written.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::Section;
use crate::configuration::document::{Located, Place};

impl Section<'_> {
    /// Any value, as JSON: a plugin's configuration means nothing to the host.
    pub(crate) fn json(&mut self, key: &'static str) -> Option<Located<serde_json::Value>> {
        let (value, place) = self.value(key)?;
        let converted = to_json(value);
        if converted.is_none() {
            let message = format!("`{key}` holds a number that JSON does not have");
            self.faults.at(&place, message);
        }
        converted.map(|value| Located { value, place })
    }

    /// Where the parts of a value were written, by their JSON pointers; nothing where the key is not written.
    pub(crate) fn places_within(&self, key: &str) -> BTreeMap<String, Place> {
        let mut places = BTreeMap::new();
        if let Some(value) = self.table.get(key) {
            self.collect_places(value.get_ref(), "", &mut places);
        }
        places
    }

    fn collect_places(&self, value: &DeValue<'_>, pointer: &str, places: &mut BTreeMap<String, Place>) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let key_text = key.get_ref().replace('~', "~0").replace('/', "~1");
                    let pointer = format!("{pointer}/{key_text}");
                    places.insert(pointer.clone(), Place::new(self.document, key.span()));
                    self.collect_places(value.get_ref(), &pointer, places);
                }
            }
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let pointer = format!("{pointer}/{index}");
                    places.insert(pointer.clone(), Place::new(self.document, element.span()));
                    self.collect_places(element.get_ref(), &pointer, places);
                }
            }
            _ => {}
        }
    }
}

/// None where the value holds a number that JSON cannot express (`nan`, `inf`, beyond 64 bits).
fn to_json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    Some(match value {
        DeValue::String(text) => serde_json::Value::from(text.as_ref()),
        DeValue::Integer(integer) => {
            serde_json::Value::from(i64::from_str_radix(integer.as_str(), integer.radix()).ok()?)
        }
        DeValue::Float(float) => serde_json::Value::Number(serde_json::Number::from_f64(float.as_str().parse().ok()?)?),
        DeValue::Boolean(flag) => serde_json::Value::from(*flag),
        DeValue::Datetime(date) => serde_json::Value::from(date.to_string()),
        DeValue::Array(elements) => elements
            .iter()
            .map(|element| to_json(element.get_ref()))
            .collect::<Option<Vec<_>>>()?
            .into(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| Some((key.get_ref().to_string(), to_json(value.get_ref())?)))
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
    })
}
