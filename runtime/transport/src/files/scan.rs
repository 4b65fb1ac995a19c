//! Which files of a folder are ready to be taken, and taking their content.

use std::collections::{BinaryHeap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cap_std::fs::{Dir, DirEntry, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use tokio::time::Instant;
use transfuse_message::batch::is_batch;

use super::batch::reader;
use super::names::{Pattern, is_unfinished};

/// A folder may hold millions of files; so many of the oldest are looked at in one round.
const FILES_MAX: usize = 10_000;

/// How much of an over-long file or message is read: enough for its first segment.
pub(super) const HEAD_BYTES_MAX: usize = 4 * 1024;

/// A file as the folder listed it. The order is that of taking: oldest first, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) modified: SystemTime,
    pub(super) name: OsString,
    pub(super) bytes: u64,
    device: u64,
    inode: u64,
}

/// Which names are looked for.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) pattern: Pattern,
    /// A file counts once a file with this suffix to its name exists.
    pub(super) marker: Option<String>,
}

/// How much is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) message_bytes_max: u64,
    pub(super) file_bytes_max: u64,
}

/// What was read of a file.
#[derive(Debug)]
pub(super) enum Content {
    /// One message, or what is none at all.
    Whole(Bytes),
    /// Only the head of a file above a limit.
    TooLong { head: Bytes, bytes_max: u64 },
    /// Many messages, to be read one by one.
    Batch,
    /// The file is gone, or is no longer the one that was listed.
    Changed,
}

/// Remembers since when each file has looked as it does.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<OsString, (Found, Instant)>,
}

impl Watch {
    /// Those of the listed files that have not changed for `stable_for`. Files that are no longer listed are
    /// forgotten.
    pub(super) fn stable(&mut self, listed: Vec<Found>, stable_for: Duration, now: Instant) -> Vec<Found> {
        let mut before = std::mem::take(&mut self.seen);
        let mut stable = Vec::new();
        for found in listed {
            let since = match before.remove(&found.name) {
                Some((same, since)) if same == found => since,
                _ => now,
            };
            if now.duration_since(since) >= stable_for {
                stable.push(found.clone());
            }
            self.seen.insert(found.name.clone(), (found, since));
        }
        stable
    }
}

impl Filter {
    /// The oldest files that match, in the order in which they are taken.
    pub(super) fn list(&self, folder: &Dir) -> io::Result<Vec<Found>> {
        let mut oldest = BinaryHeap::new();
        for entry in folder.entries()? {
            let Some(found) = self.look(folder, &entry?)? else {
                continue;
            };
            oldest.push(found);
            if oldest.len() > FILES_MAX {
                oldest.pop();
            }
        }
        Ok(oldest.into_sorted_vec())
    }

    fn look(&self, folder: &Dir, entry: &DirEntry) -> io::Result<Option<Found>> {
        let name = entry.file_name();
        if !self.wants(&name.to_string_lossy()) {
            return Ok(None);
        }
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        // Only plain files: a symbolic link is neither followed nor moved, a pipe would block.
        if !metadata.is_file() || !self.is_marked(folder, &name)? {
            return Ok(None);
        }
        Found::new(name, &metadata).map(Some)
    }

    fn wants(&self, name: &str) -> bool {
        let is_marker = self
            .marker
            .as_ref()
            .is_some_and(|suffix| name.ends_with(suffix.as_str()));
        !is_marker && !is_unfinished(name) && self.pattern.matches(name)
    }

    fn is_marked(&self, folder: &Dir, name: &OsStr) -> io::Result<bool> {
        let Some(suffix) = &self.marker else { return Ok(true) };
        match folder.symlink_metadata(marker(name, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            metadata => metadata.map(|_| true),
        }
    }
}

impl Found {
    fn new(name: OsString, metadata: &Metadata) -> io::Result<Found> {
        let modified = metadata.modified()?.into_std();
        Ok(Found {
            modified,
            name,
            bytes: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Whether the folder still has this very file under this name.
    pub(super) fn is_there(&self, folder: &Dir) -> io::Result<bool> {
        match folder.symlink_metadata(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            metadata => Ok(Found::new(self.name.clone(), &metadata?)? == *self),
        }
    }

    /// When anything of it was last changed, its name and its place included, in milliseconds since 1970 UTC.
    pub(super) fn changed_at_ms(&self, folder: &Dir) -> io::Result<i64> {
        let metadata = folder.symlink_metadata(&self.name)?;
        Ok(metadata.ctime().saturating_mul(1000) + metadata.ctime_nsec() / 1_000_000)
    }

    /// Opens the file, unless it is gone.
    pub(super) fn open(&self, folder: &Dir) -> io::Result<Option<File>> {
        let no_surprise = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        let opened = folder.open_with(
            &self.name,
            OpenOptions::new().read(true).custom_flags(no_surprise.cast_signed()),
        );
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Whether the open file is the one that was listed.
    pub(super) fn is_same(&self, file: &File) -> io::Result<bool> {
        Ok(Found::new(self.name.clone(), &file.metadata()?)? == *self)
    }

    /// Reads the file, unless it is no longer the one that was listed.
    pub(super) fn read(&self, folder: &Dir, limits: Limits) -> io::Result<Content> {
        let Some(mut file) = self.open(folder)? else {
            return Ok(Content::Changed);
        };
        let content = self.content(&mut file, limits)?;
        Ok(if self.is_same(&file)? {
            content
        } else {
            Content::Changed
        })
    }

    fn content(&self, file: &mut File, limits: Limits) -> io::Result<Content> {
        let Limits {
            message_bytes_max,
            file_bytes_max,
        } = limits;
        if self.bytes > file_bytes_max {
            return too_long(file, file_bytes_max);
        }
        if self.bytes <= message_bytes_max {
            let content = read_up_to(file, self.bytes + 1)?;
            return Ok(if is_batch(&content) {
                Content::Batch
            } else {
                Content::Whole(content)
            });
        }
        if reader::is_batch(file, message_bytes_max)? {
            return Ok(Content::Batch);
        }
        file.seek(SeekFrom::Start(0))?;
        too_long(file, message_bytes_max)
    }
}

fn too_long(file: &mut File, bytes_max: u64) -> io::Result<Content> {
    let head = read_up_to(file, HEAD_BYTES_MAX as u64)?;
    Ok(Content::TooLong { head, bytes_max })
}

fn read_up_to(file: &mut File, bytes: u64) -> io::Result<Bytes> {
    let mut content = Vec::new();
    file.take(bytes).read_to_end(&mut content)?;
    Ok(content.into())
}

/// The name of the file that says that `name` is complete.
pub(super) fn marker(name: &OsStr, suffix: &str) -> OsString {
    let mut marker = name.to_owned();
    marker.push(suffix);
    marker
}
