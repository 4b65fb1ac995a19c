//! `[[steps]]`: one plugin in a chain, with its configuration, grants and limits.

use std::collections::BTreeMap;
use std::path::Path;

use semver::VersionReq;
use serde_json::{Map, Value};
use transfuse_sandbox::FieldPatterns;

use super::document::{Located, Place};
use super::environment::Environment;
use super::fault::Faults;
use super::instances;
use super::limits;
use super::package;
use super::plugins::Plugins;
use super::resolved::{Grants, Step, TableGrant};
use super::section::Section;
use super::suggest;
use super::table::CodeTable;

/// What the files of a site are resolved against.
pub(super) struct Surroundings<'s> {
    pub(super) site: &'s Path,
    pub(super) environment: &'s Environment<'s>,
    pub(super) tables: &'s BTreeMap<String, CodeTable>,
    pub(super) plugins: &'s Plugins,
    pub(super) faults: &'s Faults,
}

/// A step as far as it could be read.
pub(super) struct Written {
    pub(super) places: Places,
    /// None where something that is needed is missing or wrong.
    pub(super) resolved: Option<Step>,
}

/// Where the parts of a step were written.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) step: Place,
    pub(super) plugin: Place,
    /// The step itself where there are no grants.
    pub(super) grants: Place,
    pub(super) config: Place,
}

/// Which destinations a step may name.
pub(super) enum Named<'n> {
    /// Those of its interface.
    Destinations(&'n [&'n str]),
    /// Its own: it is a step of this destination, and all that it forwards goes there.
    Own(&'n str),
}

pub(super) fn read(mut section: Section<'_>, named: &Named<'_>, surroundings: &Surroundings<'_>) -> Written {
    let step_place = section.place().clone();
    let plugin = section.required_text("plugin");
    let version = section
        .required_text("version")
        .and_then(|text| requirement(&text, surroundings.faults));
    let config = section.json("config");
    let config_places = section.places_within("config");
    let grants = section.section("grants", "`grants`");
    let places = Places {
        grants: grants
            .as_ref()
            .map_or_else(|| step_place.clone(), |grants| grants.place().clone()),
        config: config
            .as_ref()
            .map_or_else(|| step_place.clone(), |config| config.place.clone()),
        plugin: section.place_of("plugin"),
        step: step_place,
    };
    let grants = grants
        .map(|section| read_grants(section, named, surroundings))
        .unwrap_or_default();
    let limits = limits::read(section.section("limits", "`limits`"));
    let instances = instances::read(&mut section);
    section.finish();
    refuse_unless_table(config.as_ref(), surroundings.faults);

    let component = plugin
        .zip(version)
        .and_then(|(plugin, version)| surroundings.plugins.find(&plugin, &version, surroundings.faults));
    let config = config.map_or_else(Map::new, |config| match config.value {
        Value::Object(keys) => keys,
        _ => Map::new(),
    });
    let resolved = component.map(|component| {
        let step = Step {
            plugin: component.identity.name.to_string(),
            version: component.identity.version.to_string(),
            digest: component.identity.digest.to_string(),
            config: Value::Object(component.merged_config(&config)),
            grants,
            limits,
            instances,
        };
        let written = package::Written {
            step: &step,
            places: &places,
            config_places: &config_places,
        };
        let secrets = package::secrets(&written, &config, surroundings);
        package::compare(&written, &component, secrets.as_ref(), surroundings.faults);
        step
    });
    Written { places, resolved }
}

fn requirement(text: &Located<String>, faults: &Faults) -> Option<Located<VersionReq>> {
    match VersionReq::parse(&text.value) {
        Ok(value) => Some(Located {
            value,
            place: text.place.clone(),
        }),
        Err(error) => {
            let message = format!("`{}` is not a version requirement: {error}", text.value);
            faults.at_with_hint(
                &text.place,
                message,
                "write `^1` for any 1.x, or `=1.2.0` for exactly that version",
            );
            None
        }
    }
}

fn refuse_unless_table(config: Option<&Located<serde_json::Value>>, faults: &Faults) {
    if let Some(config) = config.filter(|config| !config.value.is_object()) {
        faults.at_with_hint(
            &config.place,
            "`config` must be a table",
            "write `config = { key = \"value\" }`",
        );
    }
}

fn read_grants(mut section: Section<'_>, named: &Named<'_>, surroundings: &Surroundings<'_>) -> Grants {
    let tables = section.texts("tables").unwrap_or_default();
    let tables = tables
        .into_iter()
        .filter_map(|table| grant_table(&table, surroundings))
        .collect();
    let read = patterns(&mut section, "read");
    let write = patterns(&mut section, "write");
    let to = section
        .texts("to")
        .map(|names| granted_destinations(names, named, surroundings.faults));
    let create = section.flag("create").unwrap_or_default();
    let state = section.flag("state").unwrap_or_default();
    section.finish();
    Grants {
        tables,
        read,
        write,
        to,
        create,
        state,
    }
}

fn grant_table(table: &Located<String>, surroundings: &Surroundings<'_>) -> Option<TableGrant> {
    if let Some(known) = surroundings.tables.get(&table.value) {
        return Some(TableGrant {
            name: known.name.clone(),
            digest: known.digest.clone(),
        });
    }
    let names: Vec<&str> = surroundings.tables.keys().map(String::as_str).collect();
    let mut hints = suggest::hints(&table.value, "table", &names);
    hints.push(format!("a table named `{0}` is the file `tables/{0}.csv`", table.value));
    surroundings
        .faults
        .at_with_hints(&table.place, format!("there is no table `{}`", table.value), hints);
    None
}

/// Field patterns, which the sandbox alone understands.
fn patterns(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let mut patterns = Vec::new();
    for text in section.texts(key).unwrap_or_default() {
        match FieldPatterns::parse(&[text.value.as_str()]) {
            Ok(_) => patterns.push(text.value),
            Err(error) => section.faults().at(&text.place, format!("`{key}`: {error}")),
        }
    }
    patterns
}

fn granted_destinations(to: Vec<Located<String>>, named: &Named<'_>, faults: &Faults) -> Vec<String> {
    let destinations = match named {
        Named::Destinations(destinations) => *destinations,
        Named::Own(own) => {
            if let Some(other) = to.iter().find(|name| name.value != *own) {
                faults.at_with_hint(
                    &other.place,
                    format!("all that a step of `{own}` forwards goes to `{own}`"),
                    "leave `to` out; what goes where is decided by `[[steps]]` and by the `types` of destinations",
                );
            }
            return to.into_iter().map(|name| name.value).collect();
        }
    };
    // `*` grants all of them, those of later revisions included.
    for name in to
        .iter()
        .filter(|name| name.value != "*" && !destinations.contains(&name.value.as_str()))
    {
        let message = format!("this interface has no destination `{}`", name.value);
        faults.at_with_hints(
            &name.place,
            message,
            suggest::hints(&name.value, "destination", destinations),
        );
    }
    to.into_iter().map(|name| name.value).collect()
}
