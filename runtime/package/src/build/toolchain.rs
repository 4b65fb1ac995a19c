//! Which compiler builds plugins on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use super::environment;

/// A compiler that builds for `wasm32-unknown-unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    kind: Kind,
    cargo: PathBuf,
    rustc: PathBuf,
    compiler: String,
    sources: PathBuf,
    sources_name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A toolchain that has the target's standard library, as rustup installs it.
    Ready,
    /// Debian's packages: the standard library is compiled from its sources together with the plugin.
    Debian,
}

/// Nothing on this machine builds for WebAssembly.
#[derive(Debug, Error)]
#[error(
    "no Rust toolchain here builds for {TARGET}: with rustup run `rustup target add {TARGET}`; without, on Debian, \
     `apt-get install rustc-web cargo-web rust-web-src lld-19` ({reason})"
)]
pub struct ToolchainError {
    /// Why neither is there.
    reason: String,
}

pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian puts what its packages `rustc-web`, `cargo-web` and `lld-19` bring.
const DEBIAN_BINARIES: &str = "/usr/bin";
const DEBIAN_LINKER: &str = "wasm-ld-19";

impl Toolchain {
    /// The first toolchain that can do it: the one that a plain `cargo` in the crate's folder would use, or else
    /// Debian's packages.
    pub fn find(source_folder: &Path) -> Result<Self, ToolchainError> {
        let ready = match Self::ready(source_folder) {
            Ok(toolchain) => return Ok(toolchain),
            Err(error) => error,
        };
        Self::debian(source_folder).map_err(|debian| ToolchainError {
            reason: format!("{}; {}", ready.reason, debian.reason),
        })
    }

    /// The toolchain that a plain `cargo` in the crate's folder would use, where it has the target.
    pub fn ready(source_folder: &Path) -> Result<Self, ToolchainError> {
        let toolchain = Self::probe(Kind::Ready, "cargo".into(), "rustc".into(), source_folder)?;
        let arguments = ["--print", "target-libdir", "--target", TARGET];
        let libraries = answer(toolchain.command(&toolchain.rustc, source_folder).args(arguments))?;
        if Path::new(&libraries).is_dir() {
            return Ok(toolchain);
        }
        Err(ToolchainError {
            reason: format!("{} has no {TARGET}", toolchain.compiler),
        })
    }

    /// Debian's packages.
    pub fn debian(source_folder: &Path) -> Result<Self, ToolchainError> {
        let binaries = Path::new(DEBIAN_BINARIES);
        let linker = binaries.join(DEBIAN_LINKER);
        let toolchain = Self::probe(
            Kind::Debian,
            binaries.join("cargo"),
            binaries.join("rustc"),
            source_folder,
        )?;
        let library = toolchain.sources.join("library/std");
        match [linker, library].iter().find(|path| !path.exists()) {
            Some(missing) => Err(ToolchainError {
                reason: format!("there is no {}", missing.display()),
            }),
            None => Ok(toolchain),
        }
    }

    /// The compiler, as it calls itself.
    #[must_use]
    pub fn compiler(&self) -> &str {
        &self.compiler
    }

    /// A command of cargo in `folder`, set up for this toolchain.
    pub(super) fn cargo(&self, folder: &Path) -> Command {
        self.command(&self.cargo, folder)
    }

    /// What `cargo build` needs beside the ordinary.
    pub(super) fn build_arguments(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Ready => &[],
            Kind::Debian => &["-Zbuild-std=std,panic_abort"],
        }
    }

    /// Each toolchain keeps its own files: one's are of no use to the other.
    pub(super) fn target_folder(&self, target_folder: &Path) -> PathBuf {
        target_folder.join(match self.kind {
            Kind::Ready => "ready",
            Kind::Debian => "debian",
        })
    }

    /// Where the sources of the standard library may lie, and what stands for that place in a component.
    pub(super) fn sources(&self) -> (&Path, &str) {
        (&self.sources, &self.sources_name)
    }

    fn probe(kind: Kind, cargo: PathBuf, rustc: PathBuf, folder: &Path) -> Result<Self, ToolchainError> {
        let mut toolchain = Self {
            kind,
            cargo,
            rustc,
            compiler: String::new(),
            sources: PathBuf::new(),
            sources_name: String::new(),
        };
        let version = answer(toolchain.command(&toolchain.rustc, folder).arg("-vV"))?;
        let sysroot = answer(toolchain.command(&toolchain.rustc, folder).args(["--print", "sysroot"]))?;
        let commit = version
            .lines()
            .find_map(|line| line.strip_prefix("commit-hash: "))
            .unwrap_or("unknown");
        version
            .lines()
            .next()
            .unwrap_or_default()
            .clone_into(&mut toolchain.compiler);
        toolchain.sources = Path::new(&sysroot).join("lib/rustlib/src/rust");
        // The name that the compiler's makers gave the sources; a build with the sources at hand comes out alike.
        toolchain.sources_name = format!("/rustc/{commit}");
        Ok(toolchain)
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = environment::command(program, folder);
        if self.kind == Kind::Debian {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(PathBuf::from(DEBIAN_BINARIES)).chain(std::env::split_paths(&path));
            if let Ok(path) = std::env::join_paths(folders) {
                command.env("PATH", path);
            }
            command
                .env("RUSTC", &self.rustc)
                // Compiling the standard library is not yet a stable feature of cargo.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        }
        command
    }
}

/// What a short command prints.
fn answer(command: &mut Command) -> Result<String, ToolchainError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |reason: String| ToolchainError {
        reason: format!("{program}: {reason}"),
    };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::ToolchainError;

    #[test]
    fn a_machine_without_a_toolchain_is_told_both_ways_to_one() {
        let told = ToolchainError {
            reason: "cargo: not found".to_owned(),
        }
        .to_string();
        assert!(told.contains("rustup target add wasm32-unknown-unknown"), "{told}");
        assert!(
            told.contains("apt-get install rustc-web cargo-web rust-web-src lld-19"),
            "{told}"
        );
    }
}
