//! The words of a manifest that have rules of their own: names, contract versions, message types.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// `vendor/name`: two words of lower-case letters, digits and hyphens, each beginning with a letter. They are names of
/// folders too, which is why nothing else is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PluginName(String);

/// A version of the plugin contract: `1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Contract {
    /// Plugins of another major version do not run.
    pub major: u32,
    /// A host of this minor version runs the plugins of this and every earlier one.
    pub minor: u32,
}

/// A message type with its trigger event, `ORU^R01`, or `*` for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct MessageType(String);

/// Long enough for any name that a person would type; short enough for every file system.
const NAME_BYTES_MAX: usize = 64;

impl PluginName {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who made the plugin.
    #[must_use]
    pub fn vendor(&self) -> &str {
        self.0.split_once('/').map_or("", |(vendor, _)| vendor)
    }

    /// What the vendor calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl FromStr for PluginName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for PluginName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once('/') {
            Some((vendor, name)) if is_word(vendor) && is_word(name) => Ok(Self(text)),
            _ => Err(format!(
                "`{text}` is not a plugin's name: write vendor/name, each of at most {NAME_BYTES_MAX} lower-case \
                 letters, digits and hyphens, and beginning with a letter"
            )),
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Contract {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let numbers = text
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let (major, minor) = numbers.ok_or_else(|| format!("`{text}` is not a version of the contract: write 1.0"))?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl MessageType {
    /// The type as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_code = |code: &str| {
            code.len() == 3
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let is_type = text
            .split_once('^')
            .is_some_and(|(code, event)| is_code(code) && is_code(event));
        if text == "*" || is_type {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not a message type: write ORU^R01, or * for all"))
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
