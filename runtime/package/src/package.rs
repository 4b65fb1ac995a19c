//! A plugin as it is distributed: two files in a folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::manifest::{Manifest, ManifestError};

/// A plugin with its manifest.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// What the plugin says about itself.
    pub manifest: Manifest,
    /// The manifest as it is written, comments included.
    pub manifest_text: String,
    /// The WebAssembly component.
    pub component: Vec<u8>,
    /// The plugin's identity everywhere: `sha256:` and the component's digest in hexadecimal.
    pub digest: String,
}

/// A package could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file is missing or unreadable.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is larger than a package's may be.
    #[error("{path} is larger than {bytes_max} bytes", path = path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The manifest is wrong.
    #[error("{path}: {error}", path = path.display())]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// Line, key and trouble.
        error: ManifestError,
    },
    /// The file is not a WebAssembly component.
    #[error("{path} is not a WebAssembly component: build it with `transfuse plugin build`", path = path.display())]
    NotAComponent {
        /// Which.
        path: PathBuf,
    },
}

/// A package could not be written. The library holds what it held before.
#[derive(Debug, Error)]
#[error("{path}: {error}", path = path.display())]
pub struct WriteError {
    /// What could not be written.
    pub path: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

/// A component of more than this is refused: the largest that today's toolchains make, Python's with its interpreter
/// inside, has 18 MB.
pub const COMPONENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A manifest has some ten lines.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024;

const MANIFEST: &str = "plugin.toml";
const COMPONENT: &str = "component.wasm";

/// Magic, version and layer of a component; a core module differs in the last four bytes.
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\x00\x01\x00";

impl Package {
    /// Reads an unpacked package: `plugin.toml` and `component.wasm` in `folder`.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let (manifest, manifest_text) = Self::read_manifest(folder)?;
        let path = folder.join(COMPONENT);
        let component = read_limited(&path, COMPONENT_BYTES_MAX)?;
        if !component.starts_with(COMPONENT_HEADER) {
            return Err(ReadError::NotAComponent { path });
        }
        Ok(Self::new(manifest, manifest_text, component))
    }

    /// Reads `plugin.toml` in `folder` and gives it with its text.
    pub(crate) fn read_manifest(folder: &Path) -> Result<(Manifest, String), ReadError> {
        let path = folder.join(MANIFEST);
        let bytes = read_limited(&path, MANIFEST_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|error| ReadError::File {
            path: path.clone(),
            error: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        let manifest = Manifest::parse(&text).map_err(|error| ReadError::Manifest { path, error })?;
        Ok((manifest, text))
    }

    pub(crate) fn new(manifest: Manifest, manifest_text: String, component: Vec<u8>) -> Self {
        let digest = digest(&component);
        Self {
            manifest,
            manifest_text,
            component,
            digest,
        }
    }

    /// Writes the package into a library, `LIBRARY/vendor/name/version`, and gives that folder.
    ///
    /// The folder appears whole or not at all. One that is there already, from an earlier build, is exchanged whole.
    pub fn write(&self, library: &Path) -> Result<PathBuf, WriteError> {
        let plugin = library.join(self.manifest.name.as_str());
        let folder = plugin.join(self.manifest.version.to_string());
        // Hidden names are no versions, so that a library never takes a half-written one for a package.
        let staged = plugin.join(format!(".{}.{}", self.manifest.version, std::process::id()));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| WriteError { path, error }
        };
        fs::create_dir_all(&staged).map_err(failed(&staged))?;
        let written = write_synced(&staged.join(MANIFEST), self.manifest_text.as_bytes())
            .and_then(|()| write_synced(&staged.join(COMPONENT), &self.component))
            .and_then(|()| put_in_place(&staged, &folder))
            .map_err(failed(&folder));
        // After an exchange this is the earlier package, and after a failure the half-written one.
        _ = fs::remove_dir_all(&staged);
        written.map(|()| folder)
    }
}

/// The component is a compiled program and says nothing to a reader.
impl std::fmt::Debug for Package {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            manifest,
            component,
            digest,
            ..
        } = self;
        write!(
            formatter,
            "Package({} {}, {} bytes, {digest})",
            manifest.name,
            manifest.version,
            component.len()
        )
    }
}

fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(|error| ReadError::File {
            path: path.to_owned(),
            error,
        })?;
    if bytes.len() as u64 > bytes_max {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(bytes)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn put_in_place(staged: &Path, folder: &Path) -> io::Result<()> {
    let flags = if folder.exists() {
        RenameFlags::EXCHANGE
    } else {
        RenameFlags::NOREPLACE
    };
    renameat_with(CWD, staged, CWD, folder, flags).map_err(io::Error::from)
}

fn digest(component: &[u8]) -> String {
    let digest = Sha256::digest(component);
    digest
        .iter()
        .fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests;
