//! Packages as files.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::read::PACKAGE_BYTES_MAX;
use super::{Package, ReadError, WriteError};

impl Package {
    /// Reads a package's file.
    pub fn read(file: &Path) -> Result<Self, ReadError> {
        let bytes = read_limited(file, PACKAGE_BYTES_MAX)?;
        Self::from_bytes(&bytes).map_err(|error| ReadError::Package {
            path: file.to_owned(),
            error,
        })
    }

    /// Writes the package into a library, as `LIBRARY/vendor/name/VERSION.oci`, and gives that file.
    pub fn write(&self, library: &Path) -> Result<PathBuf, WriteError> {
        let file = crate::library::place(library, &self.manifest.name, &self.manifest.version);
        self.write_to(&file)?;
        Ok(file)
    }

    /// Writes the package's file, and the folders on the way to it. It appears whole or not at all, and takes the place of
    /// what was there.
    pub fn write_to(&self, file: &Path) -> Result<(), WriteError> {
        let failed = |error| WriteError {
            path: file.to_owned(),
            error,
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // A hidden name is no version, so that a library never takes a half-written file for a package.
        let staged = folder.join(format!(".{name}.{}", std::process::id()));
        fs::create_dir_all(folder).map_err(failed)?;
        let written = write_synced(&staged, &self.to_bytes()).and_then(|()| fs::rename(&staged, file));
        if written.is_err() {
            _ = fs::remove_file(&staged);
        }
        written.and_then(|()| sync_folder(folder)).map_err(failed)
    }
}

/// Reads a file of at most this many bytes.
pub(crate) fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
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

/// Makes a renaming durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}
