//! The step's configuration, as JSON from the host.

use serde::de::DeserializeOwned;

/// Reads a configuration. The error names the key and says what is wrong with it.
pub(crate) fn read<Config: DeserializeOwned>(json: &[u8]) -> Result<Config, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        let text = without_position(&error.into_inner().to_string());
        // A path of `.` is the configuration as a whole: a missing or an unknown key, which the text names.
        if key == "." {
            format!("config: {text}")
        } else {
            format!("config.{key}: {text}")
        }
    })
}

/// For a plugin that takes no configuration: a step that gives one is mistaken, and says so before it runs.
pub(crate) fn refuse(json: &[u8]) -> Result<(), String> {
    let is_empty = json.iter().all(|byte| b"{} \t\r\n".contains(byte));
    if is_empty {
        Ok(())
    } else {
        Err("this plugin takes no configuration: remove `config` from the step".to_owned())
    }
}

/// The host made this JSON from the interface's file, so a line and column of it would mislead.
fn without_position(text: &str) -> String {
    text.rsplit_once(" at line ").map_or(text, |(text, _)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{read, refuse};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only its reading is tested")]
        facility: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its reading is tested")]
        codes: Vec<u8>,
    }

    fn complaint(json: &str) -> String {
        read::<Config>(json.as_bytes()).map_or_else(|error| error, |config| format!("read: {config:?}"))
    }

    #[test]
    fn a_wrong_configuration_is_told_by_its_key() {
        insta::assert_snapshot!(complaint("{}"), @"config: missing field `facility`");
        insta::assert_snapshot!(complaint(r#"{"facility": 5}"#), @"config.facility: invalid type: integer `5`, expected a string");
        insta::assert_snapshot!(
            complaint(r#"{"facility": "X", "codes": [1, 300]}"#),
            @"config.codes[1]: invalid value: integer `300`, expected u8"
        );
        insta::assert_snapshot!(
            complaint(r#"{"facilty": "X"}"#),
            @"config.facilty: unknown field `facilty`, expected `facility` or `codes`"
        );
        insta::assert_snapshot!(complaint("["), @"config: EOF while parsing a list");
    }

    #[test]
    fn a_plugin_without_configuration_refuses_one() {
        assert_eq!(refuse(b"{}"), Ok(()));
        assert_eq!(refuse(b" { } \n"), Ok(()));
        assert_eq!(refuse(b""), Ok(()));
        assert!(refuse(br#"{"a": 1}"#).is_err());
    }
}
