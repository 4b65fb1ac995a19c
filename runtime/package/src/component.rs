//! From a core module, as the compiler leaves it, to a component; and what a component asks for.

use thiserror::Error;
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::ComponentEncoder;

/// A core module could not become a component, or a component could not be read. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The bytes are no core module, or its description of a world is damaged.
    #[error("not a module that could become a component: {0}")]
    Module(String),
    /// The module asks for something that its world does not offer, such as WASI.
    #[error("the module does not fit the contract: {0}")]
    DoesNotFit(String),
    /// The bytes are no component.
    #[error("not a WebAssembly component: {0}")]
    Malformed(#[from] BinaryReaderError),
}

/// What a component asks of its host and what it offers, such as `transfuse:plugin/hl7v2@1.0.0`, in the component's
/// order. The imports are the true list of its capabilities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it asks for.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// Wraps a core module, together with the description of its world that the SDK left in it, as a component.
///
/// The same module gives the same component. The component imports only what the module's code uses.
pub fn componentize(core_module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoder = ComponentEncoder::default().validate(true);
    let mut encoder = encoder
        .module(core_module)
        .map_err(|error| ComponentError::Module(format!("{error:#}")))?;
    encoder
        .encode()
        .map_err(|error| ComponentError::DoesNotFit(format!("{error:#}")))
}

/// Reads what a component asks for and offers, without compiling it.
pub fn interfaces(component: &[u8]) -> Result<Interfaces, ComponentError> {
    let mut interfaces = Interfaces::default();
    // Modules and components inside have imports and exports of their own, which this component serves itself.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    interfaces.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    interfaces.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(interfaces)
}
