//! What a plugin is distributed as, how it is found, and how it is built.
//!
//! A package is a folder with two files: `plugin.toml`, the [`Manifest`], and `component.wasm`. A [`Library`] is a
//! folder of packages, `vendor/name/version`. [`build`] makes a package of a Rust crate, alike wherever it is built.
//!
//! Invariant: this crate knows no other crate of the project; it never runs a component. A package's identity is the
//! digest of its component; what the manifest says about the component is checked against the component where it can be.

mod build;
mod component;
mod library;
mod manifest;
mod package;
pub mod trust;

pub use build::{BuildError, BuildSettings, Built, CargoError, DebugInfoError, Toolchain, ToolchainError, build};
pub use component::{ComponentError, Interfaces, componentize, interfaces};
pub use library::{FindError, Library, OpenError};
pub use manifest::{Contract, Manifest, ManifestError, MessageType, PluginName, Requests};
pub use package::{COMPONENT_BYTES_MAX, Package, ReadError, WriteError};
pub use semver::{Version, VersionReq};
