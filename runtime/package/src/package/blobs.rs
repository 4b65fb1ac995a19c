//! The blobs of a layout: found by what a descriptor says of them, and verified before anybody sees them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Descriptor, PackageError};
use crate::digest::{digest_of, digits_of};

/// Bytes by digest. Nobody has verified them until [`Blobs::fetch`] gives them out.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    bytes: BTreeMap<String, Vec<u8>>,
    fetched: BTreeSet<String>,
}

impl Blobs {
    /// Adds bytes under the digest that they are said to have.
    pub(crate) fn add(&mut self, digest: String, bytes: Vec<u8>) {
        self.bytes.insert(digest, bytes);
    }

    /// The bytes that a descriptor names. `what` is how people call them.
    pub(crate) fn fetch(
        &mut self,
        descriptor: &Descriptor,
        what: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, PackageError> {
        let bytes = self.bytes.get(&descriptor.digest);
        let bytes = bytes.ok_or_else(|| PackageError::MissingBlob {
            what: what.to_owned(),
            digest: descriptor.digest.clone(),
        })?;
        verify(descriptor, what, bytes_max, bytes)?;
        self.fetched.insert(descriptor.digest.clone());
        Ok(bytes.clone())
    }

    /// The digest of bytes that nobody asked for.
    pub(crate) fn unreferenced(&self) -> Option<&String> {
        self.bytes.keys().find(|digest| !self.fetched.contains(*digest))
    }
}

/// Whether these are the bytes that a descriptor names.
fn verify(descriptor: &Descriptor, what: &str, bytes_max: u64, bytes: &[u8]) -> Result<(), PackageError> {
    bounded(descriptor, what, bytes_max)?;
    let found = bytes.len() as u64;
    if found != descriptor.size {
        return Err(PackageError::SizeMismatch {
            what: what.to_owned(),
            expected: descriptor.size,
            found,
        });
    }
    let found = digest_of(bytes);
    if found != descriptor.digest {
        return Err(PackageError::DigestMismatch {
            what: what.to_owned(),
            expected: descriptor.digest.clone(),
            found,
        });
    }
    Ok(())
}

/// Whether a descriptor may be followed at all: before anything of this size is read.
pub(crate) fn bounded(descriptor: &Descriptor, what: &str, bytes_max: u64) -> Result<(), PackageError> {
    if digits_of(&descriptor.digest).is_none() {
        return Err(PackageError::NotADigest {
            what: what.to_owned(),
            digest: descriptor.digest.clone(),
        });
    }
    if descriptor.size > bytes_max {
        return Err(PackageError::TooLarge {
            what: what.to_owned(),
            bytes: descriptor.size,
            bytes_max,
        });
    }
    Ok(())
}
