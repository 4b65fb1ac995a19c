//! The documents of an OCI image layout, as far as a package uses them: index, image manifest, descriptor.
//!
//! Keys that these types do not know are refused: a document with more in it was not written by this format's rules, and
//! would not come out again as the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::digest_of;

pub(crate) const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// What says that an image manifest is a plugin's, and in which version of this format.
pub(crate) const PLUGIN: &str = "application/vnd.transfuse.plugin.v1+json";

/// What says that an image manifest is a signature of a plugin's.
pub(crate) const SIGNATURE: &str = "application/vnd.transfuse.signature.v1+json";

pub(crate) const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// OCI's own way to say that there is no configuration: its manifests must have one.
pub(crate) const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const EMPTY: &[u8] = b"{}";

const SCHEMA_VERSION: u32 = 2;
const LAYOUT_VERSION: &str = "1.0.0";

/// Under which name a registry's client puts a layer into a folder.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// `index.json`: which image manifests there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
    /// A registry's list of referrers may carry some; a package's index has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An image manifest: the plugin itself, or a signature that refers to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: String,
    pub(crate) artifact_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What a blob is and by which digest it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// `oci-layout`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: INDEX_MEDIA_TYPE.to_owned(),
            manifests,
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.schema_version == SCHEMA_VERSION && self.media_type == INDEX_MEDIA_TYPE
    }
}

impl ImageManifest {
    pub(crate) fn plugin(layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            media_type: MANIFEST_MEDIA_TYPE.to_owned(),
            artifact_type: PLUGIN.to_owned(),
            config: Descriptor::of(EMPTY_MEDIA_TYPE, EMPTY),
            layers,
            subject: None,
            annotations,
        }
    }

    pub(crate) fn signature(subject: Descriptor, envelope: &[u8]) -> Self {
        Self {
            artifact_type: SIGNATURE.to_owned(),
            subject: Some(subject),
            ..Self::plugin(vec![Descriptor::of(ENVELOPE_MEDIA_TYPE, envelope)], BTreeMap::new())
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.schema_version == SCHEMA_VERSION && self.media_type == MANIFEST_MEDIA_TYPE
    }
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest_of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The descriptor of an image manifest, as the subject of a signature names it.
    pub(crate) fn of_manifest(bytes: &[u8]) -> Self {
        Self::of(MANIFEST_MEDIA_TYPE, bytes)
    }

    /// The same, as an index lists it.
    pub(crate) fn listed(self, artifact_type: &str) -> Self {
        Self {
            artifact_type: Some(artifact_type.to_owned()),
            ..self
        }
    }
}

impl Marker {
    pub(crate) fn new() -> Self {
        Self {
            image_layout_version: LAYOUT_VERSION.to_owned(),
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.image_layout_version == LAYOUT_VERSION
    }
}

/// A document as it is written: one line, keys in the order of the type.
pub(crate) fn json(document: &impl Serialize) -> Vec<u8> {
    // These types hold texts and numbers only, which JSON has room for.
    serde_json::to_vec(document).unwrap_or_default()
}
