//! From a package to the blobs and documents that it is written as.

use std::collections::BTreeMap;

use super::archive::{self, Entries};
use super::layout::{self, Descriptor, EMPTY, EMPTY_MEDIA_TYPE, ENVELOPE_MEDIA_TYPE, ImageManifest, Index, Marker};
use super::role::{ROLES, Role};
use super::{Contents, Package, PackageError};
use crate::digest::digits_of;
use crate::manifest::Manifest;

/// Bytes with what they are, as a registry takes them.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    /// What it is, for people: `component.wasm`.
    pub(crate) what: String,
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Vec<u8>,
}

/// The layers of a plugin in their order.
pub(super) fn layers(contents: &Contents) -> Result<Vec<Blob>, PackageError> {
    let mut blobs = Vec::new();
    for role in ROLES {
        let bytes = match role {
            Role::Component => Some(contents.component.clone()),
            Role::Manifest => Some(contents.manifest_text.clone().into_bytes()),
            Role::ConfigSchema => contents.config_schema.clone().map(String::into_bytes),
            Role::Vectors if contents.vectors.is_empty() => None,
            Role::Vectors => Some(archive::write(&contents.vectors).map_err(PackageError::Vectors)?),
            Role::Sbom => Some(contents.sbom.clone().into_bytes()),
            Role::Provenance => Some(contents.provenance.clone().into_bytes()),
        };
        blobs.extend(bytes.map(|bytes| layer(role, bytes)));
    }
    Ok(blobs)
}

fn layer(role: Role, bytes: Vec<u8>) -> Blob {
    let mut descriptor = Descriptor::of(role.media_type(), &bytes);
    descriptor
        .annotations
        .insert(layout::TITLE.to_owned(), role.title().to_owned());
    Blob {
        what: role.title().to_owned(),
        descriptor,
        bytes,
    }
}

/// What a registry shows of a plugin.
pub(super) fn annotations(manifest: &Manifest) -> BTreeMap<String, String> {
    let annotations = [
        (layout::TITLE, manifest.name.to_string()),
        ("org.opencontainers.image.version", manifest.version.to_string()),
        ("org.opencontainers.image.description", manifest.description.clone()),
        ("org.opencontainers.image.licenses", manifest.licence.clone()),
        ("org.opencontainers.image.vendor", manifest.name.vendor().to_owned()),
        ("transfuse.plugin.contract", manifest.contract.to_string()),
    ];
    annotations
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

impl Package {
    /// The file: the same package with the same signatures gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut entries = Entries::new();
        entries.insert(super::read::MARKER.to_owned(), layout::json(&Marker::new()));
        entries.insert(super::read::INDEX.to_owned(), layout::json(&self.index()));
        let signatures = self.signatures();
        let manifests = signatures.iter().map(|(_, manifest)| manifest);
        let blobs = self.blobs();
        for blob in blobs.iter().chain(manifests).chain([&self.manifest_blob()]) {
            if let Some(digits) = digits_of(&blob.descriptor.digest) {
                entries.insert(format!("{}{digits}", super::read::BLOBS), blob.bytes.clone());
            }
        }
        // Every path here is made of digits, so that the archive has room for it.
        archive::write(&entries).unwrap_or_default()
    }

    /// Every blob that an image manifest refers to, those of signatures included.
    pub(crate) fn blobs(&self) -> Vec<Blob> {
        let empty = Blob {
            what: "empty configuration".to_owned(),
            descriptor: Descriptor::of(EMPTY_MEDIA_TYPE, EMPTY),
            bytes: EMPTY.to_vec(),
        };
        let signatures = self.signatures().into_iter().map(|(envelope, _)| envelope);
        // The vectors were written or read before, so that they can be written.
        let layers = layers(&self.contents()).unwrap_or_default();
        layers.into_iter().chain([empty]).chain(signatures).collect()
    }

    /// The plugin's own image manifest.
    pub(crate) fn manifest_blob(&self) -> Blob {
        Blob {
            what: "image manifest".to_owned(),
            descriptor: Descriptor::of_manifest(&self.document).listed(layout::PLUGIN),
            bytes: self.document.clone(),
        }
    }

    /// Each signature's envelope with its image manifest.
    pub(crate) fn signatures(&self) -> Vec<(Blob, Blob)> {
        let subject = Descriptor::of_manifest(&self.document);
        let signature = |(number, envelope): (usize, &Vec<u8>)| {
            let manifest = layout::json(&ImageManifest::signature(subject.clone(), envelope));
            let envelope = Blob {
                what: format!("signature {}", number + 1),
                descriptor: Descriptor::of(ENVELOPE_MEDIA_TYPE, envelope),
                bytes: envelope.clone(),
            };
            let manifest = Blob {
                what: format!("image manifest of signature {}", number + 1),
                descriptor: Descriptor::of_manifest(&manifest).listed(layout::SIGNATURE),
                bytes: manifest,
            };
            (envelope, manifest)
        };
        self.envelopes.iter().enumerate().map(signature).collect()
    }

    /// The list of image manifests, the plugin's first.
    fn index(&self) -> Index {
        let signatures = self.signatures().into_iter().map(|(_, manifest)| manifest.descriptor);
        Index::new(
            [self.manifest_blob().descriptor]
                .into_iter()
                .chain(signatures)
                .collect(),
        )
    }

    fn contents(&self) -> Contents {
        Contents {
            manifest_text: self.manifest_text.clone(),
            component: self.component.clone(),
            config_schema: self.config_schema.clone(),
            vectors: self.vectors.clone(),
            sbom: self.sbom.clone(),
            provenance: self.provenance.clone(),
        }
    }
}
