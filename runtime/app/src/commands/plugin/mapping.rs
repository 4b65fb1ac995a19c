//! Building a plugin, and trying it where it is a mapping: its `init` reads the mapping and finds what is wrong with it, and it
//! knows what the mapping touches, which is compared with what `plugin.toml` requests.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use transfuse_package::{BuildError, BuildSettings, Built, Language, Manifest, MessageType, Package, build_tried};
use transfuse_sandbox::{Grants, Instances, Limits, LinkError, Plugin, Sandbox, Step, Table};

use super::elsewhere::elsewhere;
use super::subject::sandbox;
use crate::vectors::Subject;

/// As `transfuse_package::build`; mappings are tried before their package is written. Requests for more than a mapping
/// touches are told to `progress`.
pub(super) fn build(settings: &BuildSettings, progress: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let mut warning = None;
    let built = build_tried(settings, progress, &mut |package| {
        warning = attempt(package)?;
        Ok(())
    })?;
    if let Some(warning) = warning {
        progress(&format!("warning: {warning}"));
    }
    Ok(built)
}

/// What is wrong with a mapping is an error, and what it requests for nothing a warning.
fn attempt(package: &Package) -> Result<Option<String>, String> {
    if package.manifest.build.language != Language::Map {
        return Ok(None);
    }
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let sandbox = sandbox().map_err(|error| told(&error))?;
    let identity = Subject::from(package).identity;
    let plugin = sandbox
        .load(identity, &package.component)
        .map_err(|error| told(&error))?;
    if let Some(words) = init(&sandbox, &plugin, &package.manifest, false)? {
        return Err(words);
    }
    init(&sandbox, &plugin, &package.manifest, true)
}

/// What the plugin says of the mapping; nothing where it is content.
fn init(sandbox: &Sandbox, plugin: &Plugin, manifest: &Manifest, exactly: bool) -> Result<Option<String>, String> {
    let requests = &manifest.requests;
    let asked = json!({
        "read": requests.read, "write": requests.write, "tables": requests.tables, "exactly": exactly,
        "elsewhere": elsewhere(manifest.accepts.iter().map(MessageType::as_str)),
    });
    let config = manifest.merged_config(&Map::from_iter([("requests".to_owned(), asked)]));
    let step = Step {
        plugin: plugin.clone(),
        config: Value::Object(config).to_string().into_bytes(),
        grants: Grants {
            tables: requests.tables.clone(),
            ..Grants::default()
        },
        limits: Limits::default(),
        instances: Instances::Fresh,
        has_secrets: false,
        state_schema: 1,
        tables: requests
            .tables
            .iter()
            .map(|name| stand_in(name))
            .collect::<Result<_, _>>()?,
    };
    match sandbox.chain(vec![step]) {
        Ok(_) => Ok(None),
        Err(LinkError::Misconfigured { words, .. }) => Ok(Some(words.trim_start_matches("config: ").to_owned())),
        Err(error) => Err(error.to_string()),
    }
}

/// A table that may be granted; while a package is built, a mapping looks into none.
fn stand_in(name: &str) -> Result<Arc<Table>, String> {
    let table = Table::new(name, "", vec!["code".to_owned()], Vec::new());
    table.map(Arc::new).map_err(|error| error.to_string())
}
