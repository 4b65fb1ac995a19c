//! Components that were made before, by the digest of all that went into them.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// How many components are kept: one is 18 MB, and a developer works on a few plugins at once. The one that was used longest ago
/// goes first.
const KEPT_MAX: usize = 16;

/// Changed where the same inputs are to give another component.
const FORMAT: &[u8] = b"transfuse python component 1";

/// The place of one component.
pub(super) struct Cache {
    folder: PathBuf,
    inputs: Sha256,
}

impl Cache {
    pub(super) fn new(folder: PathBuf) -> Self {
        let mut cache = Self {
            folder,
            inputs: Sha256::new(),
        };
        cache.add("format", FORMAT);
        cache
    }

    /// Names one more input. Lengths keep apart what would read alike one after the other.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        for part in [name.as_bytes(), content] {
            self.inputs.update((part.len() as u64).to_le_bytes());
            self.inputs.update(part);
        }
    }

    /// The component of these inputs, where it was made before.
    pub(super) fn find(&self) -> Option<Vec<u8>> {
        let path = self.path();
        let component = fs::read(&path).ok()?;
        // The time of its last use; where it cannot be kept, it is merely thrown away earlier.
        _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(component)
    }

    /// Keeps a component, and throws old ones away. The error is with the file that it is about.
    pub(super) fn keep(&self, component: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        let path = self.path();
        let staged = path.with_extension(format!("{}.part", std::process::id()));
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&staged, component))
            .and_then(|()| fs::rename(&staged, &path))
            .map_err(|error| (path, error))?;
        self.throw_away();
        Ok(())
    }

    fn path(&self) -> PathBuf {
        let digest = self.inputs.clone().finalize();
        let name = digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        self.folder.join(name).with_extension("wasm")
    }

    /// Another build may do the same at the same time, so what is gone already is no trouble.
    fn throw_away(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let mut kept: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        kept.sort();
        for (_, path) in kept.iter().take(kept.len().saturating_sub(KEPT_MAX)) {
            _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn cache(folder: &std::path::Path, source: &str) -> Cache {
        let mut cache = Cache::new(folder.to_owned());
        cache.add("plugin.py", source.as_bytes());
        cache
    }

    #[test]
    fn a_component_is_found_by_what_went_into_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(cache(folder.path(), "a").find().is_none());
        cache(folder.path(), "a").keep(b"component").unwrap();
        assert_eq!(cache(folder.path(), "a").find().unwrap(), b"component");
        assert!(cache(folder.path(), "b").find().is_none());
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..KEPT_MAX {
            cache(folder.path(), &number.to_string()).keep(b"component").unwrap();
        }
        assert!(cache(folder.path(), "0").find().is_some(), "used again");
        cache(folder.path(), "one more").keep(b"component").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT_MAX);
        assert!(cache(folder.path(), "0").find().is_some());
        assert!(cache(folder.path(), "1").find().is_none());
    }
}
