//! A loaded plugin: compiled, checked against the contract, linked to the host.

mod compilations;
mod compile;
mod contract;
pub(crate) mod outlines;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use wasmtime::component::{Component, Linker};

use crate::bindings::TransformPre;
use crate::cache::InUse;
use crate::state::StepState;

pub(crate) use compilations::Compilations;
pub(crate) use compile::{compile, deserialize};
pub(crate) use contract::{STATE, check_bytes};
pub(crate) use snapshot::{Init, compile_after_init};

/// How a plugin is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginIdentity {
    /// `vendor/name`.
    pub name: Arc<str>,
    /// The version, such as `1.4.0`.
    pub version: Arc<str>,
    /// The digest of the package, `sha256:` and 64 hexadecimal digits in lower case: what people and records know it by.
    pub digest: Arc<str>,
    /// The digest of the component, in the same form: what the bytes are checked against, and compiled code is known by.
    pub component_digest: Arc<str>,
}

impl fmt::Display for PluginIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A plugin that can be a step of chains. A clone shares the compiled code; the last one frees it.
#[derive(Clone)]
pub struct Plugin {
    identity: PluginIdentity,
    code: Arc<Code>,
}

/// Compiled code with its imports resolved, made once for all chains and messages.
pub(crate) struct Code {
    pub(crate) pre: TransformPre<StepState>,
    /// The interfaces that it imports, such as `tables`.
    pub(crate) interfaces: Vec<String>,
    /// The component that it was compiled from, where snapshots of it may be made.
    pub(crate) component: Option<Arc<[u8]>>,
    /// Keeps the file that it was loaded from.
    pub(crate) in_use: Option<InUse>,
}

/// Why a component cannot be loaded. Nothing of it stays behind, and loading it again gives the same answer, unless the
/// variant says otherwise.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not those that the identity names.
    #[error("the component of {plugin} is not the one that was named: its digest is {found}")]
    DigestMismatch {
        /// The plugin that was named.
        plugin: PluginIdentity,
        /// The digest of the bytes.
        found: String,
    },
    /// More bytes than `SandboxSettings::component_bytes_max`.
    #[error("the component of {plugin} has {bytes} bytes: at most {bytes_max} are compiled")]
    TooLarge {
        /// The plugin.
        plugin: PluginIdentity,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not WebAssembly at all.
    #[error("the component of {plugin} is not WebAssembly")]
    NotWebAssembly {
        /// The plugin.
        plugin: PluginIdentity,
    },
    /// A core module, which has no types to check against the contract.
    #[error("the component of {plugin} is a core module: turn it into a component with `transfuse plugin build`")]
    CoreModule {
        /// The plugin.
        plugin: PluginIdentity,
    },
    /// Not valid, or made of WebAssembly that plugins may not use.
    #[error("the component of {plugin} cannot be compiled: {detail}")]
    Invalid {
        /// The plugin.
        plugin: PluginIdentity,
        /// What the compiler says.
        detail: String,
    },
    /// Compiling it reached a limit.
    #[error("compiling {plugin} was stopped: {limit}; no plugin needs that much: ask its author")]
    CompilerStopped {
        /// The plugin.
        plugin: PluginIdentity,
        /// Which limit, in words.
        limit: String,
    },
    /// The compiler failed, or could not be started. Trying again may help.
    #[error("compiling {plugin} failed: {detail}")]
    CompilerBroken {
        /// The plugin.
        plugin: PluginIdentity,
        /// How.
        detail: String,
    },
    /// It imports what no plugin gets.
    #[error("{plugin} imports what no plugin gets: {}; build it for a world of transfuse:plugin without WASI", imports.join(", "))]
    ForeignImports {
        /// The plugin.
        plugin: PluginIdentity,
        /// Each import that is not of `transfuse:plugin`.
        imports: Vec<String>,
    },
    /// It was built for a contract that this host does not know yet.
    #[error("{plugin} needs {}, and this host has transfuse:plugin {host}: upgrade the engine", imports.join(", "))]
    NewerContract {
        /// The plugin.
        plugin: PluginIdentity,
        /// Each import or export that is newer, or unknown.
        imports: Vec<String>,
        /// The version of the host's contract.
        host: &'static str,
    },
    /// It does not export `transformer`.
    #[error("{plugin} does not export transfuse:plugin/transformer: build it for the world `transform`")]
    NoTransformer {
        /// The plugin.
        plugin: PluginIdentity,
    },
    /// A function has other parameters or results than the contract says.
    #[error("{plugin} does not fit the contract: {detail}")]
    Mismatch {
        /// The plugin.
        plugin: PluginIdentity,
        /// Which function, and how it differs.
        detail: String,
    },
}

impl Plugin {
    pub(crate) fn new(identity: PluginIdentity, code: Arc<Code>) -> Self {
        Self { identity, code }
    }

    /// How the plugin is known.
    #[must_use]
    pub fn identity(&self) -> &PluginIdentity {
        &self.identity
    }

    /// The interfaces of the contract that the component imports, such as `hl7v2` and `tables`: its true list of
    /// capabilities.
    #[must_use]
    pub fn interfaces(&self) -> &[String] {
        &self.code.interfaces
    }

    /// Whether it can keep anything between messages.
    #[must_use]
    pub fn keeps_state(&self) -> bool {
        self.interfaces().iter().any(|interface| interface == STATE)
    }

    pub(crate) fn code(&self) -> &Code {
        &self.code
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plugin({})", self.identity)
    }
}

impl Code {
    /// Checks a component against the contract and resolves its imports.
    pub(crate) fn link(
        plugin: &PluginIdentity,
        component: &Component,
        linker: &Linker<StepState>,
    ) -> Result<Self, LoadError> {
        let interfaces = contract::check_component(plugin, component)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch {
            plugin: plugin.clone(),
            detail: format!("{error:#}"),
        };
        let pre = linker
            .instantiate_pre(component)
            .and_then(TransformPre::new)
            .map_err(mismatch)?;
        // Prepared here, so that the first message does not pay for it.
        component.initialize_copy_on_write_image().map_err(mismatch)?;
        Ok(Self {
            pre,
            interfaces,
            component: None,
            in_use: None,
        })
    }
}
