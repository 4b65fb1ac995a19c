//! The plugin that a command is for: a package as it is, or a source folder, which is built first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use transfuse_package::{BuildSettings, Language, Library, Package, ProvenanceSummary, Source, digest_of};
use transfuse_sandbox::{Plugin, Sandbox};

use super::wanted::Wanted;
use crate::console::{Console, Tone};
use crate::failure::{Failure, Hint as _};
use crate::sandboxing;
use crate::vectors::{Subject, VectorFiles};

/// What the source folder of every plugin has.
const MANIFEST: &str = "plugin.toml";

/// Where vectors lie in a source folder.
const VECTORS: &str = "vectors";

/// Beside the compiler's own files: the library that has the plugins that run mappings.
const MAP: &str = "map";

/// A plugin, and where it came from.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    /// The source folder or the package, as it was given.
    path: PathBuf,
    /// The vectors that its package holds.
    vectors: BTreeMap<String, Vec<u8>>,
}

impl Opened {
    /// Opens a package, or builds the plugin in a source folder. What the compiler says goes to `progress`.
    pub(super) fn open(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        if !path.exists() {
            return Err(anyhow::anyhow!("there is no `{}`", path.display()))
                .hint("name a plugin's source folder, which `transfuse plugin new` begins, or a package");
        }
        let file = if path.is_dir() {
            build(path, progress)?
        } else {
            path.to_owned()
        };
        let package = Wanted::read(&file)?.package;
        Ok(Self {
            subject: Subject::from(&package),
            path: path.to_owned(),
            vectors: package.vectors,
        })
    }

    /// The vectors in `folder`, or else the plugin's own.
    pub(super) fn vectors(&self, folder: Option<&Path>) -> Result<VectorFiles, Failure> {
        match folder {
            Some(folder) => of_folder(folder),
            None if self.path.is_dir() => of_folder(&self.path.join(VECTORS)),
            None => Ok(VectorFiles::of_package(&self.path, self.vectors.clone())),
        }
    }

    /// The source folder; none of a package.
    pub(super) fn source(&self) -> Option<&Path> {
        self.path.is_dir().then_some(&*self.path)
    }
}

fn of_folder(folder: &Path) -> Result<VectorFiles, Failure> {
    if folder.is_dir() {
        return Ok(VectorFiles::of_folder(folder)?);
    }
    Err(anyhow::anyhow!("there is no folder `{}`", folder.display())).hint(
        "a vector is a folder `vectors/NAME` with `vector.toml` and `input.hl7`; see `transfuse plugin test --help`",
    )
}

/// Tells what the compiler says, line by line.
pub(super) fn teller(console: Console) -> impl FnMut(&str) {
    move |line| console.note(console.notes_palette().paint(Tone::Faint, line))
}

/// A sandbox that is like the engine's, and keeps compiled code only where `TRANSFUSE_CACHE` says.
pub(super) fn sandbox() -> anyhow::Result<Sandbox> {
    Sandbox::start(sandboxing::of_author()).context("the sandbox cannot be started")
}

/// A sandbox that serves messages as the engine's does, snapshots of `init` included.
pub(super) fn serving() -> anyhow::Result<Sandbox> {
    Sandbox::start(sandboxing::of_bench()).context("the sandbox cannot be started")
}

/// A sandbox that has nothing compiled, whatever `TRANSFUSE_CACHE` says.
pub(super) fn uncached() -> anyhow::Result<Sandbox> {
    Sandbox::start(sandboxing::without_cache()).context("the sandbox cannot be started")
}

/// The plugin, ready to be run. What takes seconds to compile shows that it is being compiled.
pub(super) fn load(sandbox: &Sandbox, subject: &Subject, console: Console) -> Result<Plugin, Failure> {
    let _progress = console.working(&format!("compiling {} to machine code", subject.identity));
    Ok(sandbox.load(subject.identity.clone(), &subject.component)?)
}

/// Refuses what is no plugin's source folder, before anything looks deeper.
pub(super) fn require_source(folder: &Path) -> Result<(), Failure> {
    if folder.join(MANIFEST).is_file() {
        return Ok(());
    }
    let message = if folder.is_dir() {
        format!(
            "`{}` is no plugin's source folder: it has no `{MANIFEST}`",
            folder.display()
        )
    } else {
        format!("there is no folder `{}`", folder.display())
    };
    Err(anyhow::anyhow!(message))
        .hint("a plugin's source folder has a `plugin.toml`; `transfuse plugin new` begins one")
}

/// Builds the plugin in a folder, and gives its package.
fn build(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Failure> {
    require_source(folder)?;
    let target = super::build::target_folder();
    let map = target.join(MAP);
    // A library for each folder: several implementations of one plugin have the same name and version.
    let place = std::fs::canonicalize(folder).with_context(|| format!("cannot find `{}`", folder.display()))?;
    let digest = digest_of(place.as_os_str().as_encoded_bytes());
    let library = target.join("tried").join(digest.trim_start_matches("sha256:"));
    if let Some(file) = up_to_date(folder, &library) {
        return Ok(file);
    }
    let settings = BuildSettings {
        source_folder: folder.to_owned(),
        library_folder: library,
        target_folder: target,
        toolchain: None,
        map: Some(map),
    };
    let built = super::mapping::build(&settings, progress)
        .with_context(|| format!("cannot build the plugin in `{}`", folder.display()))?;
    Ok(built.file)
}

/// The package that was built of exactly these sources by this very program. Of Rust there is none: cargo looks for
/// itself, at what lies outside the folder too; nor of a mapping, which takes no time to build.
fn up_to_date(folder: &Path, library: &Path) -> Option<PathBuf> {
    let manifest = Source::read(folder).ok()?.manifest;
    if matches!(manifest.build.language, Language::Rust | Language::Map) {
        return None;
    }
    let file = Library::open(library).ok()?.place(&manifest.name, &manifest.version);
    let changed = |path: &Path| std::fs::metadata(path).ok()?.modified().ok();
    let is_of_this_program = changed(&file)? > changed(&std::env::current_exe().ok()?)?;
    let built_of = ProvenanceSummary::read(&Package::read(&file).ok()?.provenance)?.source_digest;
    (is_of_this_program && built_of == Source::digest(folder).ok()?).then_some(file)
}
