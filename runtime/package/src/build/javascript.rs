//! JavaScript and TypeScript: check the types, bundle the modules, make the component.
//!
//! The work is that of programs for Node.js, which are installed on first use, from a list of exact versions, below the
//! compiler's target folder. An author needs Node.js and npm, and no packages of their own.

mod engine;
mod inputs;
mod node;
mod sdk;
mod toolchain;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::dependency::{Dependency, Registry};
use super::{BuildSettings, Compiled, world};
use crate::digest::digest_of;
use crate::manifest::{Language, Manifest};
use inputs::Inputs;
use node::Node;
use toolchain::Toolchain;

pub use engine::EngineError;
pub use sdk::write_javascript_sdk;

/// Modules could not be compiled into a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JavaScriptError {
    /// The manifest does not say where the plugin begins.
    #[error("plugin.toml names no source: write `source = \"src/plugin.js\"` below `[build]`")]
    NoSource,
    /// The file that the manifest names is not in the plugin's folder.
    #[error("{path}, which plugin.toml names as the source, is no file in the plugin's folder", path = path.display())]
    SourceMissing {
        /// Where it should lie.
        path: PathBuf,
    },
    /// Nothing on this machine runs JavaScript.
    #[error(
        "{program} cannot be run ({reason}): to build plugins in JavaScript or TypeScript, install Node.js {} or later \
         with npm, on Debian by `apt-get install nodejs npm`",
        node::MAJOR_MIN
    )]
    NoNode {
        /// `node` or `npm`.
        program: &'static str,
        /// What the operating system says, or the version.
        reason: String,
    },
    /// The programs that do the work could not be installed.
    #[error("npm cannot install what makes components of JavaScript, which needs the registry once:\n{said}")]
    Install {
        /// The last of what npm says.
        said: String,
    },
    /// The engine that goes into a component is not as expected. Never the author's doing.
    #[error("{path}: {error}", path = path.display())]
    Engine {
        /// The engine.
        path: PathBuf,
        /// What is wrong with it.
        error: EngineError,
    },
    /// The modules do not compile.
    #[error("the plugin does not compile:\n{said}")]
    Compile {
        /// What the compilers say.
        said: String,
    },
    /// A file of the build's own cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

/// What the componentizer is told. Every path but the component's own is absolute.
#[derive(Serialize)]
struct Settings<'s> {
    language: Language,
    source: &'s Path,
    folder: &'s Path,
    sdk: &'s Path,
    engine: &'s Path,
    wit: &'s Path,
    world: &'s str,
    /// The interfaces of the contract that the plugin's world has.
    offered: Vec<&'static str>,
}

/// What the componentizer tells.
#[derive(Deserialize)]
struct Report {
    /// The author's files that the component depends on.
    files: Vec<PathBuf>,
    /// The packages of npm in it.
    packages: Vec<NpmPackage>,
}

#[derive(Serialize, Deserialize)]
struct NpmPackage {
    name: String,
    version: String,
    license: Option<String>,
}

/// What an earlier build left for the next one.
#[derive(Serialize, Deserialize)]
struct Kept {
    inputs: Inputs,
    packages: Vec<NpmPackage>,
    component_digest: String,
}

const SETTINGS: &str = "settings.json";
const REPORT: &str = "report.json";
const COMPONENT: &str = "component.wasm";
const KEPT: &str = "kept.json";

pub(super) fn compile(
    settings: &BuildSettings,
    manifest: &Manifest,
    progress: &mut dyn FnMut(&str),
) -> Result<Compiled, JavaScriptError> {
    let (folder, source) = source(settings, manifest)?;
    let node = Node::find()?;
    let work = work_folder(&settings.target_folder, &folder)?;
    let _lock = lock(&work)?;
    let common = common(manifest, &node);
    let (packages, component) = if let Some(kept) = reuse(&work, &common) {
        kept
    } else {
        let toolchain = Toolchain::prepare(&settings.target_folder, &node, progress)?;
        componentize(&node, &toolchain, manifest, &folder, &source, &work)?;
        keep(&work, &folder, common)?
    };
    Ok(Compiled {
        component,
        compiler: toolchain::compiler(manifest.build.language),
        dependencies: dependencies(packages),
    })
}

/// The plugin's folder, and the file in it that the plugin begins with.
fn source(settings: &BuildSettings, manifest: &Manifest) -> Result<(PathBuf, PathBuf), JavaScriptError> {
    let relative = manifest.build.source.as_ref().ok_or(JavaScriptError::NoSource)?;
    let folder = settings.source_folder.canonicalize();
    let folder = folder.map_err(|error| JavaScriptError::File {
        path: settings.source_folder.clone(),
        error,
    })?;
    match folder.join(relative).canonicalize() {
        Ok(source) if source.starts_with(&folder) && source.is_file() => Ok((folder, source)),
        _ => Err(JavaScriptError::SourceMissing {
            path: folder.join(relative),
        }),
    }
}

/// A folder for this plugin's builds alone, known by where the plugin lies: names may occur twice.
fn work_folder(target_folder: &Path, folder: &Path) -> Result<PathBuf, JavaScriptError> {
    let name = toolchain::short_digest(&folder.to_string_lossy());
    let absolute = std::path::absolute(target_folder.join("javascript").join(name));
    let work = absolute.map_err(in_file(target_folder))?;
    fs::create_dir_all(&work).map_err(in_file(&work))?;
    Ok(work)
}

/// Waits until no other process builds here. The lock ends with the file.
fn lock(work: &Path) -> Result<File, JavaScriptError> {
    let path = work.join("lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(in_file(&path))
}

/// All that the component depends on besides the author's files.
fn common(manifest: &Manifest, node: &Node) -> String {
    let mut text = toolchain::text();
    text.push_str(&node.version);
    text.push_str(&world::text(&manifest.requests));
    for (name, source) in sdk::FILES {
        text.push_str(name);
        text.push_str(source);
    }
    let build = format!("{:?}", manifest.build);
    text.push_str(&build);
    digest_of(text.as_bytes())
}

/// What the last build made, where nothing that it came from has changed since.
fn reuse(work: &Path, common: &str) -> Option<(Vec<NpmPackage>, Vec<u8>)> {
    let kept: Kept = serde_json::from_slice(&fs::read(work.join(KEPT)).ok()?).ok()?;
    let component = fs::read(work.join(COMPONENT)).ok()?;
    let is_same = kept.inputs.are_unchanged(common) && digest_of(&component) == kept.component_digest;
    is_same.then_some((kept.packages, component))
}

fn componentize(
    node: &Node,
    toolchain: &Toolchain,
    manifest: &Manifest,
    folder: &Path,
    source: &Path,
    work: &Path,
) -> Result<(), JavaScriptError> {
    let sdk = sdk::write(work).map_err(in_file(work))?;
    let wit = world::write(&manifest.requests, work).map_err(in_file(work))?;
    let settings = Settings {
        language: manifest.build.language,
        source,
        folder,
        sdk: &sdk,
        engine: &toolchain.engine,
        wit: &wit,
        world: world::NAME,
        offered: world::imports(&manifest.requests),
    };
    write_json(&work.join(SETTINGS), &settings)?;
    // A build that failed leaves nothing that looks like its result.
    _ = fs::remove_file(work.join(KEPT));
    let run = node.run(&toolchain.script, &[SETTINGS], work)?;
    if run.is_success {
        Ok(())
    } else {
        Err(JavaScriptError::Compile { said: run.said })
    }
}

/// Remembers what the component came from, for the next build, and gives what was made.
fn keep(work: &Path, folder: &Path, common: String) -> Result<(Vec<NpmPackage>, Vec<u8>), JavaScriptError> {
    let path = work.join(REPORT);
    let text = fs::read(&path).map_err(in_file(&path))?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .map_err(in_file(&path))?;
    let path = work.join(COMPONENT);
    let component = fs::read(&path).map_err(in_file(&path))?;
    let kept = Kept {
        inputs: Inputs::of(folder, report.files, common),
        packages: report.packages,
        component_digest: digest_of(&component),
    };
    write_json(&work.join(KEPT), &kept)?;
    Ok((kept.packages, component))
}

fn dependencies(packages: Vec<NpmPackage>) -> Vec<Dependency> {
    let of_author = packages.into_iter().map(|package| Dependency {
        registry: Registry::Npm,
        name: package.name,
        version: package.version,
        licence: package.license,
    });
    let mut dependencies: Vec<Dependency> = of_author.chain(toolchain::compiled_in()).collect();
    dependencies.sort();
    dependencies
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), JavaScriptError> {
    let text = serde_json::to_vec(value).map_err(io::Error::from);
    text.and_then(|text| fs::write(path, text)).map_err(in_file(path))
}

/// Names the file beside what the operating system says.
fn in_file(path: &Path) -> impl FnOnce(io::Error) -> JavaScriptError {
    let path = path.to_owned();
    move |error| JavaScriptError::File { path, error }
}
