//! `plugin.toml`: what a plugin says about itself.

mod config;
mod limits;
mod words;

use std::fmt;
use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use limits::RequestedLimits;
pub use words::{Contract, MessageType, PluginName};

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
    /// The message types that it makes of them, where they are others. Information for people.
    #[serde(default)]
    pub produces: Vec<MessageType>,
    /// The version of what it keeps as state: a plugin that cannot read what an earlier one kept has a higher one.
    #[serde(default)]
    pub state_schema: Option<u32>,
    /// What an interface has to grant. The grants decide; what the component imports must be requested.
    #[serde(default)]
    pub requests: Requests,
    /// What it needs for one message, where the defaults are too little. The interface's limits decide.
    #[serde(default)]
    pub limits: RequestedLimits,
    /// Configuration that the package brings along; see [`Manifest::merged_config`].
    #[serde(default, deserialize_with = "config::from_toml")]
    pub config: serde_json::Map<String, serde_json::Value>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A crate, compiled by cargo.
    #[default]
    Rust,
    /// ECMAScript modules.
    JavaScript,
    /// The same with types, which are checked.
    TypeScript,
    /// Modules of Python, compiled together with its interpreter.
    Python,
    /// A mapping in TOML, run by a plugin of this project.
    Map,
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
    /// Whether it keeps state between messages.
    pub state: bool,
    /// Whether it forwards messages that it makes itself.
    pub create: bool,
}

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
        manifest.refuse_source_elsewhere(text)?;
        Ok(manifest)
    }

    /// The configuration that the plugin gets: what the site says takes the place of what the package brings, key by key.
    /// Keys inside a table are not looked at: a table of the site takes the place of the whole table.
    #[must_use]
    pub fn merged_config(
        &self,
        site: &serde_json::Map<String, serde_json::Value>,
    ) -> serde_json::Map<String, serde_json::Value> {
        let mut merged = self.config.clone();
        merged.extend(site.iter().map(|(key, value)| (key.clone(), value.clone())));
        merged
    }

    /// A source that lies outside the plugin's folder would not be part of what is built from it.
    fn refuse_source_elsewhere(&self, text: &str) -> Result<(), ManifestError> {
        let source = self.build.source.as_ref().map(|source| source.to_string_lossy());
        match source.filter(|source| !crate::package::is_sound_path(source)) {
            Some(source) => Err(ManifestError {
                line: line_of(text, "source"),
                key: Some("build.source".to_owned()),
                text: format!("`{source}` is not a file in the plugin's folder: write a path such as src/plugin.js"),
            }),
            None => Ok(()),
        }
    }

    fn refuse_empty(&self, text: &str) -> Result<(), ManifestError> {
        let is_empty = [
            ("description", self.description.trim().is_empty()),
            ("licence", self.licence.trim().is_empty()),
            ("accepts", self.accepts.is_empty()),
        ];
        match is_empty.into_iter().find(|(_, is_empty)| *is_empty) {
            None => Ok(()),
            Some((key, _)) => Err(ManifestError {
                line: line_of(text, key),
                key: Some(key.to_owned()),
                text: "is empty".to_owned(),
            }),
        }
    }
}

/// The first line that sets a key, whatever table it is in.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let line = text.lines().position(|line| line.trim_start().starts_with(key));
    line.map(|index| index + 1)
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

#[cfg(test)]
mod tests;
