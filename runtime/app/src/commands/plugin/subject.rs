//! The plugin that a command is for: a package as it is, or a source folder, which is built first.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use transfuse_package::{BuildSettings, Package};
use transfuse_sandbox::{Sandbox, SandboxSettings};

use crate::console::{Console, Tone};
use crate::failure::{Failure, Hint as _};
use crate::vectors::{Subject, VectorFiles};

/// Where vectors lie in a source folder.
const VECTORS: &str = "vectors";

/// A plugin, and where it came from.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) subject: Subject,
    /// The source folder or the package, as it was given.
    pub(super) path: PathBuf,
    /// Whether `path` is a source folder.
    pub(super) is_source: bool,
}

impl Opened {
    /// Opens a package, or builds the plugin in a source folder. What the compiler says goes to `progress`.
    pub(super) fn open(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let is_source = path.is_dir();
        let package = if is_source { build(path, progress)? } else { read(path)? };
        Ok(Self {
            subject: Subject::from(&package),
            path: path.to_owned(),
            is_source,
        })
    }

    /// The vectors in `folder`, or else the plugin's own.
    pub(super) fn vectors(&self, folder: Option<&Path>) -> Result<VectorFiles, Failure> {
        let folder = folder.map_or_else(|| self.path.join(VECTORS), Path::to_owned);
        if !folder.is_dir() {
            return Err(anyhow::anyhow!("`{}` holds no vectors", folder.display())).hint(
                "a vector is a folder `vectors/NAME` with `vector.toml` and `input.hl7`; see `transfuse plugin test --help`",
            );
        }
        Ok(VectorFiles::of_folder(&folder)?)
    }
}

/// Tells what the compiler says, line by line.
pub(super) fn teller(console: Console) -> impl FnMut(&str) {
    move |line| console.note(console.notes_palette().paint(Tone::Faint, line))
}

/// A sandbox that is like the engine's, and keeps nothing.
pub(super) fn sandbox() -> anyhow::Result<Sandbox> {
    Sandbox::start(SandboxSettings::default()).context("the sandbox cannot be started")
}

fn read(path: &Path) -> Result<Package, Failure> {
    Ok(Package::read(path).with_context(|| format!("`{}` is no plugin", path.display()))?)
}

fn build(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<Package, Failure> {
    let target = super::build::target_folder();
    let settings = BuildSettings {
        source_folder: folder.to_owned(),
        library_folder: target.join("tried"),
        target_folder: target,
        toolchain: None,
    };
    let built = transfuse_package::build(&settings, progress)
        .with_context(|| format!("cannot build the plugin in `{}`", folder.display()))?;
    read(&built.file)
}
