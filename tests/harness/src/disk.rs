//! A disk that fails as told, below everything that an engine does with files: `disk/disk.c`, loaded in front of the C library.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::preloaded::Preloaded;

/// The disk of one engine.
#[derive(Debug)]
pub struct Disk {
    library: Preloaded,
}

/// What happens to the files of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// Nothing: operations are counted.
    None,
    /// Some operations fail.
    Fails {
        /// Which are counted.
        on: DiskOperation,
        /// From which on, counted from 1.
        at: u64,
        /// How many.
        times: u64,
        /// With ENOSPC, and else with EIO.
        is_full: bool,
    },
    /// The power goes at an operation: the process is gone, and of each file what was not synced, but for some of its first writes.
    Power {
        /// Which are counted.
        on: DiskOperation,
        /// At which, counted from 1.
        at: u64,
        /// Decides how much survives.
        seed: u64,
    },
}

/// What an engine does with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskOperation {
    /// A write, or a change of a file's length.
    Write,
    /// A sync.
    Sync,
}

/// What an engine has done with files since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Writes, and changes of a file's length.
    pub writes: u64,
    /// Syncs.
    pub syncs: u64,
}

impl Disk {
    /// Builds it.
    pub fn new() -> Result<Self> {
        Ok(Self {
            library: Preloaded::build("disk/disk.c")?,
        })
    }

    /// What an engine on this site has to be started with.
    pub(crate) fn environment(&self, site: &Path, fault: DiskFault) -> Result<Vec<(&'static str, OsString)>> {
        fs::write(self.counts_file(), [0; 16])?;
        let data = site.canonicalize()?.join("data");
        let mut set: Vec<(&'static str, OsString)> = vec![
            self.library.loaded(),
            ("DISK_FOLDER", data.into()),
            ("DISK_COUNTS", self.counts_file().into()),
            ("DISK_REFUSING", self.refusing_file().into()),
        ];
        let (kind, on, numbers) = match fault {
            DiskFault::None => return Ok(set),
            DiskFault::Fails { on, at, times, is_full } => {
                let kind = if is_full { "enospc" } else { "eio" };
                (kind, on, [("DISK_AT", at), ("DISK_TIMES", times)])
            }
            DiskFault::Power { on, at, seed } => ("power", on, [("DISK_AT", at), ("DISK_SEED", seed)]),
        };
        let on = match on {
            DiskOperation::Write => "write",
            DiskOperation::Sync => "sync",
        };
        set.extend([("DISK_FAULT", kind.into()), ("DISK_ON", on.into())]);
        set.extend(numbers.map(|(name, number)| (name, number.to_string().into())));
        Ok(set)
    }

    /// What was done since the last start.
    pub fn counts(&self) -> Result<DiskCounts> {
        let bytes = fs::read(self.counts_file())?;
        let number = |at: usize| {
            let found = bytes.get(at..at + 8).and_then(|found| found.try_into().ok());
            found.map(u64::from_ne_bytes).context("the counts are two numbers")
        };
        Ok(DiskCounts {
            writes: number(0)?,
            syncs: number(8)?,
        })
    }

    /// From now on there is no room for another byte.
    pub fn fill(&self) -> Result<()> {
        Ok(fs::write(self.refusing_file(), "enospc")?)
    }

    /// From now on nothing can be written, as with a file system that the kernel has taken for damaged.
    pub fn make_read_only(&self) -> Result<()> {
        Ok(fs::write(self.refusing_file(), "erofs")?)
    }

    /// From now on there is room again, and everything can be written.
    pub fn mend(&self) -> Result<()> {
        Ok(fs::remove_file(self.refusing_file())?)
    }

    fn counts_file(&self) -> PathBuf {
        self.library.file("counts")
    }

    fn refusing_file(&self) -> PathBuf {
        self.library.file("refusing")
    }
}
