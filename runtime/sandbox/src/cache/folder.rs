//! The folder that only the owner may enter, and files that appear whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

const OWNER_ONLY_FOLDER: u32 = 0o700;
const OWNER_ONLY_FILE: u32 = 0o600;

/// Why the folder of compiled code cannot be used. Nothing was written to it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The operating system refused.
    #[error("the folder of compiled code {} cannot be used", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another user could have put code there.
    #[error("the folder of compiled code {} belongs to another user: remove it or choose another", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
}

impl FolderError {
    pub(super) fn io(folder: &Path, source: io::Error) -> Self {
        Self::Io {
            folder: folder.to_owned(),
            source,
        }
    }
}

/// Makes the folder, or closes one that is ours to everybody else.
pub(super) fn prepare(folder: &Path) -> Result<(), FolderError> {
    let io = |source| FolderError::io(folder, source);
    DirBuilder::new()
        .recursive(true)
        .mode(OWNER_ONLY_FOLDER)
        .create(folder)
        .map_err(io)?;
    let metadata = fs::metadata(folder).map_err(io)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(FolderError::Foreign {
            folder: folder.to_owned(),
        });
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(OWNER_ONLY_FOLDER)).map_err(io)?;
    }
    Ok(())
}

/// Writes a file under another name and renames it into place.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let draft = draft_of(path);
    let written = create(&draft)
        .and_then(|mut file| write(&mut file))
        .and_then(|()| fs::rename(&draft, path));
    remove_draft_on_error(&draft, written)
}

/// Like [`replace`], but leaves alone a file that has appeared meanwhile.
pub(super) fn create_once(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let draft = draft_of(path);
    let written = create(&draft)
        .and_then(|mut file| write(&mut file))
        .and_then(|()| link_once(&draft, path));
    let removed = fs::remove_file(&draft);
    written.and(removed)
}

fn link_once(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn create(path: &Path) -> io::Result<File> {
    open_for_owner(OpenOptions::new().write(true).create_new(true), path)
}

/// Opens a file that nobody else can read where it is made.
pub(super) fn open_for_owner(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(OWNER_ONLY_FILE).open(path)
}

fn remove_draft_on_error(draft: &Path, written: io::Result<()>) -> io::Result<()> {
    written.inspect_err(|_| {
        // What cannot be removed is overwritten by nobody and read by nobody.
        let _ = fs::remove_file(draft);
    })
}

/// A name that no other thread or process uses.
fn draft_of(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{number}.draft", std::process::id()))
}
