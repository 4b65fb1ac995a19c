//! Compiled code on disk, kept as a secret of this installation.
//!
//! Compiled code runs with the rights of the host, so a file is believed only when its authentication code fits: the
//! HMAC of its name and content under a key that lies beside it, readable by the owner alone. So a folder can serve several
//! engines of one user on a machine: it has one key, files appear whole, and one process compiles while others wait. A file that fits not is
//! compiled anew and overwritten; nothing here ever keeps a plugin from loading.

mod folder;
mod key;

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub(crate) use folder::FolderError;

use key::Key;

use crate::compiler::COMPILED_BYTES_MAX;

/// The length of HMAC-SHA256.
const TAG_BYTES: usize = 32;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = COMPILED_BYTES_MAX + TAG_BYTES as u64;

/// What the authentication code is for, so that a code made for anything else fits no file here.
const PURPOSE: &[u8] = b"transfuse compiled component 1\n";

/// Compiled code by component and engine.
pub(crate) struct Cache {
    folder: PathBuf,
    key: Key,
    engine: String,
}

/// The right to compile a component, among all processes that share the folder. Held until dropped.
pub(crate) struct Turn {
    _lock: File,
    had_to_wait: bool,
}

impl Turn {
    /// Whether another process had it meanwhile.
    pub(crate) fn had_to_wait(&self) -> bool {
        self.had_to_wait
    }
}

/// Whether compiled code was found.
pub(crate) enum Lookup {
    /// Found, whole and ours.
    Found(Vec<u8>),
    /// Never compiled by this engine.
    Absent,
    /// There, but not as this installation wrote it.
    Refused(&'static str),
}

impl Cache {
    /// Opens the folder and the key, making both when they are not there.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> Result<Self, FolderError> {
        folder::prepare(folder)?;
        let key = Key::open(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
            engine: fingerprint(engine),
        })
    }

    /// Reads the file whole and checks those very bytes.
    pub(crate) fn read(&self, digest: &str) -> io::Result<Lookup> {
        let file = match File::open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lookup::Absent),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        Ok(self.check(digest, content))
    }

    /// Writes beside the final name and renames, so that a reader sees the old file or the new one.
    pub(crate) fn write(&self, digest: &str, compiled: &[u8]) -> io::Result<()> {
        let tag = self.tag(digest, compiled).finalize().into_bytes();
        folder::replace(&self.path(digest), |file| {
            file.write_all(&tag)?;
            file.write_all(compiled)
        })
    }

    /// Waits until no other process compiles this component. `None` where that cannot be known: then both compile it, and
    /// the later file takes the place of the earlier one.
    pub(crate) fn wait_for_turn(&self, digest: &str) -> Option<Turn> {
        let path = self.path(digest).with_extension("lock");
        let lock = folder::open_for_owner(OpenOptions::new().write(true).create(true).truncate(false), &path).ok()?;
        let had_to_wait = match lock.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => lock.lock().map(|()| true).ok()?,
            Err(TryLockError::Error(_)) => return None,
        };
        Some(Turn {
            _lock: lock,
            had_to_wait,
        })
    }

    fn check(&self, digest: &str, mut content: Vec<u8>) -> Lookup {
        if content.len() as u64 > FILE_BYTES_MAX {
            return Lookup::Refused("it is larger than any compiled component");
        }
        let Some((tag, compiled)) = content.split_at_checked(TAG_BYTES) else {
            return Lookup::Refused("it is too short to hold an authentication code");
        };
        if self.tag(digest, compiled).verify_slice(tag).is_err() {
            return Lookup::Refused("its authentication code does not fit");
        }
        content.drain(..TAG_BYTES);
        Lookup::Found(content)
    }

    /// Covers what the file is called by too, so that no file can stand in for another.
    fn tag(&self, digest: &str, compiled: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.mac();
        mac.update(PURPOSE);
        mac.update(self.name(digest).as_bytes());
        mac.update(b"\n");
        mac.update(compiled);
        mac
    }

    fn name(&self, digest: &str) -> String {
        let component = digest.trim_start_matches("sha256:");
        format!("{component}-{}.cwasm", self.engine)
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(self.name(digest))
    }
}

/// Names everything that compiled code depends on: the engine's version, its settings and the processor's features.
fn fingerprint(engine: &wasmtime::Engine) -> String {
    let mut hasher = DigestHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hasher.0.finalize();
    digest
        .iter()
        .take(8)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Feeds what hashes itself into SHA-256, whose result is the same in every process.
struct DigestHasher(Sha256);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::fingerprint;
    use crate::{SandboxSettings, engine};

    #[test]
    fn what_the_compiling_process_makes_is_what_this_one_can_load() {
        let settings = SandboxSettings {
            threads: 1,
            threads_max: 1,
            ..SandboxSettings::default()
        };
        let engine = engine::build(&settings).unwrap();
        let compiler = engine::build_compiler(settings.stack_bytes_max).unwrap();
        assert_eq!(fingerprint(&engine), fingerprint(&compiler));
    }
}
