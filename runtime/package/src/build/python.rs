//! Python: the author's modules, the SDK and the interpreter become one component.
//!
//! The component holds a snapshot of an interpreter that has imported the plugin, so that an instance starts with everything
//! loaded. The compiler that takes it, componentize-py, bakes the seed of Python's hashes and other chance into it: two builds of
//! the same sources do the same and differ in bytes. So a component is kept by the digest of all that went into it, and what did
//! not change is not built again.

mod cache;
mod environment;
mod process;
mod sources;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use thiserror::Error;

use super::{BuildSettings, Compiled, Dependency, Registry, world};
use crate::manifest::Manifest;
use cache::Cache;
use sources::{EntryPoint, Sources};

pub use environment::PythonEnvironmentError;
pub use sources::PythonSourcesError;

/// A plugin in Python could not be compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PythonError {
    /// The sources are not where the manifest says, or are none.
    #[error(transparent)]
    Sources(#[from] PythonSourcesError),
    /// The compiler cannot be prepared.
    #[error(transparent)]
    Environment(#[from] PythonEnvironmentError),
    /// The plugin does not compile: importing it fails.
    #[error("the plugin cannot be imported:\n{said}")]
    Import {
        /// What Python says, with the author's files as the author calls them.
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

/// The SDK as it is laid into a component.
const SDK: &[(&str, &str)] = &[
    (
        "__init__.py",
        include_str!("../../../../plugin-sdk/python/transfuse/__init__.py"),
    ),
    (
        "_component.py",
        include_str!("../../../../plugin-sdk/python/transfuse/_component.py"),
    ),
    (
        "_host.py",
        include_str!("../../../../plugin-sdk/python/transfuse/_host.py"),
    ),
    (
        "config.py",
        include_str!("../../../../plugin-sdk/python/transfuse/config.py"),
    ),
    (
        "errors.py",
        include_str!("../../../../plugin-sdk/python/transfuse/errors.py"),
    ),
    (
        "exchange.py",
        include_str!("../../../../plugin-sdk/python/transfuse/exchange.py"),
    ),
    ("log.py", include_str!("../../../../plugin-sdk/python/transfuse/log.py")),
    (
        "message.py",
        include_str!("../../../../plugin-sdk/python/transfuse/message.py"),
    ),
    (
        "plugin.py",
        include_str!("../../../../plugin-sdk/python/transfuse/plugin.py"),
    ),
    (
        "py.typed",
        include_str!("../../../../plugin-sdk/python/transfuse/py.typed"),
    ),
    (
        "reject.py",
        include_str!("../../../../plugin-sdk/python/transfuse/reject.py"),
    ),
    (
        "state.py",
        include_str!("../../../../plugin-sdk/python/transfuse/state.py"),
    ),
    (
        "tables.py",
        include_str!("../../../../plugin-sdk/python/transfuse/tables.py"),
    ),
    (
        "testing.py",
        include_str!("../../../../plugin-sdk/python/transfuse/testing.py"),
    ),
    (
        "times.py",
        include_str!("../../../../plugin-sdk/python/transfuse/times.py"),
    ),
];

/// The module that the component begins with. No author's module can have this name by accident.
const ENTRY_MODULE: &str = "transfuse_component_entry";

/// The compiler's own command, by its name in Python: a script's first line may not be as long as some folders' names are.
const COMPILER: &str = "import sys; from componentize_py import script; sys.exit(script())";

/// Where the compiler shows the author's files to Python: the first folder of those that it is given.
const AUTHORS_FOLDER: &str = "/0";

pub(super) fn compile(
    settings: &BuildSettings,
    manifest: &Manifest,
    progress: &mut dyn FnMut(&str),
) -> Result<Compiled, PythonError> {
    let source = manifest.build.source.as_deref().ok_or(PythonSourcesError::NotNamed)?;
    let entry = EntryPoint::of(source)?;
    let sources = Sources::read(&settings.source_folder, &entry)?;
    let folder = std::path::absolute(settings.target_folder.join("python"))
        .map_err(|error| at(&settings.target_folder, error))?;
    // Beside the components, so that an editor finds the SDK of the binary that builds.
    write_sdk(&folder.join("sdk"))?;

    let world = world::text(&manifest.requests);
    let mut cache = Cache::new(folder.join("components"));
    cache.add("compiler", environment::REQUIREMENTS.as_bytes());
    cache.add("world", world.as_bytes());
    for (name, text) in world::CONTRACT {
        cache.add(name, text.as_bytes());
    }
    for (name, text) in SDK {
        cache.add(name, text.as_bytes());
    }
    cache.add("entry", entry_module(&entry).as_bytes());
    sources.files().for_each(|(name, content)| cache.add(name, content));
    let component = if let Some(component) = cache.find() {
        component
    } else {
        let python = environment::prepare(&folder, progress)?;
        let component = Build {
            folder: &folder,
            manifest,
            entry: &entry,
            sources: &sources,
        }
        .run(&python, progress)?;
        cache.keep(&component).map_err(|(path, error)| at(&path, error))?;
        component
    };
    Ok(Compiled {
        component,
        compiler: environment::compiler(),
        dependencies: dependencies(),
    })
}

/// One run of the compiler, in a folder of its own: several may run at once.
struct Build<'b> {
    folder: &'b Path,
    manifest: &'b Manifest,
    entry: &'b EntryPoint,
    sources: &'b Sources,
}

impl Build<'_> {
    fn run(&self, python: &Path, progress: &mut dyn FnMut(&str)) -> Result<Vec<u8>, PythonError> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let work = self.folder.join(format!("work-{}-{run}", std::process::id()));
        _ = fs::remove_dir_all(&work);
        let component = self.run_in(&work, python, progress);
        _ = fs::remove_dir_all(&work);
        component
    }

    fn run_in(&self, work: &Path, python: &Path, progress: &mut dyn FnMut(&str)) -> Result<Vec<u8>, PythonError> {
        let [author, sdk, entry, nothing] = ["author", "sdk", "entry", "nothing"].map(|name| work.join(name));
        for (name, content) in self.sources.files() {
            write(&author.join(name), content)?;
        }
        write_sdk(&sdk)?;
        write(
            &entry.join(format!("{ENTRY_MODULE}.py")),
            entry_module(self.entry).as_bytes(),
        )?;
        fs::create_dir_all(nothing.join("lib/python3/site-packages")).map_err(|error| at(&nothing, error))?;
        let wit = world::write(&self.manifest.requests, work).map_err(|error| at(work, error))?;
        let output = work.join("component.wasm");

        let mut command = super::environment::command(python, work);
        command.args(["-I", "-c", COMPILER, "--quiet", "--wit-path"]);
        command
            .arg(&wit)
            .args(["--world", world::NAME, "componentize", "--stub-wasi", "--output"])
            .arg(&output);
        for folder in [&author, &sdk, &entry] {
            command.arg("--python-path").arg(folder);
        }
        // An empty environment of packages: those of the compiler are not the plugin's.
        command.arg(ENTRY_MODULE).env("VIRTUAL_ENV", &nothing);
        progress("compiling the plugin and Python's interpreter, which takes some seconds");
        process::run(&mut command).map_err(|failure| self.failed(failure))?;
        fs::read(&output).map_err(|error| at(&output, error))
    }

    fn failed(&self, failure: process::Failure) -> PythonError {
        match failure {
            process::Failure::Run(error) => at(Path::new("python"), error),
            process::Failure::Said(said) => PythonError::Import {
                said: self.entry.in_the_authors_words(&said, AUTHORS_FOLDER),
            },
        }
    }
}

/// What the component runs first, before the snapshot is taken.
fn entry_module(entry: &EntryPoint) -> String {
    format!(
        "\"\"\"What the component begins with; written by `transfuse plugin build`.\"\"\"\n\
         import {module}\n\
         from transfuse import _component\n\
         \n\
         Transformer = _component.serve(\"{AUTHORS_FOLDER}\", \"{folder}\")\n",
        module = entry.module(),
        folder = entry.folder_name(),
    )
}

fn dependencies() -> Vec<Dependency> {
    let sdk = Dependency {
        registry: Registry::Generic,
        name: "transfuse-plugin-sdk-python".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        licence: Some(env!("CARGO_PKG_LICENSE").to_owned()),
    };
    vec![sdk, environment::dependency()]
}

fn write_sdk(folder: &Path) -> Result<(), PythonError> {
    SDK.iter()
        .try_for_each(|(name, text)| write(&folder.join("transfuse").join(name), text.as_bytes()))
}

/// Writes a file and the folders on the way to it, unless it is there as it should be: others may be reading it.
fn write(path: &Path, content: &[u8]) -> Result<(), PythonError> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|error| at(path, error))
}

fn at(path: &Path, error: io::Error) -> PythonError {
    PythonError::File {
        path: path.to_owned(),
        error,
    }
}
