//! A folder of packages: `vendor/name/version/{plugin.toml, component.wasm}`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use thiserror::Error;

use crate::manifest::PluginName;
use crate::package::{Package, ReadError};

/// A folder of packages.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

/// The folder of packages could not be opened.
#[derive(Debug, Error)]
#[error("the folder of plugins {folder} cannot be read: {error}", folder = folder.display())]
pub struct OpenError {
    /// The folder.
    pub folder: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

/// A plugin could not be found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FindError {
    /// What is asked for cannot be a plugin's name.
    #[error("{0}")]
    NotAName(String),
    /// There is no such plugin.
    #[error("there is no plugin {name} in {folder}, which has {exist}", folder = folder.display(), exist = listed(exist))]
    NoSuchPlugin {
        /// What was asked for.
        name: PluginName,
        /// The library.
        folder: PathBuf,
        /// The plugins that it has.
        exist: Vec<String>,
    },
    /// There is the plugin, but no version that fits.
    #[error("no version of {name} in {folder} fits {wanted}: there is {exist}", folder = folder.display(), exist = listed(exist))]
    NoSuchVersion {
        /// What was asked for.
        name: PluginName,
        /// The versions that would have done.
        wanted: VersionReq,
        /// The library.
        folder: PathBuf,
        /// The versions that it has.
        exist: Vec<String>,
    },
    /// The package says that it is another one than its folder says.
    #[error("{folder} holds {name} {version}: a package lies in vendor/name/version", folder = folder.display())]
    Misplaced {
        /// Where it lies.
        folder: PathBuf,
        /// What its manifest says.
        name: PluginName,
        /// What its manifest says.
        version: Version,
    },
    /// The package is there and cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// How many names an error lists. More would bury the sentence.
const LISTED_MAX: usize = 20;

impl Library {
    /// Opens a folder of packages. A library that is not there is an error; an empty one is not.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = folder.into();
        match fs::read_dir(&folder) {
            Ok(_) => Ok(Self { folder }),
            Err(error) => Err(OpenError { folder, error }),
        }
    }

    /// Reads the newest version of a plugin that fits. Versions before a release fit only where they are asked for.
    pub fn find(&self, name: &str, wanted: &VersionReq) -> Result<Package, FindError> {
        let name: PluginName = name.parse().map_err(FindError::NotAName)?;
        let versions = self.versions(&name);
        if versions.is_empty() {
            return Err(FindError::NoSuchPlugin {
                name,
                folder: self.folder.clone(),
                exist: self.names(),
            });
        }
        let Some(version) = versions.iter().filter(|version| wanted.matches(version)).max() else {
            let exist = versions.iter().map(Version::to_string).collect();
            return Err(FindError::NoSuchVersion {
                name,
                wanted: wanted.clone(),
                folder: self.folder.clone(),
                exist,
            });
        };
        self.read(&name, version)
    }

    /// The versions of a plugin, oldest first; none where there is no such plugin.
    #[must_use]
    pub fn versions(&self, name: &PluginName) -> Vec<Version> {
        let folder = self.folder.join(name.as_str());
        let mut versions: Vec<Version> = folders(&folder).iter().filter_map(|name| name.parse().ok()).collect();
        versions.sort();
        versions
    }

    /// Every plugin with every version, in order.
    #[must_use]
    pub fn list(&self) -> Vec<(PluginName, Version)> {
        let names = self
            .names()
            .into_iter()
            .filter_map(|name| name.parse::<PluginName>().ok());
        names
            .flat_map(|name| {
                self.versions(&name)
                    .into_iter()
                    .map(move |version| (name.clone(), version))
            })
            .collect()
    }

    fn read(&self, name: &PluginName, version: &Version) -> Result<Package, FindError> {
        let folder = self.folder.join(name.as_str()).join(version.to_string());
        let package = Package::read(&folder)?;
        if package.manifest.name != *name || package.manifest.version != *version {
            let manifest = package.manifest;
            return Err(FindError::Misplaced {
                folder,
                name: manifest.name,
                version: manifest.version,
            });
        }
        Ok(package)
    }

    fn names(&self) -> Vec<String> {
        let vendors = folders(&self.folder);
        let names = |vendor: &String| {
            let names = folders(&self.folder.join(vendor));
            names
                .into_iter()
                .map(|name| format!("{vendor}/{name}"))
                .collect::<Vec<_>>()
        };
        vendors
            .iter()
            .flat_map(names)
            .filter(|name| name.parse::<PluginName>().is_ok())
            .collect()
    }
}

/// The names of the folders in a folder, in order. What cannot be read holds none.
fn folders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "nothing".to_owned(),
        count if count <= LISTED_MAX => names.join(", "),
        count => format!(
            "{} and {} more",
            names.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", "),
            count - LISTED_MAX
        ),
    }
}

#[cfg(test)]
mod tests;
