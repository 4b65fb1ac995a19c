//! The folder that an author writes: manifest, configuration schema and test vectors beside the language's own files.

mod digest;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::manifest::{Manifest, ManifestError};
use crate::package::{ReadError, Role, is_sound_path, read_limited};

/// What a plugin's folder holds beside the files that are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the plugin says about itself.
    pub manifest: Manifest,
    /// The manifest as it is written.
    pub manifest_text: String,
    /// `config.schema.json`, where there is one. Nobody has looked into it yet.
    pub config_schema: Option<String>,
    /// What lies in `vectors/`: bytes by the path below it.
    pub vectors: BTreeMap<String, Vec<u8>>,
}

/// A plugin's folder could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file is missing, unreadable or too large.
    #[error(transparent)]
    File(#[from] ReadError),
    /// A file is not text.
    #[error("{path} is not UTF-8 text", path = path.display())]
    NotText {
        /// Which.
        path: PathBuf,
    },
    /// The manifest is wrong.
    #[error("{path}: {error}", path = path.display())]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// Line, key and trouble.
        error: ManifestError,
    },
    /// A file among the test vectors that a package cannot hold.
    #[error(
        "{path}: the files of test vectors have names of letters, digits, spaces, `.`, `_` and `-`, at most 100 bytes with \
         their folders, and lie at most {VECTOR_DEPTH_MAX} folders deep",
        path = path.display()
    )]
    VectorName {
        /// Which.
        path: PathBuf,
    },
    /// More files than a plugin has.
    #[error("{folder} holds more than {files_max} files: name the plugin's own folder", folder = folder.display())]
    TooManyFiles {
        /// The folder.
        folder: PathBuf,
        /// The limit.
        files_max: usize,
    },
    /// The test vectors are too large, all together.
    #[error("{folder}: the test vectors have more than {bytes_max} bytes", folder = folder.display())]
    VectorsTooLarge {
        /// Where they lie.
        folder: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
}

/// How deep folders of test vectors may lie in each other: `NAME/input.hl7` and a table beside it need two.
const VECTOR_DEPTH_MAX: usize = 4;

impl Source {
    /// Reads a plugin's folder.
    pub fn read(folder: &Path) -> Result<Self, SourceError> {
        let path = folder.join(Role::Manifest.title());
        let manifest_text = text(&path, Role::Manifest)?;
        let manifest = Manifest::parse(&manifest_text).map_err(|error| SourceError::Manifest { path, error })?;
        let schema = folder.join(Role::ConfigSchema.title());
        let config_schema = schema.exists().then(|| text(&schema, Role::ConfigSchema)).transpose()?;
        Ok(Self {
            manifest,
            manifest_text,
            config_schema,
            vectors: Self::read_vectors(&folder.join("vectors"))?,
        })
    }

    /// `sha256:` and the digest over paths and contents of the files in a plugin's folder, but for hidden ones and those
    /// that compilers and package managers make.
    pub fn digest(folder: &Path) -> Result<String, SourceError> {
        digest::digest(folder)
    }

    /// Reads a folder of test vectors. One that does not exist holds none.
    pub fn read_vectors(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let mut vectors = BTreeMap::new();
        if folder.exists() {
            collect(folder, "", VECTOR_DEPTH_MAX, &mut vectors)?;
        }
        let bytes: u64 = vectors.values().map(|content| content.len() as u64).sum();
        let bytes_max = Role::Vectors.bytes_max();
        if bytes > bytes_max {
            return Err(SourceError::VectorsTooLarge {
                folder: folder.to_owned(),
                bytes_max,
            });
        }
        Ok(vectors)
    }
}

/// Files below a folder, by their path from it. Hidden ones are an editor's or the system's.
fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), SourceError> {
    let failed = |error: io::Error| {
        let path = folder.to_owned();
        SourceError::File(ReadError::File { path, error })
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let below = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        if !is_sound_path(&below) {
            return Err(SourceError::VectorName { path });
        }
        if path.is_dir() {
            if depth == 0 {
                return Err(SourceError::VectorName { path });
            }
            collect(&path, &below, depth - 1, files)?;
        } else {
            let content = read_limited(&path, Role::Vectors.bytes_max())?;
            files.insert(below, content);
        }
    }
    Ok(())
}

fn text(path: &Path, role: Role) -> Result<String, SourceError> {
    let bytes = read_limited(path, role.bytes_max())?;
    String::from_utf8(bytes).map_err(|_| SourceError::NotText { path: path.to_owned() })
}
