//! A folder of packages: `vendor/name/VERSION.oci`.

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
#[error("the folder of plugins `{folder}` cannot be read: {error}", folder = folder.display())]
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
    /// The package says that it is another one than its file's name says.
    #[error("{file} holds {name} {version}: a package is the file vendor/name/VERSION.oci", file = file.display())]
    Misplaced {
        /// Where it lies.
        file: PathBuf,
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

/// What a package's file is called after its version.
const SUFFIX: &str = ".oci";

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
        let of_file = |name: &String| name.strip_suffix(SUFFIX)?.parse().ok();
        let mut versions: Vec<Version> = names(&folder, Path::is_file).iter().filter_map(of_file).collect();
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

    /// Where a version lies, or would lie.
    #[must_use]
    pub fn place(&self, name: &PluginName, version: &Version) -> PathBuf {
        place(&self.folder, name, version)
    }

    /// Reads one version.
    pub fn read(&self, name: &PluginName, version: &Version) -> Result<Package, FindError> {
        let file = self.place(name, version);
        let package = Package::read(&file)?;
        if package.manifest.name != *name || package.manifest.version != *version {
            let manifest = package.manifest;
            return Err(FindError::Misplaced {
                file,
                name: manifest.name,
                version: manifest.version,
            });
        }
        Ok(package)
    }

    /// The plugins of which there is a version.
    fn names(&self) -> Vec<String> {
        let vendors = names(&self.folder, Path::is_dir);
        let of_vendor = |vendor: &String| {
            let plugins = names(&self.folder.join(vendor), Path::is_dir);
            plugins
                .into_iter()
                .map(|name| format!("{vendor}/{name}"))
                .collect::<Vec<_>>()
        };
        vendors
            .iter()
            .flat_map(of_vendor)
            .filter(|name| name.parse().is_ok_and(|name| !self.versions(&name).is_empty()))
            .collect()
    }
}

/// Where a version lies in a library.
pub(crate) fn place(library: &Path, name: &PluginName, version: &Version) -> PathBuf {
    library.join(name.as_str()).join(format!("{version}{SUFFIX}"))
}

/// The names of what lies in a folder and is of a kind, in order. What cannot be read holds nothing.
fn names(folder: &Path, is_wanted: fn(&Path) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| is_wanted(&entry.path()));
    let mut names: Vec<String> = wanted
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
