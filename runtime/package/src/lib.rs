//! What a plugin is distributed as, how it is found, and how it is built.
//!
//! A [`Package`] is one file: component, manifest, configuration schema, test vectors, SBOM, provenance and signatures in
//! an OCI image layout. A [`Library`] is a folder of them, `vendor/name/VERSION.oci`. A [`Source`] is the folder that an
//! author writes, and [`build`] makes a package of it, alike wherever it is built.
//!
//! Invariant: this crate knows no other crate of the project; it never runs a component. A package's identity is the
//! digest that covers all its parts, and nothing is read from one before it is verified; what the manifest says about the
//! component is checked against the component where it can be.

mod build;
mod component;
mod config_schema;
mod digest;
mod library;
mod manifest;
mod package;
mod provenance;
mod registry;
mod sbom;
mod source;
pub mod trust;

pub use build::{
    BuildError, BuildSettings, Built, CargoError, DebugInfoError, Dependency, EngineError, JavaScriptError,
    MappingError, PythonEnvironmentError, PythonError, PythonSourcesError, Registry, RustError, Toolchain,
    ToolchainError, build, build_tried, write_javascript_sdk,
};
pub use component::{ComponentError, Interfaces, componentize, interfaces};
pub use config_schema::{ConfigComplaint, ConfigComplaintKind, ConfigKey, ConfigSchema, ConfigSchemaError};
pub use digest::digest_of;
pub use library::{FindError, Library, OpenError};
pub use manifest::{
    Build, Contract, Language, Manifest, ManifestError, MessageType, PluginName, RequestedLimits, Requests,
};
pub use package::{ArchiveError, COMPONENT_BYTES_MAX, Contents, Package, PackageError, ReadError, WriteError};
pub use provenance::ProvenanceSummary;
pub use registry::{Credentials, Place, PlaceError, Pushed, RegistryError, Transfer, pull, push};
pub use sbom::SbomSummary;
pub use semver::{Version, VersionReq};
pub use source::{Source, SourceError};
