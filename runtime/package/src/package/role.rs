//! The parts of a package: what each is called, how it is marked, and how large it may be.

/// What a layer of a plugin's image manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Component,
    Manifest,
    ConfigSchema,
    Vectors,
    Sbom,
    Provenance,
}

/// A component of more than this is refused: the largest that today's toolchains make, Python's with its interpreter
/// inside, has 18 MB.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// A manifest has some ten lines; a mapping that it fixes has some hundreds.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A schema of a configuration that people write by hand.
pub(crate) const CONFIG_SCHEMA_BYTES_MAX: u64 = 256 << 10;

/// All test vectors together, packed. A vector is a message or two; one of the size that senders of documents use has
/// some megabytes.
pub(crate) const VECTORS_BYTES_MAX: u64 = 32 << 20;

/// A list of dependencies. A thousand of them have some 300 KB.
pub(crate) const SBOM_BYTES_MAX: u64 = 4 << 20;

pub(crate) const PROVENANCE_BYTES_MAX: u64 = 256 << 10;

/// The order of the layers in a manifest.
pub(crate) const ROLES: [Role; 6] = [
    Role::Component,
    Role::Manifest,
    Role::ConfigSchema,
    Role::Vectors,
    Role::Sbom,
    Role::Provenance,
];

impl Role {
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        ROLES.into_iter().find(|role| role.media_type() == media_type)
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Component => "application/wasm",
            Self::Manifest => "application/vnd.transfuse.plugin.manifest.v1+toml",
            Self::ConfigSchema => "application/schema+json",
            Self::Vectors => "application/vnd.transfuse.plugin.vectors.v1.tar",
            Self::Sbom => "application/vnd.cyclonedx+json",
            Self::Provenance => "application/vnd.in-toto+json",
        }
    }

    /// The name of the file in a source folder, and in a folder that a registry's client unpacks.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Component => "component.wasm",
            Self::Manifest => "plugin.toml",
            Self::ConfigSchema => "config.schema.json",
            Self::Vectors => "vectors.tar",
            Self::Sbom => "sbom.cdx.json",
            Self::Provenance => "provenance.intoto.json",
        }
    }

    pub(crate) fn bytes_max(self) -> u64 {
        match self {
            Self::Component => COMPONENT_BYTES_MAX,
            Self::Manifest => MANIFEST_BYTES_MAX,
            Self::ConfigSchema => CONFIG_SCHEMA_BYTES_MAX,
            Self::Vectors => VECTORS_BYTES_MAX,
            Self::Sbom => SBOM_BYTES_MAX,
            Self::Provenance => PROVENANCE_BYTES_MAX,
        }
    }
}
