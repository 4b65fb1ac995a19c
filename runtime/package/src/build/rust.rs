//! Rust: compile the crate, trim its debug information, make the component.

use std::path::PathBuf;

use thiserror::Error;

use super::{BuildSettings, Compiled, cargo, debug_info};
use super::{CargoError, DebugInfoError, Toolchain, ToolchainError};
use crate::component::{ComponentError, componentize};

/// A crate could not be compiled into a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RustError {
    /// Nothing on this machine builds for WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The crate does not compile, or is not fit to be a plugin.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// The compiled module could not become a component.
    #[error("{module}: {error}", module = module.display())]
    Component {
        /// What the compiler made.
        module: PathBuf,
        /// What is wrong with it.
        error: ComponentError,
    },
    /// The compiled module's debug information is not as expected.
    #[error("{module}: {error}", module = module.display())]
    DebugInfo {
        /// What the compiler made.
        module: PathBuf,
        /// What is wrong with it.
        error: DebugInfoError,
    },
    /// The compiled module cannot be read.
    #[error("{module}: {error}", module = module.display())]
    Read {
        /// What the compiler made.
        module: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
}

pub(super) fn compile(settings: &BuildSettings, progress: &mut dyn FnMut(&str)) -> Result<Compiled, RustError> {
    let toolchain = match &settings.toolchain {
        Some(toolchain) => toolchain.clone(),
        None => Toolchain::find(&settings.source_folder)?,
    };
    let built = cargo::compile(&toolchain, &settings.source_folder, &settings.target_folder, progress)?;
    Ok(Compiled {
        component: component(built.module)?,
        compiler: toolchain.compiler().to_owned(),
        dependencies: built.dependencies,
    })
}

fn component(module: PathBuf) -> Result<Vec<u8>, RustError> {
    let bytes = match std::fs::read(&module) {
        Ok(bytes) => bytes,
        Err(error) => return Err(RustError::Read { module, error }),
    };
    let trimmed = match debug_info::trim(&bytes) {
        Ok(trimmed) => trimmed,
        Err(error) => return Err(RustError::DebugInfo { module, error }),
    };
    componentize(&trimmed).map_err(|error| RustError::Component { module, error })
}
