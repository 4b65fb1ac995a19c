//! Compiled code on disk, kept as a secret of this installation.
//!
//! Compiled code runs with the rights of the host, so a file is believed only when its authentication code fits: the
//! HMAC of its name and content under a key that lies beside it, readable by the owner alone. So a folder can serve several
//! engines of one user on a machine: it has one key, files appear whole, and one process compiles while others wait. A file that fits not is
//! compiled anew and overwritten; nothing here ever keeps a plugin from loading.

mod folder;
mod key;
mod sweep;

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub(crate) use folder::FolderError;
pub(crate) use sweep::InUse;

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
    /// Found, whole and ours; with what keeps it there, where that can be had.
    Found(Vec<u8>, Option<InUse>),
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
        (&file).take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        Ok(match self.check(digest, content) {
            Ok(compiled) => Lookup::Found(compiled, InUse::mark(file)),
            Err(reason) => Lookup::Refused(reason),
        })
    }

    /// Writes beside the final name and renames, so that a reader sees the old file or the new one; then makes room, where
    /// the folder holds too much. Gives what keeps the file there.
    pub(crate) fn write(&self, digest: &str, compiled: &[u8]) -> io::Result<Option<InUse>> {
        let tag = self.tag(digest, compiled).finalize().into_bytes();
        let path = self.path(digest);
        folder::replace(&path, |file| {
            file.write_all(&tag)?;
            file.write_all(compiled)
        })?;
        let in_use = InUse::mark(File::open(path)?);
        sweep::sweep(&self.folder)?;
        Ok(in_use)
    }

    /// Whether what would be known by this digest cannot be made, as far as [`refuse`](Self::refuse) was told.
    pub(crate) fn is_refused(&self, digest: &str) -> bool {
        self.refusal(digest).exists()
    }

    /// Keeps in mind that this engine cannot make what would be known by this digest.
    pub(crate) fn refuse(&self, digest: &str) -> io::Result<()> {
        folder::replace(&self.refusal(digest), |_| Ok(()))
    }

    /// It needs no authentication code: whoever can write here can as well remove compiled code, and loses time only.
    fn refusal(&self, digest: &str) -> PathBuf {
        self.path(digest).with_extension(sweep::REFUSED)
    }

    /// Waits until no other process compiles this component. `None` where that cannot be known: then both compile it, and
    /// the later file takes the place of the earlier one.
    pub(crate) fn wait_for_turn(&self, digest: &str) -> Option<Turn> {
        let path = self.path(digest).with_extension(sweep::TURN);
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

    /// The compiled code in a file, or what is wrong with it.
    fn check(&self, digest: &str, mut content: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        if content.len() as u64 > FILE_BYTES_MAX {
            return Err("it is larger than any compiled component");
        }
        let Some((tag, compiled)) = content.split_at_checked(TAG_BYTES) else {
            return Err("it is too short to hold an authentication code");
        };
        if self.tag(digest, compiled).verify_slice(tag).is_err() {
            return Err("its authentication code does not fit");
        }
        content.drain(..TAG_BYTES);
        Ok(content)
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
        format!("{component}-{}.{}", self.engine, sweep::CODE)
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
