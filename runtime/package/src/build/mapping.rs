//! A mapping as a plugin: the component is that of `transfuse/map`, or of `transfuse/map-tables` where the mapping looks
//! codes up, and the mapping's text is configuration that the package fixes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use semver::VersionReq;
use thiserror::Error;

use super::{BuildSettings, Compiled};
use crate::library::{FindError, Library, OpenError};
use crate::manifest::{Manifest, ManifestError};
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
    /// The library that the package goes to cannot be read.
    #[error(transparent)]
    Library(#[from] OpenError),
    /// What runs mappings is not in the library.
    #[error(
        "{error}\nhint: a mapping's package holds the plugin that runs it: build {name} into the same library first"
    )]
    NoInterpreter {
        /// The plugin that runs mappings of this kind.
        name: &'static str,
        /// Why it was not found.
        error: Box<FindError>,
    },
}

/// The largest mapping. It is kept in the manifest, and a mapping of a thousand rules has a third of it.
const MAPPING_BYTES_MAX: u64 = 128 << 10;

/// What runs a mapping that opens no tables.
const PLAIN: &str = "transfuse/map";

/// What runs one that does: the imports of a component are fixed.
const WITH_TABLES: &str = "transfuse/map-tables";

/// The source with the mapping's text in its manifest, as configuration that the package fixes.
pub(super) fn fix(source: Source, folder: &Path) -> Result<Source, MappingError> {
    if !source.manifest.config.is_empty() {
        return Err(MappingError::ConfigTaken);
    }
    let name = source.manifest.build.source.as_ref().ok_or(MappingError::NotNamed)?;
    let mapping = read(&folder.join(name))?;
    let config = toml::Table::from_iter([("mapping".to_owned(), toml::Value::from(mapping))]);
    let manifest_text = format!("{}\n[config]\n{config}", source.manifest_text.trim_end());
    let manifest = Manifest::parse(&manifest_text).map_err(MappingError::Manifest)?;
    Ok(Source {
        manifest,
        manifest_text,
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
    let library = Library::open(&settings.library_folder)?;
    let found = library.find(name, &VersionReq::STAR);
    let package = found.map_err(|error| MappingError::NoInterpreter {
        name,
        error: Box::new(error),
    })?;
    Ok(Compiled {
        component: package.component,
        compiler: format!("{} {} ({})", name, package.manifest.version, package.digest),
        dependencies: Vec::new(),
    })
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
