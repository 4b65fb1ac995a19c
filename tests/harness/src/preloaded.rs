//! A library that stands in front of the C library, built for one test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// It and the files by which it is told what to do.
#[derive(Debug)]
pub(crate) struct Preloaded {
    folder: TempDir,
}

impl Preloaded {
    /// Compiles a file of this package.
    pub(crate) fn build(source: &str) -> Result<Self> {
        let built = Self {
            folder: tempfile::tempdir()?,
        };
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o"])
            .arg(built.file("library.so"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
            .output()
            .context("starting the C compiler")?;
        ensure!(
            compiled.status.success(),
            "{}",
            String::from_utf8_lossy(&compiled.stderr)
        );
        Ok(built)
    }

    /// What the environment of a process says that is to have it.
    pub(crate) fn loaded(&self) -> (&'static str, OsString) {
        ("LD_PRELOAD", self.file("library.so").into())
    }

    /// A file beside it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
