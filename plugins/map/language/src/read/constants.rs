//! `[parameters]` and `[codes]`: what is known before the first message.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use super::{FACTS, Reader};
use crate::document::Entry;
use crate::functions::Codes;
use crate::mapping::Name;
use crate::problem::hint;

/// What a parameter may say of itself.
const KEYS: [&str; 4] = ["about", "default", "one-of", "optional"];

impl Reader {
    /// Parameters with their defaults, or with the values that the site gives.
    pub(super) fn parameters(&mut self, section: Option<Entry<'_>>, given: &Map<String, Json>) {
        let table = section.and_then(|section| {
            let table = section.table("parameters = { facility = \"\" }");
            self.noted(table)
        });
        let entries = table.map(|table| self.lines.entries(table)).unwrap_or_default();
        for name in given.keys() {
            if !entries.iter().any(|entry| entry.key == name) {
                let hint = hint(name, entries.iter().map(|entry| entry.key));
                self.problem(0, format!("the mapping has no parameter `{name}`{hint}"));
            }
        }
        for entry in entries {
            if let Some(value) = self.parameter(entry, given.get(entry.key)) {
                self.name(entry.key, entry.line);
                self.constants.push((entry.key.into(), value));
            }
        }
    }

    fn parameter(&mut self, entry: Entry<'_>, given: Option<&Json>) -> Option<Value> {
        let DeValue::Table(table) = entry.value else {
            let default = self.scalar(entry)?;
            return self.given(entry.key, given, Some(default));
        };
        let (mut default, mut is_optional) = (None, false);
        let mut choices = Vec::new();
        for part in self.lines.entries(table) {
            match part.key {
                "about" => _ = self.noted(part.text()),
                "default" => default = self.scalar(part),
                "optional" => is_optional = self.noted(part.boolean())?,
                "one-of" => {
                    let texts = part.texts(&self.lines);
                    choices = self
                        .noted(texts)?
                        .into_iter()
                        .filter_map(|text| text.text().ok())
                        .map(str::to_owned)
                        .collect();
                }
                _ => self.unknown(part, "a parameter", &KEYS),
            }
        }
        if is_optional && default.is_none() {
            default = Some(Value::from(()));
        }
        let value = self.given(entry.key, given, default)?;
        self.check_choice(entry, &value, choices);
        Some(value)
    }

    fn check_choice(&mut self, entry: Entry<'_>, value: &Value, choices: Vec<String>) {
        if choices.is_empty() {
            return;
        }
        let is_unset = value.is_none() || (!self.has_site && value.as_str() == Some(""));
        let is_one = is_unset
            || value
                .as_str()
                .is_some_and(|value| choices.iter().any(|choice| choice == value));
        if !is_one {
            let text = format!(
                "the parameter `{}` is one of {}, and not `{value}`",
                entry.key,
                choices.join(", ")
            );
            self.problem(0, text);
        }
        self.choices.push((entry.key.into(), choices));
    }

    /// The value that the site gives, which is of the sort of the default.
    fn given(&mut self, name: &str, given: Option<&Json>, default: Option<Value>) -> Option<Value> {
        let value = match given {
            // While a package is built nobody has set it yet: any text will do to check the rules.
            None if default.is_none() && !self.has_site => return Some(Value::from("")),
            None if default.is_none() => {
                self.problem(0, format!("the parameter `{name}` has to be set"));
                return None;
            }
            None => return default,
            Some(Json::String(text)) => Value::from(text.as_str()),
            Some(Json::Bool(value)) => Value::from(*value),
            Some(Json::Number(number)) => number
                .as_i64()
                .map_or_else(|| Value::from(number.as_f64().unwrap_or_default()), Value::from),
            Some(_) => Value::UNDEFINED,
        };
        let wanted = default
            .filter(|default| !default.is_none())
            .map_or(Value::from("").kind(), |default| default.kind());
        if value.kind() != wanted {
            self.problem(0, format!("the parameter `{name}` is a {wanted}"));
            return None;
        }
        Some(value)
    }

    /// A text, a number, true or false.
    fn scalar(&mut self, entry: Entry<'_>) -> Option<Value> {
        let value = match entry.value {
            DeValue::String(text) => Some(Value::from(&**text)),
            DeValue::Boolean(value) => Some(Value::from(*value)),
            DeValue::Integer(number) => number.as_str().parse::<i64>().ok().map(Value::from),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
            _ => None,
        };
        self.noted(value.ok_or_else(|| entry.wrong("a text, a number, true or false")))
    }

    /// Lists of codes: `[codes.units]`, what comes on the left and what it becomes on the right.
    pub(super) fn codes(&mut self, section: Option<Entry<'_>>) {
        let Some(section) = section else { return };
        let table = section.table("[codes.units]");
        let Some(table) = self.noted(table) else { return };
        for list in self.lines.entries(table) {
            let table = list.table("[codes.units]");
            let Some(table) = self.noted(table) else { continue };
            let mut codes = BTreeMap::new();
            for code in self.lines.entries(table) {
                if let Some(text) = self.noted(code.text()) {
                    codes.insert(code.key.to_owned(), text.to_owned());
                }
            }
            self.name(list.key, list.line);
            self.constants.push((list.key.into(), Value::from_object(Codes(codes))));
        }
    }

    /// Notes where a name cannot be one, or is taken.
    pub(super) fn name(&mut self, name: &str, line: usize) {
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            self.problem(
                line,
                format!("`{name}` is not a name: it has small letters, digits and _, and begins with a letter"),
            );
        } else if FACTS.contains(&name) || RESERVED.contains(&name) {
            self.problem(
                line,
                format!("`{name}` means something else in a mapping: take another name"),
            );
        } else if self.constants.iter().any(|(known, _): &(Name, Value)| &**known == name) {
            self.problem(
                line,
                format!("`{name}` is the name of a parameter or of a list of codes already"),
            );
        }
    }
}

/// Names that a rule gives by itself, words of the expression language, and keys of the configuration.
const RESERVED: [&str; 14] = [
    "number", "value", "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "mapping", "requests",
];
