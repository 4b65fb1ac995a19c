//! A folder that messages are written into, one file each.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use transfuse_message::Payload;

use super::folder::{self, blocking};
use super::names::safe;
use super::publish::Temporary;

/// Where the files go.
#[derive(Clone, Debug)]
pub struct FolderDestinationSettings {
    /// The folder. It must exist: a share that is not mounted must not be replaced by a folder beneath its mount
    /// point.
    pub folder: PathBuf,
}

/// A folder that could be opened.
#[derive(Clone, Debug)]
pub struct FolderDestination {
    path: Arc<Path>,
}

/// Why the folder cannot be opened: it is missing, is no folder, or may not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the folder `{}`", path.display())]
pub struct DestinationOpenError {
    /// The folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Why a file was not written. No part of it is visible under any name that a reader takes; writing it again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk, or a quota, is full.
    #[error("no space is left for the folder `{}`", path.display())]
    Full {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The process may not write there.
    #[error("no permission to write into the folder `{}`", path.display())]
    Denied {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot write into the folder `{}`", path.display())]
    Other {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FolderDestination {
    /// Makes sure that the folder can be opened, and removes temporary files that a crash left in it.
    pub async fn open(settings: FolderDestinationSettings) -> Result<FolderDestination, DestinationOpenError> {
        let path: Arc<Path> = settings.folder.into();
        let opening = Arc::clone(&path);
        match blocking(move || folder::open_first(&opening)).await {
            Ok(_) => Ok(FolderDestination { path }),
            Err(source) => Err(DestinationOpenError {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    /// Writes one file and returns its name once it is durable. The name is made safe first, and numbered where
    /// another file has it; a file of this name with this very content is taken for an earlier delivery, and nothing
    /// is written. Dropping the future does not stop the write.
    pub async fn write(&self, name: &str, content: &Payload) -> Result<String, WriteError> {
        let (path, name, content) = (Arc::clone(&self.path), safe(name), content.clone());
        let written = blocking(move || deliver(&path, &name, content.as_slice())).await;
        written.map_err(|source| WriteError::new(self.path.to_path_buf(), source))
    }
}

impl DestinationOpenError {
    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        folder::opening_hint(&self.source)
    }
}

impl WriteError {
    fn new(path: PathBuf, source: io::Error) -> WriteError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::Full { path, source },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => WriteError::Denied { path, source },
            _ => WriteError::Other { path, source },
        }
    }

    /// What would help, where something is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            WriteError::Full { .. } => Some("make room, or let the receiving system fetch its files"),
            WriteError::Denied { .. } => Some("give the engine's user the right to create files in this folder"),
            WriteError::Other { source, .. } => folder::opening_hint(source),
        }
    }
}

fn deliver(path: &Path, name: &str, content: &[u8]) -> io::Result<String> {
    let folder = folder::open(path)?;
    let mut temporary = Temporary::create(&folder)?;
    temporary.write(content)?;
    temporary.publish(name, |candidate| holds(&folder, candidate, content))
}

/// Whether the file has this content. One that cannot be read, a symbolic link out of the folder included, has not.
fn holds(folder: &Dir, name: &str, content: &[u8]) -> io::Result<bool> {
    let is_candidate = |metadata: cap_std::fs::Metadata| metadata.is_file() && metadata.len() == content.len() as u64;
    if !folder.symlink_metadata(name).is_ok_and(is_candidate) {
        return Ok(false);
    }
    let Ok(file) = folder.open(name) else { return Ok(false) };
    let mut found = Vec::with_capacity(content.len());
    file.take(content.len() as u64 + 1).read_to_end(&mut found)?;
    Ok(found == content)
}
