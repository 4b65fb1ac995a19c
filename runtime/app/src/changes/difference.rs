//! How two revisions differ, place by place, as a reviewer reads it.

use serde_json::Value;

use crate::configuration::resolved::Interface;

/// One place that differs. A place is named as in the interface's file: `steps[transfuse/redact].version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) place: String,
    /// None: it was not there.
    pub(crate) before: Option<String>,
    /// None: it is no longer there.
    pub(crate) after: Option<String>,
}

/// Everything that differs; without a `before`, everything that there is.
pub(crate) fn difference(before: Option<&Interface>, after: &Interface) -> Vec<Difference> {
    let value = |interface: &Interface| serde_json::to_value(interface).unwrap_or_default();
    let before = before.map_or(Value::Null, value);
    let mut found = Vec::new();
    compare("", Some(&before), Some(&value(after)), &mut found);
    found
}

fn compare(place: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let keys = keys_of(before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null));
    if keys.is_empty() {
        let difference = Difference {
            place: place.to_owned(),
            before: before.and_then(shown),
            after: after.and_then(shown),
        };
        if difference.before != difference.after {
            found.push(difference);
        }
        return;
    }
    for key in keys {
        let (before, after) = (
            before.and_then(|value| key.of(value)),
            after.and_then(|value| key.of(value)),
        );
        compare(&key.below(place), before, after, found);
    }
}

/// A place inside a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Field(String),
    /// An entry of a list that is known by a name: a step by its plugin, and which one of that plugin it is.
    Entry {
        name: String,
        nth: usize,
    },
}

impl Key {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Field(name) => value.get(name),
            Self::Entry { name, nth } => entries(value)
                .into_iter()
                .filter(|(known, _)| known == name)
                .nth(*nth)
                .map(|(_, entry)| entry),
        }
    }

    fn below(&self, place: &str) -> String {
        match self {
            Self::Field(name) if place.is_empty() => name.clone(),
            Self::Field(name) => format!("{place}.{name}"),
            Self::Entry { name, nth: 0 } => format!("{place}[{name}]"),
            Self::Entry { name, nth } => format!("{place}[{name}#{}]", nth + 1),
        }
    }
}

fn keys_of(before: &Value, after: &Value) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for value in [before, after] {
        let fields = value.as_object().into_iter().flat_map(|object| object.keys());
        let mut own: Vec<Key> = fields.map(|name| Key::Field(name.clone())).collect();
        for (name, _) in entries(value) {
            let nth = own
                .iter()
                .filter(|key| matches!(key, Key::Entry { name: known, .. } if *known == name))
                .count();
            own.push(Key::Entry { name, nth });
        }
        for key in own {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// The entries of a list whose entries have names.
fn entries(value: &Value) -> Vec<(String, &Value)> {
    let entries = value.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.get("plugin").or_else(|| entry.get("name"))?;
            Some((name.as_str()?.to_owned(), entry))
        })
        .collect()
}

/// None for what a file would not say.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) if list.is_empty() => None,
        Value::Object(object) if object.is_empty() => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(before: &Value, after: &Value) -> Vec<String> {
        let mut found = Vec::new();
        compare("", Some(before), Some(after), &mut found);
        let told = |one: &Difference| format!("{}: {:?} -> {:?}", one.place, one.before, one.after);
        found.iter().map(told).collect()
    }

    #[test]
    fn steps_are_known_by_their_plugin_and_not_by_their_place() {
        let before = json!({ "steps": [{ "plugin": "a/x", "version": "1" }, { "plugin": "a/y", "version": "1" }] });
        let after = json!({ "steps": [{ "plugin": "a/y", "version": "2" }] });
        assert_eq!(
            found(&before, &after),
            [
                "steps[a/x].plugin: Some(\"a/x\") -> None",
                "steps[a/x].version: Some(\"1\") -> None",
                "steps[a/y].version: Some(\"1\") -> Some(\"2\")",
            ]
        );
    }

    #[test]
    fn two_steps_of_one_plugin_are_told_apart() {
        let step = |version: &str| json!({ "plugin": "a/x", "version": version });
        let before = json!({ "steps": [step("1"), step("1")] });
        let after = json!({ "steps": [step("1"), step("2")] });
        assert_eq!(
            found(&before, &after),
            ["steps[a/x#2].version: Some(\"1\") -> Some(\"2\")"]
        );
    }

    #[test]
    fn what_is_equal_or_says_nothing_is_no_difference() {
        let value = json!({ "order": "interface", "list": [1, 2], "none": null });
        assert_eq!(found(&value, &value), Vec::<String>::new());
        assert_eq!(found(&json!({ "a": null }), &json!({ "a": [] })), Vec::<String>::new());
        assert_eq!(
            found(&json!({ "a": [1] }), &json!({ "a": [1, 2] })),
            ["a: Some(\"[1]\") -> Some(\"[1,2]\")"]
        );
    }
}
