//! One digest over all that an author wrote.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::SourceError;
use crate::digest::{ALGORITHM, hexadecimal};
use crate::package::{ReadError, read_limited};

/// Folders that tools fill and nobody writes. Hidden ones are left out too.
const MADE: [&str; 4] = ["target", "node_modules", "__pycache__", "plugin-build"];

/// What a build itself leaves behind.
const PACKAGE_SUFFIX: &str = "oci";

/// A plugin is some dozens of files. More means that the folder is not a plugin's own.
const FILES_MAX: usize = 10_000;

/// Of one source file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The digest over paths and contents of the files in a folder, in the order of their paths.
pub(super) fn digest(folder: &Path) -> Result<String, SourceError> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    let mut hash = Sha256::new();
    for (path, digest) in files {
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(digest);
    }
    Ok(format!("{ALGORITHM}{}", hexadecimal(&hash.finalize())))
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, [u8; 32]>) -> Result<(), SourceError> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_package = path.extension().is_some_and(|extension| extension == PACKAGE_SUFFIX);
        if name.starts_with('.') || MADE.contains(&name.as_str()) || is_package {
            continue;
        }
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        if path.is_dir() {
            // A link may lead round in a circle, and out of what the author wrote.
            if !is_link {
                collect(root, &path, files)?;
            }
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(SourceError::TooManyFiles {
                folder: root.to_owned(),
                files_max: FILES_MAX,
            });
        }
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let content = read_limited(&path, FILE_BYTES_MAX)?;
        files.insert(below, Sha256::digest(&content).into());
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |error: io::Error| {
        let path = folder.to_owned();
        SourceError::File(ReadError::File { path, error })
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::digest;

    #[test]
    fn what_an_author_wrote_counts_and_what_tools_made_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        write("src/lib.rs", "fn one() {}");
        let first = digest(folder.path()).unwrap();
        for made in [
            "target/x",
            "node_modules/y/z.js",
            ".git/HEAD",
            "dist/acme/own/0.1.0.oci",
        ] {
            write(made, "made");
            assert_eq!(digest(folder.path()).unwrap(), first, "{made}");
        }
        write("src/other.rs", "");
        let second = digest(folder.path()).unwrap();
        assert_ne!(second, first, "an empty file counts by its name");
        write("src/lib.rs", "fn two() {}");
        assert_ne!(digest(folder.path()).unwrap(), second);
    }
}
