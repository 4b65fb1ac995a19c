//! `plugin.toml`: what a plugin says about itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use semver::Version;
use serde::Deserialize;
use thiserror::Error;

/// The manifest of a plugin. An unknown key is refused, because a misspelt one would be a promise that nobody keeps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Who made it and what it is called: `transfuse/redact`.
    pub name: PluginName,
    /// The plugin's own version, by the rules of semver.
    pub version: Version,
    /// One line for people who choose.
    pub description: String,
    /// An SPDX expression such as `Apache-2.0`.
    pub licence: String,
    /// The version of the plugin contract that it was built for.
    pub contract: Contract,
    /// The message types that it is made for. Information for people: the plugin itself decides at run time.
    pub accepts: Vec<MessageType>,
    /// What an interface has to grant. Information for people: the grants decide.
    #[serde(default)]
    pub requests: Requests,
    /// What it is built from.
    #[serde(default)]
    pub build: Build,
}

/// What a plugin is built from. It says nothing about the component that came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    /// The language that it is written in.
    pub language: Language,
    /// The file that it begins with, from the plugin's folder on: `src/plugin.js`. Rust says it in Cargo.toml.
    pub source: Option<PathBuf>,
}

/// A language that plugins are built from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A crate, compiled by cargo.
    #[default]
    Rust,
    /// Modules of Python, compiled together with its interpreter.
    Python,
}

/// What a plugin asks an interface to grant. A pattern is a field or segment (`PID-5`, `OBX-*`) or `*` for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    /// Fields that it reads. Raw bytes need `*`.
    pub read: Vec<String>,
    /// Fields that it changes.
    pub write: Vec<String>,
    /// Code tables that it opens, by their usual names.
    pub tables: Vec<String>,
    /// Whether it forwards messages that it makes itself.
    pub create: bool,
}

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

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ManifestError {
    /// The line, counted from one; none where something is missing altogether.
    pub line: Option<usize>,
    /// The key, such as `requests.read`; none where the file is not TOML or a key of the top level is missing.
    pub key: Option<String>,
    /// What is wrong.
    pub text: String,
}

/// Long enough for any name that a person would type; short enough for every file system.
const NAME_BYTES_MAX: usize = 64;

impl Manifest {
    /// Reads a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let document = toml::Deserializer::parse(text).map_err(|error| ManifestError::at(text, None, &error))?;
        let manifest: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let key = Some(error.path().to_string()).filter(|path| path != ".");
            let mut complaint = ManifestError::at(text, key, error.inner());
            // A missing key is reported for the whole document, which is no place to look.
            complaint.line = complaint.line.filter(|_| complaint.key.is_some());
            complaint
        })?;
        manifest.refuse_empty(text)?;
        Ok(manifest)
    }

    fn refuse_empty(&self, text: &str) -> Result<(), ManifestError> {
        let is_empty = [
            ("description", self.description.trim().is_empty()),
            ("licence", self.licence.trim().is_empty()),
            ("accepts", self.accepts.is_empty()),
        ];
        match is_empty.into_iter().find(|(_, is_empty)| *is_empty) {
            None => Ok(()),
            Some((key, _)) => {
                let line = text
                    .lines()
                    .position(|line| line.trim_start().starts_with(key))
                    .map(|index| index + 1);
                Err(ManifestError {
                    line,
                    key: Some(key.to_owned()),
                    text: "is empty".to_owned(),
                })
            }
        }
    }
}

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

impl ManifestError {
    fn at(text: &str, key: Option<String>, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        Self {
            line,
            key,
            text: error.message().to_owned(),
        }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(formatter, "`{key}`: ")?;
        }
        formatter.write_str(&self.text)
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests;
