//! What an operator may set.

use std::path::PathBuf;

use crate::MasterKeyFile;

/// Settings of a store. [`StoreSettings::new`] gives the defaults, each with its reason beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The data folder; it is made when it is missing and closed to other users (0700).
    pub folder: PathBuf,
    /// Where the master key is, which opens what the folder holds sealed.
    pub master_key: MasterKeyFile,
    /// A segment of the journal is closed once it has about this many bytes (or at midnight UTC).
    pub segment_bytes_max: u64,
    /// Bytes that may wait for the writer before calls are refused with [`crate::WriteError::Unavailable`].
    pub waiting_bytes_max: usize,
    /// Bytes of content that a delivery queue keeps in memory; the rest is read back from the journal.
    pub queue_bytes_max: usize,
    /// Deliveries that a delivery queue keeps in memory.
    pub queue_deliveries_max: usize,
    /// Settlements of one queue that may be unsynced: with the leases that are out, it bounds what can be delivered
    /// twice after a kill.
    pub unsynced_settlements_max: usize,
}

impl StoreSettings {
    /// The defaults for `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            // A first start needs nothing prepared, and a copy of the folder is not a copy of its key.
            master_key: MasterKeyFile::Beside,
            // Few enough files for years of a busy hospital, small enough that dropping or copying one is quick.
            segment_bytes_max: 256 * 1024 * 1024,
            // About a second of the fastest traffic measured: longer than any healthy sync, and it fits in memory.
            waiting_bytes_max: 64 * 1024 * 1024,
            // A thousand interfaces with a dead destination each must not fill the memory; a live one needs far less.
            queue_bytes_max: 4 * 1024 * 1024,
            queue_deliveries_max: 4096,
            // One sync's worth at full speed; a destination that is slower than the disk never notices it.
            unsynced_settlements_max: 64,
        }
    }
}
