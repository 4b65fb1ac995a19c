//! Folders as a source and as a destination of messages: a file that comes is one message or many, one that goes is one.
//!
//! Every access goes through a capability for one folder; no name, and no symbolic link that
//! somebody puts into a folder, leads out of it.

mod batch;
mod destination;
mod folder;
mod names;
mod places;
mod publish;
mod recall;
mod scan;
mod source;

pub use destination::{DestinationOpenError, FolderDestination, FolderDestinationSettings, WriteError};
pub use recall::{Recall, Recalled};
pub use source::{FolderSource, FolderSourceSettings, ReadyWhen, SourceOpenError};
