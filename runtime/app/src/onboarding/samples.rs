//! Where samples are: files, and folders with everything in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;

use crate::message_file::{FILE_BYTES_MAX, MessageFile};

/// The files to read, in order of their names.
#[derive(Debug)]
pub(crate) struct Samples {
    files: Vec<(PathBuf, u64)>,
    /// How many bytes they have together.
    pub(crate) bytes: u64,
    /// Whether there are more than were taken.
    pub(crate) is_cut: bool,
}

/// The most sample files. A year of one file a message fits, and a disk given by mistake does not.
const FILES_MAX: usize = 200_000;

/// The most bytes of all samples together: some millions of messages, which take minutes to read. More tells nothing new.
const BYTES_MAX: u64 = 4 << 30;

/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;

impl Samples {
    /// Finds the files. A folder stands for every file in it, at any depth, but for hidden ones and links.
    pub(crate) fn find(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut samples = Self {
            files: Vec::new(),
            bytes: 0,
            is_cut: false,
        };
        for path in paths {
            let metadata = fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            if metadata.is_dir() {
                samples.add_folder(path, DEPTH_MAX)?;
            } else {
                samples.add(path, metadata.len());
            }
        }
        Ok(samples)
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// Reads one file after the other. One that cannot be read, or holds no message, has no parts.
    pub(crate) fn read(&self) -> impl Iterator<Item = MessageFile> {
        self.files.iter().map(|(path, bytes)| {
            let content = if *bytes > FILE_BYTES_MAX {
                None
            } else {
                fs::read(path).ok()
            };
            MessageFile::of(Bytes::from(content.unwrap_or_default()), Some(path.clone()))
        })
    }

    fn add_folder(&mut self, folder: &Path, depth: usize) -> anyhow::Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            // Of a link nobody can say where it ends.
            let kind = entry.file_type()?;
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if is_hidden || self.is_cut {
                continue;
            }
            if kind.is_dir() && depth > 0 {
                self.add_folder(&entry.path(), depth - 1)?;
            } else if kind.is_file() {
                self.add(&entry.path(), entry.metadata()?.len());
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, bytes: u64) {
        if self.files.len() >= FILES_MAX || self.bytes + bytes > BYTES_MAX {
            self.is_cut = true;
        } else {
            self.bytes += bytes;
            self.files.push((path.to_owned(), bytes));
        }
    }
}
