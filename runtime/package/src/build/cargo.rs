//! Cargo: what there is to compile, and compiling it.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde::Deserialize;
use thiserror::Error;

use super::dependency::{Dependency, Registry};
use super::toolchain::{TARGET, Toolchain};

/// The crate does not compile, or is not fit to be a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CargoError {
    /// Cargo did not start.
    #[error("cargo cannot be run: {0}")]
    Run(#[source] io::Error),
    /// Cargo does not understand the crate.
    #[error("cargo cannot read the crate in {folder}:\n{said}", folder = folder.display())]
    Metadata {
        /// The crate's folder.
        folder: PathBuf,
        /// What cargo says.
        said: String,
    },
    /// The folder holds a workspace and no crate of its own.
    #[error("{folder} holds no crate: name the folder of the plugin's own Cargo.toml", folder = folder.display())]
    NoCrate {
        /// The folder.
        folder: PathBuf,
    },
    /// The crate makes no library that could be linked to a module.
    #[error("{manifest} makes no module: add `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`", manifest = manifest.display())]
    NoModule {
        /// The crate's Cargo.toml.
        manifest: PathBuf,
    },
    /// The crate does not compile.
    #[error("the crate does not compile:\n{said}")]
    Compile {
        /// The last of what the compiler says.
        said: String,
    },
}

/// The same as `[profile.plugin]` in this repository, for crates everywhere: small, without unwinding, because a panic
/// ends the instance anyway, and with line tables, so that a fault can name the source line.
const PROFILE: &[&str] = &[
    "profile.plugin.inherits='release'",
    "profile.plugin.opt-level='s'",
    "profile.plugin.lto=true",
    "profile.plugin.codegen-units=1",
    "profile.plugin.panic='abort'",
    "profile.plugin.debug='line-tables-only'",
    "profile.plugin.strip='none'",
    "profile.plugin.overflow-checks=false",
    "profile.plugin.incremental=false",
];

const BUILD: &[&str] = &[
    "build",
    "--lib",
    "--profile",
    "plugin",
    "--target",
    TARGET,
    "--color",
    "never",
    "--message-format",
    "json-render-diagnostics",
];

/// 64 KiB of stack instead of 1 MiB: a fresh instance per message starts with two pages of memory, and a plugin that
/// needs more has lost its way in a recursion.
const STACK: &str = "-Clink-arg=-zstack-size=65536";

/// How much of what the compiler says an error repeats. All of it went to the progress.
const SAID_LINES_MAX: usize = 60;

/// What separates flags in `CARGO_ENCODED_RUSTFLAGS`; a folder's name may hold a space.
const FLAG_SEPARATOR: &str = "\u{1f}";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<PackageMetadata>,
    workspace_root: PathBuf,
    resolve: Resolve,
}

/// Who depends on whom, for this target.
#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

/// `dev` and `build`; none where the code is compiled in.
#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
    license: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<TargetMetadata>,
}

#[derive(Deserialize)]
struct TargetMetadata {
    crate_types: Vec<String>,
}

impl PackageMetadata {
    fn dependency(&self) -> Dependency {
        Dependency {
            registry: match self.source {
                Some(_) => Registry::Cargo,
                None => Registry::Generic,
            },
            name: self.name.clone(),
            version: self.version.clone(),
            // How licences were listed before there were expressions.
            licence: self.license.as_ref().map(|licence| licence.replace('/', " OR ")),
        }
    }
}

/// A line of `cargo build --message-format json`; other reasons have other keys.
#[derive(Deserialize)]
struct BuildMessage {
    reason: String,
    package_id: Option<String>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// What cargo made.
pub(super) struct Compiled {
    /// Where the module lies.
    pub(super) module: PathBuf,
    /// The crates in it, besides the plugin's own.
    pub(super) dependencies: Vec<Dependency>,
}

/// Compiles the crate.
pub(super) fn compile(
    toolchain: &Toolchain,
    source_folder: &Path,
    target_folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Compiled, CargoError> {
    let source_folder = source_folder.canonicalize().map_err(CargoError::Run)?;
    let target_folder = std::path::absolute(toolchain.target_folder(target_folder)).map_err(CargoError::Run)?;
    let metadata = metadata(toolchain, &source_folder)?;
    let manifest = source_folder.join("Cargo.toml");
    let package = metadata
        .packages
        .iter()
        .find(|package| package.manifest_path == manifest);
    let package = package.ok_or_else(|| CargoError::NoCrate {
        folder: source_folder.clone(),
    })?;
    if !package
        .targets
        .iter()
        .any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
    {
        return Err(CargoError::NoModule { manifest });
    }
    let mut command = toolchain.cargo(&source_folder);
    command
        .args(BUILD)
        .args(toolchain.build_arguments())
        .args(PROFILE.iter().flat_map(|setting| ["--config", setting]))
        .arg("--target-dir")
        .arg(&target_folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &metadata, &target_folder));
    let messages = run(command, progress)?;
    let module = module(&messages, &package.id).ok_or(CargoError::NoModule { manifest })?;
    let dependencies = dependencies(&metadata, &package.id);
    Ok(Compiled { module, dependencies })
}

/// The crates that a crate is compiled with, directly or through others, by name.
fn dependencies(metadata: &Metadata, package_id: &str) -> Vec<Dependency> {
    let mut reached = BTreeSet::from([package_id]);
    let mut waiting = vec![package_id];
    while let Some(id) = waiting.pop() {
        let nodes = metadata.resolve.nodes.iter().filter(|node| node.id == id);
        let compiled_in = nodes
            .flat_map(|node| &node.deps)
            .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        waiting.extend(
            compiled_in
                .map(|edge| edge.pkg.as_str())
                .filter(|id| reached.insert(id)),
        );
    }
    let packages = metadata.packages.iter();
    let mut dependencies: Vec<Dependency> = packages
        .filter(|package| package.id != package_id && reached.contains(package.id.as_str()))
        .map(PackageMetadata::dependency)
        .collect();
    dependencies.sort();
    dependencies
}

fn metadata(toolchain: &Toolchain, source_folder: &Path) -> Result<Metadata, CargoError> {
    let mut command = toolchain.cargo(source_folder);
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--color",
        "never",
        "--filter-platform",
        TARGET,
    ]);
    let output = command.output().map_err(CargoError::Run)?;
    let failed = |said: String| CargoError::Metadata {
        folder: source_folder.to_owned(),
        said,
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// The compiler's flags. Every folder that could show in a component gets a name that is the same on every machine.
fn flags(toolchain: &Toolchain, metadata: &Metadata, target_folder: &Path) -> OsString {
    let (sources, sources_name) = toolchain.sources();
    let real_sources = sources.canonicalize().unwrap_or_else(|_| sources.to_owned());
    let mut renamed: Vec<(PathBuf, String)> = metadata
        .packages
        .iter()
        .filter_map(|package| place(package, &metadata.workspace_root))
        .collect();
    renamed.push((target_folder.to_owned(), "/target".to_owned()));
    renamed.push((sources.to_owned(), sources_name.to_owned()));
    renamed.push((real_sources, sources_name.to_owned()));
    // The author's own files are named as from the author's own folder: `src/lib.rs`.
    renamed.push((metadata.workspace_root.clone(), String::new()));
    // Where several fit, the compiler takes the last: a folder inside another comes after it.
    renamed.sort_by_key(|(folder, _)| (folder.as_os_str().len(), folder.clone()));
    renamed.dedup();
    let mut flags = OsString::from(STACK);
    for (folder, name) in renamed {
        flags.push(FLAG_SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// A crate from a registry or from git is known by the folder that cargo keeps it in, less the part that names the mirror
/// it was fetched from; one of this machine by its name, unless it lies in the author's own workspace.
fn place(package: &PackageMetadata, workspace_root: &Path) -> Option<(PathBuf, String)> {
    let folder = package.manifest_path.parent()?;
    match package.source {
        Some(_) => Some((folder.parent()?.to_owned(), "/.cargo/registry".to_owned())),
        None if folder.starts_with(workspace_root) => None,
        None => Some((folder.to_owned(), format!("/{}-{}", package.name, package.version))),
    }
}

/// Runs cargo; its messages are returned, what it says to people goes to `progress`.
fn run(mut command: Command, progress: &mut dyn FnMut(&str)) -> Result<String, CargoError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(CargoError::Run)?;
    let messages = read_messages(&mut child);
    let mut said = VecDeque::new();
    for line in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|stderr| BufReader::new(stderr).lines())
    {
        let line = line.map_err(CargoError::Run)?;
        progress(&line);
        said.push_back(line);
        if said.len() > SAID_LINES_MAX {
            said.pop_front();
        }
    }
    let messages = messages
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the reading thread panicked")));
    if child.wait().map_err(CargoError::Run)?.success() {
        return messages.map_err(CargoError::Run);
    }
    Err(CargoError::Compile {
        said: Vec::from(said).join("\n"),
    })
}

/// Both pipes are read at the same time, because cargo waits where one is full.
fn read_messages(child: &mut Child) -> thread::JoinHandle<io::Result<String>> {
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let mut messages = String::new();
        match stdout {
            Some(mut stdout) => stdout.read_to_string(&mut messages).map(|_| messages),
            None => Ok(messages),
        }
    })
}

fn module(messages: &str, package_id: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<BuildMessage>(line).ok());
    let of_package = |message: &BuildMessage| {
        message.reason == "compiler-artifact" && message.package_id.as_deref() == Some(package_id)
    };
    let files = messages.filter(of_package).flat_map(|message| message.filenames);
    files
        .into_iter()
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}
