//! Digests by which a message is recognised when it comes again.
//!
//! They are keyed: without the key, which lies beside the journal and not in it, nobody can find out whether a message that they
//! have guessed is among those that were received.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::folder::sync_folder;

/// As long as the hash: longer keys add nothing to HMAC-SHA256.
const KEY_BYTES: usize = 32;

/// The block of SHA-256, to which HMAC pads its key with zeros.
const BLOCK_BYTES: usize = 64;

/// A half of the hash: among all messages that there will ever be, no two are taken for one another.
const DIGEST_BYTES: usize = 16;

/// What a message is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; DIGEST_BYTES]);

/// Makes digests. It is not printed, because it holds the key.
#[derive(Clone)]
pub struct Digests([u8; KEY_BYTES]);

impl Digests {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(&self, bytes: &[u8]) -> Digest {
        let mut block = [0; BLOCK_BYTES];
        let (key, _) = block.split_at_mut(KEY_BYTES);
        key.copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(bytes);
        let whole = mac.finalize().into_bytes();
        let mut digest = [0; DIGEST_BYTES];
        for (to, from) in digest.iter_mut().zip(whole) {
            *to = from;
        }
        Digest(digest)
    }

    /// Reads the key of a data folder that this process holds, or makes one. With another key nothing that came before is
    /// recognised.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("digests.key");
        let mut key = [0; KEY_BYTES];
        match File::open(&path) {
            Ok(mut file) => {
                file.read_exact(&mut key)?;
                return Ok(Self(key));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let draft = path.with_extension("making");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        sync_folder(folder)?;
        Ok(Self(key))
    }
}

impl Digest {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// None where these are too many or too few.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Digests").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_folder_keeps_its_key_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = Digests::open(folder.path()).unwrap();
        let again = Digests::open(folder.path()).unwrap();
        assert_eq!(first.of(b"MSH|1"), again.of(b"MSH|1"));
        assert_ne!(first.of(b"MSH|1"), first.of(b"MSH|2"));
        let mode = std::fs::metadata(folder.path().join("digests.key")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Digests::open(other.path()).unwrap().of(b"MSH|1"), first.of(b"MSH|1"));
    }
}
