//! A mapping as a plugin: the component is that of `transfuse/map`, or of `transfuse/map-tables` where the mapping looks
//! codes up, and the mapping's text is configuration that the package fixes.

mod parameters;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use semver::VersionReq;
use thiserror::Error;

use super::{BuildSettings, Compiled, Dependency, Registry};
use crate::library::Library;
use crate::manifest::{Manifest, ManifestError};
use crate::package::{Package, ReadError};
use crate::source::Source;

/// A mapping could not be made a plugin of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MappingError {
    /// The manifest does not say where the mapping is.
    #[error("plugin.toml does not name the mapping: write `source = \"mapping.toml\"` below `[build]`")]
    NotNamed,
    /// The mapping is missing or unreadable.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A mapping of more bytes than a configuration may have.
    #[error("{path} is larger than {MAPPING_BYTES_MAX} bytes", path = path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// A second place for what the package fixes.
    #[error("plugin.toml has a section `[config]`: give its values as defaults of `[parameters]` in the mapping")]
    ConfigTaken,
    /// The manifest cannot take the mapping.
    #[error("plugin.toml with the mapping in it: {0}")]
    Manifest(ManifestError),
    /// What runs mappings is not in the library.
    #[error(
        "{error}\nhint: a mapping's package holds the plugin that runs it: build {name} into the same library first, by \
         `transfuse plugin build {} --out {}`, or name its package with --map",
        name.replace("transfuse/", "plugins/"),
        library.display()
    )]
    NoInterpreter {
        /// The plugin that runs mappings of this kind.
        name: &'static str,
        /// Where it was looked for.
        library: PathBuf,
        /// Why it was not found.
        error: String,
    },
    /// The package that was named cannot be read.
    #[error(transparent)]
    Package(#[from] ReadError),
    /// The package that was named is that of another plugin.
    #[error("{file} is the package of {found}, and this mapping is run by {name}", file = file.display())]
    OtherPlugin {
        /// The package.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        name: &'static str,
    },
}

/// The largest mapping. It is kept in the manifest, and a mapping of a thousand rules has a third of it.
const MAPPING_BYTES_MAX: u64 = 128 << 10;

/// What runs a mapping that opens no tables.
const PLAIN: &str = "transfuse/map";

/// What runs one that does: the imports of a component are fixed.
const WITH_TABLES: &str = "transfuse/map-tables";

/// The source with the mapping's text in its manifest, as configuration that the package fixes, and with the schema of its
/// parameters, where its author has not written one.
pub(super) fn fix(source: Source, folder: &Path) -> Result<Source, MappingError> {
    if !source.manifest.config.is_empty() {
        return Err(MappingError::ConfigTaken);
    }
    let name = source.manifest.build.source.as_ref().ok_or(MappingError::NotNamed)?;
    let mapping = read(&folder.join(name))?;
    let derived = parameters::schema(source.manifest.name.as_str(), &mapping);
    let config = toml::Table::from_iter([("mapping".to_owned(), toml::Value::from(mapping))]);
    let manifest_text = format!("{}\n[config]\n{config}", source.manifest_text.trim_end());
    let manifest = Manifest::parse(&manifest_text).map_err(MappingError::Manifest)?;
    Ok(Source {
        manifest,
        manifest_text,
        config_schema: source.config_schema.or(derived),
        ..source
    })
}

/// Takes the component from the library that the package goes to.
pub(super) fn compile(settings: &BuildSettings, manifest: &Manifest) -> Result<Compiled, MappingError> {
    let name = if manifest.requests.tables.is_empty() {
        PLAIN
    } else {
        WITH_TABLES
    };
    let package = match &settings.map {
        Some(file) if file.is_file() => named(file, name)?,
        Some(library) => found(library, name)?,
        None => found(&settings.library_folder, name)?,
    };
    let version = package.manifest.version.to_string();
    Ok(Compiled {
        component: package.component,
        compiler: format!("{name} {version} ({})", package.digest),
        dependencies: vec![Dependency {
            registry: Registry::Generic,
            name: name.to_owned(),
            version,
            licence: Some(package.manifest.licence),
        }],
    })
}

fn named(file: &Path, name: &'static str) -> Result<Package, MappingError> {
    let package = Package::read(file)?;
    if package.manifest.name.as_str() == name {
        return Ok(package);
    }
    Err(MappingError::OtherPlugin {
        file: file.to_owned(),
        found: package.manifest.name.to_string(),
        name,
    })
}

fn found(library: &Path, name: &'static str) -> Result<Package, MappingError> {
    let missing = |error: String| MappingError::NoInterpreter {
        name,
        library: library.to_owned(),
        error,
    };
    let opened = Library::open(library).map_err(|error| missing(error.to_string()))?;
    let found = opened.find(name, &VersionReq::STAR);
    found.map_err(|error| missing(error.to_string()))
}

fn read(path: &Path) -> Result<String, MappingError> {
    let failed = |error| MappingError::File {
        path: path.to_owned(),
        error,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let length = file
        .take(MAPPING_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if length as u64 > MAPPING_BYTES_MAX {
        return Err(MappingError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}
