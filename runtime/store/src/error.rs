//! What can go wrong, by operation.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a store could not be opened. Nothing was changed, except that missing folders and files may have been made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process works on the folder.
    #[error("the data folder {folder} is in use{}: stop that engine first", holder.as_ref().map(|holder| format!(" by process {holder}")).unwrap_or_default())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The process id that the holder wrote into the lock file, if it could be read.
        holder: Option<String>,
    },
    /// The folder or a file in it cannot be made, read or locked.
    #[error("cannot use {path}: {reason}")]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file holds what this program never wrote. The rest of the folder was left alone.
    #[error("{file} is damaged: {reason}; restore it from a backup, or move it away to continue without its content")]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A later version of the program wrote this file.
    #[error("{file} has format {found}, this program reads up to {supported}: run the newer version")]
    NewerFormat {
        /// The file.
        file: PathBuf,
        /// The format that the file states.
        found: i64,
        /// The newest format that this program reads.
        supported: i64,
    },
    /// The file with the master key is not there.
    #[error("there is no master key in {file}{}", needed.as_ref().map(|needed| format!(": the data folder is sealed with {needed}")).unwrap_or_default())]
    NoMasterKey {
        /// Where it should be.
        file: PathBuf,
        /// The fingerprint of the one that is needed; none where a folder is new, and any would do.
        needed: Option<String>,
    },
    /// The file holds another master key.
    #[error("{file} holds the master key {found}, and the data folder is sealed with {needed}")]
    WrongMasterKey {
        /// The file.
        file: PathBuf,
        /// The fingerprint of the key in it.
        found: String,
        /// The fingerprint of the one that is needed.
        needed: String,
    },
    /// The file of the master key is not what it has to be.
    #[error("{file} cannot be used as master key: {reason}")]
    UnfitMasterKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl OpenError {
    /// What to do about it, where there is one thing to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoMasterKey { needed: None, .. } => {
                Some("`transfuse keys make FILE` makes one; keep a copy where the data folder's backups are not")
            }
            Self::NoMasterKey { needed: Some(_), .. } | Self::WrongMasterKey { .. } => Some(
                "put the file of that key back from where it was kept, or name it with `[store] master_key`: without it, \
                 nothing that was sealed can be read",
            ),
            Self::UnfitMasterKey { .. } => Some(
                "a master key is a file of its own, outside the data folder, with mode 0600, as `transfuse keys make` makes it",
            ),
            Self::InUse { .. } | Self::Unusable { .. } | Self::Damaged { .. } | Self::NewerFormat { .. } => None,
        }
    }
}

/// Why something is not durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk refused, and it is certain that nothing of this was kept: the message is forgotten, its sender still
    /// owns it and must send it again. Deliveries of it are never leased.
    #[error("not written: {reason}")]
    NotWritten {
        /// What the disk or the database said.
        reason: Arc<str>,
    },
    /// The disk has been refusing for so long that the queue in front of it is full. Nothing was queued; the sender
    /// should try again later.
    #[error("the store cannot write at present, and {waiting_bytes} bytes are waiting already")]
    Unavailable {
        /// Bytes waiting to be written.
        waiting_bytes: usize,
    },
    /// It is larger than one entry may be; sending it again does not help. Nothing was queued: a durable message stays
    /// undecided, and should be decided otherwise.
    #[error("{bytes} bytes are more than the {bytes_max} that one entry of the journal may have")]
    TooLarge {
        /// Bytes of the message, of its outputs together, or of the answer.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The store was shut down before this was known to be durable. Normally nothing of it was kept; only when the
    /// disk had failed at the very end, the next start finds out.
    #[error("the store is shut down")]
    ShutDown,
}

/// Why held deliveries were left as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// Some of them are being sent: what becomes of them is not known yet.
    #[error("{sending} deliveries of revision {revision} are still being sent")]
    Sending {
        /// The revision.
        revision: u32,
        /// How many.
        sending: usize,
    },
    /// It is not durable.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a question could not be answered. Nothing was changed; asking again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file of the store could not be read.
    #[error("cannot read {file}: {reason}")]
    File {
        /// The file.
        file: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// A file holds what this program never wrote.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Why sums could not be read or kept. A failed change leaves them as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The file could not be read or written.
    #[error("cannot use {file}: {reason}")]
    File {
        /// The file.
        file: PathBuf,
        /// What the database said.
        reason: String,
    },
}

/// Why the catalog could not answer or change. A failed change leaves the catalog as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The interface has no revision of that number.
    #[error("interface `{interface}` has no revision {number}")]
    UnknownRevision {
        /// The interface.
        interface: String,
        /// The number that was asked for.
        number: u32,
    },
    /// Somebody else has changed what is live in the meantime.
    #[error("`{interface}` was changed in the meantime: {found} is live, and not {expected}", found = named(*found), expected = named(*expected))]
    Conflict {
        /// The interface.
        interface: String,
        /// What is live.
        found: Option<u32>,
        /// What was believed to be.
        expected: Option<u32>,
    },
    /// Something else is stored under that digest: the digest is wrong, or a file was changed.
    #[error("{what} {digest} is stored already, with another content")]
    DigestTaken {
        /// "package" or "table".
        what: &'static str,
        /// The digest.
        digest: String,
    },
    /// The catalog file could not be read or written.
    #[error("cannot use the catalog: {reason}")]
    File {
        /// What the database said.
        reason: String,
    },
}

fn named(revision: Option<u32>) -> String {
    revision.map_or_else(|| "nothing".to_owned(), |number| format!("revision {number}"))
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::File { file, reason } => Self::Unusable { path: file, reason },
            ReadError::Damaged { file, reason } => Self::Damaged { file, reason },
        }
    }
}
