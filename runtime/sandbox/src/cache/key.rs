//! The key that authenticates compiled code: made once, never leaves the folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::folder::{FolderError, create_once};

/// As long as the hash: longer keys add nothing to HMAC-SHA256.
const KEY_BYTES: usize = 32;

/// The block of SHA-256, to which HMAC pads its key with zeros.
const BLOCK_BYTES: usize = 64;

const FILE_NAME: &str = "key";

/// A random secret of this installation. Not `Debug`, so that it cannot be printed.
pub(super) struct Key([u8; KEY_BYTES]);

impl Key {
    /// Reads the key, or makes one. A key that others could read is a secret no more: it is replaced, and with it all
    /// compiled code is refused once and compiled anew.
    pub(super) fn open(folder: &Path) -> Result<Self, FolderError> {
        Self::read_or_make(folder).map_err(|source| FolderError::io(folder, source))
    }

    pub(super) fn mac(&self) -> Hmac<Sha256> {
        let mut block = [0; BLOCK_BYTES];
        let (key, _) = block.split_at_mut(KEY_BYTES);
        key.copy_from_slice(&self.0);
        Hmac::new(&block.into())
    }

    fn read_or_make(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE_NAME);
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        remove_if_present(&path)?;
        let fresh = random()?;
        create_once(&path, |file| file.write_all(&fresh))?;
        read(&path)?.ok_or_else(|| io::Error::other("the key was replaced while it was made"))
    }
}

/// The key as it lies on disk; `None` where there is none that can be trusted.
fn read(path: &Path) -> io::Result<Option<Key>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 || metadata.len() != KEY_BYTES as u64 {
        return Ok(None);
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(Some(Key(key)))
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
