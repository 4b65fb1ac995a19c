//! `config.schema.json`: what a plugin takes as configuration, as a JSON Schema.
//!
//! Nothing outside the text is ever asked: a reference to another document is an error.

use std::fmt;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use serde_json::Value;
use thiserror::Error;

/// A schema that configurations can be held against.
pub struct ConfigSchema {
    document: Value,
    validator: Validator,
}

/// A text is no schema of a configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigSchemaError {
    /// The text is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// The text is JSON and no schema.
    #[error("it is no JSON Schema: {reason}{at}", at = shown_at(pointer))]
    NotASchema {
        /// Where in the schema.
        pointer: String,
        /// What is wrong there.
        reason: String,
    },
    /// A configuration is a table of keys.
    #[error("it must describe an object, because a configuration is a table: write `\"type\": \"object\"`")]
    NotOfAnObject,
}

/// What is wrong with one part of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigComplaint {
    /// Where, as a JSON pointer such as `/units/mmol`; empty for the configuration as a whole.
    pub pointer: String,
    /// What is wrong, with the key in it.
    pub text: String,
    /// Which kind of wrong.
    pub kind: ConfigComplaintKind,
}

/// How a configuration is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigComplaintKind {
    /// A key that the schema does not know.
    Unknown(String),
    /// A key that the schema requires.
    Missing(String),
    /// A value that the schema does not allow.
    Value,
}

/// A key that a schema describes at its top level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// What the schema says about it, for people.
    pub description: Option<String>,
    /// Which values it takes, in a few words: `"keep", "title" or "upper"`.
    pub values: Option<String>,
    /// What stands where it is not set, as JSON.
    pub default: Option<String>,
    /// Whether it must be set.
    pub is_required: bool,
}

/// How many complaints are told of one configuration. Whoever has more has another trouble.
const COMPLAINTS_MAX: usize = 20;

impl ConfigSchema {
    /// Reads a schema.
    pub fn parse(text: &str) -> Result<Self, ConfigSchemaError> {
        let document: Value = serde_json::from_str(text).map_err(ConfigSchemaError::NotJson)?;
        let validator = jsonschema::validator_for(&document).map_err(|error| ConfigSchemaError::NotASchema {
            pointer: error.instance_path().as_str().to_owned(),
            reason: error.to_string(),
        })?;
        if document.get("type").and_then(Value::as_str) != Some("object") {
            return Err(ConfigSchemaError::NotOfAnObject);
        }
        Ok(Self { document, validator })
    }

    /// What is wrong with a configuration; nothing where it fits.
    #[must_use]
    pub fn complaints(&self, config: &Value) -> Vec<ConfigComplaint> {
        let errors = self.validator.iter_errors(config);
        errors
            .flat_map(|error| complaints(&error))
            .take(COMPLAINTS_MAX)
            .collect()
    }

    /// The keys that it describes, in their order by name.
    #[must_use]
    pub fn keys(&self) -> Vec<ConfigKey> {
        let required = self.document.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|found| found == name));
        let properties = self.document.get("properties").and_then(Value::as_object);
        let mut keys: Vec<ConfigKey> = properties
            .into_iter()
            .flatten()
            .map(|(name, property)| ConfigKey {
                name: name.clone(),
                description: property.get("description").and_then(Value::as_str).map(str::to_owned),
                values: values(property),
                default: property.get("default").map(Value::to_string),
                is_required: is_required(name),
            })
            .collect();
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        keys
    }
}

/// The validator is a compiled program and says nothing to a reader.
impl fmt::Debug for ConfigSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConfigSchema({})", self.document)
    }
}

fn complaints(error: &ValidationError<'_>) -> Vec<ConfigComplaint> {
    let pointer = error.instance_path().as_str().to_owned();
    let within = shown_in(&pointer);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| ConfigComplaint {
                pointer: format!("{pointer}/{}", escaped(name)),
                text: format!("unknown key `{name}`{within}"),
                kind: ConfigComplaintKind::Unknown(name.clone()),
            })
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            vec![ConfigComplaint {
                text: format!("the key `{name}` is missing{within}"),
                pointer,
                kind: ConfigComplaintKind::Missing(name),
            }]
        }
        _ => vec![ConfigComplaint {
            text: format!("{}{error}", of_key(&pointer)),
            pointer,
            kind: ConfigComplaintKind::Value,
        }],
    }
}

fn values(property: &Value) -> Option<String> {
    if let Some(choices) = property.get("enum").and_then(Value::as_array) {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        return Some(choices.join(", "));
    }
    match property.get("type")? {
        Value::String(kind) => Some(kind.clone()),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            Some(kinds.join(" or "))
        }
        _ => None,
    }
}

/// A key as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A pointer as people write keys: `units.mmol`.
fn dotted(pointer: &str) -> String {
    let keys = pointer.split('/').skip(1);
    let keys: Vec<String> = keys.map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    keys.join(".")
}

fn shown_in(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" in `{}`", dotted(pointer))
    }
}

fn shown_at(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" (at `{}`)", dotted(pointer))
    }
}

fn of_key(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!("`{}`: ", dotted(pointer))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn schema() -> ConfigSchema {
        let schema = json!({
            "type": "object",
            "required": ["facility"],
            "additionalProperties": false,
            "properties": {
                "facility": { "type": "string", "description": "The receiving facility" },
                "name_case": { "enum": ["keep", "title"], "default": "keep" },
                "units": { "type": "object", "additionalProperties": { "type": "string" } },
            },
        });
        ConfigSchema::parse(&schema.to_string()).unwrap()
    }

    fn told(config: &Value) -> Vec<(String, String)> {
        let complaints = schema().complaints(config).into_iter();
        complaints
            .map(|complaint| (complaint.pointer, complaint.text))
            .collect()
    }

    #[test]
    fn what_fits_is_not_complained_about() {
        assert_eq!(
            told(&json!({ "facility": "SZENT_IMRE", "name_case": "title", "units": { "mmol/l": "mmol/L" } })),
            []
        );
    }

    #[test]
    fn the_key_at_fault_is_named_with_its_place() {
        let expect = |config: &Value, pointer: &str, text: &str| {
            assert_eq!(told(config), [(pointer.to_owned(), text.to_owned())]);
        };
        expect(&json!({}), "", "the key `facility` is missing");
        expect(
            &json!({ "facility": "A", "facilty": "B" }),
            "/facilty",
            "unknown key `facilty`",
        );
        expect(
            &json!({ "facility": 7 }),
            "/facility",
            "`facility`: 7 is not of type \"string\"",
        );
        expect(
            &json!({ "facility": "A", "units": { "mmol/l": 7 } }),
            "/units/mmol~1l",
            "`units.mmol/l`: 7 is not of type \"string\"",
        );
        expect(
            &json!({ "facility": "A", "name_case": "Title" }),
            "/name_case",
            "`name_case`: \"Title\" is not one of \"keep\" or \"title\"",
        );
    }

    #[test]
    fn what_is_no_schema_of_a_table_is_refused() {
        let refused = |text: &str| ConfigSchema::parse(text).unwrap_err();
        assert!(matches!(refused("{"), ConfigSchemaError::NotJson(_)));
        assert!(matches!(
            refused("{\"type\": \"string\"}"),
            ConfigSchemaError::NotOfAnObject
        ));
        assert!(matches!(refused("true"), ConfigSchemaError::NotOfAnObject));
        let wrong = refused("{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"text\"}}}");
        assert!(matches!(&wrong, ConfigSchemaError::NotASchema { .. }), "{wrong}");
        assert!(wrong.to_string().contains("properties.a"), "{wrong}");
    }

    #[test]
    fn a_schema_that_refers_to_another_document_is_refused_and_nothing_is_asked() {
        for place in ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "other.json"] {
            let text = json!({ "type": "object", "properties": { "a": { "$ref": place } } }).to_string();
            let refused = ConfigSchema::parse(&text).unwrap_err();
            assert!(matches!(refused, ConfigSchemaError::NotASchema { .. }), "{refused}");
        }
    }

    #[test]
    fn keys_are_shown_with_what_the_schema_says_of_them() {
        let keys = schema().keys();
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["facility", "name_case", "units"]);
        let facility = keys.first().unwrap();
        assert!(facility.is_required);
        assert_eq!(facility.description.as_deref(), Some("The receiving facility"));
        let name_case = keys.get(1).unwrap();
        assert_eq!(name_case.values.as_deref(), Some("\"keep\", \"title\""));
        assert_eq!(name_case.default.as_deref(), Some("\"keep\""));
    }
}
