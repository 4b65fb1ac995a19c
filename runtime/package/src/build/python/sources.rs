//! The author's files: which of them a component is made of, and what the author calls them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// The sources of a plugin in Python are not as they should be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PythonSourcesError {
    /// The manifest does not say where the plugin begins.
    #[error(
        "plugin.toml does not say where the plugin begins: add `source = \"src/plugin.py\"` to its section [build]"
    )]
    NotNamed,
    /// The manifest's source cannot be a module of Python.
    #[error("`source = \"{source_path}\"` of plugin.toml is not a module: {trouble}", source_path = path.display())]
    NotAModule {
        /// What the manifest says.
        path: PathBuf,
        /// What is wrong with it.
        trouble: &'static str,
    },
    /// A file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// There is more than a plugin has.
    #[error("{folder} holds more than {FILES_MAX} files or {BYTES_MAX} bytes of sources: keep the plugin in a folder of its own, such as src", folder = folder.display())]
    TooMuch {
        /// The folder of the sources.
        folder: PathBuf,
    },
}

/// A plugin has some ten files; a library that it brings with it some hundred.
const FILES_MAX: usize = 2_000;

/// Everything is held in memory and becomes part of the component, which has a limit of its own.
const BYTES_MAX: u64 = 16 << 20;

/// Folders beside the sources that are none.
const OTHER_FOLDERS: [&str; 5] = ["target", "vectors", "tests", "node_modules", "__pycache__"];

/// The module that a plugin begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryPoint {
    /// The module's folder, from the plugin's on; empty where they are the same.
    folder: PathBuf,
    module: String,
}

/// The author's files by their names below the module's folder, with `/` between their parts.
#[derive(Debug)]
pub(super) struct Sources(BTreeMap<String, Vec<u8>>);

impl EntryPoint {
    /// Of `src/plugin.py` the module `plugin` in `src`; of `plugin/__init__.py` the package `plugin` beside the manifest.
    pub(super) fn of(source: &Path) -> Result<Self, PythonSourcesError> {
        let refused = |trouble| PythonSourcesError::NotAModule {
            path: source.to_owned(),
            trouble,
        };
        if !source.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(refused("it leaves the plugin's folder"));
        }
        if source.extension().is_none_or(|extension| extension != "py") {
            return Err(refused("a module's file ends in .py"));
        }
        let is_package = source.file_name().is_some_and(|name| name == "__init__.py");
        let module = if is_package { source.parent() } else { Some(source) };
        let module = module.unwrap_or(source).with_extension("");
        let name = module.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_identifier(name) {
            return Err(refused(
                "its name is not one that Python can import: letters, digits and _ only",
            ));
        }
        if name == "transfuse" {
            return Err(refused("the SDK has that name"));
        }
        Ok(Self {
            folder: module.parent().map(Path::to_owned).unwrap_or_default(),
            module: name.to_owned(),
        })
    }

    /// The name to import.
    pub(super) fn module(&self) -> &str {
        &self.module
    }

    /// What stands before the name of a file in the author's words: `src/`, or nothing.
    pub(super) fn folder_name(&self) -> String {
        let parts = self.folder.components().map(|part| part.as_os_str().to_string_lossy());
        parts.fold(String::new(), |name, part| name + &part + "/")
    }

    /// What the compiler says, with the author's files as the author calls them.
    pub(super) fn in_the_authors_words(&self, said: &str, shown_as: &str) -> String {
        said.replace(&format!("\"{shown_as}/"), &format!("\"{}", self.folder_name()))
    }
}

impl Sources {
    /// Reads the files in the module's folder and below it. Hidden files, links, and folders that hold other things than
    /// sources are left out.
    pub(super) fn read(plugin_folder: &Path, entry: &EntryPoint) -> Result<Self, PythonSourcesError> {
        let folder = plugin_folder.join(&entry.folder);
        let mut reading = Reading {
            folder: &folder,
            files: BTreeMap::new(),
            bytes: 0,
        };
        reading.add("", &folder)?;
        Ok(Self(reading.files))
    }

    /// The files, in the order of their names.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }
}

struct Reading<'r> {
    folder: &'r Path,
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Reading<'_> {
    fn add(&mut self, prefix: &str, folder: &Path) -> Result<(), PythonSourcesError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| PythonSourcesError::File { path, error }
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let entry = entry.map_err(failed(folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(failed(&path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || OTHER_FOLDERS.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.add(&format!("{prefix}{name}/"), &path)?;
            } else if kind.is_file() {
                self.bytes += entry.metadata().map_err(failed(&path))?.len();
                if self.files.len() >= FILES_MAX || self.bytes > BYTES_MAX {
                    return Err(PythonSourcesError::TooMuch {
                        folder: self.folder.to_owned(),
                    });
                }
                let content = fs::read(&path).map_err(failed(&path))?;
                self.files.insert(format!("{prefix}{name}"), content);
            }
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_name_and_its_files_by_the_authors() {
        let entry = |source: &str| EntryPoint::of(Path::new(source)).map(|entry| (entry.folder_name(), entry.module));
        let is = |folder: &str, module: &str| (folder.to_owned(), module.to_owned());
        assert_eq!(entry("src/plugin.py").ok(), Some(is("src/", "plugin")));
        assert_eq!(entry("plugin.py").ok(), Some(is("", "plugin")));
        assert_eq!(entry("lab_normalize/__init__.py").ok(), Some(is("", "lab_normalize")));
        assert_eq!(entry("a/b/c/__init__.py").ok(), Some(is("a/b/", "c")));
        for wrong in [
            "../plugin.py",
            "/plugin.py",
            "plugin.js",
            "my-plugin.py",
            "__init__.py",
            "transfuse.py",
        ] {
            assert!(
                matches!(entry(wrong), Err(PythonSourcesError::NotAModule { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_python_says_names_the_authors_files() {
        let entry = EntryPoint {
            folder: "src".into(),
            module: "plugin".to_owned(),
        };
        let said = "  File \"/0/plugin.py\", line 3, in <module>";
        let expected = "  File \"src/plugin.py\", line 3, in <module>";
        assert_eq!(entry.in_the_authors_words(said, "/0"), expected);
    }
}
