//! What can be wrong with a package, and with reading and writing one.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::archive::ArchiveError;
use crate::manifest::ManifestError;

/// A package is damaged, or none at all. Nothing of it may be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The file is no archive, or holds what no package holds.
    #[error("it is no package: {0}")]
    Archive(#[from] ArchiveError),
    /// A file of the layout that must be there.
    #[error("it is no package: it holds no `{0}`")]
    MissingFile(&'static str),
    /// A file that has no place in a package.
    #[error("it holds `{0}`, which has no place in a package")]
    ForeignFile(String),
    /// A document of the layout that cannot be read.
    #[error("its {what} cannot be read: {reason}")]
    Document {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A version that this engine does not know.
    #[error("its {what} says {found}, which this version of Transfuse does not know: it may need a newer one")]
    UnknownVersion {
        /// Which document.
        what: &'static str,
        /// What it says.
        found: String,
    },
    /// Bytes that are not those that were named.
    #[error("its {what} is damaged: the digest should be {expected} and is {found}")]
    DigestMismatch {
        /// Which part.
        what: String,
        /// What was named.
        expected: String,
        /// What the bytes have.
        found: String,
    },
    /// Bytes of another length than was named.
    #[error("its {what} is damaged: it should have {expected} bytes and has {found}")]
    SizeMismatch {
        /// Which part.
        what: String,
        /// What was named.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A digest that is none.
    #[error("its {what} is named by `{digest}`, which is no SHA-256 digest")]
    NotADigest {
        /// Which part.
        what: String,
        /// What stands for the digest.
        digest: String,
    },
    /// A part that is larger than it may be.
    #[error("its {what} has {bytes} bytes: at most {bytes_max} are read")]
    TooLarge {
        /// Which part.
        what: String,
        /// What there is.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// A part that is named and not there.
    #[error("its {what} is missing: there is no {digest}")]
    MissingBlob {
        /// Which part.
        what: String,
        /// What was named.
        digest: String,
    },
    /// Bytes that nothing refers to.
    #[error("it holds {0}, which nothing in it refers to")]
    Unreferenced(String),
    /// A part that a package must have.
    #[error("it has no {0}")]
    MissingLayer(&'static str),
    /// A part that a package may have once.
    #[error("it has two of {0}")]
    DuplicateLayer(&'static str),
    /// A kind of part that this engine does not know.
    #[error("it has a part of the type `{0}`, which this version of Transfuse does not know: it may need a newer one")]
    UnknownLayer(String),
    /// An artifact of something else.
    #[error("it is no plugin but `{0}`")]
    NotAPlugin(String),
    /// A signature of another package.
    #[error("it holds a signature of {0}, which is another package")]
    ForeignSignature(String),
    /// More signatures than a package may have.
    #[error("it has {count} signatures: at most {count_max} are read")]
    TooManySignatures {
        /// How many.
        count: usize,
        /// The limit.
        count_max: usize,
    },
    /// Text that is none.
    #[error("its {0} is not UTF-8 text")]
    NotText(&'static str),
    /// The plugin's manifest is wrong.
    #[error("its plugin.toml: {0}")]
    Manifest(#[from] ManifestError),
    /// The component is none.
    #[error("its component.wasm is not a WebAssembly component: build it with `transfuse plugin build`")]
    NotAComponent,
    /// The test vectors cannot be read.
    #[error("its test vectors: {0}")]
    Vectors(ArchiveError),
    /// The same content in other bytes than this format has for it.
    #[error(
        "its {0} is not written as a package's is: something changed it, or another program made it; build it again with \
         `transfuse plugin build`, or pull it from its registry"
    )]
    NotCanonical(&'static str),
}

/// A package's file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is missing or unreadable.
    #[error("{}", unread(path, error))]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The file is larger than a package may be.
    #[error("{path} is larger than {bytes_max} bytes", path = path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The file is not a sound package.
    #[error("{path} cannot be used as a plugin: {error}", path = path.display())]
    Package {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: PackageError,
    },
}

/// A package could not be written. What was there before is there still.
#[derive(Debug, Error)]
#[error("{path}: {error}", path = path.display())]
pub struct WriteError {
    /// What could not be written.
    pub path: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

/// Why a file was not read. That it is not there is what people mistake most.
fn unread(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file `{}`", path.display()),
        io::ErrorKind::IsADirectory => format!("`{}` is a folder", path.display()),
        _ => format!("`{}` cannot be read: {error}", path.display()),
    }
}
