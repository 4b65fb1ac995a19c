//! What was made of files, and is made again when they change.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::TlsError;

/// Something made of files. What they are is asked at every use, which is once for each connection.
pub(super) struct Reloaded<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
    held: Mutex<Option<Held<T>>>,
}

struct Held<T> {
    stamps: Vec<Option<Stamp>>,
    made: Arc<T>,
}

/// What tells one content of a file from the next: whoever renews a certificate writes a new file or changes this one.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified_at: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl<T> Reloaded<T> {
    pub(super) fn new(files: Vec<PathBuf>, make: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static) -> Self {
        Self {
            files,
            make: Box::new(make),
            held: Mutex::new(None),
        }
    }

    /// Made of the files as they are. Where they have become unusable, which they are for a moment while two of them are
    /// renewed, what was made of them before stays, and a warning says so once for each change. Blocks on the disk.
    pub(super) fn current(&self) -> Result<Arc<T>, TlsError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what changes meanwhile is found by the next call.
        let stamps: Vec<_> = self.files.iter().map(|file| stamp(file)).collect();
        if let Some(held) = held.as_ref().filter(|held| held.stamps == stamps) {
            return Ok(Arc::clone(&held.made));
        }
        match ((self.make)(), held.as_mut()) {
            (Ok(made), _) => {
                let made = Arc::new(made);
                *held = Some(Held {
                    stamps,
                    made: Arc::clone(&made),
                });
                Ok(made)
            }
            (Err(error), Some(held)) => {
                tracing::warn!(%error, "TLS goes on with what its files were before");
                held.stamps = stamps;
                Ok(Arc::clone(&held.made))
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.files).finish()
    }
}

fn stamp(file: &std::path::Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;

    let found = std::fs::metadata(file).ok()?;
    Some(Stamp {
        modified_at: found.modified().ok(),
        bytes: found.len(),
        inode: found.ino(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_changed_file_counts_from_the_next_use_and_an_unusable_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certificate.pem");
        let read = {
            let file = file.clone();
            move || match std::fs::read_to_string(&file) {
                Ok(text) if text.starts_with("good") => Ok(text),
                _ => Err(TlsError::NoCertificate { file: file.clone() }),
            }
        };
        let reloaded = Reloaded::new(vec![file.clone()], read);
        assert!(matches!(reloaded.current(), Err(TlsError::NoCertificate { .. })));
        std::fs::write(&file, "good").unwrap();
        let first = reloaded.current().unwrap();
        assert!(
            Arc::ptr_eq(&first, &reloaded.current().unwrap()),
            "nothing is read again"
        );
        std::fs::write(&file, "good, and renewed").unwrap();
        assert_eq!(*reloaded.current().unwrap(), "good, and renewed");
        std::fs::write(&file, "half of a").unwrap();
        assert_eq!(*reloaded.current().unwrap(), "good, and renewed");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(*reloaded.current().unwrap(), "good, and renewed");
        std::fs::write(&file, "good once more").unwrap();
        assert_eq!(*reloaded.current().unwrap(), "good once more");
    }
}
