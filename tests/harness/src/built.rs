//! What `make test` has built, found from where the tests themselves were built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// The `transfuse` binary of the same build and profile.
pub fn binary() -> Result<PathBuf> {
    existing(profile_folder()?.join("transfuse"))
}

/// The folder of built first-party plugins.
pub fn plugins() -> Result<PathBuf> {
    built("plugins")
}

/// The folder of plugins that misbehave on purpose.
pub fn test_plugins() -> Result<PathBuf> {
    built("test-plugins")
}

/// The Python that has the foreign MLLP client.
pub fn python() -> Result<PathBuf> {
    built("python/bin/python")
}

/// The folder of compiled plugins that all tests share, so that each plugin is compiled once, and not by each of a
/// hundred engines. The first engine makes it.
pub fn compiled() -> Result<PathBuf> {
    Ok(target_folder()?.join("compiled"))
}

/// The folder of real messages, which is kept outside the project: named by `TRANSFUSE_CORPUS`, or found as
/// `shared/corpus` beside one of the folders above. A test that wants it says so where it is not there.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("TRANSFUSE_CORPUS") {
        return Some(folder.into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    here.map(|folder| folder.join("shared/corpus"))
        .find(|folder| folder.is_dir())
}

fn built(name: &str) -> Result<PathBuf> {
    existing(target_folder()?.join(name))
}

/// The folder that everything is built in, as `CARGO_TARGET_DIR` names it: commands that build plugins find there what was
/// built before.
pub fn target_folder() -> Result<PathBuf> {
    let profile = profile_folder()?;
    let target = profile
        .parent()
        .context("a profile's folder lies in the target folder")?;
    Ok(target.to_owned())
}

/// `TARGET/debug` or `TARGET/release`: tests lie in `deps` below it, and the bench right in it.
fn profile_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("a test knows where it is")?;
    let folder = program.parent().context("a program lies in a folder")?;
    let profile = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(profile.to_owned())
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.exists(),
        "{} is missing: `make test` and `make bench` build it",
        path.display()
    );
    Ok(path)
}
