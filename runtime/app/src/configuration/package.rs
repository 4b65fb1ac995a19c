//! A step held against the package that it names: configuration against schema, grants and limits against requests.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use transfuse_package::{ConfigComplaint, ConfigComplaintKind, ConfigSchema, Manifest, Package};

use super::document::Place;
use super::fault::Faults;
use super::quantity::show_size;
use super::resolved::{Grants, Step};
use super::secrets::{Reference, references};
use super::step::{Places, Surroundings};
use super::{name, suggest};
use crate::parts::Component;

/// A step, and where its parts were written.
pub(super) struct Written<'w> {
    pub(super) step: &'w Step,
    pub(super) places: &'w Places,
    pub(super) config_places: &'w BTreeMap<String, Place>,
}

/// The secrets of a step's configuration, each of which has a value; none where one has not. `own` is what the site wrote: what a
/// package brings along must not get at the site's secrets.
pub(super) fn secrets(
    written: &Written<'_>,
    own: &Map<String, Value>,
    surroundings: &Surroundings<'_>,
) -> Option<Secrets> {
    let Surroundings {
        environment, faults, ..
    } = surroundings;
    let own = references(&Value::Object(own.clone()));
    let found = references(&written.step.config);
    let faults_before = faults.count();
    for reference in &found {
        let Reference { pointer, name } = reference;
        let place = nearest_place(pointer, written.config_places).unwrap_or(&written.places.config);
        if !own.contains(reference) {
            let message = format!(
                "the package of `{}` brings a configuration that asks for the secret `{name}`",
                written.step.plugin
            );
            let hint = format!(
                "only the site can hand out a secret: write it at `{pointer}` of the step's `config`, if the plugin may have it"
            );
            faults.at_with_hint(place, message, hint);
        } else if !name::is_sound(name) {
            faults.at_with_hint(place, format!("`{name}` cannot name a secret"), name::RULE);
        } else if let Err(error) = environment.secrets.get(name) {
            faults.at_with_hints(place, error.to_string(), error.hints());
        }
    }
    let is_sound = faults.count() == faults_before;
    let filled = is_sound
        .then(|| environment.secrets.fill(&written.step.config).ok())
        .flatten();
    filled.map(|filled| Secrets { filled, found })
}

/// A configuration with the values of its secrets.
pub(super) struct Secrets {
    filled: Value,
    found: Vec<Reference>,
}

/// Tells what does not fit. What the plugin could not run without is a fault; what it would only miss is a warning, because
/// the site decides what a plugin may have.
pub(super) fn compare(written: &Written<'_>, component: &Component, secrets: Option<&Secrets>, faults: &Faults) {
    let Some(package) = component.package() else { return };
    let Written { step, places, .. } = written;
    // Without its secrets, it would be blamed for what is told already.
    if let Some(secrets) = secrets {
        config(written, package, secrets, faults);
    }
    let manifest = &package.manifest;
    if step.grants.tables.is_empty() && imports_tables(package) {
        let tables = quoted(&manifest.requests.tables);
        let message = format!("`{}` imports `tables`, which nothing grants", step.plugin);
        let hint = format!("write `grants = {{ tables = [{tables}] }}`, if the plugin may have that");
        faults.at_with_hint(&places.grants, message, hint);
    } else {
        let granted: Vec<String> = step.grants.tables.iter().map(|table| table.name.clone()).collect();
        list(
            step,
            "open the table",
            "tables",
            &manifest.requests.tables,
            &granted,
            places,
            faults,
        );
    }
    fields(step, manifest, places, faults);
    limits(step, manifest, places, faults);
}

/// The configuration as the plugin would get it, what the package brings included.
fn config(written: &Written<'_>, package: &Package, secrets: &Secrets, faults: &Faults) {
    let written = WrittenConfig {
        plugin: &written.step.plugin,
        config: &secrets.filled,
        secrets: &secrets.found,
        places: written.config_places,
        otherwise: &written.places.config,
    };
    if let Some(text) = &package.config_schema {
        hold_against_schema(&written, text, faults);
    }
}

/// A configuration as its plugin would get it, and where it was written.
pub(crate) struct WrittenConfig<'c> {
    pub(crate) plugin: &'c str,
    pub(crate) config: &'c Value,
    /// What of it must not be shown.
    pub(crate) secrets: &'c [Reference],
    /// By JSON pointer.
    pub(crate) places: &'c BTreeMap<String, Place>,
    /// Where to look for what was written nowhere.
    pub(crate) otherwise: &'c Place,
}

/// Tells each key of a configuration that a plugin's `config.schema.json` does not allow, at its line.
pub(crate) fn hold_against_schema(written: &WrittenConfig<'_>, schema: &str, faults: &Faults) {
    let WrittenConfig {
        plugin,
        config,
        secrets,
        places,
        otherwise,
    } = written;
    let schema = match ConfigSchema::parse(schema) {
        Ok(schema) => schema,
        Err(error) => {
            let message = format!("the schema of `{plugin}` for its configuration cannot be used: {error}");
            faults.at(otherwise, message);
            return;
        }
    };
    for complaint in schema.complaints(config) {
        let place = nearest_place(&complaint.pointer, places).unwrap_or(otherwise);
        let message = match secrets.iter().find(|secret| shows(&complaint, secret)) {
            Some(secret) => format!(
                "the configuration of `{plugin}`: the secret `{}` is not what the schema asks for",
                secret.name
            ),
            None => format!("the configuration of `{plugin}`: {}", complaint.text),
        };
        faults.at_with_hints(place, message, hints(&complaint, &schema));
    }
}

/// Whether the text of a complaint may hold the value of a secret: it quotes the value that it is about.
fn shows(complaint: &ConfigComplaint, secret: &Reference) -> bool {
    let below = secret.pointer.strip_prefix(&complaint.pointer);
    complaint.kind == ConfigComplaintKind::Value && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn hints(complaint: &ConfigComplaint, schema: &ConfigSchema) -> Vec<String> {
    let keys = schema.keys();
    match &complaint.kind {
        // The schema's names are known for the top level only.
        ConfigComplaintKind::Unknown(name) if complaint.pointer.matches('/').count() == 1 => {
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            suggest::hints(name, "key", &names)
        }
        ConfigComplaintKind::Missing(name) => {
            let key = keys.iter().find(|key| key.name == *name);
            key.and_then(|key| key.description.clone()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Where a value was written, or else the innermost of the values around it that were.
fn nearest_place<'p>(pointer: &str, places: &'p BTreeMap<String, Place>) -> Option<&'p Place> {
    let mut pointer = pointer;
    loop {
        if let Some(place) = places.get(pointer) {
            return Some(place);
        }
        pointer = pointer.rsplit_once('/')?.0;
    }
}

fn imports_tables(package: &Package) -> bool {
    let interfaces = transfuse_package::interfaces(&package.component);
    interfaces.is_ok_and(|interfaces| {
        let imports = interfaces.imports.iter();
        imports
            .into_iter()
            .any(|import| import.starts_with("transfuse:plugin/tables@"))
    })
}

fn fields(step: &Step, manifest: &Manifest, places: &Places, faults: &Faults) {
    let Grants {
        read, write, create, ..
    } = &step.grants;
    let requests = &manifest.requests;
    list(step, "read", "read", &requests.read, read, places, faults);
    list(step, "write", "write", &requests.write, write, places, faults);
    if requests.create && !create {
        let message = format!("`{}` asks to create messages, which nothing grants", step.plugin);
        faults.warn(&places.grants, message, hint("create = true"));
    }
}

/// What is asked for and not granted, with the whole line that would.
fn list(
    step: &Step,
    what: &str,
    key: &str,
    requested: &[String],
    granted: &[String],
    places: &Places,
    faults: &Faults,
) {
    let missing: Vec<String> = requested
        .iter()
        .filter(|request| !is_covered(request, granted))
        .cloned()
        .collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<&str> = missing.iter().map(String::as_str).collect();
    let message = format!(
        "`{}` asks to {what} {}, which nothing grants",
        step.plugin,
        suggest::either(&names)
    );
    let all: Vec<String> = granted.iter().chain(&missing).cloned().collect();
    faults.warn(&places.grants, message, hint(&format!("{key} = [{}]", quoted(&all))));
}

/// Whether a pattern lies within one that is granted: `OBX-3` within `OBX-3`, `OBX-*` and `*`.
fn is_covered(request: &str, granted: &[String]) -> bool {
    granted.iter().any(|pattern| {
        let segment = pattern.strip_suffix('*');
        pattern == request
            || pattern == "*"
            || segment.is_some_and(|segment| segment.ends_with('-') && request.starts_with(segment))
    })
}

/// A plugin says what it needs; it does not help itself to it.
fn limits(step: &Step, manifest: &Manifest, places: &Places, faults: &Faults) {
    let (asked, given) = (&manifest.limits, &step.limits);
    let mut lines = Vec::new();
    if let Some(fuel) = asked.fuel.filter(|fuel| *fuel > given.fuel) {
        lines.push(format!("fuel = {fuel}"));
    }
    if let Some(bytes) = asked.memory_bytes.filter(|bytes| *bytes > given.memory_bytes_max) {
        lines.push(format!("memory = \"{}\"", show_size(bytes).replace(' ', "")));
    }
    if let Some(milliseconds) = asked.deadline_ms.filter(|deadline| *deadline > given.deadline_ms) {
        lines.push(format!("deadline = \"{milliseconds}ms\""));
    }
    if !lines.is_empty() {
        let message = format!("`{}` asks for more than its limits give it", step.plugin);
        let line = format!(
            "write `limits = {{ {} }}`, if the plugin may have that",
            lines.join(", ")
        );
        faults.warn(&places.step, message, line);
    }
}

fn hint(line: &str) -> String {
    format!("write `{line}` in the step's grants, if the plugin may have that")
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::is_covered;

    #[test]
    fn a_request_is_covered_by_itself_its_segment_and_everything() {
        for granted in ["OBX-3", "OBX-*", "*"] {
            assert!(is_covered("OBX-3", &[granted.to_owned()]), "{granted}");
        }
        for granted in ["OBX-30", "OB-*", "OBR-*", "O*"] {
            assert!(!is_covered("OBX-3", &[granted.to_owned()]), "{granted}");
        }
        assert!(!is_covered("*", &["OBX-*".to_owned()]));
    }
}
