//! Opening folders, and calling the file system without blocking the runtime.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::publish::clear_temporaries;

/// A capability for the folder. It is opened anew for each piece of work, because one that is kept would go on showing
/// a folder that was deleted, renamed or unmounted meanwhile.
pub(super) fn open(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, ambient_authority())
}

/// Opens the folder for the first time, and removes the temporary files that a crash left in it.
pub(super) fn open_first(path: &Path) -> io::Result<Dir> {
    let folder = open(path)?;
    let files = clear_temporaries(&folder)?;
    if files > 0 {
        tracing::info!(folder = %path.display(), files, "removed files that were not written to their end");
    }
    Ok(folder)
}

/// Creates the folder where it is missing; not the one around it.
pub(super) fn create(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// What would help where a folder cannot be opened.
pub(super) fn opening_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => Some("create the folder; if it is a share, check that it is mounted"),
        io::ErrorKind::PermissionDenied => Some("give the engine's user the right to read and write this folder"),
        io::ErrorKind::NotADirectory => Some("name a folder, not a file"),
        _ => None,
    }
}

/// Runs `work` where it may wait for a disk or a network share.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
