//! The configuration of a vector, held against the schema that its plugin brings: a vector shows how a plugin is used, and no
//! site can use one with a configuration that its schema refuses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use transfuse_package::Manifest;
use transfuse_sandbox::FaultKind;

use super::files::VectorFiles;
use super::read::{VECTOR, folders};
use super::{Expectation, Expected};
use crate::configuration::{
    Document, Fault, Faults, Located, Place, Section, WrittenConfig, hold_against_schema, parse_document,
};

/// `[config]` as it is written, and where.
#[derive(Debug)]
pub(super) struct Written {
    /// None where what is written is no table, which has been told.
    pub(super) config: Option<Map<String, Value>>,
    places: BTreeMap<String, Place>,
    otherwise: Place,
}

/// Takes `[config]` from a vector.
pub(super) fn read(section: &mut Section<'_>) -> Written {
    let places = section.places_within("config");
    let mut otherwise = section.place().clone();
    let config = match section.json("config") {
        None if section.has("config") => None,
        None => Some(Map::new()),
        Some(Located { value, place }) => {
            otherwise = place;
            if let Value::Object(config) = value {
                Some(config)
            } else {
                section.faults().at(&otherwise, "`config` must be a table");
                None
            }
        }
    };
    Written {
        config,
        places,
        otherwise,
    }
}

impl Written {
    /// Tells which keys the schema does not allow. What the package configures itself counts as the vector's. A vector that
    /// is about a configuration which its plugin refuses is left alone.
    pub(super) fn hold(
        &self,
        manifest: &Manifest,
        schema: Option<&str>,
        expect: Option<&Expectation>,
        faults: &Faults,
    ) {
        let is_about_refusal = expect.is_some_and(|expect| {
            let refused = FaultKind::Misconfigured;
            matches!(&expect.expected, Expected::Faulted { kind } if *kind == refused)
        });
        if let (Some(schema), Some(config), false) = (schema, &self.config, is_about_refusal) {
            let written = WrittenConfig {
                plugin: &manifest.name.to_string(),
                config: &Value::Object(manifest.merged_config(config)),
                secrets: &[],
                places: &self.places,
                otherwise: &self.otherwise,
            };
            hold_against_schema(&written, schema, faults);
        }
    }
}

/// What is wrong with the configurations of a set of vectors, and with nothing else of them: a set may be unfinished while its
/// plugin is built.
pub(crate) fn check_configs(files: &VectorFiles, manifest: &Manifest, schema: Option<&str>) -> Vec<Fault> {
    let faults = Faults::default();
    for name in folders(files) {
        let path = format!("{name}/{VECTOR}");
        let text = files.bytes(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text else { continue };
        let document = Document::new(files.title(&path), text.to_owned());
        // What else may be wrong is told when the vectors are run.
        let others = Faults::default();
        let Some(table) = parse_document(&document, &others) else {
            continue;
        };
        let mut section = Section::root(&document, &table, &others);
        let written = read(&mut section);
        let expect = section.section("expect", "`expect`");
        let expect = expect.and_then(|expect| super::expectation::read(expect, files, name));
        written.hold(manifest, schema, expect.as_ref(), &faults);
    }
    faults.into_sorted()
}
