//! A plugin as it is distributed: one file, an OCI image layout in a tar archive.
//!
//! The plugin is an image manifest whose layers are its parts; its digest covers them all, and is the plugin's identity
//! everywhere. Signatures are image manifests of their own that refer to it, so that signing changes nothing of what is
//! signed. The same parts and signatures give the same file, byte for byte, and a file in any other bytes is refused.

mod archive;
mod blobs;
mod encode;
mod error;
mod file;
mod layout;
mod read;
mod role;

use std::collections::BTreeMap;

use crate::digest::digest_of;
use crate::manifest::Manifest;

pub use archive::ArchiveError;
pub(crate) use archive::is_sound as is_sound_path;
pub(crate) use blobs::{Blobs, bounded};
pub(crate) use encode::Blob;
pub use error::{PackageError, ReadError, WriteError};
pub(crate) use file::read_limited;
pub(crate) use layout::{Descriptor, ImageManifest, Index, MANIFEST_MEDIA_TYPE, SIGNATURE};
pub(crate) use read::{IMAGE_MANIFEST_BYTES_MAX, PACKAGE, envelope_of, parse_manifest};
pub use role::COMPONENT_BYTES_MAX;
pub(crate) use role::Role;

/// A plugin with everything that belongs to it. Its parts fit each other, because only [`Package::new`] and reading make
/// one; whoever changes a part by hand has none any more.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    /// What the plugin says about itself.
    pub manifest: Manifest,
    /// The manifest as it is written, comments included.
    pub manifest_text: String,
    /// The WebAssembly component.
    pub component: Vec<u8>,
    /// `sha256:` and the component's digest in hexadecimal: what compiled code is known by.
    pub component_digest: String,
    /// The plugin's identity everywhere: `sha256:` and the digest of the image manifest, which names every part. Signatures
    /// do not change it.
    pub digest: String,
    /// The JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// Test vectors: bytes by the path below `vectors/`.
    pub vectors: BTreeMap<String, Vec<u8>>,
    /// What it is made of: a `CycloneDX` document in JSON.
    pub sbom: String,
    /// How it was made: an in-toto statement in JSON.
    pub provenance: String,
    /// DSSE envelopes over statements about [`Package::digest`], in JSON, as they came. Nobody has verified them yet.
    pub envelopes: Vec<Vec<u8>>,
    /// The image manifest, byte for byte as it was first written: the digest is over these bytes.
    document: Vec<u8>,
}

/// The parts that a package is made of.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// `plugin.toml` as it is written.
    pub manifest_text: String,
    /// The WebAssembly component.
    pub component: Vec<u8>,
    /// The JSON Schema of its configuration.
    pub config_schema: Option<String>,
    /// Test vectors: bytes by the path below `vectors/`.
    pub vectors: BTreeMap<String, Vec<u8>>,
    /// What it is made of: a `CycloneDX` document in JSON.
    pub sbom: String,
    /// How it was made: an in-toto statement in JSON.
    pub provenance: String,
}

/// How many signatures a package carries. Every hospital that approves one might add its own to a copy.
pub(crate) const ENVELOPES_MAX: usize = 64;

/// A certifier's statement holds its whole report.
pub(crate) const ENVELOPE_BYTES_MAX: u64 = 1 << 20;

impl Package {
    /// Puts the parts together. They are read and bounded as if they came from a file.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a package is made of its contents, which nobody needs after that"
    )]
    pub fn new(contents: Contents) -> Result<Self, PackageError> {
        let manifest = Manifest::parse(&contents.manifest_text)?;
        let blobs = encode::layers(&contents)?;
        let descriptors = blobs.iter().map(|blob| blob.descriptor.clone()).collect();
        let image = ImageManifest::plugin(descriptors, encode::annotations(&manifest));
        let document = layout::json(&image);
        let mut parts = Blobs::default();
        parts.add(digest_of(layout::EMPTY), layout::EMPTY.to_vec());
        for blob in blobs {
            parts.add(blob.descriptor.digest, blob.bytes);
        }
        Self::from_blobs(document, &mut parts)
    }

    /// Adds a signature, unless it is there already.
    pub fn add_envelope(&mut self, envelope: Vec<u8>) -> Result<(), PackageError> {
        let bytes = envelope.len() as u64;
        if bytes > ENVELOPE_BYTES_MAX {
            return Err(PackageError::TooLarge {
                what: "signature".to_owned(),
                bytes,
                bytes_max: ENVELOPE_BYTES_MAX,
            });
        }
        if self.envelopes.contains(&envelope) {
            return Ok(());
        }
        let count = self.envelopes.len() + 1;
        if count > ENVELOPES_MAX {
            return Err(PackageError::TooManySignatures {
                count,
                count_max: ENVELOPES_MAX,
            });
        }
        self.envelopes.push(envelope);
        // The order in which they were added is nobody's business.
        self.envelopes.sort_by_cached_key(|envelope| digest_of(envelope));
        Ok(())
    }
}

/// The parts are long and say nothing to a reader of a log.
impl std::fmt::Debug for Package {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            manifest,
            component,
            digest,
            ..
        } = self;
        write!(
            formatter,
            "Package({} {}, {} bytes, {digest})",
            manifest.name,
            manifest.version,
            component.len()
        )
    }
}

#[cfg(test)]
mod tests;
