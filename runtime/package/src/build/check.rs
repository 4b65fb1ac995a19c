//! Whether what an author wrote and what the compiler made of it fit each other.

use serde_json::Value;

use super::BuildError;
use crate::component::{Interfaces, interfaces};
use crate::config_schema::{ConfigComplaintKind, ConfigSchema};
use crate::manifest::{Manifest, Requests};
use crate::source::Source;

/// Every import of a plugin begins with this.
const CONTRACT: &str = "transfuse:plugin/";

/// What every plugin exports, in one version or another.
const TRANSFORMER: &str = "transfuse:plugin/transformer@";

/// An interface of the contract that a grant opens, and how a manifest requests it.
struct Capability {
    interface: &'static str,
    is_requested: fn(&Requests) -> bool,
    line: &'static str,
}

const CAPABILITIES: [Capability; 2] = [
    Capability {
        interface: "tables",
        is_requested: |requests| !requests.tables.is_empty(),
        line: "tables = [\"NAME\"]",
    },
    Capability {
        interface: "state",
        is_requested: |requests| requests.state,
        line: "state = true",
    },
];

/// Gives what the component asks its host for, where that is all that a plugin may ask for and its manifest requests.
pub(super) fn component(component: &[u8], manifest: &Manifest) -> Result<Vec<String>, BuildError> {
    let Interfaces { imports, exports } = interfaces(component)?;
    if !exports.iter().any(|export| export.starts_with(TRANSFORMER)) {
        return Err(BuildError::NoPlugin(manifest.build.language));
    }
    if let Some(foreign) = imports.iter().find(|import| !import.starts_with(CONTRACT)) {
        return Err(BuildError::ForeignImport(foreign.clone()));
    }
    requested(&imports, &manifest.requests)?;
    Ok(imports)
}

/// A hospital reads the manifest before it installs: it must not ask for less than the component does.
fn requested(imports: &[String], requests: &Requests) -> Result<(), BuildError> {
    for import in imports {
        let interface = import
            .strip_prefix(CONTRACT)
            .and_then(|name| name.split('@').next())
            .unwrap_or_default();
        let closed = CAPABILITIES
            .iter()
            .find(|capability| capability.interface == interface && !(capability.is_requested)(requests));
        if let Some(capability) = closed {
            return Err(BuildError::Unrequested {
                import: import.clone(),
                line: capability.line,
            });
        }
    }
    Ok(())
}

/// The schema must be one, and the configuration that the package fixes must fit it. What is missing there, the site may
/// add.
pub(super) fn config_schema(source: &Source) -> Result<(), BuildError> {
    let Some(text) = &source.config_schema else {
        return Ok(());
    };
    let schema = ConfigSchema::parse(text)?;
    let fixed = Value::Object(source.manifest.config.clone());
    let complaints = schema.complaints(&fixed).into_iter();
    let mut wrong = complaints.filter(|complaint| !matches!(complaint.kind, ConfigComplaintKind::Missing(_)));
    match wrong.next() {
        Some(complaint) => Err(BuildError::Config(complaint.text)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(imports: &[&str], requests: &Requests) -> Result<(), String> {
        let imports: Vec<String> = imports.iter().map(|name| format!("{CONTRACT}{name}@1.0.0")).collect();
        requested(&imports, requests).map_err(|error| error.to_string())
    }

    #[test]
    fn an_import_that_the_manifest_does_not_request_is_refused_with_the_line_that_would() {
        let mut requests = Requests::default();
        assert_eq!(asked(&["log", "hl7v2", "exchanges", "faults"], &requests), Ok(()));
        let told = |interface: &str, line: &str| {
            Err(format!(
                "the plugin imports transfuse:plugin/{interface}@1.0.0, which plugin.toml does not request: write `{line}` below \
                 `[requests]`"
            ))
        };
        assert_eq!(asked(&["tables"], &requests), told("tables", "tables = [\"NAME\"]"));
        assert_eq!(asked(&["log", "state"], &requests), told("state", "state = true"));
        requests.tables.push("lab-codes".to_owned());
        requests.state = true;
        assert_eq!(asked(&["tables", "state"], &requests), Ok(()));
    }
}
