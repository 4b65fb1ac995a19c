//! From an author's Rust crate to a package: compile, trim, componentise, write.

mod cargo;
mod debug_info;
mod environment;
mod toolchain;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::component::{ComponentError, Interfaces, componentize, interfaces};
use crate::manifest::PluginName;
use crate::package::{Contents, Package, PackageError, WriteError};
use crate::source::{Source, SourceError};
use semver::Version;

pub use cargo::CargoError;
pub use debug_info::DebugInfoError;
pub use toolchain::{Toolchain, ToolchainError};

/// What to build, and where to.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The folder of the crate, with `Cargo.toml` and `plugin.toml`.
    pub source_folder: PathBuf,
    /// The library that the package is written to, as `vendor/name/VERSION.oci`.
    pub library_folder: PathBuf,
    /// Where the compiler keeps its own files between builds. Never the host's own: flags differ, and each would throw
    /// away what the other built.
    pub target_folder: PathBuf,
    /// With which toolchain; none to take the first that is there.
    pub toolchain: Option<Toolchain>,
}

/// What was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The plugin.
    pub name: PluginName,
    /// Its version.
    pub version: Version,
    /// Where the package lies.
    pub file: PathBuf,
    /// The package's digest, which is the plugin's identity.
    pub digest: String,
    /// The component's digest.
    pub component_digest: String,
    /// The size of the component.
    pub component_bytes: u64,
    /// What the component asks its host for.
    pub imports: Vec<String>,
    /// The compiler that built it, as it calls itself.
    pub compiler: String,
}

/// A plugin could not be built. The library holds what it held before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `plugin.toml` is missing or wrong, or what lies beside it cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nothing on this machine builds for WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The crate does not compile, or is not fit to be a plugin.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// The crate compiles, and exports no plugin.
    #[error("the crate holds no plugin: put `#[transform]` on its function")]
    NoPlugin,
    /// The compiled module could not become a component.
    #[error("{module}: {error}", module = module.display())]
    Component {
        /// What the compiler made.
        module: PathBuf,
        /// What is wrong with it.
        error: ComponentError,
    },
    /// The compiled module's debug information is not as expected.
    #[error("{module}: {error}", module = module.display())]
    DebugInfo {
        /// What the compiler made.
        module: PathBuf,
        /// What is wrong with it.
        error: DebugInfoError,
    },
    /// The component asks for something that no host of plugins gives.
    #[error("the plugin imports {0}, which no interface can grant: a plugin has no clock, no files and no network")]
    ForeignImport(String),
    /// The compiled module cannot be read.
    #[error("{module}: {error}", module = module.display())]
    Read {
        /// What the compiler made.
        module: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// What was built does not fit into a package.
    #[error("the plugin cannot be packaged: {0}")]
    Package(#[from] PackageError),
    /// The package could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Every import of a plugin begins with this.
const CONTRACT: &str = "transfuse:plugin/";

/// What every plugin exports, in one version or another.
const TRANSFORMER: &str = "transfuse:plugin/transformer@";

/// Builds a plugin and writes its package. What the compiler says goes to `progress`, line by line.
///
/// The component does not depend on where the crate or the compiler's own files lie, and names no local folder: the
/// same sources give the same digest with the same toolchain.
pub fn build(settings: &BuildSettings, progress: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let source = Source::read(&settings.source_folder)?;
    let toolchain = match &settings.toolchain {
        Some(toolchain) => toolchain.clone(),
        None => Toolchain::find(&settings.source_folder)?,
    };
    let module = cargo::compile(&toolchain, &settings.source_folder, &settings.target_folder, progress)?;
    let component = component(&module)?;
    let Interfaces { imports, exports } =
        interfaces(&component).map_err(|error| BuildError::Component { module, error })?;
    if !exports.iter().any(|export| export.starts_with(TRANSFORMER)) {
        return Err(BuildError::NoPlugin);
    }
    if let Some(foreign) = imports.iter().find(|import| !import.starts_with(CONTRACT)) {
        return Err(BuildError::ForeignImport(foreign.clone()));
    }
    let package = Package::new(Contents {
        manifest_text: source.manifest_text,
        component,
        config_schema: source.config_schema,
        vectors: source.vectors,
        sbom: String::new(),
        provenance: String::new(),
    })?;
    let file = package.write(&settings.library_folder)?;
    Ok(Built {
        name: package.manifest.name,
        version: package.manifest.version,
        file,
        digest: package.digest,
        component_digest: package.component_digest,
        component_bytes: package.component.len() as u64,
        imports,
        compiler: toolchain.compiler().to_owned(),
    })
}

fn component(module: &Path) -> Result<Vec<u8>, BuildError> {
    let bytes = std::fs::read(module).map_err(|error| BuildError::Read {
        module: module.to_owned(),
        error,
    })?;
    let trimmed = debug_info::trim(&bytes).map_err(|error| BuildError::DebugInfo {
        module: module.to_owned(),
        error,
    })?;
    componentize(&trimmed).map_err(|error| BuildError::Component {
        module: module.to_owned(),
        error,
    })
}
