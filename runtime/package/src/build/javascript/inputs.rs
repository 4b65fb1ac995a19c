//! What a component came from, so that unchanged sources are not compiled again: a component takes seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::digest_of;

/// Everything that a component came from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// Compiler, SDK, contract and what the manifest says of the build, as one digest.
    common: String,
    /// The author's files with their digests; none for one that is not there, and would count if it were.
    files: BTreeMap<PathBuf, Option<String>>,
}

/// Files that change how others are compiled, wherever they are missing.
const SETTINGS: &[&str] = &["package.json", "tsconfig.json"];

impl Inputs {
    /// Takes the files as they are now.
    pub(super) fn of(folder: &Path, files: Vec<PathBuf>, common: String) -> Self {
        let settings = SETTINGS.iter().map(|name| folder.join(name));
        let files = files.into_iter().chain(settings);
        Self {
            common,
            files: files.map(|path| (path.clone(), digest(&path))).collect(),
        }
    }

    /// Whether they are still what they were.
    pub(super) fn are_unchanged(&self, common: &str) -> bool {
        self.common == common && self.files.iter().all(|(path, earlier)| digest(path) == *earlier)
    }
}

fn digest(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|bytes| digest_of(&bytes))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use super::Inputs;

    #[test]
    fn any_change_of_any_input_counts() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("plugin.js");
        fs::write(&source, "1").unwrap();
        let inputs = Inputs::of(folder.path(), vec![source.clone()], "a".to_owned());
        assert!(inputs.are_unchanged("a"));
        assert!(!inputs.are_unchanged("b"), "another compiler");
        fs::write(&source, "2").unwrap();
        assert!(!inputs.are_unchanged("a"), "another text");
        fs::write(&source, "1").unwrap();
        assert!(inputs.are_unchanged("a"), "the first text again");
        fs::write(folder.path().join("tsconfig.json"), "{}").unwrap();
        assert!(!inputs.are_unchanged("a"), "settings that were not there");
        fs::remove_file(folder.path().join("tsconfig.json")).unwrap();
        fs::remove_file(&source).unwrap();
        assert!(!inputs.are_unchanged("a"), "no text any more");
    }
}
