//! From an author's folder to a package: compile by the language that it is written in, check, write.

mod cargo;
mod debug_info;
mod dependency;
mod environment;
mod python;
mod rust;
mod toolchain;
mod world;

use std::path::PathBuf;

use thiserror::Error;

use crate::component::{ComponentError, Interfaces, interfaces};
use crate::manifest::{Language, Manifest, PluginName};
use crate::package::{Package, ReadError, WriteError};
use semver::Version;

pub use cargo::CargoError;
pub use debug_info::DebugInfoError;
pub use dependency::{Dependency, Registry};
pub use python::{PythonEnvironmentError, PythonError, PythonSourcesError};
pub use rust::RustError;
pub use toolchain::{Toolchain, ToolchainError};

/// What to build, and where to.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The plugin's folder, with `plugin.toml` and the sources.
    pub source_folder: PathBuf,
    /// The library that the package is written to, as `vendor/name/version`.
    pub library_folder: PathBuf,
    /// Where the compiler keeps its own files between builds. Never the host's own: flags differ, and each would throw
    /// away what the other built.
    pub target_folder: PathBuf,
    /// With which toolchain of Rust; none to take the first that is there.
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
    pub folder: PathBuf,
    /// The component's digest, which is the plugin's identity.
    pub digest: String,
    /// The size of the component.
    pub component_bytes: u64,
    /// What the component asks its host for.
    pub imports: Vec<String>,
    /// The compiler that built it, as it calls itself.
    pub compiler: String,
    /// What is compiled into it besides the plugin's own sources, by name.
    pub dependencies: Vec<Dependency>,
}

/// A plugin could not be built. The library holds what it held before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `plugin.toml` is missing or wrong.
    #[error(transparent)]
    Manifest(ReadError),
    /// The crate could not be compiled.
    #[error(transparent)]
    Rust(#[from] RustError),
    /// The modules of Python could not be compiled.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// What the compiler made is no component. Never the author's doing.
    #[error("{0}")]
    Component(#[from] ComponentError),
    /// The sources compile, and export no plugin.
    #[error("the sources hold no plugin: {}", exported(*.0))]
    NoPlugin(Language),
    /// The component asks for something that no host of plugins gives.
    #[error("the plugin imports {0}, which no interface can grant: a plugin has no clock, no files and no network")]
    ForeignImport(String),
    /// The package could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Every import of a plugin begins with this.
const CONTRACT: &str = "transfuse:plugin/";

/// What every plugin exports, in one version or another.
const TRANSFORMER: &str = "transfuse:plugin/transformer@";

/// What a language's compiler made of a plugin's sources.
struct Compiled {
    component: Vec<u8>,
    /// The compiler, as it calls itself.
    compiler: String,
    /// What is compiled in besides the plugin's own sources, by name.
    dependencies: Vec<Dependency>,
}

/// Builds a plugin and writes its package. What the compiler says goes to `progress`, line by line.
///
/// The component does not depend on where the sources or the compiler's own files lie, and names no local folder: the
/// same sources give the same digest with the same toolchain.
pub fn build(settings: &BuildSettings, progress: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let (manifest, manifest_text) = Package::read_manifest(&settings.source_folder).map_err(BuildError::Manifest)?;
    let compiled = compile(settings, &manifest, progress)?;
    let imports = check(&compiled.component, manifest.build.language)?;
    let package = Package::new(manifest, manifest_text, compiled.component);
    let folder = package.write(&settings.library_folder)?;
    Ok(Built {
        name: package.manifest.name,
        version: package.manifest.version,
        folder,
        digest: package.digest,
        component_bytes: package.component.len() as u64,
        imports,
        compiler: compiled.compiler,
        dependencies: compiled.dependencies,
    })
}

fn compile(
    settings: &BuildSettings,
    manifest: &Manifest,
    progress: &mut dyn FnMut(&str),
) -> Result<Compiled, BuildError> {
    match manifest.build.language {
        Language::Rust => Ok(rust::compile(settings, progress)?),
        Language::Python => Ok(python::compile(settings, manifest, progress)?),
    }
}

/// Gives what the component asks its host for, where that is all that a plugin may ask for.
fn check(component: &[u8], language: Language) -> Result<Vec<String>, BuildError> {
    let Interfaces { imports, exports } = interfaces(component)?;
    if !exports.iter().any(|export| export.starts_with(TRANSFORMER)) {
        return Err(BuildError::NoPlugin(language));
    }
    match imports.iter().find(|import| !import.starts_with(CONTRACT)) {
        Some(foreign) => Err(BuildError::ForeignImport(foreign.clone())),
        None => Ok(imports),
    }
}

/// How sources of a language say that they hold a plugin.
fn exported(language: Language) -> &'static str {
    match language {
        Language::Rust => "put `#[transform]` on its function",
        Language::Python => "put `@transform` on its function",
    }
}
