//! What `make test` has built, found from where the tests themselves were built.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

/// The `transfuse` binary of the same build.
pub fn binary() -> Result<PathBuf> {
    built("debug/transfuse")
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

fn built(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("a test knows where it is")?;
    // TARGET/debug/deps/test-hash
    let target = test
        .ancestors()
        .nth(3)
        .context("tests are built three folders below the target folder")?;
    let path = target.join(name);
    ensure!(
        path.exists(),
        "{} is missing: run the tests with `make test`, which builds it",
        path.display()
    );
    Ok(path)
}
