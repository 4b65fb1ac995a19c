//! What a component may import and must export.

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::{LoadError, PluginIdentity};

/// The version of `wit/` that this host offers, and runs every earlier one of the same major version.
const CONTRACT: &str = "1.0.0";

const PACKAGE: &str = "transfuse:plugin/";

/// What a plugin may import, by the names of the interfaces.
const INTERFACES: [&str; 6] = ["log", "faults", "tables", STATE, "hl7v2", "exchanges"];

/// The interface of what a plugin keeps between messages.
pub(crate) const STATE: &str = "state";

/// What it must export.
const TRANSFORMER: &str = "transformer";

/// `\0asm`, version 1 of the binary format, and which layer follows: 0 for core modules, 1 for components.
const MAGIC: &[u8] = b"\0asm";

/// Checks what can be known before anything is compiled.
pub(crate) fn check_bytes(plugin: &PluginIdentity, component: &[u8], bytes_max: usize) -> Result<(), LoadError> {
    let plugin = || plugin.clone();
    if component.len() > bytes_max {
        return Err(LoadError::TooLarge {
            plugin: plugin(),
            bytes: component.len(),
            bytes_max,
        });
    }
    let found = digest(component);
    if found != *plugin().component_digest {
        return Err(LoadError::DigestMismatch {
            plugin: plugin(),
            found,
        });
    }
    match (component.get(..4), component.get(6..8)) {
        (Some(MAGIC), Some([1, 0])) => Ok(()),
        (Some(MAGIC), Some([0, 0])) => Err(LoadError::CoreModule { plugin: plugin() }),
        _ => Err(LoadError::NotWebAssembly { plugin: plugin() }),
    }
}

/// Checks imports and exports by name, and gives the interfaces that are imported. Types are checked by linking.
pub(super) fn check_component(plugin: &PluginIdentity, component: &Component) -> Result<Vec<String>, LoadError> {
    let types = component.component_type();
    let imports: Vec<&str> = types.imports(component.engine()).map(|(name, _)| name).collect();
    let interfaces = check_imports(plugin, &imports)?;
    let mut exports = types.exports(component.engine()).map(|(name, _)| name);
    let transformer = exports.find_map(|name| Name::parse(name).filter(|name| name.interface == TRANSFORMER));
    match transformer {
        Some(name) if name.is_known() => Ok(interfaces),
        Some(name) => Err(newer(plugin, vec![name.text.to_owned()])),
        None => Err(LoadError::NoTransformer { plugin: plugin.clone() }),
    }
}

/// Whether an export of this name is the one that every plugin has.
pub(super) fn is_transformer(name: &str) -> bool {
    Name::parse(name).is_some_and(|name| name.interface == TRANSFORMER)
}

fn check_imports(plugin: &PluginIdentity, imports: &[&str]) -> Result<Vec<String>, LoadError> {
    let foreign: Vec<String> = imports
        .iter()
        .filter(|name| Name::parse(name).is_none())
        .map(ToString::to_string)
        .collect();
    if !foreign.is_empty() {
        return Err(LoadError::ForeignImports {
            plugin: plugin.clone(),
            imports: foreign,
        });
    }
    let names: Vec<Name<'_>> = imports.iter().filter_map(|name| Name::parse(name)).collect();
    let is_offered = |name: &Name<'_>| name.is_known() && INTERFACES.contains(&name.interface);
    let unknown: Vec<String> = names
        .iter()
        .filter(|name| !is_offered(name))
        .map(|name| name.text.to_owned())
        .collect();
    if !unknown.is_empty() {
        return Err(newer(plugin, unknown));
    }
    Ok(names.iter().map(|name| name.interface.to_owned()).collect())
}

fn newer(plugin: &PluginIdentity, imports: Vec<String>) -> LoadError {
    LoadError::NewerContract {
        plugin: plugin.clone(),
        imports,
        host: CONTRACT,
    }
}

/// The name of an interface of the contract, such as `transfuse:plugin/hl7v2@1.0.0`.
struct Name<'a> {
    text: &'a str,
    interface: &'a str,
    version: [u64; 3],
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (interface, version) = text.strip_prefix(PACKAGE)?.split_once('@')?;
        Some(Self {
            text,
            interface,
            version: version_of(version)?,
        })
    }

    /// Whether a host of version [`CONTRACT`] offers this version: the same major one, and none that is newer.
    fn is_known(&self) -> bool {
        let host = version_of(CONTRACT).unwrap_or_default();
        self.version[0] == host[0] && self.version <= host
    }
}

/// Three numbers; a version with anything behind them is not one of the contract.
fn version_of(text: &str) -> Option<[u64; 3]> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn identity() -> PluginIdentity {
        PluginIdentity {
            name: "test/plugin".into(),
            version: "1.0.0".into(),
            digest: "sha256:".into(),
            component_digest: "sha256:".into(),
        }
    }

    #[test]
    fn a_host_runs_its_own_version_and_earlier_ones_of_the_same_major() {
        let is_known = |text| Name::parse(text).is_some_and(|name| name.is_known());
        assert!(is_known("transfuse:plugin/hl7v2@1.0.0"));
        assert!(!is_known("transfuse:plugin/hl7v2@1.0.1"));
        assert!(!is_known("transfuse:plugin/hl7v2@1.1.0"));
        assert!(!is_known("transfuse:plugin/hl7v2@2.0.0"));
        assert!(!is_known("transfuse:plugin/hl7v2@0.9.0"));
        assert!(!is_known("transfuse:plugin/hl7v2@1.0.0-draft"));
    }

    #[test]
    fn every_foreign_import_is_named() {
        let imports = [
            "transfuse:plugin/log@1.0.0",
            "wasi:cli/environment@0.2.0",
            "env",
            "transfuse:pluginx/log@1.0.0",
        ];
        let error = check_imports(&identity(), &imports).unwrap_err();
        let LoadError::ForeignImports { imports, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(
            imports,
            ["wasi:cli/environment@0.2.0", "env", "transfuse:pluginx/log@1.0.0"]
        );
    }

    #[test]
    fn an_interface_of_the_contract_that_the_host_has_not_is_named() {
        let imports = [
            "transfuse:plugin/log@1.0.0",
            "transfuse:plugin/clock@1.0.0",
            "transfuse:plugin/tables@1.3.0",
        ];
        let error = check_imports(&identity(), &imports).unwrap_err();
        let LoadError::NewerContract { imports, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(
            imports,
            ["transfuse:plugin/clock@1.0.0", "transfuse:plugin/tables@1.3.0"]
        );
    }
}
