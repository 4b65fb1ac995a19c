//! From bytes that nobody vouches for to a package: every size is bounded, every digest is verified, nothing is left over.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::archive::{self, Bounds, Entries};
use super::blobs::Blobs;
use super::layout::{EMPTY, EMPTY_MEDIA_TYPE, ENVELOPE_MEDIA_TYPE, ImageManifest, Index, Marker, PLUGIN, SIGNATURE};
use super::role::{ROLES, Role};
use super::{Descriptor, ENVELOPE_BYTES_MAX, ENVELOPES_MAX, Package, PackageError};
use crate::digest::{digest_of, digits_of};
use crate::manifest::Manifest;

pub(super) const MARKER: &str = "oci-layout";
pub(super) const INDEX: &str = "index.json";
pub(super) const BLOBS: &str = "blobs/sha256/";

/// How documents are called in messages.
pub(crate) const PACKAGE: &str = "image manifest";

/// An image manifest has half a kilobyte for each of its layers.
pub(crate) const IMAGE_MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// Layout, index, manifest, configuration and layers, and two for each signature.
const ENTRIES_MAX: usize = 4 + ROLES.len() + 2 * ENVELOPES_MAX;

/// How many test vectors' files are read; each is some files.
const VECTOR_FILES_MAX: usize = 4096;

/// What a package's file may have: its parts at their largest, and what surrounds them.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index that is too large"
)]
pub(super) const PACKAGE_BYTES_MAX: u64 = {
    let mut bytes = (1 << 20) + ENVELOPES_MAX as u64 * (ENVELOPE_BYTES_MAX + IMAGE_MANIFEST_BYTES_MAX);
    let mut index = 0;
    while index < BYTES_MAX.len() {
        bytes += BYTES_MAX[index];
        index += 1;
    }
    bytes
};

const BYTES_MAX: [u64; 6] = [
    super::role::COMPONENT_BYTES_MAX,
    super::role::MANIFEST_BYTES_MAX,
    super::role::CONFIG_SCHEMA_BYTES_MAX,
    super::role::VECTORS_BYTES_MAX,
    super::role::SBOM_BYTES_MAX,
    super::role::PROVENANCE_BYTES_MAX,
];

/// Magic, version and layer of a component; a core module differs in the last four bytes.
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\x00\x01\x00";

impl Package {
    /// Reads the bytes of a package's file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackageError> {
        let bounds = Bounds {
            entries_max: ENTRIES_MAX,
            bytes_max: PACKAGE_BYTES_MAX,
        };
        let mut entries = archive::read(bytes, bounds)?;
        read_marker(&mut entries)?;
        let index = read_index(&mut entries)?;
        let mut blobs = blobs(entries)?;
        let package = Self::from_index(index, &mut blobs)?;
        if let Some(digest) = blobs.unreferenced() {
            return Err(PackageError::Unreferenced(digest.clone()));
        }
        // Whatever is left to differ, down to the owner of a file in the archive, is not this format's.
        if package.to_bytes() == bytes {
            Ok(package)
        } else {
            Err(PackageError::NotCanonical("file"))
        }
    }

    fn from_index(index: Index, blobs: &mut Blobs) -> Result<Self, PackageError> {
        let mut manifests = index.manifests.into_iter();
        let plugin = manifests.next().ok_or(PackageError::MissingLayer(PACKAGE))?;
        let count = manifests.len();
        if count > ENVELOPES_MAX {
            return Err(PackageError::TooManySignatures {
                count,
                count_max: ENVELOPES_MAX,
            });
        }
        let document = blobs.fetch(&plugin, PACKAGE, IMAGE_MANIFEST_BYTES_MAX)?;
        let mut package = Self::from_blobs(document, blobs)?;
        for (number, descriptor) in manifests.enumerate() {
            let what = format!("image manifest of signature {}", number + 1);
            let document = blobs.fetch(&descriptor, &what, IMAGE_MANIFEST_BYTES_MAX)?;
            let envelope = envelope_of(&package, &document)?;
            let what = format!("signature {}", number + 1);
            let envelope = blobs.fetch(&envelope, &what, ENVELOPE_BYTES_MAX)?;
            package.add_envelope(envelope)?;
        }
        Ok(package)
    }

    /// Puts a plugin together from its image manifest and the blobs that it names.
    pub(crate) fn from_blobs(document: Vec<u8>, blobs: &mut Blobs) -> Result<Self, PackageError> {
        let image = parse_manifest(&document)?;
        if image.artifact_type != PLUGIN {
            return Err(PackageError::NotAPlugin(image.artifact_type));
        }
        check_config(&image, blobs)?;
        let mut layers = fetch_layers(&image, blobs)?;
        let mut required = |role: Role| layers.remove(&role).ok_or(PackageError::MissingLayer(role.title()));
        let component = required(Role::Component)?;
        if !component.starts_with(COMPONENT_HEADER) {
            return Err(PackageError::NotAComponent);
        }
        let manifest_text = text(Role::Manifest, required(Role::Manifest)?)?;
        let sbom = text(Role::Sbom, required(Role::Sbom)?)?;
        let provenance = text(Role::Provenance, required(Role::Provenance)?)?;
        let config_schema = layers.remove(&Role::ConfigSchema);
        let config_schema = config_schema.map(|bytes| text(Role::ConfigSchema, bytes)).transpose()?;
        let vectors = layers.remove(&Role::Vectors).map(|bytes| vectors(&bytes)).transpose()?;
        Ok(Self {
            manifest: Manifest::parse(&manifest_text)?,
            manifest_text,
            component_digest: digest_of(&component),
            component,
            digest: digest_of(&document),
            config_schema,
            vectors: vectors.unwrap_or_default(),
            sbom,
            provenance,
            envelopes: Vec::new(),
            document,
        })
    }
}

/// An image manifest of the version that this engine knows.
pub(crate) fn parse_manifest(document: &[u8]) -> Result<ImageManifest, PackageError> {
    let image: ImageManifest = parse(PACKAGE, document)?;
    if image.is_known() {
        return Ok(image);
    }
    Err(PackageError::UnknownVersion {
        what: PACKAGE,
        found: format!("version {} of {}", image.schema_version, image.media_type),
    })
}

/// Where the envelope of a signature's image manifest is, after the manifest was checked to be one of this package.
pub(crate) fn envelope_of(package: &Package, document: &[u8]) -> Result<Descriptor, PackageError> {
    const WHAT: &str = "image manifest of a signature";
    let image = parse_manifest(document)?;
    if image.artifact_type != SIGNATURE {
        return Err(PackageError::ForeignFile(image.artifact_type));
    }
    let subject = image.subject.as_ref().map(|subject| subject.digest.as_str());
    if subject != Some(package.digest.as_str()) {
        return Err(PackageError::ForeignSignature(subject.unwrap_or("nothing").to_owned()));
    }
    match <[Descriptor; 1]>::try_from(image.layers) {
        Ok([envelope]) if envelope.media_type == ENVELOPE_MEDIA_TYPE => Ok(envelope),
        _ => Err(PackageError::Document {
            what: WHAT,
            reason: format!("it does not name one layer of the type `{ENVELOPE_MEDIA_TYPE}`"),
        }),
    }
}

fn read_marker(entries: &mut Entries) -> Result<(), PackageError> {
    let bytes = entries.remove(MARKER).ok_or(PackageError::MissingFile(MARKER))?;
    let marker: Marker = parse(MARKER, &bytes)?;
    if marker.is_known() {
        return Ok(());
    }
    Err(PackageError::UnknownVersion {
        what: MARKER,
        found: format!("version {}", marker.image_layout_version),
    })
}

fn read_index(entries: &mut Entries) -> Result<Index, PackageError> {
    let bytes = entries.remove(INDEX).ok_or(PackageError::MissingFile(INDEX))?;
    let index: Index = parse(INDEX, &bytes)?;
    if index.is_known() {
        return Ok(index);
    }
    Err(PackageError::UnknownVersion {
        what: INDEX,
        found: format!("version {} of {}", index.schema_version, index.media_type),
    })
}

/// What is left in the archive once the documents are out: blobs under their digests.
fn blobs(entries: Entries) -> Result<Blobs, PackageError> {
    let mut blobs = Blobs::default();
    for (path, bytes) in entries {
        let digest = path.strip_prefix(BLOBS).map(|digits| format!("sha256:{digits}"));
        match digest.filter(|digest| digits_of(digest).is_some()) {
            Some(digest) => blobs.add(digest, bytes),
            None => return Err(PackageError::ForeignFile(path)),
        }
    }
    Ok(blobs)
}

/// Plugins and signatures have the empty configuration.
fn check_config(image: &ImageManifest, blobs: &mut Blobs) -> Result<(), PackageError> {
    let found = blobs.fetch(&image.config, "configuration", EMPTY.len() as u64)?;
    if image.config.media_type == EMPTY_MEDIA_TYPE && found == EMPTY {
        Ok(())
    } else {
        Err(PackageError::UnknownLayer(image.config.media_type.clone()))
    }
}

fn fetch_layers(image: &ImageManifest, blobs: &mut Blobs) -> Result<BTreeMap<Role, Vec<u8>>, PackageError> {
    let mut layers = BTreeMap::new();
    for descriptor in &image.layers {
        let role = Role::of_media_type(&descriptor.media_type)
            .ok_or_else(|| PackageError::UnknownLayer(descriptor.media_type.clone()))?;
        let bytes = blobs.fetch(descriptor, role.title(), role.bytes_max())?;
        if layers.insert(role, bytes).is_some() {
            return Err(PackageError::DuplicateLayer(role.title()));
        }
    }
    Ok(layers)
}

fn parse<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, PackageError> {
    serde_json::from_slice(bytes).map_err(|error| PackageError::Document {
        what,
        reason: error.to_string(),
    })
}

fn text(role: Role, bytes: Vec<u8>) -> Result<String, PackageError> {
    String::from_utf8(bytes).map_err(|_| PackageError::NotText(role.title()))
}

fn vectors(bytes: &[u8]) -> Result<Entries, PackageError> {
    let bounds = Bounds {
        entries_max: VECTOR_FILES_MAX,
        bytes_max: Role::Vectors.bytes_max(),
    };
    let entries = archive::read(bytes, bounds).map_err(PackageError::Vectors)?;
    let written = archive::write(&entries).map_err(PackageError::Vectors)?;
    if written == bytes {
        Ok(entries)
    } else {
        Err(PackageError::NotCanonical("vectors.tar"))
    }
}
