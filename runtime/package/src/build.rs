//! From an author's folder to a package: compile by the language that it is written in, check, write.

mod cargo;
mod check;
mod debug_info;
mod dependency;
mod environment;
mod javascript;
mod mapping;
mod python;
mod rust;
mod toolchain;
mod world;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::component::ComponentError;
use crate::config_schema::ConfigSchemaError;
use crate::digest::digest_of;
use crate::manifest::{Language, Manifest, PluginName};
use crate::package::{Contents, Package, PackageError, WriteError};
use crate::provenance;
use crate::sbom;
use crate::source::{Source, SourceError};
use semver::Version;

pub use cargo::CargoError;
pub use debug_info::DebugInfoError;
pub use dependency::{Dependency, Registry};
pub use javascript::{EngineError, JavaScriptError, write_javascript_sdk};
pub use mapping::MappingError;
pub use python::{PythonEnvironmentError, PythonError, PythonSourcesError};
pub use rust::RustError;
pub use toolchain::{Toolchain, ToolchainError};

/// What to build, and where to.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The plugin's folder, with `plugin.toml` and the sources.
    pub source_folder: PathBuf,
    /// The library that the package is written to, as `vendor/name/VERSION.oci`.
    pub library_folder: PathBuf,
    /// Where the compiler keeps its own files between builds. Never the host's own: flags differ, and each would throw
    /// away what the other built.
    pub target_folder: PathBuf,
    /// With which toolchain of Rust; none to take the first that is there.
    pub toolchain: Option<Toolchain>,
    /// The package of the plugin that runs mappings, or a library that has it; none for the library that is written to.
    pub map: Option<PathBuf>,
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
    /// What is compiled into it besides the plugin's own sources, by name.
    pub dependencies: Vec<Dependency>,
}

/// A plugin could not be built. The library holds what it held before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `plugin.toml` is missing or wrong, or what lies beside it cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The crate could not be compiled.
    #[error(transparent)]
    Rust(#[from] RustError),
    /// The modules could not be compiled.
    #[error(transparent)]
    JavaScript(#[from] JavaScriptError),
    /// The modules of Python could not be compiled.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The mapping cannot be made a plugin of.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Whoever asked for the build has tried what came of it, and found something wrong.
    #[error("{0}")]
    Refused(String),
    /// What the compiler made is no component. Never the author's doing.
    #[error("{0}")]
    Component(#[from] ComponentError),
    /// The sources compile, and export no plugin.
    #[error("the sources hold no plugin: {}", exported(*.0))]
    NoPlugin(Language),
    /// The component asks for something that no host of plugins gives.
    #[error("the plugin imports {0}, which no interface can grant: a plugin has no clock, no files and no network")]
    ForeignImport(String),
    /// The component asks for something that the manifest does not request.
    #[error("the plugin imports {import}, which plugin.toml does not request: write `{line}` below `[requests]`")]
    Unrequested {
        /// The interface.
        import: String,
        /// What to write.
        line: &'static str,
    },
    /// The schema of the configuration is none.
    #[error("config.schema.json: {0}")]
    ConfigSchema(#[from] ConfigSchemaError),
    /// The configuration in the manifest does not fit the schema beside it.
    #[error("plugin.toml: `[config]` does not fit config.schema.json: {0}")]
    Config(String),
    /// What was built does not fit into a package.
    #[error("the plugin cannot be packaged: {0}")]
    Package(#[from] PackageError),
    /// The package could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

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
/// same sources give the same digest with the same toolchain. Python's is the exception: its compiler takes a snapshot of a
/// running interpreter, so that only a machine that has built these sources before gives the same component again.
pub fn build(settings: &BuildSettings, progress: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    build_tried(settings, progress, &mut |_| Ok(()))
}

/// The same for whoever can run a component: `attempt` sees the package before it is written, and says what is wrong with
/// it.
pub fn build_tried(
    settings: &BuildSettings,
    progress: &mut dyn FnMut(&str),
    attempt: &mut dyn FnMut(&Package) -> Result<(), String>,
) -> Result<Built, BuildError> {
    let source = Source::read(&settings.source_folder)?;
    let source = match source.manifest.build.language {
        Language::Map => mapping::fix(source, &settings.source_folder)?,
        _ => source,
    };
    // Before anything is compiled: a slip here would cost a minute there.
    check::config_schema(&source)?;
    let compiled = compile(settings, &source.manifest, progress)?;
    let imports = check::component(&compiled.component, &source.manifest)?;
    let package = package(source, &compiled, &settings.source_folder)?;
    attempt(&package).map_err(BuildError::Refused)?;
    let file = package.write(&settings.library_folder)?;
    Ok(Built {
        name: package.manifest.name,
        version: package.manifest.version,
        file,
        digest: package.digest,
        component_digest: package.component_digest,
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
        Language::JavaScript | Language::TypeScript => Ok(javascript::compile(settings, manifest, progress)?),
        Language::Python => Ok(python::compile(settings, manifest, progress)?),
        Language::Map => Ok(mapping::compile(settings, manifest)?),
    }
}

/// Puts together what was compiled, what lies beside it, and what is known of the build.
fn package(source: Source, compiled: &Compiled, source_folder: &Path) -> Result<Package, BuildError> {
    let component_digest = digest_of(&compiled.component);
    // After compiling, because a first build writes a lock file.
    let source_digest = Source::digest(source_folder)?;
    let sbom = sbom::write(&source.manifest, &component_digest, &compiled.dependencies);
    let provenance = provenance::write(&provenance::Build {
        manifest: &source.manifest,
        manifest_text: &source.manifest_text,
        component_digest: &component_digest,
        compiler: &compiled.compiler,
        source_digest: &source_digest,
    });
    Ok(Package::new(Contents {
        manifest_text: source.manifest_text,
        component: compiled.component.clone(),
        config_schema: source.config_schema,
        vectors: source.vectors,
        sbom,
        provenance,
    })?)
}

/// How sources of a language say that they hold a plugin.
fn exported(language: Language) -> &'static str {
    match language {
        Language::Rust => "put `#[transform]` on its function",
        Language::JavaScript | Language::TypeScript => "write `export const transformer = transform(..)`",
        Language::Python => "put `@transform` on its function",
        Language::Map => "the `transfuse/map` of the library is none itself",
    }
}
