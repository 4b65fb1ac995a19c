//! The schema of what a site may set, out of a mapping's `[parameters]`: it is held against a site's file before anything
//! runs, and shown by `plugin inspect`, as that of any other plugin.

use serde_json::{Map, Value, json};
use toml::Table;

/// The schema; none for a text that is no mapping, of which the plugin itself says what is wrong, with lines.
pub(super) fn schema(plugin: &str, mapping: &str) -> Option<String> {
    let mapping: Table = mapping.parse().ok()?;
    let parameters = match mapping.get("parameters") {
        Some(parameters) => parameters.as_table()?.clone(),
        None => Table::new(),
    };
    let required: Vec<&String> = parameters
        .iter()
        .filter(|(_, parameter)| must_be_set(parameter))
        .map(|(name, _)| name)
        .collect();
    let properties: Map<String, Value> = parameters
        .iter()
        .map(|(name, parameter)| (name.clone(), property(parameter)))
        .collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Parameters of {plugin}"),
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
        // The package's own, and not a site's: allowed, and described to nobody.
        "patternProperties": { "^mapping$": { "type": "string" } },
    });
    serde_json::to_string_pretty(&schema).ok()
}

/// Whether a parameter has no value of its own, and may not go without one.
fn must_be_set(parameter: &toml::Value) -> bool {
    parameter.as_table().is_some_and(|said| {
        let is_optional = said.get("optional").and_then(toml::Value::as_bool).unwrap_or_default();
        !is_optional && !said.contains_key("default")
    })
}

/// A parameter is its default, or a table that says more of it.
fn property(parameter: &toml::Value) -> Value {
    let mut property = Map::new();
    let Some(said) = parameter.as_table() else {
        described(&mut property, Some(parameter));
        return Value::Object(property);
    };
    described(&mut property, said.get("default"));
    if let Some(about) = said.get("about").and_then(toml::Value::as_str) {
        property.insert("description".to_owned(), json!(about));
    }
    if let Some(choices) = said.get("one-of").and_then(toml::Value::as_array) {
        let choices: Vec<&str> = choices.iter().filter_map(toml::Value::as_str).collect();
        property.insert("enum".to_owned(), json!(choices));
    }
    Value::Object(property)
}

/// What a site sets is of the sort of the default, and a text where there is none.
fn described(property: &mut Map<String, Value>, default: Option<&toml::Value>) {
    let (sort, default) = match default {
        Some(toml::Value::Boolean(value)) => ("boolean", Some(json!(value))),
        Some(toml::Value::Integer(value)) => ("number", Some(json!(value))),
        Some(toml::Value::Float(value)) => ("number", Some(json!(value))),
        Some(toml::Value::String(value)) => ("string", Some(json!(value))),
        _ => ("string", None),
    };
    property.insert("type".to_owned(), json!(sort));
    property.extend(default.map(|default| ("default".to_owned(), default)));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::config_schema::ConfigSchema;

    const MAPPING: &str = r#"
[parameters]
facility = { optional = true, about = "MSH-6" }
mode = { default = "keep", one-of = ["keep", "anonymous"] }
retention_days = 30
strict = false
ward = { about = "Whose it is" }

[[rules]]
set = { "MSH-6" = "{{ facility }}" }
"#;

    fn told(config: &Value) -> Vec<String> {
        let schema = ConfigSchema::parse(&schema("acme/wards", MAPPING).unwrap()).unwrap();
        let complaints = schema.complaints(config).into_iter();
        complaints.map(|complaint| complaint.text).collect()
    }

    #[test]
    fn a_site_may_set_the_parameters_and_nothing_else() {
        let fixed =
            json!({ "mapping": MAPPING, "ward": "4EAST", "facility": "KORHAZ", "retention_days": 7, "mode": "keep" });
        assert_eq!(told(&fixed), [""; 0]);
        assert_eq!(
            told(&json!({ "ward": "4EAST", "facilty": "KORHAZ" })),
            ["unknown key `facilty`"]
        );
        assert_eq!(told(&json!({})), ["the key `ward` is missing"]);
        assert_eq!(
            told(&json!({ "ward": "4EAST", "strict": "yes" })),
            ["`strict`: \"yes\" is not of type \"boolean\""]
        );
        assert_eq!(
            told(&json!({ "ward": "4EAST", "mode": "drop" })),
            ["`mode`: \"drop\" is not one of \"keep\" or \"anonymous\""]
        );
    }

    #[test]
    fn what_parameters_say_of_themselves_is_shown_and_the_mapping_is_not() {
        let schema = ConfigSchema::parse(&schema("acme/wards", MAPPING).unwrap()).unwrap();
        let keys = schema.keys();
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["facility", "mode", "retention_days", "strict", "ward"]);
        let key = |name: &str| keys.iter().find(|key| key.name == name).unwrap();
        assert_eq!(key("facility").description.as_deref(), Some("MSH-6"));
        assert_eq!(key("retention_days").default.as_deref(), Some("30"));
        assert!(key("ward").is_required && !key("facility").is_required);
    }

    #[test]
    fn a_mapping_without_parameters_takes_none_and_what_is_no_mapping_has_no_schema() {
        let none = ConfigSchema::parse(&schema("acme/wards", "[[rules]]\nclear = [\"PID-11\"]\n").unwrap()).unwrap();
        assert_eq!(none.complaints(&json!({ "mapping": "" })), []);
        assert_eq!(none.complaints(&json!({ "facility": "KORHAZ" })).len(), 1);
        assert_eq!(schema("acme/wards", "[[rules"), None);
        assert_eq!(schema("acme/wards", "parameters = 7"), None);
    }
}
