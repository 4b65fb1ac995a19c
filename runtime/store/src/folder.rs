//! The data folder: where files are, and that only one engine works on them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::OpenError;
use crate::format::unusable;

/// Patient data is for the engine's own user only.
const FOLDER_MODE: u32 = 0o700;

/// A data folder that this process holds; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// The lock lives as long as this file is open; the kernel releases it even after a kill.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and locks it.
    pub(crate) fn hold(path: PathBuf) -> Result<Self, OpenError> {
        make_private(&path)?;
        make_private(&path.join("journal"))?;
        let lock = lock_file(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn journal(&self) -> PathBuf {
        journal_in(&self.path)
    }

    pub(crate) fn live(&self) -> PathBuf {
        live_in(&self.path)
    }

    pub(crate) fn usage(&self) -> PathBuf {
        self.path.join("usage.sqlite")
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        catalog_in(&self.path)
    }
}

/// The journal of a data folder, whoever holds it.
pub(crate) fn journal_in(folder: &Path) -> PathBuf {
    folder.join("journal")
}

/// The projection of a data folder, whoever holds it.
pub(crate) fn live_in(folder: &Path) -> PathBuf {
    folder.join("live.sqlite")
}

/// The catalog of a data folder, whoever holds it.
pub(crate) fn catalog_in(folder: &Path) -> PathBuf {
    folder.join("catalog.sqlite")
}

/// Makes new directory entries durable: a file that a power cut takes back was never there.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

fn make_private(path: &Path) -> Result<(), OpenError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    let closed = made.and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(FOLDER_MODE)));
    closed.map_err(|error| unusable(path, &error))
}

fn lock_file(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let mut file = opened.map_err(|error| unusable(&path, &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(OpenError::InUse {
                folder: folder.to_owned(),
                holder: holder(&mut file),
            });
        }
        Err(error) => return Err(unusable(&path, &error)),
    }
    let noted = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()));
    noted.map_err(|error| unusable(&path, &error))?;
    Ok(file)
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_second_engine_is_refused_and_told_who_holds_the_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        let held = DataFolder::hold(path.clone()).unwrap();
        let refused = DataFolder::hold(path.clone()).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("in use by process {}", std::process::id())),
            "{refused}"
        );
        drop(held);
        DataFolder::hold(path.clone()).unwrap();
    }

    #[test]
    fn the_folder_is_closed_to_other_users_even_when_it_was_open() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let _held = DataFolder::hold(path.clone()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
