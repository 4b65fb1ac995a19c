//! What is deployed: interfaces and their revisions, packages and code tables.

mod content;
mod downtimes;
mod evidence;
mod pauses;
mod revisions;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use crate::clock::Clock;
use crate::folder::catalog_in;
use crate::keys::{KeyError, Keys};
use crate::sync::lock;
use crate::{CatalogError, OpenError, Sealed};

/// The catalog of one store. Its calls block on the disk; use them outside the message path.
pub struct Catalog {
    connection: Mutex<Connection>,
    clock: Clock,
    keys: Arc<Keys>,
}

/// A revision to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevision {
    /// The interface.
    pub interface: String,
    /// The resolved settings.
    pub content: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The release note: what is new, for those who run it. May be empty.
    pub note: String,
}

/// An immutable state of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The interface.
    pub interface: String,
    /// Its number within the interface, from 1.
    pub number: u32,
    /// The resolved settings.
    pub content: String,
    /// `sha256:` and the hexadecimal digest of the content.
    pub digest: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// The release note.
    pub note: String,
    /// When, in milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

/// What somebody believes to be live when changing it: so of two who change at once, the second hears of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is live.
    Anything,
    /// Nothing.
    Nothing,
    /// This revision.
    Revision(u32),
}

/// An interface that takes no messages because somebody wants it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who paused it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// That a receiver is to be down: nothing is delivered to destinations of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDowntime {
    /// The name of the destinations.
    pub receiver: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself, in milliseconds since 1970 UTC; none where somebody has to end it.
    pub until_ms: Option<i64>,
    /// Attempts afterwards, in `per_ms`, until everything that waited is delivered; none for no limit.
    pub attempts: Option<u32>,
    /// Milliseconds.
    pub per_ms: Option<u32>,
}

/// The same as it is kept, with how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downtime {
    /// Its number: a later one is greater.
    pub id: i64,
    /// What was planned.
    pub planned: NewDowntime,
    /// Since when, in milliseconds since 1970 UTC, as the others.
    pub started_at_ms: i64,
    /// When it ended; none while the receiver is down.
    pub ended_at_ms: Option<i64>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// How many deliveries waited then.
    pub waited: Option<u64>,
    /// When all of them were delivered.
    pub caught_up_at_ms: Option<i64>,
}

/// One change of what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The revision that went live, or that was taken out of use.
    pub number: u32,
    /// Whether the interface was taken out of use.
    pub is_retired: bool,
    /// Who did it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// Something that was found out about a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvidence {
    /// The interface.
    pub interface: String,
    /// `sha256:` and the hexadecimal digest of the resolved settings that it speaks of.
    pub digest: String,
    /// Their revision; none where they did not become one.
    pub revision: Option<u32>,
    /// What found it out, such as `replay`.
    pub kind: String,
    /// How it came out, such as `passed`.
    pub verdict: String,
    /// One line, without a value of any message.
    pub summary: String,
    /// Everything that was found, in the encoding of whoever keeps it.
    pub detail: Sealed,
    /// Who wanted to know.
    pub author: String,
}

/// The same as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its number: a later one is greater.
    pub id: i64,
    /// What was found.
    pub found: NewEvidence,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// A stored package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// `sha256:` and the hexadecimal digest that the package is known by.
    pub digest: String,
    /// `vendor/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The package's file; the bare component where an engine stored it that knew no packages as files.
    pub content: Vec<u8>,
}

/// A package without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSummary {
    /// The digest.
    pub digest: String,
    /// `vendor/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub stored_at_ms: i64,
}

/// A stored code table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableEntry {
    /// Its digest.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its content, in the encoding of whoever stored it.
    pub content: Vec<u8>,
}

/// A code table without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The digest.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub stored_at_ms: i64,
}

/// One change of which version of a code table is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableChange {
    /// The digest of the version that went live.
    pub digest: String,
    /// Who did it; empty where an engine did that kept no names.
    pub author: String,
    /// Why; empty likewise.
    pub reason: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

impl Catalog {
    pub(crate) fn open(file: &Path, clock: Clock, keys: Arc<Keys>) -> Result<Self, OpenError> {
        Ok(Self {
            connection: Mutex::new(schema::open(file)?),
            clock,
            keys,
        })
    }

    /// Looks into the catalog of a data folder that another process may be working on. `None` where there is none yet.
    /// Nothing can be changed through it.
    pub fn look_into(data: &Path) -> Result<Option<Self>, OpenError> {
        let connection = schema::look_into(&catalog_in(data))?;
        Ok(connection.map(|connection| Self {
            connection: Mutex::new(connection),
            clock: Clock::default(),
            keys: Arc::new(Keys::none()),
        }))
    }

    /// Runs one operation in a transaction: all of it happens, or nothing.
    fn transact<T>(&self, run: impl FnOnce(&Connection) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let mut connection = lock(&self.connection);
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let result = run(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    fn read<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, CatalogError> {
        Ok(run(&lock(&self.connection))?)
    }
}

impl From<KeyError> for CatalogError {
    fn from(error: KeyError) -> Self {
        Self::File {
            reason: error.to_string(),
        }
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::File {
            reason: error.to_string(),
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Catalog").finish_non_exhaustive()
    }
}
